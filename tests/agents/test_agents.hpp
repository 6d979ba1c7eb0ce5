// Agents that do one thing each, for tests of whatever drives agents. They live as long as the
// registry they are added to; one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "router/agents/agent.hpp"

namespace signalbox::testing {

// "echo": thinks "echo", then answers with what it was told, in pieces of 8 bytes at most. Its
// memory counts the runs of the thread ("1", "2", ...).
class EchoAgent : public router::Agent {
 public:
  [[nodiscard]] std::string_view name() const override { return "echo"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] router::Tool* find_tool(std::string_view) override { return nullptr; }
  [[nodiscard]] router::AgentTask start(router::AgentRun& run) override;
};

// "ask": asks "Shall I?" with a schema that takes {"confirmed": true|false}, waits as long as it
// was made for, then answers "Confirmed." or "Not confirmed.".
class AskAgent : public router::Agent {
 public:
  explicit AskAgent(std::chrono::seconds expires_after = std::chrono::minutes(5))
      : expires_after_(expires_after) {}
  [[nodiscard]] std::string_view name() const override { return "ask"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] router::Tool* find_tool(std::string_view) override { return nullptr; }
  [[nodiscard]] router::AgentTask start(router::AgentRun& run) override;

 private:
  std::chrono::seconds expires_after_;
};

// "crash": thinks, then throws std::runtime_error("the agent broke").
class CrashAgent : public router::Agent {
 public:
  [[nodiscard]] std::string_view name() const override { return "crash"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] router::Tool* find_tool(std::string_view) override { return nullptr; }
  [[nodiscard]] router::AgentTask start(router::AgentRun& run) override;
};

// What calls of a slow tool did, over all owners that share the object.
struct SlowToolCalls {
  int started = 0;
  int reattached = 0;
  int finished = 0;
  int abandoned = 0;  // the execution was destroyed before its time
};

// "slow": calls its tool `slow` once with {"request": <content>}; the tool takes `duration` and
// returns {"slept_ms": n}. Answers "done", or "error <code>" when the tool's result is an error.
class SlowToolAgent : public router::Agent {
 public:
  SlowToolAgent(std::chrono::milliseconds duration, router::OnUnknown on_unknown,
                std::shared_ptr<SlowToolCalls> calls = std::make_shared<SlowToolCalls>());
  ~SlowToolAgent() override;
  [[nodiscard]] std::string_view name() const override { return "slow"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] router::Tool* find_tool(std::string_view tool_name) override;
  [[nodiscard]] router::AgentTask start(router::AgentRun& run) override;

 private:
  std::unique_ptr<router::Tool> tool_;
};

// "huge": answers with 600 KiB, more than an event may hold; with huge tool results instead when
// the content is "tool" (its tool `huge` returns 600 KiB, and the answer is "error <code>" or
// "done").
class HugeAnswerAgent : public router::Agent {
 public:
  HugeAnswerAgent();
  ~HugeAnswerAgent() override;
  [[nodiscard]] std::string_view name() const override { return "huge"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] router::Tool* find_tool(std::string_view tool_name) override;
  [[nodiscard]] router::AgentTask start(router::AgentRun& run) override;

 private:
  std::unique_ptr<router::Tool> tool_;
};
inline constexpr std::size_t kHugeBytes = std::size_t{600} * 1024;

// "diverging": thinks "first way" or, once take_other_way is set, "other way", as an agent whose
// code changed without a new version would; then asks "Go on?" like AskAgent and answers "done".
class DivergingAgent : public router::Agent {
 public:
  [[nodiscard]] std::string_view name() const override { return "diverging"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] router::Tool* find_tool(std::string_view) override { return nullptr; }
  [[nodiscard]] router::AgentTask start(router::AgentRun& run) override;

  static inline bool take_other_way = false;
};

}  // namespace signalbox::testing
