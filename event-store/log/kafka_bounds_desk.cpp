#include "event-store/log/kafka_bounds_desk.hpp"

#include <pthread.h>

#include <utility>

namespace signalbox::event_store {
namespace {

constexpr int kThreads = 2;

}  // namespace

KafkaBoundsDesk::KafkaBoundsDesk(Look look) : look_(std::move(look)) {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { answer_until_stopped(); });
}

KafkaBoundsDesk::~KafkaBoundsDesk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (Question& question : waiting_)
    answer(std::move(question), failure(Errc::stopped, "the log is closing"));
}

void KafkaBoundsDesk::ask(const TopicPartition& at, Executor& where, BoundsDone done) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({at, where, std::move(done)});
  }
  asked_.notify_one();
}

void KafkaBoundsDesk::answer_until_stopped() {
  pthread_setname_np(pthread_self(), "kafka-ask");
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Question question = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    auto found = look_(question.at);
    answer(std::move(question), std::move(found));
    lock.lock();
  }
}

void KafkaBoundsDesk::answer(Question question, Result<LogBounds> found) {
  question.where.post([done = std::move(question.done), found = std::move(found)] { done(found); });
}

}  // namespace signalbox::event_store
