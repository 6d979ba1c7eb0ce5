#include "event-store/log/log_tails.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "event-store/log/sqlite_rows.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

bool is_volatile(const TopicPartition& at) { return at.topic == Topic::progress; }

Error beyond_reach(const TopicPartition& at, Offset from, const LogBounds& bounds) {
  return {Errc::not_found, name_place(at, from) + " is not in the log, which holds " +
                               std::to_string(bounds.first.value()) + " to " +
                               std::to_string(bounds.end.value()) + " (exclusive)"};
}

}  // namespace

class LogTails::Handle final : public Tail {
 public:
  Handle(LogTails& tails, SubscriptionPtr reader) : tails_(tails), reader_(std::move(reader)) {}
  ~Handle() override {
    reader_->closed = true;
    tails_.release(reader_);
    tails_.gate_.wait_for_those_inside();
  }

 private:
  LogTails& tails_;
  SubscriptionPtr reader_;
};

LogTails::LogTails(std::span<const Start> starts, LogTailsOptions options, ReadRows read_rows)
    : options_(options), read_rows_(std::move(read_rows)) {
  for (const Start& start : starts) places_.emplace(start.at, Place{start.at, start.bounds});
  thread_ = std::thread([this] { serve_lagging_until_stopped(); });
}

LogTails::~LogTails() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  lag_.notify_one();
  thread_.join();
}

LogTails::Place& LogTails::place(const TopicPartition& at) {
  const auto found = places_.find(at);
  SIGNALBOX_ASSERT(found != places_.end());
  return found->second;
}

const LogTails::Place& LogTails::place(const TopicPartition& at) const {
  const auto found = places_.find(at);
  SIGNALBOX_ASSERT(found != places_.end());
  return found->second;
}

std::unique_ptr<Tail> LogTails::tail(const TopicPartition& at, Offset from, Executor& where,
                                     TailSink& sink) {
  PostBatch posts(gate_);
  std::unique_ptr<Tail> made;
  {
    const std::lock_guard lock(mutex_);
    Place& read = place(at);
    const auto reader = std::make_shared<Subscription>(read, where, sink, from);
    made = std::make_unique<Handle>(*this, reader);
    read.readers.push_back(reader);
    if (is_volatile(at)) {
      reader->next = std::clamp(from, read.bounds.first, read.bounds.end);
      pump(reader, posts);
    } else if (from > read.bounds.end) {
      fail(reader, beyond_reach(at, from, read.bounds), posts);
    } else {
      pump(reader, posts);
    }
  }
  posts.flush();
  return made;
}

Result<std::vector<RecordPtr>> LogTails::read(const TopicPartition& at, Offset from,
                                              ReadLimits limits) {
  LogBounds bounds{Offset(0), Offset(0)};
  {
    const std::lock_guard lock(mutex_);
    const Place& read = place(at);
    bounds = read.bounds;
    if (from >= bounds.end) return std::vector<RecordPtr>();
    if (from < bounds.first) return tl::unexpected(beyond_reach(at, from, bounds));
    if (!read.recent.empty() && from >= read.recent.front().record->offset)
      return collect_recent(read, from, limits);
  }
  limits.records_max = std::min(limits.records_max, static_cast<std::size_t>(bounds.end - from));
  return read_disk(at, from, limits);
}

LogBounds LogTails::bounds(const TopicPartition& at) const {
  const std::lock_guard lock(mutex_);
  return place(at).bounds;
}

void LogTails::publish(std::span<const RecordPtr> committed, PostBatch& posts,
                       std::vector<RecordPtr>& dropped) {
  const std::lock_guard lock(mutex_);
  std::vector<Place*> grown;
  for (const RecordPtr& record : committed) {
    Place& to = place(record->at);
    SIGNALBOX_ASSERT(record->offset == to.bounds.end);
    if (to.readers.empty() && to.recent.empty()) {
      to.bounds.end = record->offset.next();
      continue;
    }
    add_recent(to, record);
    recent_order_.push_back(&to);
    if (std::ranges::find(grown, &to) == grown.end()) grown.push_back(&to);
  }
  for (Place* const to : grown)
    for (const SubscriptionPtr& reader : to->readers) pump(reader, posts);
  trim_recent(dropped);
}

Offset LogTails::publish_volatile(const std::shared_ptr<Record>& record, PostBatch& posts) {
  const std::lock_guard lock(mutex_);
  Place& to = place(record->at);
  record->offset = to.bounds.end;
  add_recent(to, record);
  for (const SubscriptionPtr& reader : to.readers) pump(reader, posts);
  while (to.recent.size() > options_.volatile_records_max ||
         (to.recent_bytes > options_.volatile_bytes_max && to.recent.size() > 1))
    static_cast<void>(drop_oldest(to));
  to.bounds.first = to.recent.front().record->offset;
  return record->offset;
}

void LogTails::raise_first(const TopicPartition& at, Offset first) {
  const std::lock_guard lock(mutex_);
  place(at).bounds.first = first;
}

void LogTails::raise_end(const TopicPartition& at, Offset end) {
  PostBatch posts(gate_);
  {
    const std::lock_guard lock(mutex_);
    Place& grown = place(at);
    grown.bounds.end = std::max(grown.bounds.end, end);
    for (const SubscriptionPtr& reader : grown.readers) pump(reader, posts);
  }
  posts.flush();
}

void LogTails::add_recent(Place& to, RecordPtr record) {
  const std::size_t bytes = size_bytes(*record);
  to.bounds.end = record->offset.next();
  to.recent_bytes += bytes;
  if (!is_volatile(to.at)) recent_bytes_ += bytes;
  to.recent.push_back({std::move(record), bytes});
}

RecordPtr LogTails::drop_oldest(Place& from) {
  const std::size_t bytes = from.recent.front().bytes;
  RecordPtr record = std::move(from.recent.front().record);
  from.recent_bytes -= bytes;
  if (!is_volatile(from.at)) recent_bytes_ -= bytes;
  from.recent.pop_front();
  return record;
}

void LogTails::trim_recent(std::vector<RecordPtr>& dropped) {
  while (recent_bytes_ > options_.recent_bytes_max) {
    dropped.push_back(drop_oldest(*recent_order_.front()));
    recent_order_.pop_front();
  }
}

std::vector<RecordPtr> LogTails::collect_recent(const Place& from, Offset next,
                                                ReadLimits limits) const {
  std::vector<RecordPtr> batch;
  std::size_t bytes = 0;
  for (auto i = static_cast<std::size_t>(next - from.recent.front().record->offset);
       i < from.recent.size(); ++i) {
    bytes += from.recent[i].bytes;
    if (!batch.empty() && (batch.size() >= limits.records_max || bytes > limits.bytes_max)) break;
    batch.push_back(from.recent[i].record);
  }
  return batch;
}

void LogTails::pump(const SubscriptionPtr& reader, PostBatch& posts) {
  if (reader->busy || reader->ended || reader->closed) return;
  if (reader->next < reader->place.bounds.end) {
    pump_behind_head(reader, posts);
  } else if (!reader->at_head) {
    reader->busy = true;
    posts.add(reader->where, [this, reader] {
      if (!reader->closed) finish(reader);
    });
  }
}

void LogTails::pump_behind_head(const SubscriptionPtr& reader, PostBatch& posts) {
  const Place& read = reader->place;
  reader->at_head = false;
  if (is_volatile(read.at))
    reader->next = std::max(reader->next, read.recent.front().record->offset);
  if (reader->next < read.bounds.first) {
    fail(reader, beyond_reach(read.at, reader->next, read.bounds), posts);
  } else if (!read.recent.empty() && reader->next >= read.recent.front().record->offset) {
    deliver(reader, collect_recent(read, reader->next, options_.batch), posts);
  } else {
    reader->busy = true;
    lagging_.push_back(reader);
    lag_.notify_one();
  }
}

void LogTails::deliver(const SubscriptionPtr& reader, std::vector<RecordPtr> batch,
                       PostBatch& posts) {
  reader->busy = true;
  reader->next = batch.back()->offset.next();
  posts.add(reader->where, [this, reader, batch = std::move(batch)] {
    if (reader->closed) return;
    reader->sink.on_records(batch);
    if (!reader->closed) finish(reader);
  });
}

void LogTails::fail(const SubscriptionPtr& reader, Error error, PostBatch& posts) {
  reader->ended = true;
  posts.add(reader->where, [reader, error = std::move(error)] {
    if (!reader->closed) reader->sink.on_failed(error);
  });
}

void LogTails::finish(const SubscriptionPtr& reader) {
  std::optional<Offset> caught_up;
  {
    const std::lock_guard lock(mutex_);
    if (reader->next >= reader->place.bounds.end && !reader->at_head) {
      reader->at_head = true;
      caught_up = reader->place.bounds.end;
    }
  }
  if (caught_up) {
    reader->sink.on_caught_up(*caught_up);
    if (reader->closed) return;
  }
  PostBatch posts(gate_);
  {
    const std::lock_guard lock(mutex_);
    reader->busy = false;
    pump(reader, posts);
  }
  posts.flush();
}

void LogTails::release(const SubscriptionPtr& reader) {
  const std::lock_guard lock(mutex_);
  std::erase(reader->place.readers, reader);
  std::erase(lagging_, reader);
}

void LogTails::serve_lagging_until_stopped() {
  pthread_setname_np(pthread_self(), "log-reader");
  std::unique_lock lock(mutex_);
  while (true) {
    lag_.wait(lock, [this] { return stopping_ || !lagging_.empty(); });
    if (stopping_) return;
    const SubscriptionPtr reader = std::move(lagging_.front());
    lagging_.pop_front();
    lock.unlock();
    serve_lagging(reader);
    lock.lock();
  }
}

void LogTails::serve_lagging(const SubscriptionPtr& reader) {
  Offset from{0};
  ReadLimits limits = options_.batch;
  {
    const std::lock_guard lock(mutex_);
    if (reader->closed) return;
    from = reader->next;
    limits.records_max =
        std::min(limits.records_max, static_cast<std::size_t>(reader->place.bounds.end - from));
  }
  auto rows = read_disk(reader->place.at, from, limits);
  PostBatch posts(gate_);
  {
    const std::lock_guard lock(mutex_);
    // A tail that ended meanwhile may have taken its executor with it.
    if (reader->closed) return;
    if (rows)
      deliver(reader, std::move(*rows), posts);
    else
      fail(reader, std::move(rows.error()), posts);
  }
  posts.flush();
}

Result<std::vector<RecordPtr>> LogTails::read_disk(const TopicPartition& at, Offset from,
                                                   ReadLimits limits) {
  auto rows = read_rows_(at, from, limits);
  if (rows && !rows->empty()) return rows;
  // Retention may have taken the rows while they were looked for.
  const LogBounds now = bounds(at);
  if (from < now.first) return tl::unexpected(beyond_reach(at, from, now));
  if (!rows) return rows;
  return failure(Errc::corrupt, name_place(at, from) + ": the stored row is missing");
}

}  // namespace signalbox::event_store
