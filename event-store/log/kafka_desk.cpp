#include "event-store/log/kafka_desk.hpp"

#include <pthread.h>

namespace signalbox::event_store {
KafkaDesk::~KafkaDesk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (const Question& question : waiting_) question(true);
}

void KafkaDesk::put(Question question) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(question));
    if (held_ + waiting_.size() > threads_.size() && threads_.size() < kThreadsMax)
      threads_.emplace_back([this] { answer_until_stopped(); });
  }
  asked_.notify_one();
}

void KafkaDesk::answer_until_stopped() {
  pthread_setname_np(pthread_self(), thread_name_.c_str());
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
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
