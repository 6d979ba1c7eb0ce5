// Supervisors without a log: facts they state count at once, time is virtual.
#include "router/supervisor.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <thread>

#include "event-store/contract/identity.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/support/simulated_scheduler.hpp"

namespace signalbox::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

UserExecutionContext context_of(int number) {
  Uuid run;
  run.bytes[0] = static_cast<std::uint8_t>(number);
  run.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  return {.user_id = UserId("u"),
          .thread_id = ThreadId("t"),
          .run_id = RunId(run),
          .websocket_client_id = WebsocketClientId("ws_a")};
}

// One supervisor whose facts count as soon as they are stated.
class SupervisorStory {
 public:
  SupervisorStory() {
    gate_->state = [this](const UserExecutionContext&, EventData data) -> Result<void> {
      facts.push_back(data);
      executor_.post([this, data] {
        if (supervisor) supervisor->on_counted(data);
      });
      return {};
    };
    gate_->respond = [this](const UserExecutionContext&, Attempt, AgentResponding piece) {
      pieces.push_back(std::move(piece));
      pieces_at.push_back(scheduler.clock().monotonic() - begin_);
    };
  }

  void runs(std::unique_ptr<Agent> agent, std::vector<RecordedStep> steps = {},
            std::string content = "hello") {
    prepare(std::move(agent), std::move(steps), std::move(content));
    supervisor->start();
    scheduler.run_until_idle();
  }
  // The schema AskAgent asks with.
  static std::string ask_schema() {
    SupervisorStory story;
    story.runs(std::make_unique<testing::AskAgent>());
    return story.last<InputRequested>().schema.value();
  }
  void prepare(std::unique_ptr<Agent> agent, std::vector<RecordedStep> steps = {},
               std::string content = "hello") {
    const std::string name(agent->name());
    agents_.add(std::move(agent), deadlines);
    supervisor = factory_.create_supervisor({.context = context_of(1),
                                             .content = std::move(content),
                                             .memory = std::nullopt,
                                             .steps = std::move(steps),
                                             .time_left = time_left},
                                            name, gate_, executor_);
    ASSERT_TRUE(supervisor);
  }
  template <class T>
  [[nodiscard]] const T& last() const {
    return std::get<T>(facts.back());
  }

  test_support::SimulatedScheduler scheduler;
  milliseconds time_left = minutes(15);
  AgentDeadlines deadlines{};
  std::vector<EventData> facts;
  std::vector<AgentResponding> pieces;
  std::vector<std::chrono::nanoseconds> pieces_at;  // since the story began
  std::unique_ptr<Supervisor> supervisor;

 private:
  Executor& executor_ = scheduler.make_executor("router");
  MonotonicTime begin_ = scheduler.clock().monotonic();
  AgentRegistry agents_;
  SupervisorFactory factory_{agents_, scheduler.clock(), {}};
  std::shared_ptr<TermGate> gate_ = std::make_shared<TermGate>();
};

std::unique_ptr<Agent> slow_agent(milliseconds duration, OnUnknown on_unknown,
                                  std::shared_ptr<testing::SlowToolCalls> calls) {
  return std::make_unique<testing::SlowToolAgent>(duration, on_unknown, std::move(calls));
}

TEST(Supervisor, AToolOfMoreThanAMinuteIsAnErrorTheAgentSees) {
  SupervisorStory story;
  const auto calls = std::make_shared<testing::SlowToolCalls>();
  story.runs(slow_agent(minutes(5), OnUnknown::retry, calls));
  EXPECT_TRUE(story.supervisor->is_in_step());
  story.scheduler.advance(seconds(59));
  EXPECT_TRUE(std::holds_alternative<ToolExecuting>(story.facts.back()));
  story.scheduler.advance(seconds(2));
  EXPECT_EQ(story.last<AgentCompleted>().content, "error deadline");
  EXPECT_EQ(calls->abandoned, 1);
}

TEST(Supervisor, AnAgentMayHaveAnotherDeadlineForItsSteps) {
  for (const milliseconds own : {milliseconds(seconds(5)), milliseconds(minutes(10))}) {
    SupervisorStory story;
    story.deadlines.step = own;
    const auto calls = std::make_shared<testing::SlowToolCalls>();
    story.runs(slow_agent(minutes(12), OnUnknown::retry, calls));
    story.scheduler.advance(own - milliseconds(1));
    EXPECT_TRUE(story.supervisor->is_in_step());
    story.scheduler.advance(milliseconds(2));
    EXPECT_EQ(story.last<AgentCompleted>().content, "error deadline");
  }
}

TEST(Supervisor, TheRunsDeadlineStandsStillWhileAPersonThinks) {
  SupervisorStory story;
  story.runs(std::make_unique<testing::AskAgent>(std::chrono::hours(5)));
  story.scheduler.advance(minutes(60));
  EXPECT_TRUE(std::holds_alternative<InputRequested>(story.facts.back()));
  story.supervisor->on_counted(
      RunInputReceived{.run_id = context_of(1).run_id,
                       .request_id = story.last<InputRequested>().request_id,
                       .data = JsonText(R"({"confirmed":true})")});
  story.scheduler.run_until_idle();
  EXPECT_EQ(story.last<AgentCompleted>().content, "Confirmed.");
}

RecordedStep asked_at(Step step) {
  return RecordedQuestion{
      .request_id =
          RequestId(event_store::call_id_of(context_of(1).run_id, step).value().to_string()),
      .prompt = {.text = "Shall I?", .seq = Seq(3)},
      .schema = {.text = SupervisorStory::ask_schema(), .seq = Seq(3), .part = TextPart::schema},
      .expires = Timestamp::max()};
}

// The answer is read back between the take-over and the resumed agent's return to its question.
TEST(Supervisor, AnAnswerThatOvertakesTheResumedAgentIsKept) {
  SupervisorStory story;
  story.prepare(std::make_unique<testing::AskAgent>(), {asked_at(Step(1))});
  story.supervisor->start();
  const RunInputReceived answer{
      .run_id = context_of(1).run_id,
      .request_id = std::get<RecordedQuestion>(asked_at(Step(1))).request_id,
      .data = JsonText(R"({"confirmed":true})")};
  story.supervisor->on_counted(answer);
  story.supervisor->on_counted(answer);
  story.scheduler.run_until_idle();
  ASSERT_EQ(story.facts.size(), 1u);
  EXPECT_EQ(story.last<AgentCompleted>().content, "Confirmed.");
  story.supervisor.reset();
  story.scheduler.advance(minutes(20));  // no timer of it is left to fire
}

TEST(Supervisor, AnAnswerThatComesBeforeTheResumedAgentHasStartedIsKept) {
  SupervisorStory story;
  story.prepare(std::make_unique<testing::AskAgent>(), {asked_at(Step(1))});
  story.supervisor->on_counted(
      RunInputReceived{.run_id = context_of(1).run_id,
                       .request_id = std::get<RecordedQuestion>(asked_at(Step(1))).request_id,
                       .data = JsonText(R"({"confirmed":true})")});
  story.supervisor->start();
  story.scheduler.run_until_idle();
  ASSERT_EQ(story.facts.size(), 1u);
  EXPECT_EQ(story.last<AgentCompleted>().content, "Confirmed.");
}

TEST(Supervisor, ARunThatTakesLongerThanItHasLeftFails) {
  SupervisorStory story;
  const auto calls = std::make_shared<testing::SlowToolCalls>();
  story.time_left = seconds(20);
  story.runs(slow_agent(seconds(50), OnUnknown::retry, calls));
  story.scheduler.advance(seconds(21));
  EXPECT_EQ(story.last<AgentFailed>().code, FailureCode::deadline);
}

TEST(Supervisor, ARecordedStepOfAnotherToolMeansTheCodeHasChanged) {
  SupervisorStory story;
  const auto calls = std::make_shared<testing::SlowToolCalls>();
  story.runs(
      slow_agent(seconds(1), OnUnknown::retry, calls),
      {RecordedCall{.call_id = CallId(Uuid{}), .name = "other", .arguments = {"{}", Seq(1)}}});
  EXPECT_EQ(story.last<AgentFailed>().code, FailureCode::agent_diverged);
  EXPECT_EQ(calls->started, 0);
}

TEST(Supervisor, NobodyAnswersInTime) {
  SupervisorStory story;
  story.runs(std::make_unique<testing::AskAgent>(seconds(30)));
  story.scheduler.advance(seconds(31));
  EXPECT_EQ(story.last<AgentFailed>().code, FailureCode::deadline);
}

TEST(Supervisor, ACancelWaitsFiveSecondsForTheStepUnderWay) {
  SupervisorStory story;
  const auto calls = std::make_shared<testing::SlowToolCalls>();
  story.runs(slow_agent(seconds(40), OnUnknown::retry, calls));
  story.supervisor->cancel("ws_b");
  story.scheduler.advance(milliseconds(4900));
  EXPECT_TRUE(std::holds_alternative<ToolExecuting>(story.facts.back()));
  story.scheduler.advance(milliseconds(200));
  EXPECT_EQ(story.last<AgentCancelled>().by, "ws_b");
  story.scheduler.advance(minutes(20));
  EXPECT_TRUE(std::holds_alternative<AgentCancelled>(story.facts.back()))
      << "nothing comes after it";
}

std::vector<RecordedStep> call_in_flight() {
  return {RecordedCall{
      .call_id = CallId(Uuid{}), .name = "slow", .arguments = {R"({"request": "hello"})", Seq(3)}}};
}

TEST(Supervisor, ACallInFlightAtACrashIsMadeAgainOrAskedForOrUnknown) {
  for (const OnUnknown way : {OnUnknown::retry, OnUnknown::reattach, OnUnknown::fail}) {
    SupervisorStory story;
    const auto calls = std::make_shared<testing::SlowToolCalls>();
    story.runs(slow_agent(milliseconds(10), way, calls), call_in_flight());
    story.scheduler.advance(seconds(1));
    EXPECT_EQ(calls->started, way == OnUnknown::retry ? 1 : 0);
    EXPECT_EQ(calls->reattached, way == OnUnknown::reattach ? 1 : 0);
    if (way == OnUnknown::fail) {
      EXPECT_EQ(std::get<ToolCompleted>(story.facts.front()).error->code, "outcome_unknown");
      EXPECT_EQ(story.last<AgentCompleted>().content, "error outcome_unknown");
    } else {
      EXPECT_TRUE(std::holds_alternative<ToolExecuting>(story.facts.front()))
          << "stated again before it is called again";
      EXPECT_EQ(story.last<AgentCompleted>().content, "done");
    }
  }
}

TEST(Supervisor, NoToolIsCalledBeforeItsCallCounts) {
  test_support::SimulatedScheduler scheduler;
  Executor& executor = scheduler.make_executor("router");
  AgentRegistry agents;
  const auto calls = std::make_shared<testing::SlowToolCalls>();
  agents.add(slow_agent(milliseconds(10), OnUnknown::retry, calls));
  const SupervisorFactory factory(agents, scheduler.clock(), {});
  const auto gate = std::make_shared<TermGate>();
  std::vector<EventData> stated;
  gate->state = [&](const UserExecutionContext&, EventData data) -> Result<void> {
    stated.push_back(std::move(data));
    return {};
  };
  auto supervisor = factory.create_supervisor({.context = context_of(1),
                                               .content = "x",
                                               .memory = {},
                                               .steps = {},
                                               .time_left = minutes(15)},
                                              "slow", gate, executor);
  supervisor->start();
  scheduler.advance(minutes(1));
  ASSERT_EQ(stated.size(), 1u);
  EXPECT_EQ(calls->started, 0);
  supervisor->on_counted(stated[0]);
  EXPECT_EQ(calls->started, 1);
}

TEST(Supervisor, AnEmitterRefusesOnceItsTermIsOver) {
  auto gate = std::make_shared<TermGate>();
  UserEmitter emitter = create_user_emitter(context_of(1), gate);
  gate.reset();
  const auto refused = emitter.emit(AgentThinking{.step = Step(1), .content = "x"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::not_owner);
}

TEST(Supervisor, PiecesOfAnAnswerComeAtOnceThenPacedAndAddUp) {
  SupervisorStory story;
  story.runs(std::make_unique<testing::EchoAgent>(), {},
             "gr\xc3\xbc\xc3\x9f dich, alte welt, noch einmal");
  ASSERT_FALSE(story.pieces.empty());
  std::string whole;
  std::int64_t points = 0;
  for (std::size_t i = 0; i < story.pieces.size(); ++i) {
    EXPECT_EQ(story.pieces[i].index, static_cast<std::int32_t>(i));
    EXPECT_EQ(story.pieces[i].offset, points);
    whole += story.pieces[i].content;
    for (const char c : story.pieces[i].content)
      points += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }
  EXPECT_EQ(whole, story.last<AgentCompleted>().content);
  EXPECT_LE(story.pieces.size(), 2u) << "no time passed, so only the first piece and the rest";
}

// Says `bytes` x, `times` times, and calls a tool that takes `pause` after each.
class TalkingAgent final : public Agent {
 public:
  TalkingAgent(int times, std::size_t bytes, milliseconds pause)
      : times_(times), bytes_(bytes), pause_(pause), tools_(pause, OnUnknown::retry) {}
  [[nodiscard]] std::string_view name() const override { return "talking"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] Tool* find_tool(std::string_view name) override { return tools_.find_tool(name); }
  [[nodiscard]] AgentTask start(AgentRun& run) override {
    std::string said;
    for (int i = 0; i < times_; ++i) {
      run.respond(std::string(bytes_, 'x'));
      said += std::string(bytes_, 'x');
      if (pause_.count() > 0) co_await run.call_tool("slow", JsonText("{}"));
    }
    co_return AgentAnswer{.content = said};
  }

 private:
  int times_;
  std::size_t bytes_;
  milliseconds pause_;
  testing::SlowToolAgent tools_;
};

// A word every 35 ms.
TEST(Supervisor, PiecesOfAnAnswerWaitForAHundredMilliseconds) {
  SupervisorStory story;
  story.runs(std::make_unique<TalkingAgent>(20, 1, milliseconds(35)));
  story.scheduler.advance(seconds(10));
  ASSERT_EQ(story.last<AgentCompleted>().content, std::string(20, 'x'));
  std::vector<std::chrono::nanoseconds> hundreds;
  for (int i = 0; i <= 7; ++i) hundreds.push_back(i * milliseconds(100));
  EXPECT_EQ(story.pieces_at, hundreds);
  std::vector<std::size_t> sizes;
  for (const AgentResponding& piece : story.pieces) sizes.push_back(piece.content.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 2, 3, 3, 3, 3, 3, 2}));
}

TEST(Supervisor, PiecesOfAnAnswerDoNotWaitOnceThereAreFourKibibytes) {
  SupervisorStory story;
  story.runs(std::make_unique<TalkingAgent>(11, 1024, milliseconds(0)));
  std::vector<std::size_t> sizes;
  for (const AgentResponding& piece : story.pieces) sizes.push_back(piece.content.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1024, 4096, 4096, 2048}));
  for (const auto at : story.pieces_at) EXPECT_EQ(at.count(), 0);
}

TEST(Supervisor, ARunOfWhichNothingIsLeftHasASecond) {
  for (const milliseconds tool : {milliseconds(950), milliseconds(1050)}) {
    SupervisorStory story;
    story.time_left = -minutes(3);
    const auto calls = std::make_shared<testing::SlowToolCalls>();
    story.runs(slow_agent(tool, OnUnknown::retry, calls));
    story.scheduler.advance(milliseconds(999));
    EXPECT_EQ(std::holds_alternative<AgentCompleted>(story.facts.back()), tool < seconds(1));
    story.scheduler.advance(milliseconds(2));
    if (tool > seconds(1)) {
      EXPECT_EQ(story.last<AgentFailed>().code, FailureCode::deadline);
    }
  }
}

// The failure of the platform this replaces: supervisors broke when they were made, all at once.
TEST(Supervisor, TwoThousandAreMadeAndDestroyedConcurrentlyAndLeaveNothing) {
  const cli::SystemClock clock;
  const auto round = [&clock](int first) {
    cli::RoleThread thread("supervisors");
    AgentRegistry agents;
    const auto calls = std::make_shared<testing::SlowToolCalls>();
    agents.add(slow_agent(milliseconds(20), OnUnknown::retry, calls));
    const SupervisorFactory factory(agents, clock, {});
    const auto gate = std::make_shared<TermGate>();
    std::map<RunId, std::unique_ptr<Supervisor>> supervisors;
    std::atomic<int> ended = 0;
    gate->state = [&](const UserExecutionContext& context, EventData data) -> Result<void> {
      if (is_terminal(data)) ++ended;
      thread.post([&, run = context.run_id, data] {
        if (const auto found = supervisors.find(run); found != supervisors.end())
          found->second->on_counted(data);
      });
      return {};
    };
    gate->respond = [](const UserExecutionContext&, Attempt, AgentResponding) {};
    thread.run([&] {
      for (int i = 0; i < 1000; ++i) {
        auto made = factory.create_supervisor({.context = context_of(first + i),
                                               .content = "x",
                                               .memory = {},
                                               .steps = {},
                                               .time_left = minutes(15)},
                                              "slow", gate, thread);
        ASSERT_TRUE(made);
        EXPECT_EQ(made->context(), context_of(first + i));
        Supervisor& started = *made;
        supervisors.emplace(context_of(first + i).run_id, std::move(made));
        started.start();
        // Every third one is destroyed wherever it stands.
        if (i % 3 == 2) supervisors.erase(context_of(first + i - 1).run_id);
      }
    });
    while (ended < 667) std::this_thread::sleep_for(milliseconds(1));
    thread.run([&] { supervisors.clear(); });
    thread.stop();
    EXPECT_EQ(ended, 667);
  };
  const auto both = [&round] {
    std::thread other([&round] { round(1000); });
    round(0);
    other.join();
  };
  both();
  const std::size_t before = mallinfo2().uordblks;
  for (int i = 0; i < 3; ++i) both();
  const std::size_t after = mallinfo2().uordblks;
  EXPECT_LT(after, before + 64 * 1024) << "three more rounds of 2,000 left memory behind";
}

}  // namespace
}  // namespace signalbox::router
