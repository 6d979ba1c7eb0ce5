#include "router/open_list.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "event-store/model/assert.hpp"

namespace signalbox::router {
namespace {

// The chain hash is over the seq and all that is hashed, but only as somebody states it.
bool is_stated(const NewRecord& stated, const Record& valid) {
  return valid.key == stated.key && valid.value == stated.value &&
         valid.header("ce_id") == stated.headers.find("ce_id") &&
         valid.header("ce_chainhash") == stated.headers.find("ce_chainhash");
}

}  // namespace

OpenList::OpenList(event_store::EventLog& log, const Clock& clock, Executor& executor,
                   Partition partition, OpenListOptions options,
                   std::atomic<std::uint64_t>& resends, Refused refused)
    : log_(log),
      clock_(clock),
      executor_(executor),
      partition_(partition),
      options_(options),
      resends_(resends),
      refused_(std::move(refused)) {
  watch_ = executor_.call_at(clock_.monotonic() + options_.doubt_after, [this] { watch(); });
}

OpenList::~OpenList() {
  executor_.cancel(timer_);
  executor_.cancel(watch_);
}

void OpenList::state(Event event, NewRecord record) {
  SIGNALBOX_ASSERT(!is_full());
  entries_.push_back(
      {.event = std::move(event), .record = std::move(record), .since = clock_.monotonic()});
  // While in doubt nothing new goes before the old ones: it goes with them.
  if (in_doubt_) return;
  alone_until_ ? send_next() : append(entries_.back());
}

void OpenList::append(Entry& entry) {
  entry.sent = true;
  entry.since = clock_.monotonic();
  log_.append({Topic::events, partition_}, entry.record, executor_,
              [this, generation = generation_, owner_seq = entry.event.owner_seq,
               alive = std::weak_ptr<bool>(alive_)](const Result<Offset>& appended) {
                if (alive.expired() || generation != generation_) return;
                if (appended) return note_reported(owner_seq);
                note_failed(owner_seq, appended.error());
              });
}

// The oldest one that was not sent, once everything before it is in the log.
void OpenList::send_next() {
  for (Entry& entry : entries_) {
    if (!entry.sent) return append(entry);
    if (!entry.reported) return;
  }
}

void OpenList::send_all() {
  for (Entry& entry : entries_)
    if (!entry.sent) append(entry);
}

OpenList::Entry* OpenList::find(OwnerSeq owner_seq) {
  if (entries_.empty() || owner_seq < entries_.front().event.owner_seq) return nullptr;
  return &entries_[static_cast<std::size_t>(owner_seq - entries_.front().event.owner_seq)];
}

void OpenList::note_reported(OwnerSeq owner_seq) {
  trouble_.clear();
  Entry* const entry = find(owner_seq);
  if (entry == nullptr) return;
  entry->reported = true;
  resend_wait_ = {};
  entry->since = clock_.monotonic();
  if (alone_until_) send_next();
}

void OpenList::note_failed(OwnerSeq owner_seq, const Error& error) {
  trouble_ = error.message;
  const Entry* const entry = find(owner_seq);
  if (error.code == Errc::too_large && entry != nullptr) {
    if (alone_until_) {
      ++generation_;
      in_doubt_ = true;  // for good: nothing may go past it
      return refused_(entry->event, error);
    }
    alone_until_ = entries_.back().event.owner_seq;
  }
  spdlog::warn("an append to events partition {} failed, the open list is sent again: {}",
               partition_.value(), error.message);
  doubt();
}

std::optional<Event> OpenList::confirm(const Record& valid) {
  if (entries_.empty() || !is_stated(entries_.front().record, valid)) return std::nullopt;
  Event event = std::move(entries_.front().event);
  entries_.pop_front();
  if (entries_.empty()) trouble_.clear();
  if (!alone_until_) return event;
  // Under load the list is never empty.
  if (event.owner_seq >= *alone_until_) alone_until_.reset();
  if (!in_doubt_) alone_until_ ? send_next() : send_all();
  return event;
}

void OpenList::doubt() {
  if (in_doubt_ || entries_.empty()) return;
  in_doubt_ = true;
  ++generation_;
  // A log that takes nothing more is not helped by being given the same again and again.
  resend_wait_ = std::clamp(2 * resend_wait_, options_.resend_after, options_.resend_most);
  timer_ = executor_.call_at(clock_.monotonic() + resend_wait_, [this] { resend(); });
}

void OpenList::resend() {
  in_doubt_ = false;
  ++resends_;
  for (Entry& entry : entries_) {
    entry.sent = false;
    entry.reported = false;
  }
  alone_until_ ? send_next() : send_all();
}

void OpenList::watch() {
  const MonotonicTime now = clock_.monotonic();
  is_slow_ = !entries_.empty() && now - entries_.front().since >= options_.doubt_after;
  if (is_slow_ && entries_.front().reported) doubt();
  watch_ = executor_.call_at(now + options_.doubt_after, [this] { watch(); });
}

}  // namespace signalbox::router
