// How a partition begins to be read, and begins again where it could not be read on.
#include <spdlog/spdlog.h>

#include <utility>

#include "gateway/partition_feed.hpp"

namespace signalbox::gateway {

// Brokers that do not answer hold no helper: one looks for the start once all ends are known.
void PartitionFeed::find_start() {
  struct Asked {
    PartitionStart start;
    std::size_t open = 0;
    std::optional<Error> error{};
  };
  const auto asked = std::make_shared<Asked>();
  for (const auto& [topic, end] : {std::pair(Topic::events, &PartitionStart::events_end),
                                   std::pair(Topic::progress, &PartitionStart::progress_end),
                                   std::pair(Topic::inbound, &PartitionStart::inbound_end)}) {
    ++asked->open;
    ask_bounds(topic, [this, asked, end](const Result<event_store::LogBounds>& bounds) {
      if (bounds)
        asked->start.*end = bounds->end;
      else
        asked->error = bounds.error();
      if (--asked->open > 0) return;
      if (asked->error) return on_stopped(*asked->error);
      find_start_of_events(asked->start);
    });
  }
}

void PartitionFeed::find_start_of_events(PartitionStart start) {
  parts_.jobs.submit([this, &log = parts_.log, partition = partition_, start,
                      alive = std::weak_ptr<const bool>(alive_)]() mutable -> Task {
    const auto events = find_readable_start(log, partition, start.events_end);
    if (events) start.events = *events;
    return [this, start, error = events ? std::nullopt : std::optional(events.error()), alive] {
      if (alive.expired()) return;
      if (error) return on_stopped(*error);
      take_start(start);
    };
  });
}

void PartitionFeed::take_start(const PartitionStart& start) {
  started_ = true;
  serves_from_ = start.events_end;
  head_ = start.events;
  window_ = Window(head_);
  parts_.inbound_lag.judge_from(partition_, start.inbound_end);
  open_events();
  open_progress(start.progress_end);
}

// Who wants the latest would otherwise be given what was said before he came.
void PartitionFeed::serve_those_waiting() {
  if (serves_ || head_.next_offset < serves_from_) return;
  serves_ = true;
  for (const Waiting& one : std::exchange(waiting_, {}))
    if (Subscription* const found = find(one.ticket)) begin(*found, one.request);
}

void PartitionFeed::note_readable() {
  if (stopped_) spdlog::info("partition {} is read again", partition_.value());
  stopped_.reset();
  events_back_off_.reset();
}

// From the head: what was read before is a prefix of the log and stays true.
void PartitionFeed::open_events() {
  reader_ = std::make_unique<event_store::PartitionReader>(
      parts_.log, parts_.executor, partition_, head_, static_cast<event_store::JudgedSink&>(*this));
}

void PartitionFeed::on_stopped(const Error& error) {
  const auto wait = events_back_off_.next();
  spdlog::error("partition {} cannot be read on from offset {}; tried again in {} ms: {}",
                partition_.value(), head_.next_offset.value(), wait.count(), error.message);
  if (!stopped_) parts_.metrics.partitions_stopped.Increment();
  stopped_ = error;
  events_timer_ = parts_.executor.call_at(parts_.clock.monotonic() + wait,
                                          [this] { started_ ? open_events() : find_start(); });
  waiting_.clear();
  std::vector<StreamTicket> all;
  for (const auto& [id, subscription] : subscriptions_) all.push_back(subscription.ticket);
  for (const StreamTicket& ticket : all)
    if (Subscription* const found = find(ticket)) end_unavailable(*found, error);
}

void PartitionFeed::open_progress(Offset from) {
  progress_ = parts_.log.tail({Topic::progress, partition_}, from, parts_.executor,
                              static_cast<event_store::TailSink&>(*this));
}

void PartitionFeed::on_failed(const Error& error) {
  // Pieces may be lost; a ring that overtook us is no failure of the partition.
  spdlog::warn("partition {}: progress is read from its end again: {}", partition_.value(),
               error.message);
  open_progress_later();
}

void PartitionFeed::open_progress_later() {
  progress_timer_ = parts_.executor.call_at(parts_.clock.monotonic() + progress_back_off_.next(),
                                            [this] { open_progress_at_end(); });
}

void PartitionFeed::open_progress_at_end() {
  ask_bounds(Topic::progress, [this](const Result<event_store::LogBounds>& bounds) {
    if (!bounds) return open_progress_later();
    open_progress(bounds->end);
  });
}

}  // namespace signalbox::gateway
