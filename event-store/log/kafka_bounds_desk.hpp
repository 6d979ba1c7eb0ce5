// KafkaBoundsDesk: asks the brokers how far partitions reach, for those who must not wait
// themselves. Two threads ("kafka-ask"), so that a partition without a leader keeps nobody waiting
// but those who ask for such, too.
//
// Threads: any. Bound: what is asked and not answered; who asks has one question of a partition
// under way. Private to this folder.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "event-store/log/event_log.hpp"

namespace signalbox::event_store {

class KafkaBoundsDesk {
 public:
  // Blocking; called on the threads of the desk.
  using Look = std::function<Result<LogBounds>(const TopicPartition&)>;

  explicit KafkaBoundsDesk(Look look);
  // What was not looked at is answered with stopped. Waits for the looks under way.
  ~KafkaBoundsDesk();
  KafkaBoundsDesk(const KafkaBoundsDesk&) = delete;
  KafkaBoundsDesk& operator=(const KafkaBoundsDesk&) = delete;

  void ask(const TopicPartition& at, Executor& where, BoundsDone done);

 private:
  struct Question {
    TopicPartition at;
    Executor& where;
    BoundsDone done;
  };

  void answer_until_stopped();
  static void answer(Question question, Result<LogBounds> found);

  const Look look_;
  std::mutex mutex_;
  std::condition_variable asked_;
  std::deque<Question> waiting_;  // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace signalbox::event_store
