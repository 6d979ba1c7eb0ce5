#include "router/inbound_source.hpp"

#include <utility>

namespace signalbox::router {

InboundSource::InboundSource(event_store::EventLog& log, Executor& executor, Partition partition,
                             Offset from, std::function<void()> on_ready,
                             std::function<void(const Error&)> on_failed)
    : log_(log),
      executor_(executor),
      partition_(partition),
      next_(from),
      on_ready_(std::move(on_ready)),
      on_failed_(std::move(on_failed)) {
  open();
}

void InboundSource::open() {
  tail_ = log_.tail({Topic::inbound, partition_}, next_, executor_, *this);
}

void InboundSource::pop() {
  ahead_bytes_ -= size_bytes(*ahead_.front());
  ahead_.pop_front();
  if (!tail_ && ahead_.size() <= kAheadMax / 2 && ahead_bytes_ <= kAheadBytesMax / 2) open();
}

void InboundSource::on_records(std::span<const RecordPtr> records) {
  const bool was_empty = ahead_.empty();
  ahead_.insert(ahead_.end(), records.begin(), records.end());
  for (const RecordPtr& record : records) ahead_bytes_ += size_bytes(*record);
  next_ = records.back()->offset.next();
  if (ahead_.size() > kAheadMax || ahead_bytes_ > kAheadBytesMax) tail_.reset();
  if (was_empty) on_ready_();
}

void InboundSource::on_caught_up(Offset) {
  if (!std::exchange(has_met_end_, true)) on_ready_();
}

void InboundSource::on_failed(const Error& error) { on_failed_(error); }

}  // namespace signalbox::router
