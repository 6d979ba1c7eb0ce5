// KafkaDesk: asks the brokers for those who must not wait themselves, on threads of its own: one
// more whenever all of them wait for a broker, so that partitions that get no answer keep nobody
// waiting but those who ask for them. Beyond kThreadsMax questions wait for each other. All but one
// end again once they have had nothing to do for a while.
//
// Threads: any. Bound: what is asked and not answered; who asks has one question of a partition
// under way. Private to this folder.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "event-store/log/event_log.hpp"

namespace signalbox::event_store {

class KafkaDesk {
 public:
  static constexpr std::chrono::milliseconds kIdleMax = std::chrono::seconds(10);

  explicit KafkaDesk(std::string thread_name, std::chrono::milliseconds idle_max = kIdleMax)
      : thread_name_(std::move(thread_name)), idle_max_(idle_max) {}
  // What was not looked at is answered with stopped. Waits for the looks under way.
  ~KafkaDesk();
  KafkaDesk(const KafkaDesk&) = delete;
  KafkaDesk& operator=(const KafkaDesk&) = delete;

  // `look` blocks, on a thread of the desk; then `done` runs on `where` with what it found.
  template <class Found>
  void ask(std::function<Result<Found>()> look, Executor& where,
           std::function<void(const Result<Found>&)> done) {
    put([look = std::move(look), &where, done = std::move(done)](bool is_closing) mutable {
      auto found =
          is_closing ? Result<Found>(failure(Errc::stopped, "the log is closing")) : look();
      where.post([done = std::move(done), found = std::move(found)] { done(found); });
    });
  }

 private:
  // Of a broker that is frozen each partition may hold one.
  static constexpr std::size_t kThreadsMax = 32;

  // Looks, unless the log is closing, and answers.
  using Question = std::function<void(bool is_closing)>;

  void put(Question question);
  void answer_until_stopped();
  // Whether this thread is one too many; then it is among those that have left. Under mutex_.
  [[nodiscard]] bool leave();

  const std::string thread_name_;
  const std::chrono::milliseconds idle_max_;
  std::mutex mutex_;
  std::condition_variable asked_;
  // Guarded by mutex_; the threads until it is stopping.
  std::deque<Question> waiting_;
  std::size_t held_ = 0;  // threads that look
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  std::vector<std::thread> left_;  // at their end, to be joined
};

}  // namespace signalbox::event_store
