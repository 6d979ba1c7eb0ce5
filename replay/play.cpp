#include "replay/play.hpp"

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/cursor.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/model/timestamp.hpp"

namespace signalbox::replay {
namespace {

bool is_played(const Instant& from, const Record& event) {
  if (from.seq) return event_store::header_number(event, "ce_userseq") >= from.seq->value();
  if (!from.time) return true;
  const auto time = parse_timestamp(event.header("ce_time").value_or(""));
  return time && *time >= *from.time;
}

std::string frame_of(const ValidEvent& event, const LogId& log, const UserId& user) {
  const Record& record = *event.record;
  const std::string cursor = event_store::encode_cursor(
      {.log_id = log,
       .partition = record.at.partition,
       .next_offset = event.after.next_offset,
       .epoch = event.after.epoch,
       .owner_seq = event.after.owner_seq,
       .last_seq = Seq(event_store::header_number(record, "ce_userseq").value_or(0))},
      user);
  return event_store::encode_event_frame(record, cursor, event_store::WireDialect::v1) + "\n";
}

}  // namespace

Result<void> play(ValidEvents& events, const LogId& log, const UserId& user,
                  const PlayOptions& options, const PlaySink& sink) {
  std::optional<Timestamp> first;
  for (;;) {
    const auto event = events.next();
    if (!event) return tl::unexpected(event.error());
    if (!*event) return {};
    const Record& record = *(*event)->record;
    if (!is_played(options.from, record)) continue;
    const auto time = parse_timestamp(record.header("ce_time").value_or(""));
    if (options.speed && time) {
      if (!first) first = time;
      const auto after = std::chrono::microseconds(static_cast<std::int64_t>(
          static_cast<double>(std::max<std::int64_t>((*time - *first).count(), 0)) /
          *options.speed));
      if (!sink.wait_until(after)) return failure(Errc::stopped, "interrupted");
    }
    if (!sink.write(frame_of(**event, log, user))) return {};
  }
}

}  // namespace signalbox::replay
