#include "gateway/io_thread.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "event-store/model/assert.hpp"

namespace signalbox::gateway {

struct IoThread::State {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::unordered_map<std::uint64_t, asio::steady_timer> timers;
  std::uint64_t last_timer = 0;
  bool finishing = false;
  std::mutex mutex;
  std::condition_variable ended;
  bool has_ended = false;  // guarded by mutex
};

IoThread::IoThread(std::string name) : name_(std::move(name)), state_(std::make_unique<State>()) {}

IoThread::~IoThread() { finish(); }

void IoThread::start() {
  SIGNALBOX_ASSERT(!thread_.joinable());
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), name_.substr(0, 15).c_str());
}

void IoThread::run() {
  thread_id_ = std::this_thread::get_id();
  for (;;) {
    try {
      state_->context.run();
      break;
    } catch (const std::exception& e) {
      ++escaped_exceptions_;
      spdlog::error("{}: an exception escaped a task: {}", name_, e.what());
    }
  }
  const std::lock_guard lock(state_->mutex);
  state_->has_ended = true;
  state_->ended.notify_all();
}

void IoThread::finish(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return;
  post([this] {
    state_->finishing = true;
    state_->timers.clear();
    state_->work.reset();
  });
  {
    std::unique_lock lock(state_->mutex);
    if (!state_->ended.wait_for(lock, patience, [this] { return state_->has_ended; })) {
      spdlog::warn("{}: operations were left after {} ms; they are cut", name_, patience.count());
      state_->context.stop();
    }
  }
  thread_.join();
  while (posting_ != 0) std::this_thread::yield();
}

void IoThread::run_and_wait(const Task& task) {
  SIGNALBOX_ASSERT(!is_current());
  std::promise<void> done;
  post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

asio::io_context& IoThread::context() { return state_->context; }

// The task may be what the destroyer of this object waits for: finish() lets post() return first.
void IoThread::post(Task task) {
  ++posting_;
  asio::post(state_->context, std::move(task));
  --posting_;
}

TimerId IoThread::call_at(MonotonicTime when, Task task) {
  SIGNALBOX_ASSERT(is_current());
  if (state_->finishing) return TimerId::none;
  const std::uint64_t id = ++state_->last_timer;
  auto [entry, added] = state_->timers.try_emplace(id, state_->context, when);
  entry->second.async_wait([this, id, task = std::move(task)](const std::error_code& error) {
    // A timer that was cancelled when its completion was already queued is no longer in the map.
    if (error || state_->timers.erase(id) == 0) return;
    task();
  });
  return static_cast<TimerId>(id);
}

void IoThread::cancel(TimerId timer) {
  SIGNALBOX_ASSERT(is_current());
  state_->timers.erase(static_cast<std::uint64_t>(timer));
}

bool IoThread::is_current() const { return thread_id_ == std::this_thread::get_id(); }

}  // namespace signalbox::gateway
