#include "tests/support/simulated_event_log.hpp"

#include <algorithm>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::test_support {

using event_store::LogBounds;
using event_store::ReadLimits;

namespace {

void drop_last(Headers& headers) {
  auto left = std::ranges::distance(headers);
  headers.erase_if([&](const Header&) { return --left == 0; });
}

}  // namespace

// One session's side of its appends: they land in order, unless a lie says otherwise.
struct SimulatedEventLog::Producer {
  bool alive = true;
  bool tails_held = false;
  MonotonicTime last_landing{};
  std::deque<std::weak_ptr<Append>> in_flight{};  // in the order in which they land
};

struct SimulatedEventLog::Append {
  std::shared_ptr<Producer> producer;
  TopicPartition at;
  NewRecord record;
  Executor& where;
  event_store::AppendDone done;
  AppendFate fate;
  bool is_over = false;  // nothing of it is to land any more
};

struct SimulatedEventLog::Subscription {
  std::shared_ptr<const Producer> session;
  Place& place;
  TopicPartition at;
  Executor& where;
  event_store::TailSink& sink;
  Offset next;
  bool busy = false;
  bool at_head = false;
  bool ended = false;
  bool closed = false;
};

class SimulatedEventLog::SessionTail final : public event_store::Tail {
 public:
  SessionTail(SimulatedEventLog& log, std::shared_ptr<Subscription> reader)
      : log_(log), reader_(std::move(reader)) {}
  ~SessionTail() override {
    if (log_.options_.lies.call_destroyed_tail) return;
    reader_->closed = true;
    std::erase(reader_->place.readers, reader_);
  }

 private:
  SimulatedEventLog& log_;
  std::shared_ptr<Subscription> reader_;
};

class SimulatedEventLog::SessionMembership final : public event_store::Membership {
 public:
  SessionMembership(SimulatedEventLog& log, std::string group, Executor& where,
                    event_store::MembershipSink& sink)
      : log_(log), group_(std::move(group)), where_(where), sink_(sink) {
    log_.groups_[group_].push_back(this);
    log_.rebalance(group_);
  }
  ~SessionMembership() override {
    *left_ = true;
    std::erase(log_.groups_[group_], this);
    log_.rebalance(group_);
  }

  void assign(std::vector<Partition> partitions) {
    where_.post([this, left = left_, partitions = std::move(partitions)] {
      if (!*left) sink_.on_assigned(partitions);
    });
  }

 private:
  SimulatedEventLog& log_;
  std::string group_;
  Executor& where_;
  event_store::MembershipSink& sink_;
  std::shared_ptr<bool> left_ = std::make_shared<bool>(false);
};

class SimulatedEventLog::Session final : public event_store::EventLog {
 public:
  explicit Session(SimulatedEventLog& log) : log_(log) {}
  ~Session() override { producer_->alive = false; }

  [[nodiscard]] event_store::LogDescription describe() const override { return log_.description_; }

  void append(TopicPartition at, NewRecord record, Executor& where,
              event_store::AppendDone done) override {
    log_.append(producer_, at, std::move(record), where, std::move(done));
  }

  [[nodiscard]] std::unique_ptr<event_store::Tail> tail(TopicPartition at, Offset from,
                                                        Executor& where,
                                                        event_store::TailSink& sink) override {
    Place& place = log_.place(at);
    const auto reader =
        std::make_shared<Subscription>(Subscription{producer_, place, at, where, sink, from});
    place.readers.push_back(reader);
    log_.pump(reader);
    return std::make_unique<SessionTail>(log_, reader);
  }

  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    ReadLimits limits) override {
    if (const auto error = log_.outage_of(at, Asked::read)) return tl::unexpected(*error);
    Place& place = log_.place(at);
    std::vector<RecordPtr> found;
    const Offset end = log_.seen_end(place, log_.options_.lies.stale_reads);
    if (from >= end) return found;
    if (place.records.empty() || from < place.records.front()->offset)
      return failure(Errc::not_found, "offset " + std::to_string(from.value()) + " is gone");
    std::size_t bytes = 0;
    for (const RecordPtr& record : place.records) {
      if (record->offset < from) continue;
      if (record->offset >= end) break;
      bytes += size_bytes(*record);
      if (!found.empty() && (found.size() >= limits.records_max || bytes > limits.bytes_max)) break;
      found.push_back(record);
    }
    return found;
  }

  [[nodiscard]] Result<LogBounds> bounds(TopicPartition at) override {
    if (const auto error = log_.outage_of(at, Asked::bounds)) return tl::unexpected(*error);
    Place& place = log_.place(at);
    return LogBounds{place.records.empty() ? place.end : place.records.front()->offset,
                     log_.seen_end(place, log_.options_.lies.stale_bounds)};
  }

  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string group, Executor& where, event_store::MembershipSink& sink) override {
    return std::make_unique<SessionMembership>(log_, std::move(group), where, sink);
  }

  [[nodiscard]] const std::shared_ptr<Producer>& producer() const { return producer_; }

 private:
  SimulatedEventLog& log_;
  std::shared_ptr<Producer> producer_ = std::make_shared<Producer>();
};

SimulatedEventLog::SimulatedEventLog(SimulatedScheduler& scheduler, SimulatedLogOptions options)
    : scheduler_(scheduler),
      options_(options),
      random_(scheduler.random().next()),
      description_{LogId(random_.uuid()), options.partitions} {
  for (std::int32_t p = 0; p < options_.partitions; ++p) {
    for (int topic = 0; topic < kTopicCount; ++topic)
      places_.try_emplace(TopicPartition{static_cast<Topic>(topic), Partition(p)});
    const ControlRecord genesis{
        random_.uuid().to_string(),
        "/signalbox/" + description_.log_id.value().to_string() + "/event-store/simulated",
        scheduler_.clock().now(),
        LogGenesis{description_.log_id, options_.partitions, "murmur2-java"}};
    const TopicPartition events{Topic::events, Partition(p)};
    place(events).known_end = land(events, event_store::encode_control(genesis)).next();
  }
}

SimulatedEventLog::~SimulatedEventLog() = default;

std::unique_ptr<event_store::EventLog> SimulatedEventLog::open_session() {
  if (options_.lies.forget_on_reopen)
    for (auto& [at, place] : places_)
      if (!place.records.empty() && place.records.back()->offset > Offset(0)) {
        place.records.pop_back();
        place.end = place.end + -1;
      }
  return std::make_unique<Session>(*this);
}

std::vector<RecordPtr> SimulatedEventLog::records(const TopicPartition& at) const {
  const auto& stored = places_.at(at).records;
  return {stored.begin(), stored.end()};
}

Offset SimulatedEventLog::put(const TopicPartition& at, NewRecord record) {
  return land(at, std::move(record));
}

void SimulatedEventLog::forget_oldest(const TopicPartition& at, std::size_t records) {
  place(at).known_end = place(at).end;
  auto& stored = place(at).records;
  SIGNALBOX_ASSERT(records <= stored.size());
  stored.erase(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(records));
}

void SimulatedEventLog::hold_tails(const event_store::EventLog& session) {
  dynamic_cast<const Session&>(session).producer()->tails_held = true;
}

void SimulatedEventLog::let_tails_go(const event_store::EventLog& session) {
  dynamic_cast<const Session&>(session).producer()->tails_held = false;
  pump_all();
}

void SimulatedEventLog::set_outage(Outage outage) {
  outage_ = std::move(outage);
  pump_all();
}

std::optional<Error> SimulatedEventLog::outage_of(const TopicPartition& at, Asked what) const {
  return outage_ ? outage_(at, what) : std::nullopt;
}

bool SimulatedEventLog::must_wait(const Subscription& reader) const {
  return reader.session->tails_held || outage_of(reader.at, Asked::tail);
}

void SimulatedEventLog::pump_all() {
  for (auto& [at, place] : places_) {
    const auto readers = place.readers;
    for (const auto& reader : readers) pump(reader);
  }
}

bool SimulatedEventLog::chance(unsigned percent) {
  return percent > 0 && random_.below(100) < percent;
}

SimulatedScheduler::Duration SimulatedEventLog::delay_up_to(SimulatedScheduler::Duration most) {
  if (most.count() <= 0) return most;
  return SimulatedScheduler::Duration(
      static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most.count()) + 1)));
}

SimulatedEventLog::Place& SimulatedEventLog::place(const TopicPartition& at) {
  const auto found = places_.find(at);
  SIGNALBOX_ASSERT(found != places_.end());
  return found->second;
}

bool SimulatedEventLog::lie(unsigned percent, std::string_view name) {
  if (!chance(percent)) return false;
  ++told_[std::string(name)];
  return true;
}

Offset SimulatedEventLog::seen_end(Place& place, unsigned stale_percent) {
  if (place.known_end < place.end &&
      lie(options_.lies.lagging_reads, "read before the newest records"))
    return place.known_end;
  place.known_end = place.end;
  if (place.records.empty() || !chance(stale_percent)) return place.end;
  const auto unseen = 1 + static_cast<std::int64_t>(random_.below(3));
  return std::max(place.records.front()->offset, place.end + -unseen);
}

Offset SimulatedEventLog::tail_end(const Subscription& reader) {
  const Place& place = reader.place;
  const Offset known = std::max(reader.next, place.known_end);
  const bool lags = known < place.end && reader.at.topic != Topic::progress &&
                    lie(options_.lies.lagging_tails, "caught up before the newest records");
  return lags ? known : place.end;
}

AppendFate SimulatedEventLog::choose_fate(const TopicPartition& at, const NewRecord& record) {
  if (fate_)
    if (const auto fate = fate_(at, record)) return *fate;
  const SimulatedLogLies& lies = options_.lies;
  AppendFate fate{.delay = delay_up_to(lies.append_delay_max)};
  if (lie(lies.lose_and_report, "append lost")) {
    fate.copies = 0;
  } else if (lie(lies.land_and_report_error, "append landed, reported failed")) {
    fate.report = AppendFate::Report::error;
  } else if (lie(lies.land_late_after_error, "append landed late, reported failed")) {
    fate.report = AppendFate::Report::error;
    fate.delay += delay_up_to(lies.late_max);
    fate.overtaken = true;
  } else if (lie(lies.land_twice_after_error, "append landed twice, reported failed")) {
    fate.report = AppendFate::Report::error;
    fate.copies = 2;
  } else if (lie(lies.lose_silently, "append lost, never answered")) {
    fate.copies = 0;
    fate.report = AppendFate::Report::never;
  } else if (lie(lies.land_silently, "append landed, never answered")) {
    fate.report = AppendFate::Report::never;
  } else if (chance(lies.reorder)) {
    fate.delay += std::chrono::milliseconds(1);
    fate.overtaken = true;
  } else if (chance(lies.land_twice_acknowledged)) {
    fate.copies = 2;
  }
  return fate;
}

void SimulatedEventLog::append(const std::shared_ptr<Producer>& producer, TopicPartition at,
                               NewRecord record, Executor& where, event_store::AppendDone done) {
  const AppendFate fate = choose_fate(at, record);
  const auto append = std::make_shared<Append>(
      Append{producer, at, std::move(record), where, std::move(done), fate});
  const MonotonicTime now = scheduler_.clock().monotonic();
  MonotonicTime landing = now + fate.delay;
  if (!fate.overtaken) producer->last_landing = landing = std::max(landing, producer->last_landing);
  ++in_flight_;
  while (!producer->in_flight.empty() && producer->in_flight.front().expired())
    producer->in_flight.pop_front();
  if (!fate.overtaken) producer->in_flight.push_back(append);
  // An append that is given up is known to be so long before it lands late.
  if (fate.overtaken && fate.report == AppendFate::Report::error)
    report(*append, failure(append->fate.error, "no answer in time"));
  scheduler_.call_after(landing - now, [this, append] { arrive(append); });
}

void SimulatedEventLog::arrive(const std::shared_ptr<Append>& append) {
  if (append->is_over) {
    --in_flight_;
    return;
  }
  if (!append->producer->alive) {
    if (!chance(options_.lies.land_after_death)) {
      --in_flight_;
      return;
    }
    append->fate.report = AppendFate::Report::never;
    scheduler_.call_after(delay_up_to(options_.lies.late_max),
                          [this, append] { land_and_report(*append); });
    return;
  }
  land_and_report(*append);
}

std::size_t SimulatedEventLog::in_flight(const event_store::EventLog& session) const {
  const auto& appends = dynamic_cast<const Session&>(session).producer()->in_flight;
  return static_cast<std::size_t>(std::ranges::count_if(appends, [](const auto& one) {
    const auto append = one.lock();
    return append && !append->is_over;
  }));
}

void SimulatedEventLog::crash_in_commit(const event_store::EventLog& session) {
  const auto producer = dynamic_cast<const Session&>(session).producer();
  producer->alive = false;
  std::vector<std::shared_ptr<Append>> group;
  for (const auto& one : producer->in_flight)
    if (auto append = one.lock(); append && !append->is_over) group.push_back(std::move(append));
  const std::uint64_t landing = random_.below(group.size() + 1);
  if (landing > 0 && landing < group.size()) ++told_["group commit cut off"];
  for (std::size_t i = 0; i < group.size(); ++i) {
    group[i]->is_over = true;
    if (i < landing && group[i]->fate.copies > 0) land(group[i]->at, group[i]->record);
  }
}

void SimulatedEventLog::land_and_report(Append& append) {
  --in_flight_;
  append.is_over = true;
  std::optional<Offset> landed;
  const bool truth = append.fate.report == AppendFate::Report::truth;
  if (truth && append.fate.copies > 0 && chance(options_.lies.lose_acknowledged)) {
    landed = place(append.at).end;
    append.fate.copies = 0;
  }
  for (int i = 0; i < append.fate.copies; ++i) {
    const Offset offset = land(append.at, append.record);
    if (!landed) landed = offset;
  }
  const bool reported_early = append.fate.overtaken && !truth;
  if (reported_early) return;
  if (append.fate.report == AppendFate::Report::never) return unanswered_.push_back(append);
  if (!landed || !truth)
    report(append, failure(append.fate.error, "the log did not answer"));
  else
    report(append, chance(options_.lies.wrong_offset_in_report) ? landed->next() : *landed);
}

void SimulatedEventLog::report(Append& append, Result<Offset> result) {
  append.where.post([&place = place(append.at), producer = append.producer,
                     done = std::move(append.done), result = std::move(result)] {
    if (!producer->alive) return;
    if (result) place.known_end = std::max(place.known_end, result->next());
    done(result);
  });
}

void SimulatedEventLog::answer_the_unanswered() {
  for (Append& append : std::exchange(unanswered_, {}))
    if (append.producer->alive) report(append, failure(append.fate.error, "no answer in time"));
}

Offset SimulatedEventLog::land(const TopicPartition& at, NewRecord record) {
  Place& to = place(at);
  if (chance(options_.lies.change_bytes)) record.value += '!';
  if (chance(options_.lies.drop_header)) drop_last(record.headers);
  if (chance(options_.lies.skip_offset)) ++to.end;
  const Offset offset = to.end;
  to.records.push_back(std::make_shared<const Record>(
      Record{at, offset, scheduler_.clock().now(), std::move(record.key), std::move(record.headers),
             std::move(record.value)}));
  ++to.end;
  if (at.topic == Topic::progress && to.records.size() > options_.volatile_records_max)
    to.records.pop_front();
  // A sink may end its own tail or begin another one.
  const auto readers = to.readers;
  for (const auto& reader : readers) pump(reader);
  return offset;
}

void SimulatedEventLog::pump(const std::shared_ptr<Subscription>& reader) {
  if (reader->busy || reader->ended || reader->closed || must_wait(*reader)) return;
  if (reader->next >= reader->place.end && reader->at_head) return;
  reader->busy = true;
  scheduler_.call_after(delay_up_to(options_.lies.tail_delay_max), [this, reader] {
    if (!reader->closed) reader->where.post([this, reader] { call(reader); });
  });
}

void SimulatedEventLog::call(const std::shared_ptr<Subscription>& reader) {
  if (reader->closed) return;
  if (must_wait(*reader)) {
    reader->busy = false;
    return;
  }
  Place& place = reader->place;
  const Offset first = place.records.empty() ? place.end : place.records.front()->offset;
  const bool is_volatile = reader->at.topic == Topic::progress;
  if (is_volatile) reader->next = std::clamp(reader->next, first, place.end);
  if (!is_volatile && (reader->next < first || reader->next > place.end)) {
    reader->ended = true;
    reader->sink.on_failed({Errc::not_found, "the log does not hold this offset"});
    return;
  }
  if (lie(options_.lies.tail_fails, "tail failed")) {
    reader->ended = true;
    reader->sink.on_failed({Errc::corrupt, "a row does not match its checksum"});
    return;
  }
  const Offset end = tail_end(*reader);
  if (reader->next < end) {
    reader->at_head = false;
    const auto batch = batch_for(*reader, end);
    place.known_end = std::max(place.known_end, reader->next);
    if (!batch.empty()) reader->sink.on_records(batch);
    if (reader->closed) return;
  }
  if (reader->next >= end && !reader->at_head) {
    reader->at_head = true;
    reader->sink.on_caught_up(end);
    if (reader->closed) return;
  }
  reader->busy = false;
  pump(reader);
}

std::vector<RecordPtr> SimulatedEventLog::batch_for(Subscription& reader, Offset end) {
  std::vector<RecordPtr> batch;
  for (const RecordPtr& record : reader.place.records) {
    if (record->offset < reader.next) continue;
    if (record->offset >= end || batch.size() >= options_.batch_records_max) break;
    reader.next = record->offset.next();
    if (chance(options_.lies.tail_skips)) continue;
    batch.push_back(record);
    if (chance(options_.lies.tail_repeats)) batch.push_back(record);
  }
  return batch;
}

void SimulatedEventLog::rebalance(const std::string& group) {
  const auto& members = groups_[group];
  const auto count = static_cast<std::int32_t>(members.size());
  std::int32_t next = 0;
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int32_t share =
        options_.partitions / count + (i < options_.partitions % count ? 1 : 0);
    std::vector<Partition> assigned;
    for (std::int32_t k = 0; k < share; ++k) assigned.emplace_back(next++);
    members[static_cast<std::size_t>(i)]->assign(std::move(assigned));
  }
}

}  // namespace signalbox::test_support
