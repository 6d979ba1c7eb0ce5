// OwnershipTest: two machines on one simulated partition, with what tests say, break and read
// there. One thread, virtual time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/router/counting_agent.hpp"
#include "tests/router/simulated_router.hpp"

namespace signalbox::router {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test_support::AppendFate;
using Names = std::vector<std::string>;

class OwnershipTest : public ::testing::Test {
 protected:
  OwnershipTest() {
    agents_.add(std::make_unique<CountingAgent>(calls_));
    agents_.add(std::make_unique<testing::EchoAgent>());
    agents_.add(std::make_unique<testing::AskAgent>());
    options_.rules.agents = agents_.names();
    options_.rules.default_agent = "echo";
  }

  void says(const std::string& user, const std::string& message,
            const std::string& agent = "echo") {
    put(user, UserMessage{MessageId(message), ThreadId("t"), "hello", agent});
  }
  void cancels(const std::string& user, const std::string& message) {
    put(user, CancelRun{event_store::run_id_of(UserId(user), MessageId(message))});
  }
  void put(const std::string& user, CommandData data) {
    log_.put({Topic::inbound, kSimulatedPartition},
             event_store::encode_command({.id = "c",
                                          .source = "/test",
                                          .time = Timestamp{},
                                          .user_id = UserId(user),
                                          .websocket_client_id = WebsocketClientId("ws_a"),
                                          .traceparent = std::nullopt,
                                          .data = std::move(data)}));
  }
  void puts_nonsense() {
    log_.put({Topic::inbound, kSimulatedPartition},
             {.key = std::nullopt, .headers = {}, .value = "?"});
  }

  // As another process would write it.
  void put_control(ControlData data) {
    log_.put(
        {Topic::events, kSimulatedPartition},
        event_store::encode_control(
            {.id = "stranger", .source = "/test", .time = Timestamp{}, .data = std::move(data)}));
  }
  [[nodiscard]] PartitionOwned claim_of_a_stranger(Epoch epoch, Offset inbound_next = Offset(0)) {
    Uuid claim;
    claim.bytes[0] = static_cast<std::uint8_t>(epoch.value());
    return {.log_id = log_id(),
            .epoch = epoch,
            .claim_id = ClaimId(claim),
            .router_id = "stranger",
            .inbound_next = inbound_next};
  }

  // `user:name` of the valid events, in log order.
  [[nodiscard]] Names events() const {
    Names names;
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      if (event_store::fold(position, *record).verdict == event_store::Verdict::valid)
        names.push_back(record->key.value_or("nobody") + ":" + name_of(*record));
    return names;
  }
  [[nodiscard]] static std::string name_of(const Record& record) {
    return std::string(*record.header("ce_type")).substr(std::string("dev.signalbox.").size());
  }
  [[nodiscard]] static bool is(const NewRecord& record, const std::string& name) {
    const auto type = record.headers.find("ce_type");
    return type && *type == "dev.signalbox." + name;
  }
  [[nodiscard]] bool has(const std::string& event) const {
    const Names names = events();
    return std::ranges::find(names, event) != names.end();
  }
  void until(const std::string& event) {
    EXPECT_TRUE(scheduler_.run_until([&] { return has(event); })) << "never came: " << event;
  }
  void serves(SimulatedRouter& router) {
    router.start();
    EXPECT_TRUE(scheduler_.run_until([&] { return router.is_serving(); }));
  }
  // The fate of the first append of that name; everything else lands at once.
  void first(const std::string& name, AppendFate fate) {
    log_.set_fate(
        [name, fate, met = false](const TopicPartition& at, const NewRecord& record) mutable {
          const bool is_it = !met && (is(record, name) || to_text(at.topic) == name);
          met = met || is_it;
          return std::optional(is_it ? fate : AppendFate{});
        });
  }
  [[nodiscard]] std::size_t count_of(event_store::Verdict verdict) const {
    std::size_t count = 0;
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      count += event_store::fold(position, *record).verdict == verdict ? 1 : 0;
    return count;
  }
  [[nodiscard]] std::size_t superseded() const {
    return count_of(event_store::Verdict::superseded);
  }
  // Inbound offsets of the valid outcomes of messages, in log order.
  [[nodiscard]] std::vector<std::int64_t> outcomes() const {
    std::vector<std::int64_t> offsets;
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      if (event_store::fold(position, *record).verdict == event_store::Verdict::valid &&
          name_of(*record).starts_with("message_"))
        offsets.push_back(event_store::header_number(*record, "ce_inboundoffset").value());
    return offsets;
  }
  [[nodiscard]] std::vector<PartitionCheckpoint> checkpoints() const {
    std::vector<PartitionCheckpoint> found;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      if (event_store::is_control(*record))
        if (const auto control = event_store::decode_control(*record); control)
          if (const auto* checkpoint = std::get_if<PartitionCheckpoint>(&control->data))
            found.push_back(*checkpoint);
    return found;
  }
  // Where every record has an event, `inbound_next` of a claim or checkpoint may not be above what
  // the valid events before it say.
  void expect_stated_resume_was_read_back(std::size_t claims) const {
    std::size_t claimed = 0;
    event_store::Position position;
    Offset next(0);
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition})) {
      const auto judged = event_store::fold(position, *record);
      if (judged.verdict == event_store::Verdict::valid)
        next = std::max(
            next, Offset(event_store::header_number(*record, "ce_inboundoffset").value() + 1));
      if (!judged.control) continue;
      if (const auto* owned = std::get_if<PartitionOwned>(&*judged.control)) {
        EXPECT_LE(owned->inbound_next, next) << "offset " << record->offset.value();
        ++claimed;
      }
      if (const auto* checkpoint = std::get_if<PartitionCheckpoint>(&*judged.control)) {
        EXPECT_LE(checkpoint->inbound_next, next) << "offset " << record->offset.value();
      }
    }
    EXPECT_EQ(claimed, claims);
  }
  [[nodiscard]] LogId log_id() { return log_.open_session()->describe().log_id; }
  std::size_t position_of(const std::string& event) const {
    const Names names = events();
    return static_cast<std::size_t>(std::ranges::find(names, event) - names.begin());
  }

  test_support::SimulatedScheduler scheduler_;
  Random random_{7};
  test_support::SimulatedEventLog log_{scheduler_, {.partitions = 1}};
  std::map<CallId, int> calls_;
  AgentRegistry agents_;
  RouterOptions options_;
  SimulatedRouter a_{scheduler_, log_, agents_, options_, random_};
  SimulatedRouter b_{scheduler_, log_, agents_, options_, random_};
};

inline constexpr AppendFate kLostSilently{.copies = 0, .report = AppendFate::Report::never};
inline constexpr AppendFate kLostWithError{.copies = 0, .report = AppendFate::Report::error};

}  // namespace signalbox::router
