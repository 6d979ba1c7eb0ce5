// What the checks of the conformance suite are written with.
#pragma once

#include <gtest/gtest.h>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event-store/log/partition_reader.hpp"
#include "tests/log/conformance_suite.hpp"

namespace signalbox::event_store {

[[nodiscard]] NewRecord make_record(std::string_view key, std::string_view value);

// Answers of appends, in call order.
using Answers = std::vector<Result<Offset>>;
// Appends from one executor, all at once, and waits for the answers, which must come in call order.
// Where no answer comes, the append counts as unavailable, and that is a failure of the check.
[[nodiscard]] Answers append_all(EventLogFixture& fixture, const TopicPartition& at,
                                 const std::vector<NewRecord>& records, int executor = 0);
// Appends until it is reported ok; its offset.
Offset append_surely(EventLogFixture& fixture, const TopicPartition& at, const NewRecord& record);
// All records there are from `from` on, read in pieces; they must follow each other.
[[nodiscard]] std::vector<RecordPtr> read_all(EventLog& log, const TopicPartition& at,
                                              Offset from = Offset(0));
[[nodiscard]] bool same_bytes(const Record& stored, const NewRecord& appended);

// Collects what a tail delivers; readable from the test's thread.
class Collector final : public TailSink {
 public:
  void on_records(std::span<const RecordPtr> records) override;
  void on_caught_up(Offset end) override;
  void on_failed(const Error& error) override;

  [[nodiscard]] std::vector<RecordPtr> records() const;
  [[nodiscard]] std::optional<Offset> caught_up() const;
  [[nodiscard]] std::optional<Error> failed() const;
  [[nodiscard]] std::size_t calls() const;
  // Of any on_records(), and of those that came while another one ran.
  [[nodiscard]] std::size_t batch_max() const;
  [[nodiscard]] bool overlapped() const;
  // On every on_records(), on the executor.
  std::function<void()> then;

 private:
  mutable std::mutex mutex_;
  std::vector<RecordPtr> records_;
  std::optional<Offset> caught_up_;
  std::optional<Error> failed_;
  std::size_t calls_ = 0;
  std::size_t batch_max_ = 0;
  bool inside_ = false;
  bool overlapped_ = false;
};

// A tail that lives on its executor from construction to destruction.
class TailOn {
 public:
  TailOn(EventLogFixture& fixture, const TopicPartition& at, Offset from, TailSink& sink,
         int executor = 0);
  ~TailOn() { end(); }
  TailOn(const TailOn&) = delete;
  TailOn& operator=(const TailOn&) = delete;
  void end();

 private:
  EventLogFixture& fixture_;
  int executor_;
  std::unique_ptr<Tail> tail_;
};

// A reader of one partition of events on its executor, and what it said.
class ReaderOn final : private JudgedSink {
 public:
  ReaderOn(EventLogFixture& fixture, Partition partition, Position start, int executor);
  ~ReaderOn() override;

  struct Judgement {
    RecordPtr record;
    Verdict verdict;
    Position after;
  };
  [[nodiscard]] std::vector<Judgement> judgements() const;
  // Values of the valid events, in order.
  [[nodiscard]] std::vector<std::string> valid_values() const;
  [[nodiscard]] std::optional<Position> caught_up() const;
  [[nodiscard]] std::optional<Error> stopped() const;
  // Until it has caught up with everything up to `end`.
  [[nodiscard]] bool wait_for(Offset end);

 private:
  void on_judged(std::span<const JudgedRecord> records) override;
  void on_caught_up(const Position& position) override;
  void on_stopped(const Error& error) override;

  EventLogFixture& fixture_;
  int executor_;
  mutable std::mutex mutex_;
  std::vector<Judgement> judgements_;
  std::optional<Position> caught_up_;
  std::optional<Error> stopped_;
  std::unique_ptr<PartitionReader> reader_;
};

}  // namespace signalbox::event_store
