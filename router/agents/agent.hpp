// Agent: what answers a message. An agent is a coroutine over AgentRun; every await of it is a
// numbered step whose result is an event that counts before the agent sees it, so a run goes on
// after a crash by feeding the recorded results back to the same code. Hence an agent must take the
// same steps when it is given the same results: no clock, no randomness, no I/O but through steps.
// A code change that takes other steps needs another version(), and ends open runs as
// agent_diverged.
//
// Thread: the router's, which is one for all partitions and runs. An agent is called there and
// nowhere else, so it needs no lock, and while it computes nothing else of the router goes on: what
// takes real work or I/O belongs into a tool. Many runs of one agent are open at a time, each with
// a task of its own.
// Errors: what the coroutine throws ends its run as agent_failed{agent_error} with what() as the
// message, which the user sees; that run alone. start(), find_tool() and a tool must not throw.
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "event-store/model/context.hpp"
#include "event-store/model/event.hpp"
#include "event-store/model/json_text.hpp"
#include "router/agents/agent_task.hpp"
#include "router/agents/tool.hpp"

namespace signalbox::router {

// ---- what an agent can await
struct ThinkStep {
  std::string content;
};
struct ToolStep {
  std::string name;
  JsonText arguments;
};
struct AskStep {
  std::string prompt;
  JsonText schema;  // JSON Schema (type, properties, required, enum) the answer must meet
  std::chrono::seconds expires_after;
};
using StepRequest = std::variant<ThinkStep, ToolStep, AskStep>;

struct ThinkDone {};
using StepResult = std::variant<ThinkDone, ToolResult, JsonText>;

// Who carries out the steps of a run: the supervisor, or a driver in tests.
class StepDriver {
 public:
  virtual ~StepDriver() = default;
  // Called from inside the coroutine, which is suspended when it returns. The driver later stores
  // the result in the AgentRun (deliver) and resumes the task; never inside this call.
  virtual void begin(StepRequest request) = 0;
  // A piece of the answer while it grows. Not a step: nothing is recorded, nothing waits.
  virtual void respond(std::string_view piece) = 0;
};

// What an agent sees of its run.
class AgentRun {
 public:
  struct Input {
    UserExecutionContext context;
    std::string content;                // what the user said
    std::optional<std::string> memory;  // of the thread's previous run
  };

  AgentRun(Input input, StepDriver& driver) : input_(std::move(input)), driver_(driver) {}
  AgentRun(const AgentRun&) = delete;
  AgentRun& operator=(const AgentRun&) = delete;

  [[nodiscard]] const UserExecutionContext& context() const { return input_.context; }
  [[nodiscard]] const std::string& content() const { return input_.content; }
  [[nodiscard]] const std::optional<std::string>& memory() const { return input_.memory; }

  template <class T>
  class Await {
   public:
    Await(AgentRun& run, StepRequest request) : run_(run), request_(std::move(request)) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) { run_.driver_.begin(std::move(request_)); }
    T await_resume() { return std::get<T>(std::exchange(run_.result_, std::nullopt).value()); }

   private:
    AgentRun& run_;
    StepRequest request_;
  };

  // A thought the user may see (agent_thinking).
  [[nodiscard]] Await<ThinkDone> think(std::string content) {
    return {*this, ThinkStep{std::move(content)}};
  }
  // Calls one of the agent's tools; its error is a result like any other.
  [[nodiscard]] Await<ToolResult> call_tool(std::string name, JsonText arguments) {
    return {*this, ToolStep{std::move(name), std::move(arguments)}};
  }
  // Asks a person and waits; the run's deadline stands still meanwhile.
  [[nodiscard]] Await<JsonText> ask(std::string prompt, JsonText schema,
                                    std::chrono::seconds expires_after) {
    return {*this, AskStep{std::move(prompt), std::move(schema), expires_after}};
  }
  // Shows a piece of the answer before it is complete; AgentAnswer::content holds the whole of it.
  void respond(std::string_view piece) { driver_.respond(piece); }

  // For the driver: the result of the step that was begun last; then it resumes the task.
  void deliver(StepResult result) { result_ = std::move(result); }

 private:
  Input input_;
  StepDriver& driver_;
  std::optional<StepResult> result_;
};

class Agent {
 public:
  virtual ~Agent() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string_view version() const = 0;
  // Tools it may call by name; they outlive every run.
  [[nodiscard]] virtual Tool* find_tool(std::string_view tool_name) = 0;
  // The agent outlives the task; `run` does too.
  [[nodiscard]] virtual AgentTask start(AgentRun& run) = 0;
};

// How long a step and a run of one agent may take, where that is not what the router's options say
// (contract 11).
struct AgentDeadlines {
  std::optional<std::chrono::milliseconds> step{};
  std::optional<std::chrono::milliseconds> run{};
};

// The agents of a router by name. Filled at start-up, then constant.
class AgentRegistry {
 public:
  void add(std::unique_ptr<Agent> agent, AgentDeadlines deadlines = {}) {
    agents_.push_back({std::move(agent), deadlines});
  }
  [[nodiscard]] Agent* find(std::string_view name) const {
    for (const Entry& entry : agents_)
      if (entry.agent->name() == name) return entry.agent.get();
    return nullptr;
  }
  // Nothing of its own for an agent that is not there.
  [[nodiscard]] AgentDeadlines deadlines(std::string_view name) const {
    for (const Entry& entry : agents_)
      if (entry.agent->name() == name) return entry.deadlines;
    return {};
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Entry& entry : agents_) names.emplace_back(entry.agent->name());
    return names;
  }

 private:
  struct Entry {
    std::unique_ptr<Agent> agent;
    AgentDeadlines deadlines;
  };
  std::vector<Entry> agents_;
};

}  // namespace signalbox::router
