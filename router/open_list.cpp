#include "router/open_list.hpp"

#include <spdlog/spdlog.h>

#include "event-store/model/assert.hpp"

namespace signalbox::router {

OpenList::OpenList(event_store::EventLog& log, const Clock& clock, Executor& executor,
                   Partition partition, OpenListOptions options)
    : log_(log), clock_(clock), executor_(executor), partition_(partition), options_(options) {
  watch_ = executor_.call_at(clock_.monotonic() + options_.doubt_after, [this] { watch(); });
}

OpenList::~OpenList() {
  executor_.cancel(timer_);
  executor_.cancel(watch_);
}

void OpenList::state(Event event, NewRecord record) {
  SIGNALBOX_ASSERT(!is_full());
  entries_.push_back({std::move(event), std::move(record), clock_.monotonic()});
  // While in doubt nothing new goes before the old ones: it goes with them.
  if (!in_doubt_) append(entries_.back().record);
}

void OpenList::append(const NewRecord& record) {
  log_.append({Topic::events, partition_}, record, executor_,
              [this, generation = generation_,
               alive = std::weak_ptr<bool>(alive_)](const Result<Offset>& appended) {
                if (appended || alive.expired() || generation != generation_) return;
                spdlog::warn(
                    "an append to events partition {} failed, the open list is sent again: {}",
                    partition_.value(), appended.error().message);
                doubt();
              });
}

Event OpenList::confirm(OwnerSeq owner_seq) {
  SIGNALBOX_ASSERT(!entries_.empty() && entries_.front().event.owner_seq == owner_seq);
  Event event = std::move(entries_.front().event);
  entries_.pop_front();
  return event;
}

void OpenList::doubt() {
  if (in_doubt_ || entries_.empty()) return;
  in_doubt_ = true;
  ++generation_;
  timer_ = executor_.call_at(clock_.monotonic() + options_.resend_after, [this] { resend(); });
}

void OpenList::resend() {
  in_doubt_ = false;
  ++resends_;
  for (Entry& entry : entries_) {
    entry.stated_at = clock_.monotonic();
    append(entry.record);
  }
}

void OpenList::watch() {
  const MonotonicTime now = clock_.monotonic();
  if (!entries_.empty() && now - entries_.front().stated_at >= options_.doubt_after) doubt();
  watch_ = executor_.call_at(now + options_.doubt_after, [this] { watch(); });
}

}  // namespace signalbox::router
