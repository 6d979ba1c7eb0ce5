#include "replay/state.hpp"

#include <utility>

#include "event-store/archive/archive_reader.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/model/decimal.hpp"
#include "event-store/model/timestamp.hpp"
#include "event-store/snapshot/snapshot_reader.hpp"
#include "replay/archived_pages.hpp"
#include "replay/valid_events.hpp"
#include "router/snapshot_codec.hpp"
#include "router/stored_texts.hpp"

namespace signalbox::replay {
namespace {

using event_store::HistoryLog;
using event_store::Position;

// Of runs that have ended, until they are forgotten or given away.
constexpr std::size_t kEndedRunsMax = 100;
constexpr std::size_t kHeldBytesMax = 1024 * 1024;  // of values folded meanwhile
constexpr std::string_view kAnotherHistory = "it was folded from another history";

// Where the folding begins: before his first event, or at a snapshot.
struct Start {
  KnownState state;
  Position position{};  // the state holds all before it, of his partition
  std::size_t bytes_max = std::numeric_limits<std::size_t>::max();  // of values, folded from there
  bool open_only = false;      // runs that have ended may be forgotten
  EndedRuns* ended = nullptr;  // takes them instead; none: they are held
};

struct Reached {
  KnownState state;
  Position position{};           // folded so far, of his partition
  bool is_done = false;          // the instant lies before the end of it
  std::size_t forgotten_to = 0;  // value_bytes of the state, when ended runs left it last
};

Result<void> forget_ended(Reached& reached, const Start& start) {
  KnownState& state = reached.state;
  if (!start.open_only && start.ended == nullptr) return {};
  if (state.runs.size() <= state.routing.runs.size() + kEndedRunsMax &&
      state.value_bytes <= reached.forgotten_to + kHeldBytesMax)
    return {};
  reached.forgotten_to = state.value_bytes;
  if (start.ended != nullptr)
    return give_away_ended(state, [&](const KnownRun& run) { return start.ended->add(run); });
  keep_open(state);
  return {};
}

// Once one more event is folded.
Result<void> keep_within(Reached& reached, const Start& start) {
  if (auto forgotten = forget_ended(reached, start); !forgotten) return forgotten;
  if (reached.state.value_bytes <= start.bytes_max) return {};
  return failure(Errc::too_large, "the history up to there is larger than " +
                                      std::to_string(start.bytes_max) +
                                      " bytes; ask for an earlier instant, or the command line: "
                                      "signalbox replay state");
}

// A break may be the archive's own: the log says whose.
Result<void> check_follows(event_store::UserChain chain, const Record& event) {
  const auto broken = event_store::follow(chain, event);
  return broken ? failure(Errc::corrupt, broken->what) : Result<void>();
}

// Its progress, like that of the log behind it, is of the records of his partition, up to `end`.
// Errors: the archive cannot be used; too_large.
Result<Reached> fold_archive(const Start& start, event_store::ArchiveReader& archive,
                             const UserId& user, const Instant& at, Offset end,
                             const Watch& watch) {
  Reached reached{start.state};
  ArchivedPages pages(archive, user, reached.state.routing.chain);
  ArchivedPages::Page page;
  Offset passed = start.position.next_offset;
  for (;;) {
    if (!watch({passed.value(), end.value()})) return failure(Errc::stopped, "interrupted");
    if (auto read = pages.next(page); !read) return tl::unexpected(read.error());
    const event_store::HistoryPage& history = page.history;
    if (history.complete_to.next_offset < reached.position.next_offset)
      return failure(Errc::unavailable, "the archive is made anew");
    for (std::size_t i = 0; i < history.events.size(); ++i) {
      const RecordPtr& record = history.events[i];
      reached.is_done = !is_within(at, *record);
      if (reached.is_done)
        return check_follows(reached.state.routing.chain, *record).map([&] {
          return std::move(reached);
        });
      const auto folded = fold_known(reached.state, *record, page.places[i]).and_then([&] {
        return keep_within(reached, start);
      });
      if (!folded) return tl::unexpected(folded.error());
      if (reached.state.damage) return failure(Errc::corrupt, *reached.state.damage);
    }
    if (!history.events.empty()) passed = history.events.back()->offset.next();
    reached.position = history.complete_to;
    if (!history.more) break;
  }
  // It may be behind what was begun with.
  if (reached.position.next_offset < start.position.next_offset) reached.position = start.position;
  return reached;
}

Result<KnownState> fold_until(HistoryLog& log, event_store::ArchiveReader& archive,
                              const Start& start, const Instant& at, const Watch& watch) {
  const UserId& user = start.state.routing.user_id;
  const Partition partition = event_store::partition_of(user, log.describe().partitions);
  const auto bounds = log.bounds({Topic::events, partition});
  if (!bounds) return tl::unexpected(bounds.error());
  auto reached = fold_archive(start, archive, user, at, bounds->end, watch);
  const bool is_final = !reached && (reached.error().code == Errc::stopped ||
                                     reached.error().code == Errc::too_large ||
                                     (start.ended != nullptr && start.ended->has_failed()));
  if (is_final) return tl::unexpected(reached.error());
  if (!reached) {
    reached = Reached{start.state, start.position};
    if (start.ended != nullptr) start.ended->clear();
  }
  if (reached->is_done) return std::move(reached->state);
  auto events = ValidEvents::open_at(log, user, reached->position, watch);
  if (!events) return tl::unexpected(events.error());
  for (;;) {
    const auto event = events->next();
    if (!event) return tl::unexpected(event.error());
    if (!*event || !is_within(at, *(*event)->record)) return std::move(reached->state);
    const Record& record = *(*event)->record;
    const auto folded =
        fold_known(reached->state, record).and_then([&] { return keep_within(*reached, start); });
    if (!folded) return tl::unexpected(folded.error());
  }
}

bool is_beyond(const Instant& at, const router::RoutingState& state) {
  return (at.seq && state.chain.seq > *at.seq) || (at.time && state.last_time > *at.time);
}

// False: the archived event of that seq states another chain. An archive that is missing, damaged
// or behind cannot tell.
bool fits_archive(event_store::ArchiveReader& archive, const UserId& user,
                  const event_store::UserChain& chain) {
  if (chain.seq == Seq(0)) return true;
  const auto page = archive.user_events(user, Seq(chain.seq.value() - 1), 1);
  if (!page || page->events.empty()) return true;
  const auto stated = event_store::stated_chain(*page->events.front());
  return !stated || stated->seq != chain.seq || stated->hash == chain.hash;
}

// The user's snapshot, if it can be begun with; else why not.
Result<router::UserSnapshot> usable_snapshot(HistoryLog& log, event_store::ArchiveReader& archive,
                                             const std::string& path, const UserId& user,
                                             const Instant& at) {
  const LogId& log_id = log.describe().log_id;
  auto snapshots = event_store::SnapshotReader::open(path, log_id);
  if (!snapshots) return tl::unexpected(snapshots.error());
  const auto stored = snapshots->get(router::user_snapshot_key(user));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return failure(Errc::not_found, "the user has none");
  if ((*stored)->fold_version != router::kFoldVersion)
    return failure(Errc::corrupt, "it has another fold version");
  auto snapshot = router::decode_user_snapshot((*stored)->bytes);
  if (!snapshot) return snapshot;
  const Partition partition = event_store::partition_of(user, log.describe().partitions);
  const TopicPartition events{Topic::events, partition};
  if (snapshot->log_id != log_id || snapshot->partition != partition ||
      snapshot->state.user_id != user)
    return failure(Errc::corrupt, "it is of another log, partition or user");
  const auto bounds = log.bounds(events);
  if (!bounds) return tl::unexpected(bounds.error());
  if (snapshot->at.next_offset > bounds->end)
    return failure(Errc::corrupt, "it is ahead of the log");
  if (!fits_archive(archive, user, snapshot->state.chain))
    return failure(Errc::corrupt, std::string(kAnotherHistory));
  if (is_beyond(at, snapshot->state)) return failure(Errc::not_found, "it is newer");
  const bool is_whole = router::load_texts(snapshot->state, [&](Offset offset) -> RecordPtr {
    const auto read = log.read(events, offset, {.records_max = 1});
    return read && !read->empty() ? read->front() : nullptr;
  });
  if (!is_whole) return failure(Errc::corrupt, "the log no longer has a text it refers to");
  return snapshot;
}

}  // namespace

Result<Instant> parse_instant(const std::string& text, const std::string& field) {
  if (text.empty()) return Instant{};
  if (const auto seq = parse_decimal<std::int64_t>(text)) return Instant{.seq = Seq(*seq)};
  if (const auto time = parse_timestamp(text)) return Instant{.time = *time};
  return failure(Errc::bad_field,
                 "must be a seq like 17 or a time like 2026-11-20T09:30:00Z, not '" + text + "'",
                 field);
}

bool is_within(const Instant& instant, const Record& event) {
  if (instant.seq) {
    const auto seq = event_store::header_number(event, "ce_userseq");
    return !seq || *seq <= instant.seq->value();
  }
  if (!instant.time) return true;
  const auto time = parse_timestamp(event.header("ce_time").value_or(""));
  return !time || *time <= *instant.time;
}

Result<KnownState> read_state(HistoryLog& log, const std::string& archive_folder,
                              const UserId& user, const Instant& at, const Watch& watch,
                              std::size_t bytes_max) {
  event_store::ArchiveReader archive(archive_folder, log.describe().partitions);
  return fold_until(log, archive,
                    {.state = KnownState(log.describe().log_id, user), .bytes_max = bytes_max}, at,
                    watch);
}

Result<KnownState> read_state(HistoryLog& log, const std::string& archive_folder,
                              const UserId& user, const Instant& at, const Watch& watch,
                              EndedRuns& ended) {
  event_store::ArchiveReader archive(archive_folder, log.describe().partitions);
  return fold_until(log, archive,
                    {.state = KnownState(log.describe().log_id, user), .ended = &ended}, at, watch);
}

Result<std::optional<KnownRun>> read_run(HistoryLog& log, const std::string& archive_folder,
                                         const UserId& user, const RunId& run, const Watch& watch) {
  event_store::ArchiveReader archive(archive_folder, log.describe().partitions);
  Start start{KnownState(log.describe().log_id, user)};
  start.state.only = run;
  auto state = fold_until(log, archive, start, {}, watch);
  if (!state) return tl::unexpected(state.error());
  const auto found = state->runs.find(run);
  if (found == state->runs.end()) return std::optional<KnownRun>();
  return std::optional(std::move(found->second));
}

Result<OpenState> read_open_state(HistoryLog& log, const StateFiles& files, const UserId& user,
                                  const Instant& at, const Watch& watch) {
  const Start nothing{.state = KnownState(log.describe().log_id, user), .open_only = true};
  Start start = nothing;
  OpenState open{start.state};
  event_store::ArchiveReader archive(files.archive_folder, log.describe().partitions);
  auto snapshot = usable_snapshot(log, archive, files.snapshots, user, at);
  if (snapshot) {
    open.snapshot = snapshot->state.chain.seq;
    start.state = known_of(std::move(snapshot->state));
    start.position = snapshot->at;
  } else if (snapshot.error().code != Errc::not_found) {
    open.unused = snapshot.error().message;
  }
  auto state = fold_until(log, archive, start, at, watch);
  // Nobody is damaged by a snapshot alone (contract 8).
  if (state && state->damage && !start.state.damage && open.snapshot) {
    open.snapshot.reset();
    open.unused = kAnotherHistory;
    state = fold_until(log, archive, nothing, at, watch);
  }
  if (!state) return tl::unexpected(state.error());
  open.state = std::move(*state);
  keep_open(open.state);
  return open;
}

}  // namespace signalbox::replay
