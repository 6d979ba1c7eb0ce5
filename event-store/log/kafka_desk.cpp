#include "event-store/log/kafka_desk.hpp"

#include <pthread.h>

#include <algorithm>

namespace signalbox::event_store {
KafkaDesk::~KafkaDesk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (std::thread& thread : left_) thread.join();
  for (const Question& question : waiting_) question(true);
}

void KafkaDesk::put(Question question) {
  std::vector<std::thread> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(left_);
    waiting_.push_back(std::move(question));
    if (held_ + waiting_.size() > threads_.size() && threads_.size() < kThreadsMax)
      threads_.emplace_back([this] { answer_until_stopped(); });
  }
  asked_.notify_one();
  for (std::thread& thread : left) thread.join();
}

bool KafkaDesk::leave() {
  if (stopping_ || !waiting_.empty() || threads_.size() == 1) return false;
  const auto own = std::ranges::find(threads_, std::this_thread::get_id(), &std::thread::get_id);
  left_.push_back(std::move(*own));
  threads_.erase(own);
  return true;
}

void KafkaDesk::answer_until_stopped() {
  pthread_setname_np(pthread_self(), thread_name_.c_str());
  std::unique_lock lock(mutex_);
  while (true) {
    const bool is_asked =
        asked_.wait_for(lock, idle_max_, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_ || (!is_asked && leave())) return;
    if (!is_asked) continue;
    const Question question = std::move(waiting_.front());
    waiting_.pop_front();
    ++held_;
    lock.unlock();
    question(false);
    lock.lock();
    --held_;
  }
}

}  // namespace signalbox::event_store
