// What an owner does when the log refuses an event as larger than it takes, as where a topic was
// narrowed while routers run (ownership rule 7): only what was refused is given up, in a higher
// epoch.
#include <gtest/gtest.h>

#include "tests/router/ownership_test.hpp"
#include "tests/support/log_lines.hpp"

namespace signalbox::router {
namespace {

constexpr AppendFate kTooLarge{
    .copies = 0, .report = AppendFate::Report::error, .error = Errc::too_large};

constexpr std::size_t kLongBytes = 20'000;

class LongAnswerAgent final : public Agent {
 public:
  [[nodiscard]] std::string_view name() const override { return "long"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] Tool* find_tool(std::string_view) override { return nullptr; }
  [[nodiscard]] AgentTask start(AgentRun& run) override {
    co_await run.think("long");
    co_return AgentAnswer{std::string(kLongBytes, 'x'), std::nullopt};
  }
};

class RefusedEvent : public OwnershipTest {
 protected:
  RefusedEvent() {
    agents_.add(std::make_unique<LongAnswerAgent>());
    options_.rules.agents = agents_.names();
  }

  // From now on the topic takes only events whose value is at most that large.
  void narrow(std::size_t value_bytes_max) {
    log_.set_fate([this, value_bytes_max](const TopicPartition& at, const NewRecord& record) {
      const bool is_refused =
          at.topic == Topic::events && record.key && record.value.size() > value_bytes_max;
      refused_ += is_refused ? 1 : 0;
      return std::optional(is_refused ? kTooLarge : AppendFate{});
    });
  }
  void says_much(const std::string& user, const std::string& message, std::size_t bytes) {
    put(user, UserMessage{MessageId(message), ThreadId("t"), std::string(bytes, 'x'), "echo"});
  }
  template <class T>
  [[nodiscard]] std::vector<T> facts_of(const std::string& user) const {
    std::vector<T> facts;
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition})) {
      if (event_store::fold(position, *record).verdict != event_store::Verdict::valid) continue;
      if (record->key != user) continue;
      const auto event = event_store::decode_event(*record);
      if (!event) continue;
      if (const auto* fact = std::get_if<T>(&event->data)) facts.push_back(*fact);
    }
    return facts;
  }

  [[nodiscard]] std::size_t landed_events() const {
    const auto records = log_.records({Topic::events, kSimulatedPartition});
    return static_cast<std::size_t>(
        std::ranges::count_if(records, [](const auto& record) { return record->key.has_value(); }));
  }

  int refused_ = 0;
};

// Found by reading: it was sent again for ever, and nobody of its partition was served.
TEST_F(RefusedEvent, AMessageWhoseOutcomeTheLogDoesNotTakeIsPoisonAndTheOthersAreServed) {
  serves(a_);
  says("u1", "m", "ask");
  until("u1:input_requested");
  narrow(1000);
  says_much("u0", "large", 2000);
  says("u2", "m");
  until("u2:agent_completed");
  const auto rejected = facts_of<MessageRejected>("u0");
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].code, RejectCode::poison);
  EXPECT_EQ(rejected[0].message_id, MessageId("large"));
  EXPECT_EQ(outcomes(), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(log_.records({Topic::quarantine, kSimulatedPartition}).size(), 1u);
  EXPECT_EQ(refused_, 2) << "once with the others, once alone";
  EXPECT_EQ(a_.counters.terms, 2u);
  EXPECT_EQ(a_.counters.refused, 1u);
  narrow(100'000);
  says_much("u0", "large", 2000);
  until("u0:agent_completed");
}

TEST_F(RefusedEvent, ARunWhoseAnswerTheLogDoesNotTakeFailsAndTheNextOneIsServed) {
  narrow(kLongBytes);
  serves(a_);
  says("u0", "m", "long");
  says("u0", "next");
  until("u0:agent_completed");
  const auto failed = facts_of<AgentFailed>("u0");
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].code, FailureCode::output_too_large);
  EXPECT_EQ(a_.counters.terms, 2u);
  EXPECT_TRUE(log_.records({Topic::quarantine, kSimulatedPartition}).empty());
}

// The brokers judge what is sent together.
TEST_F(RefusedEvent, EventsThatAreOnlyTooLargeTogetherAreSentOneByOne) {
  serves(a_);
  std::size_t taken = 0;
  std::size_t together = 0;
  log_.set_fate([&](const TopicPartition& at, const NewRecord& record) {
    constexpr AppendFate kSlow{.delay = milliseconds(1)};
    if (at.topic != Topic::events || !record.key) return std::optional(kSlow);
    const bool is_alone = taken == landed_events();
    ++(is_alone ? taken : together);
    return std::optional(is_alone ? kSlow : kTooLarge);
  });
  for (const char* user : {"u0", "u1", "u2", "u3"}) says(user, "m");
  for (const char* user : {"u0", "u1", "u2", "u3"}) until(std::string(user) + ":agent_completed");
  EXPECT_GT(together, 0u);
  EXPECT_EQ(a_.counters.refused, 0u);
  EXPECT_EQ(a_.counters.terms, 1u);
}

TEST_F(RefusedEvent, ALogThatTakesNothingIsNamedAndGivenItLessOften) {
  serves(a_);
  const test_support::LogLines lines;
  narrow(0);
  says("u0", "m");
  for (int look = 0; look < 20; ++look) {
    scheduler_.advance(seconds(3));
    EXPECT_FALSE(a_.is_serving());
  }
  EXPECT_NE(lines.text().find("message_received at owner seq 1 of epoch 1 was refused"),
            std::string::npos)
      << lines.text();
  EXPECT_NE(lines.text().find("message_rejected at owner seq 1 of epoch 2 was refused"),
            std::string::npos)
      << lines.text();
  EXPECT_GT(refused_, 10);
  EXPECT_LT(refused_, 40);
  narrow(100'000);
  until("u0:message_rejected");
  says("u0", "next");
  until("u0:agent_completed");
  EXPECT_EQ(a_.why_not_serving(), "");
}

// Found by reading: it was tried again for ever, and nobody was told why.
TEST_F(RefusedEvent, AClaimThatFailsIsNamedAndMadeLessOften) {
  int claims = 0;
  log_.set_fate([&claims](const TopicPartition& at, const NewRecord& record) {
    if (at.topic != Topic::events || !is(record, "control.partition_owned"))
      return std::optional<AppendFate>();
    ++claims;
    return std::optional(kTooLarge);
  });
  a_.start();
  scheduler_.advance(minutes(1));
  EXPECT_EQ(a_.why_not_serving(), "waits for the log: the log did not answer");
  EXPECT_GT(claims, 5);
  EXPECT_LT(claims, 30);
  log_.set_fate(nullptr);
  EXPECT_TRUE(scheduler_.run_until([&] { return a_.is_serving(); }));
  EXPECT_EQ(a_.why_not_serving(), "");
}

// Only who was refused knows of it; whoever is next finds out for himself.
TEST_F(RefusedEvent, AnotherOwnerFindsOutForItself) {
  serves(a_);
  narrow(1000);
  says_much("u0", "large", 2000);
  EXPECT_TRUE(scheduler_.run_until([&] { return a_.counters.refused > 0; }));
  a_.kill();
  serves(b_);
  until("u0:message_rejected");
  EXPECT_EQ(b_.counters.refused, 1u);
}

}  // namespace
}  // namespace signalbox::router
