// InboundSource: the commands of one partition in offset order, read ahead a little. What is not
// taken yet waits in the log: beyond 1,024 records or 4 MiB the tail is dropped and opened again
// later. Thread: the router's; `on_ready` is called there when records came after there were none,
// and when it has met the end of the partition.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "event-store/log/event_log.hpp"

namespace signalbox::router {

class InboundSource final : private event_store::TailSink {
 public:
  InboundSource(event_store::EventLog& log, Executor& executor, Partition partition, Offset from,
                std::function<void()> on_ready, std::function<void(const Error&)> on_failed);

  // The next record, or null when there is none now.
  [[nodiscard]] RecordPtr front() const { return ahead_.empty() ? nullptr : ahead_.front(); }
  void pop();
  // It has given everything that was there when it was opened.
  [[nodiscard]] bool has_met_end() const { return has_met_end_; }
  [[nodiscard]] std::size_t ahead() const { return ahead_.size(); }

 private:
  static constexpr std::size_t kAheadMax = 1024;
  static constexpr std::size_t kAheadBytesMax = std::size_t{4} << 20;

  void on_records(std::span<const RecordPtr> records) override;
  void on_caught_up(Offset end) override;
  void on_failed(const Error& error) override;
  void open();

  event_store::EventLog& log_;
  Executor& executor_;
  Partition partition_;
  Offset next_;
  std::function<void()> on_ready_;
  std::function<void(const Error&)> on_failed_;
  std::deque<RecordPtr> ahead_;
  std::size_t ahead_bytes_ = 0;
  bool has_met_end_ = false;
  std::unique_ptr<event_store::Tail> tail_;
};

}  // namespace signalbox::router
