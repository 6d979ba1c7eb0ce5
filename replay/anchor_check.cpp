#include "replay/anchor_check.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "event-store/contract/identity.hpp"
#include "event-store/model/count_text.hpp"

namespace signalbox::replay {
namespace {

using event_store::MerkleTree;

TopicPartition events_of(Partition partition) { return {Topic::events, partition}; }

// Whether events of this partition may be there that were not counted, for the damage that was
// found; so too where not all of it was kept.
bool may_have_uncounted(const Findings& findings, const TopicPartition& events) {
  if (findings.count() > static_cast<std::int64_t>(findings.kept().size())) return true;
  return std::ranges::any_of(findings.kept(), [&events](const Finding& finding) {
    return finding.at == events || finding.kind == DamageKind::file_unreadable;
  });
}

// The tree of an archive file, where there is one that can be read: what is wrong with the file
// itself is named by who compares its events.
std::optional<MerkleTree> archived_tree(const std::string& folder, Partition partition) {
  const std::string path = event_store::archive_path(folder, partition);
  if (std::error_code error; !std::filesystem::exists(path, error)) return std::nullopt;
  auto file = event_store::open_beside_writer(path, event_store::SqliteDatabase::Access::read_only);
  if (!file) return std::nullopt;
  auto stored = event_store::read_tree(*file);
  if (!stored) return std::nullopt;
  return std::move(stored->tree);
}

}  // namespace

std::string to_text(const AnchorSummary& summary) {
  std::string text;
  if (summary.notes > 0)
    text += "anchored: " +
            count_text(summary.notes, "anchor agrees with the log and covers",
                       "anchors agree with the log and cover") +
            ' ' + std::to_string(summary.covered) + " of " +
            count_text(summary.events, "event", "events") + "\n";
  for (const std::string& sentence : cannot_show(summary)) text += sentence + "\n";
  return text;
}

std::vector<std::string> cannot_show(const AnchorSummary& summary) {
  std::vector<std::string> sentences;
  if (!summary.is_anchored())
    sentences.push_back(std::string(kUnanchored) +
                        (summary.missing.empty() ? "" : " (" + summary.missing + ")"));
  const std::string_view always =
      "what an anchor cannot show: what was removed before it was signed";
  sentences.push_back(
      std::string(always) +
      (summary.is_key_from_elsewhere
           ? "; and nothing at all where one hand writes the log and holds the anchor.key"
           : "; and nothing at all where one hand writes the log and the anchors with their "
             "anchor.pub, as it can sign all of them anew: keep a copy of anchor.pub where that "
             "hand does not reach, and name it with `signalbox replay verify --key`"));
  return sentences;
}

AnchorCheck::AnchorCheck(const std::string& anchor_dir, const std::string& archive_folder,
                         const event_store::LogDescription& log, std::optional<UserId> user,
                         std::optional<KnownAnchorKey> known)
    : user_(std::move(user)), known_(std::move(known)) {
  compare_key(anchor_dir, log.log_id);
  if (user_) {
    open(anchor_dir, archive_folder, log.log_id, event_store::partition_of(*user_, log.partitions));
    return;
  }
  for (std::int32_t p = 0; p < log.partitions; ++p)
    open(anchor_dir, archive_folder, log.log_id, Partition(p));
}

void AnchorCheck::compare_key(const std::string& anchor_dir, const LogId& log) {
  if (!known_) return;
  summary_.is_key_from_elsewhere = known_->is_from_elsewhere;
  const std::string path = anchor_dir + "/anchor.pub";
  const auto say = [this](std::string what) {
    unreadable_.push_back({.kind = DamageKind::anchor_key_changed, .what = std::move(what)});
  };
  if (known_->key.name != event_store::anchor_key_name(log))
    return say(known_->source + " is the key of another log: " + known_->key.name);
  const auto beside = read_verifier_key(path);
  if (beside && beside->name == known_->key.name && beside->key != known_->key.key)
    say(path + " is another key than " + known_->source +
        ": the anchors are checked with the latter");
}

void AnchorCheck::open(const std::string& anchor_dir, const std::string& archive_folder,
                       const LogId& log, Partition partition) {
  Place& place = places_[partition];
  place.archived = archived_tree(archive_folder, partition);
  auto notes = AnchorNotes::open(
      anchor_dir, log, partition,
      known_ ? std::optional(known_->key) : std::optional<event_store::VerifierKey>());
  if (notes) {
    place.notes = *std::move(notes);
  } else if (notes.error().code == Errc::not_found) {
    summary_.missing = notes.error().message;
  } else {
    unreadable_.push_back({.kind = DamageKind::anchor_disagrees,
                           .at = events_of(partition),
                           .what = notes.error().message});
  }
}

void AnchorCheck::tell_unreadable(Findings& findings) {
  for (Finding& finding : unreadable_) findings.add(std::move(finding));
  unreadable_.clear();
}

void AnchorCheck::on_valid(const SeenEvent& event, Findings& findings) {
  tell_unreadable(findings);
  Place& place = places_[event.record.at.partition];
  if (!user_ || event.record.key == user_->value()) ++place.counted;
  if (!place.notes && !place.archived) return;  // nothing to compare a tree with
  compare_position(place, event.record.at.partition,
                   {.next_offset = event.record.offset, .epoch = event.after.epoch}, findings);
  place.tree.append(event_store::leaf_hash(event_store::leaf_input(event.record, event.content)));
  compare_archive(place, event, findings);
  while (place.notes && place.notes->next_size() && *place.notes->next_size() <= place.tree.size())
    compare(place, event, findings);
}

void AnchorCheck::compare(Place& place, const SeenEvent& event, Findings& findings) {
  Finding finding{.kind = DamageKind::anchor_disagrees,
                  .at = event.record.at,
                  .offset = event.record.offset,
                  .what = {}};
  const auto note = place.notes->take();
  if (!note || !note->checkpoint) {
    finding.what =
        note ? note->path + ": " + note->checkpoint.error().message : note.error().message;
    return findings.add(std::move(finding));
  }
  if (note->checkpoint->root == place.tree.root()) {
    place.agreed_to = event.record.offset.next();
    place.covered = place.counted;
    place.agreed = Agreed{*note, event.after, event.record.offset};
    ++summary_.notes;
    return;
  }
  if (std::exchange(place.disagrees, true)) return;
  finding.what = note->path + " states another tree of " + std::to_string(place.tree.size()) +
                 " events: at least one of the offsets from " +
                 std::to_string(place.agreed_to.value()) +
                 " to this one was changed, removed or put in since it was signed";
  findings.add(std::move(finding));
}

void AnchorCheck::compare_position(Place& place, Partition partition,
                                   const event_store::Position& next, Findings& findings) {
  const auto agreed = std::exchange(place.agreed, std::nullopt);
  if (!agreed) return;
  const event_store::Checkpoint& stated = *agreed->note.checkpoint;
  const event_store::Position& after = agreed->after;
  const bool is_of_then = stated.epoch == after.epoch && stated.owner_seq == after.owner_seq;
  const bool is_claimed_since = stated.epoch > after.epoch && stated.epoch <= next.epoch &&
                                stated.owner_seq == OwnerSeq(0) &&
                                stated.next_offset > after.next_offset;
  if (stated.next_offset >= after.next_offset && stated.next_offset <= next.next_offset &&
      (is_of_then || is_claimed_since))
    return;
  const auto text = [](Offset offset, Epoch epoch, OwnerSeq owner_seq) {
    return "offset " + std::to_string(offset.value()) + ", epoch " + std::to_string(epoch.value()) +
           ", ownerseq " + std::to_string(owner_seq.value());
  };
  findings.add({.kind = DamageKind::anchor_disagrees,
                .at = events_of(partition),
                .offset = agreed->offset,
                .what = agreed->note.path +
                        " states a position that no reader of its tree came to: " +
                        text(stated.next_offset, stated.epoch, stated.owner_seq) +
                        "; behind its newest event it is " +
                        text(after.next_offset, after.epoch, after.owner_seq)});
}

void AnchorCheck::compare_archive(Place& place, const SeenEvent& event, Findings& findings) const {
  if (!place.archived || place.archived->size() != place.tree.size()) return;
  // Damage of others has changed the tree; of one user ArchiveCheck has compared event by event.
  const bool is_comparable = findings.of_others() == 0;
  if (is_comparable && place.archived->root() != place.tree.root())
    findings.add({.kind = DamageKind::archive_changed,
                  .at = event.record.at,
                  .offset = event.record.offset,
                  .what = "the archive was made of another history: its tree of " +
                          std::to_string(place.tree.size()) + " events is not the log's"});
  place.archived.reset();
}

// A tree is made of all events or of none.
void AnchorCheck::on_cut(const LogCut& cut) {
  Place& place = places_[cut.at.partition];
  place.notes.reset();
  place.archived.reset();
  summary_.missing = "no anchor can be compared with what is left: " + to_text(cut);
}

void AnchorCheck::on_end(const std::vector<event_store::Position>& ends, Findings& findings) {
  tell_unreadable(findings);
  for (auto& [partition, place] : places_) {
    summary_.events += place.counted;
    summary_.covered += place.covered;
    compare_position(place, partition, ends[static_cast<std::size_t>(partition.value())], findings);
    if (!place.notes || !place.notes->next_size()) continue;
    const std::uint64_t lacking = place.notes->newest_size() - place.tree.size();
    findings.add({.kind = DamageKind::anchor_disagrees,
                  .at = events_of(partition),
                  .what = "an anchor states " + std::to_string(place.notes->newest_size()) +
                          " valid events, the log has " + std::to_string(place.tree.size()) +
                          (may_have_uncounted(findings, events_of(partition))
                               ? ": " + std::to_string(lacking) +
                                     " are missing or, being damaged, cannot be counted"
                               : ": the newest were removed since it was signed")});
  }
}

}  // namespace signalbox::replay
