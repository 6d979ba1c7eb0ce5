// AgentTask: the coroutine of one agent run. It starts suspended and is resumed only by its
// supervisor, on the supervisor's thread; destroying it ends the run where it stands, which is how
// a cancel works.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace signalbox::router {

// What an agent says in the end. `memory` (at most kMemoryBytesMax bytes, never shown to anybody)
// is handed to the next run in the same thread.
struct AgentAnswer {
  std::string content;
  std::optional<std::string> memory{};
};

class AgentTask {
 public:
  struct promise_type {
    std::optional<AgentAnswer> answer;
    std::exception_ptr failure;

    AgentTask get_return_object() {
      return AgentTask(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(AgentAnswer value) { answer = std::move(value); }
    void unhandled_exception() { failure = std::current_exception(); }
  };

  AgentTask(AgentTask&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  AgentTask& operator=(AgentTask&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~AgentTask() {
    if (handle_) handle_.destroy();
  }

  // Runs the agent until its next await or its end.
  void resume() { handle_.resume(); }
  [[nodiscard]] bool done() const { return handle_.done(); }
  // Once done: the answer, or nothing when the agent threw.
  [[nodiscard]] std::optional<AgentAnswer>& answer() { return handle_.promise().answer; }
  [[nodiscard]] std::exception_ptr failure() const { return handle_.promise().failure; }

 private:
  explicit AgentTask(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace signalbox::router
