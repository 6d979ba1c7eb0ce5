// PartitionReader: a tail of one partition of events with the validity fold applied. Router,
// gateway and event store read events through it and through nothing else. Thread: constructed,
// called back and destroyed on its executor; its sink may destroy it from any of its calls.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::event_store {

struct JudgedRecord {
  RecordPtr record;
  Judged judged;
  Position after;  // position once this record is folded
};

class JudgedSink {
 public:
  virtual ~JudgedSink() = default;
  // Every record with its verdict, in offset order.
  virtual void on_judged(std::span<const JudgedRecord> records) = 0;
  virtual void on_caught_up(const Position& position) = 0;
  // The partition cannot be read on: corrupt (epoch nobody claimed, or a broken row), not_found.
  virtual void on_stopped(const Error& error) = 0;
};

class PartitionReader final : private TailSink {
 public:
  // `start` is offset 0 or a stored Position, never a bare offset.
  PartitionReader(EventLog& log, Executor& executor, Partition partition, Position start,
                  JudgedSink& sink);
  ~PartitionReader() override;

  [[nodiscard]] const Position& position() const { return position_; }
  // How many records got each verdict, by Verdict's number.
  [[nodiscard]] const std::array<std::uint64_t, kVerdictCount>& verdicts() const {
    return verdicts_;
  }

 private:
  void on_records(std::span<const RecordPtr> records) override;
  void on_caught_up(Offset end) override;
  void on_failed(const Error& error) override;

  Position position_;
  JudgedSink& sink_;
  std::array<std::uint64_t, kVerdictCount> verdicts_{};
  std::unique_ptr<Tail> tail_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // gone: destroyed by the sink
};

// The newest position near the end of a partition of events that can be trusted, found in the log
// alone by reading back to a checkpoint's fold_at; offset 0 where there is none. Blocking; not for
// io threads. Its place in the log is never what is trusted, only the fact it states (contract 8).
[[nodiscard]] Result<Position> find_start_position(EventLog& log, Partition partition);
// The same near `end`, an offset within the partition: a position at or before it.
[[nodiscard]] Result<Position> find_start_position(EventLog& log, Partition partition, Offset end);
// Where a cut log can be read from: the oldest position that what is left states, offset 0 where
// nothing was cut. Blocking. Error not_found also: within its first 64 MiB none is stated.
[[nodiscard]] Result<Position> find_oldest_position(EventLog& log, Partition partition);

}  // namespace signalbox::event_store
