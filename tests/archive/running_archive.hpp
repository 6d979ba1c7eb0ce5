// RunningArchive: an archive at work on a thread of its own, taken down in order. Where it cannot
// be opened it is never complete.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "event-store/archive/archive.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::event_store {

class RunningArchive {
 public:
  RunningArchive(EventLog& log, std::string folder, ArchiveOptions options = {},
                 std::chrono::milliseconds retry_delay = std::chrono::milliseconds(5))
      : log_(log), folder_(std::move(folder)) {
    options.warn = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      warnings_.push_back(text);
    };
    options.commit_delay = std::chrono::milliseconds(5);
    options.retry_delay = options.retry_max = retry_delay;
    thread_.run([&] {
      std::vector<Partition> partitions;
      for (std::int32_t p = 0; p < log.describe().partitions; ++p)
        partitions.push_back(Partition(p));
      auto opened = ArchiveWriter::open(log, thread_, clock_, folder_, partitions, options);
      if (opened)
        writer_ = std::move(*opened);
      else
        refused_ = opened.error();
    });
  }
  ~RunningArchive() { close(); }
  RunningArchive(const RunningArchive&) = delete;
  RunningArchive& operator=(const RunningArchive&) = delete;

  void close() {
    thread_.run([&] { writer_.reset(); });
  }
  // Why it could not be opened.
  [[nodiscard]] const std::optional<Error>& refused() const { return refused_; }
  // Of one that was opened and not closed.
  [[nodiscard]] ArchiveWriter& writer() { return *writer_; }
  [[nodiscard]] bool is_complete() const {
    if (!writer_) return false;
    for (const ArchiveStatus& status : writer_->status()) {
      const auto bounds = log_.bounds({Topic::events, status.partition});
      if (status.complete_to.next_offset != bounds->end || status.trouble) return false;
    }
    return true;
  }
  void wait_until_complete() const {
    ASSERT_FALSE(refused_) << refused_->message;
    for (int i = 0; i < 15'000 && !is_complete(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ASSERT_TRUE(is_complete());
  }
  // Why this partition does not go on, once it does not.
  [[nodiscard]] std::string wait_until_stopped(Partition partition) const {
    for (int i = 0; i < 15'000; ++i) {
      for (const ArchiveStatus& status : writer_->status())
        if (status.partition == partition && status.trouble) return status.trouble->message;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return "it goes on";
  }
  [[nodiscard]] std::vector<std::string> warnings() const {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

 private:
  EventLog& log_;
  std::string folder_;
  cli::SystemClock clock_;
  std::optional<Error> refused_;
  mutable std::mutex mutex_;
  std::vector<std::string> warnings_;
  cli::RoleThread thread_{"archive"};
  std::unique_ptr<ArchiveWriter> writer_;
};

}  // namespace signalbox::event_store
