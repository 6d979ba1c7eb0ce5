#include "tests/log/conformance_support.hpp"

#include <algorithm>
#include <memory>

namespace signalbox::event_store {

NewRecord make_record(std::string_view key, std::string_view value) {
  return {std::string(key), {{"content-type", "application/json"}}, std::string(value)};
}

Answers append_all(EventLogFixture& fixture, const TopicPartition& at,
                   const std::vector<NewRecord>& records, int executor) {
  struct Collected {
    std::mutex mutex;
    std::vector<std::pair<std::size_t, Result<Offset>>> answers;
  };
  const auto collected = std::make_shared<Collected>();
  fixture.run_on(executor, [&] {
    for (std::size_t i = 0; i < records.size(); ++i)
      fixture.log().append(at, records[i], fixture.executor(executor),
                           [collected, i](Result<Offset> answer) {
                             const std::lock_guard lock(collected->mutex);
                             collected->answers.emplace_back(i, std::move(answer));
                           });
  });
  EXPECT_TRUE(fixture.wait_until([&] {
    const std::lock_guard lock(collected->mutex);
    return collected->answers.size() == records.size();
  })) << "an append was never answered";
  const std::lock_guard lock(collected->mutex);
  Answers in_call_order(records.size(), failure(Errc::unavailable, "no answer"));
  for (auto& [i, answer] : collected->answers) in_call_order[i] = std::move(answer);
  return in_call_order;
}

Offset append_surely(EventLogFixture& fixture, const TopicPartition& at, const NewRecord& record) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const Answers answers = append_all(fixture, at, {record});
    if (answers.front()) return *answers.front();
  }
  ADD_FAILURE() << "no append ever succeeds";
  return Offset(-1);
}

std::vector<RecordPtr> read_all(EventLog& log, const TopicPartition& at, Offset from) {
  std::vector<RecordPtr> all;
  while (true) {
    const auto piece = log.read(at, from, {.records_max = 7});
    if (!piece) {
      ADD_FAILURE() << piece.error().message;
      return all;
    }
    if (piece->empty()) return all;
    for (const RecordPtr& record : *piece) {
      EXPECT_EQ(record->at, at);
      EXPECT_EQ(record->offset, from) << "offsets follow each other";
      from = record->offset.next();
      all.push_back(record);
    }
  }
}

bool same_bytes(const Record& stored, const NewRecord& appended) {
  return stored.key == appended.key && stored.headers == appended.headers &&
         stored.value == appended.value;
}

void Collector::on_records(std::span<const RecordPtr> records) {
  {
    const std::lock_guard lock(mutex_);
    overlapped_ = overlapped_ || inside_;
    inside_ = true;
    ++calls_;
    batch_max_ = std::max(batch_max_, records.size());
    records_.insert(records_.end(), records.begin(), records.end());
  }
  if (then) then();
  const std::lock_guard lock(mutex_);
  inside_ = false;
}

void Collector::on_caught_up(Offset end) {
  const std::lock_guard lock(mutex_);
  caught_up_ = end;
}

void Collector::on_failed(const Error& error) {
  const std::lock_guard lock(mutex_);
  failed_ = error;
}

std::vector<RecordPtr> Collector::records() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

std::optional<Offset> Collector::caught_up() const {
  const std::lock_guard lock(mutex_);
  return caught_up_;
}

std::optional<Error> Collector::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::size_t Collector::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::size_t Collector::batch_max() const {
  const std::lock_guard lock(mutex_);
  return batch_max_;
}

bool Collector::overlapped() const {
  const std::lock_guard lock(mutex_);
  return overlapped_;
}

TailOn::TailOn(EventLogFixture& fixture, const TopicPartition& at, Offset from, TailSink& sink,
               int executor)
    : fixture_(fixture), executor_(executor) {
  fixture_.run_on(executor_, [&] {
    tail_ = fixture_.log().tail(at, from, fixture_.executor(executor_), sink);
  });
}

void TailOn::end() {
  fixture_.run_on(executor_, [this] { tail_.reset(); });
}

ReaderOn::ReaderOn(EventLogFixture& fixture, Partition partition, Position start, int executor)
    : fixture_(fixture), executor_(executor) {
  fixture_.run_on(executor_, [&] {
    reader_ =
        std::make_unique<PartitionReader>(fixture_.log(), fixture_.executor(executor_), partition,
                                          std::move(start), static_cast<JudgedSink&>(*this));
  });
}

ReaderOn::~ReaderOn() {
  fixture_.run_on(executor_, [this] { reader_.reset(); });
}

std::vector<ReaderOn::Judgement> ReaderOn::judgements() const {
  const std::lock_guard lock(mutex_);
  return judgements_;
}

std::vector<std::string> ReaderOn::valid_values() const {
  std::vector<std::string> values;
  for (const Judgement& judgement : judgements())
    if (judgement.verdict == Verdict::valid) values.push_back(judgement.record->value);
  return values;
}

std::optional<Position> ReaderOn::caught_up() const {
  const std::lock_guard lock(mutex_);
  return caught_up_;
}

std::optional<Error> ReaderOn::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool ReaderOn::wait_for(Offset end) {
  return fixture_.wait_until([&] {
    const auto position = caught_up();
    return position && position->next_offset >= end;
  });
}

void ReaderOn::on_judged(std::span<const JudgedRecord> records) {
  const std::lock_guard lock(mutex_);
  for (const JudgedRecord& record : records)
    judgements_.push_back({record.record, record.judged.verdict, record.after});
}

void ReaderOn::on_caught_up(const Position& position) {
  const std::lock_guard lock(mutex_);
  caught_up_ = position;
}

void ReaderOn::on_stopped(const Error& error) {
  const std::lock_guard lock(mutex_);
  stopped_ = error;
}

}  // namespace signalbox::event_store
