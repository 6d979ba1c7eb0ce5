#include "replay/damage_help.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox::replay {
namespace {

constexpr std::string_view kRestore = "stop the service and restore a backup; keep what is damaged";
// What cannot be read says nothing, and can be made again.
constexpr std::string_view kArchive =
    "stop the service and remove that file: the next start makes it from the log";
constexpr std::string_view kSnapshots =
    "stop the service and remove `snapshots.db`: the next start makes it from the log";
// What says something else than the log may be all that still knows what the log lost.
constexpr std::string_view kWitness =
    "one of both was changed, and it may be the log: keep both, and restore a backup that "
    "verifies; only where you know the log to be right, as by anchors kept elsewhere, stop the "
    "service and remove that file: the next start makes it from the log";
constexpr std::string_view kCachedWitness =
    "one of both was changed, and it may be the log: keep both, and restore a backup that "
    "verifies; only where you know the log to be right, as by anchors kept elsewhere, stop the "
    "service and remove `snapshots.db`: the next start makes it from the log";

}  // namespace

ErrorHelp help_of(DamageKind kind) {
  switch (kind) {
    case DamageKind::file_unreadable:
      return {
          "the log cannot be read on",
          "an embedded log: look at the disk (`dmesg`), restore a backup; one on Kafka: look at "
          "the broker that leads the partition"};
    case DamageKind::row_changed: return {"a row does not match its checksum", kRestore};
    case DamageKind::row_unreadable:
      return {"a row matches its checksum, but its headers are none", kRestore};
    case DamageKind::row_missing: return {"there is no row where one must be", kRestore};
    case DamageKind::row_out_of_order:
      return {"rows were written in another order than their offsets say", kRestore};
    case DamageKind::row_misplaced:
      return {"a row is of a partition the log has not, or at a place that is taken", kRestore};
    case DamageKind::tail_missing:
      return {"the newest rows are gone: the log's counters know of more", kRestore};
    case DamageKind::row_beyond_the_end:
      return {"there are more rows than the log's counters know of", kRestore};
    case DamageKind::log_shorter_than_it_was:
      return {"the file `head` has seen more rows than there are", kRestore};
    case DamageKind::wrong_genesis:
      return {"a partition does not begin with the genesis of this log", kRestore};
    case DamageKind::unclaimed_epoch: return {"an event is of an epoch nobody claimed", kRestore};
    case DamageKind::hole_left:
      return {"events stand behind a gap in their epoch that was never filled", kRestore};
    case DamageKind::unknown_record:
      return {"among the events is a record that is none", "read it with the newest version"};
    case DamageKind::wrong_user:
      return {"an event's key and subject differ, or its user belongs elsewhere", kRestore};
    case DamageKind::seq_broken: return {"a user's events do not count 1, 2, 3 …", kRestore};
    case DamageKind::chain_broken:
      return {"an event's chain hash does not follow from the events before it", kRestore};
    case DamageKind::chain_unreadable: return {"an event has no seq or no chain hash", kRestore};
    case DamageKind::archive_unreadable: return {"a file of the archive cannot be read", kArchive};
    case DamageKind::archive_changed:
      return {"the archive has another event than the log", kWitness};
    case DamageKind::archive_lacks_event:
      return {"an event of the log is not in the archive", kWitness};
    case DamageKind::archive_has_more:
      return {"the archive has an event the log has not", kWitness};
    case DamageKind::archive_ahead:
      return {"the archive has read further than the log is long", kWitness};
    case DamageKind::anchor_disagrees:
      return {"a signed anchor says something else than the log",
              "history was changed after it was signed: keep everything, restore a backup that "
              "verifies; one from before the anchor disagrees with it, too: where you know it to "
              "be right, put the anchors of that partition aside"};
    case DamageKind::snapshot_unreadable:
      return {"a snapshot, or their file, cannot be read", kSnapshots};
    case DamageKind::snapshot_disagrees:
      return {"a snapshot says something else than the log it was folded from", kCachedWitness};
    case DamageKind::snapshot_ahead: return {"a snapshot holds more than the log", kCachedWitness};
    case DamageKind::log_cut:
      return {"the oldest events of a partition are gone from the log",
              "`signalbox topics check` names the setting that deletes them; keep the archive and "
              "the anchors, which still know of them"};
    case DamageKind::control_of_a_user:
      return {"a control record has a key or headers of a user, which none is written with",
              kRestore};
    case DamageKind::anchor_key_changed:
      return {"the anchors' `anchor.pub` is not the key that signs them",
              "whoever put it there can have signed all of them anew: keep everything, and judge "
              "by a copy of the key kept elsewhere, `signalbox replay verify --key`"};
  }
  SIGNALBOX_ASSERT(false && "a DamageKind outside its enum");
  return {};
}

}  // namespace signalbox::replay
