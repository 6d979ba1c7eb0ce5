#include "replay/state.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "event-store/archive/archive_reader.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/model/timestamp.hpp"
#include "replay/valid_events.hpp"

namespace signalbox::replay {
namespace {

constexpr std::size_t kEventsPerRead = 1000;

struct Reached {
  KnownState state;
  event_store::Position position{};  // folded so far, of his partition
  bool is_done = false;              // the instant lies before the end of it
};

// Errors: the archive cannot be used.
Result<void> fold_archive(Reached& reached, event_store::ArchiveReader& archive, const UserId& user,
                          const Instant& at, const Watch& watch) {
  for (Seq after(0);;) {
    if (!watch({reached.state.events, reached.state.events}))
      return failure(Errc::stopped, "interrupted");
    const auto page = archive.user_events(user, after, kEventsPerRead);
    if (!page) return tl::unexpected(page.error());
    for (const RecordPtr& record : page->events) {
      reached.is_done = !is_within(at, *record);
      if (reached.is_done) return {};
      if (auto folded = fold_known(reached.state, *record); !folded) return folded;
      after = reached.state.routing.chain.seq;
    }
    reached.position = page->complete_to;
    if (!page->more) break;
  }
  // A break may be the archive's own: the log says whose.
  if (reached.state.damage) return failure(Errc::corrupt, *reached.state.damage);
  return {};
}

}  // namespace

Result<Instant> parse_instant(const std::string& text, const std::string& field) {
  if (text.empty()) return Instant{};
  std::int64_t seq = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seq);
  if (error == std::errc() && stop == end && seq >= 0) return Instant{.seq = Seq(seq)};
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

Result<KnownState> read_state(event_store::LogReader& log, const std::string& archive_folder,
                              const UserId& user, const Instant& at, const Watch& watch) {
  const LogId& log_id = log.describe().log_id;
  Reached reached{KnownState(log_id, user)};
  event_store::ArchiveReader archive(archive_folder, log.describe().partitions);
  const auto archived = fold_archive(reached, archive, user, at, watch);
  if (!archived && archived.error().code == Errc::stopped) return tl::unexpected(archived.error());
  if (!archived) reached = Reached{KnownState(log_id, user)};
  if (reached.is_done) return std::move(reached.state);
  auto events = ValidEvents::open_at(log, user, reached.position, watch);
  if (!events) return tl::unexpected(events.error());
  for (;;) {
    const auto event = events->next();
    if (!event) return tl::unexpected(event.error());
    if (!*event || !is_within(at, *(*event)->record)) return std::move(reached.state);
    if (const auto folded = fold_known(reached.state, *(*event)->record); !folded)
      return tl::unexpected(folded.error());
  }
}

}  // namespace signalbox::replay
