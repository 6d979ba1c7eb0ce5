// A user whose valid events do not follow each other, and a build that cannot fold the partition
// (contract 8, 14).
#include <gtest/gtest.h>

#include "event-store/log/user_chain.hpp"
#include "router/snapshot_codec.hpp"
#include "tests/router/ownership_test.hpp"
#include "tests/support/log_lines.hpp"

namespace signalbox::router {
namespace {

class DamagedUser : public OwnershipTest {
 protected:
  // What `a_` keeps are snapshots of both users; then it is killed.
  void live_before() {
    options_.states.snapshot_events = 1;
    serves(a_);
    for (const char* user : {"u0", "u1"}) says(user, "m");
    until("u0:agent_completed");
    until("u1:agent_completed");
    scheduler_.advance(milliseconds(1));
    ASSERT_TRUE(a_.snapshots.get(user_snapshot_key(UserId("u0"))).value());
    a_.kill();
  }
  // A valid event of the last owner, whose chain hash does not follow.
  Offset puts_after_the_last(const std::string& user, const std::string& header = "",
                             const std::string& value = "") {
    event_store::Position position;
    RecordPtr last;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      if (event_store::fold(position, *record).verdict == event_store::Verdict::valid &&
          record->key == user)
        last = record;
    NewRecord next{last->key, last->headers, last->value};
    const auto seq = event_store::header_number(*last, "ce_userseq");
    next.headers.set("ce_ownerseq", std::to_string(position.owner_seq.value() + 1));
    next.headers.set("ce_userseq", std::to_string(seq.value() + 1));
    if (!header.empty()) next.headers.set(header, value);
    return log_.put({Topic::events, kSimulatedPartition}, std::move(next));
  }
  // What a foreign producer may write: the fold takes it for the owner's next event.
  void puts_foreign(std::optional<std::string> key) {
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      static_cast<void>(event_store::fold(position, *record));
    NewRecord foreign{std::move(key), {}, "{}"};
    foreign.headers.set("ce_type", "dev.signalbox.agent_thinking");
    foreign.headers.set("ce_ownerepoch", std::to_string(position.epoch.value()));
    foreign.headers.set("ce_ownerseq", std::to_string(position.owner_seq.value() + 1));
    log_.put({Topic::events, kSimulatedPartition}, std::move(foreign));
  }
  void puts_nonsense_of(const std::string& user) {
    log_.put({Topic::inbound, kSimulatedPartition}, {.key = user, .headers = {}, .value = "?"});
  }
  // Names of his valid events, with the code where there is one.
  [[nodiscard]] Names events_of(const std::string& user) const {
    Names names;
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition})) {
      if (event_store::fold(position, *record).verdict != event_store::Verdict::valid) continue;
      if (record->key != user) continue;
      names.push_back(name_of(*record));
      const auto event = event_store::decode_event(*record);
      if (const auto* rejected = event ? std::get_if<MessageRejected>(&event->data) : nullptr)
        names.back() += rejected->code == RejectCode::history_damaged ? " history_damaged" : " ?";
    }
    return names;
  }
  // Offsets at which a reader says that his history is damaged.
  [[nodiscard]] std::vector<Offset> breaks_of(const std::string& user) {
    std::vector<Offset> breaks;
    event_store::Position position;
    auto chain = event_store::start_of_chain(log_id(), UserId(user));
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      if (event_store::fold(position, *record).verdict == event_store::Verdict::valid &&
          record->key == user)
        if (const auto broken = event_store::follow(chain, *record))
          breaks.push_back(broken->offset);
    return breaks;
  }
  // Lines of level error while `router` starts.
  std::string errors_at_start_of(SimulatedRouter& router) {
    const test_support::LogLines lines(spdlog::level::err);
    serves(router);
    return lines.text();
  }
};

TEST_F(DamagedUser, IsCountedAndNamedOnceWhetherFoldedFromTheBeginningOrRebuilt) {
  live_before();
  const Offset damaged = puts_after_the_last("u0");
  for (SimulatedRouter* router : {&b_, &a_}) {
    const bool is_rebuilt = router == &a_;
    const std::string errors = errors_at_start_of(*router);
    EXPECT_EQ(router->counters.rebuilds, is_rebuilt ? 1u : 0u);
    EXPECT_EQ(router->counters.states.users_damaged, 1u) << (is_rebuilt ? "rebuilt" : "folded");
    EXPECT_NE(
        errors.find("partition 0 is damaged at offset " + std::to_string(damaged.value()) + ": "),
        std::string::npos)
        << errors;
    router->kill();
  }
}

// Contract 8: whoever may write to events can move the resume point; no command is skipped for it.
TEST_F(DamagedUser, ARecordThatNamesACommandBeyondInboundsEndStopsThePartitionWhoeverOwnsIt) {
  live_before();
  puts_after_the_last("u0", "ce_inboundoffset", "1000");
  for (SimulatedRouter* router : {&b_, &a_}) {
    router->may_stop = true;
    router->start();
    ASSERT_TRUE(scheduler_.run_until([&] { return router->stopped.has_value(); }));
    EXPECT_EQ(router->stopped->message,
              "the log regressed: inbound ends at offset 2, work goes on at 1001");
    EXPECT_EQ(router->why_not_serving(), "stopped: " + router->stopped->message);
  }
  const auto before = outcomes().size();
  says("u1", "next");
  scheduler_.advance(minutes(1));
  EXPECT_EQ(outcomes().size(), before);
}

// By whom his history is folded: from the beginning, from the log alone, from his snapshot.
TEST_F(DamagedUser, GetsNothingButRefusalsThatGoOnFromWhatHisNewestEventStates) {
  live_before();
  a_.start();
  says("u0", "m1", "ask");
  until("u0:input_requested");
  scheduler_.advance(milliseconds(1));
  a_.kill();
  const Offset damaged = puts_after_the_last("u0");
  const Names before = events_of("u0");
  SimulatedRouter* const owners[] = {&b_, &a_, &a_};
  for (std::size_t life = 0; life < 3; ++life) {
    SimulatedRouter& owner = *owners[life];
    owner.counters.rebuilds = 0;
    serves(owner);
    EXPECT_EQ(owner.counters.rebuilds, life == 1 ? 1u : 0u);
    says("u0", "n" + std::to_string(life));
    cancels("u0", "m1");
    puts_nonsense_of("u0");
    says("u1", "n" + std::to_string(life));
    EXPECT_TRUE(scheduler_.run_until([&] {
      return std::ranges::count(events(), "u1:agent_completed") ==
             2 + static_cast<std::ptrdiff_t>(life);
    }));
    scheduler_.advance(minutes(10));
    const Names names = events_of("u0");
    ASSERT_EQ(names.size(), before.size() + 3 * (life + 1));
    for (std::size_t i = before.size(); i < names.size(); ++i)
      EXPECT_EQ(names[i], "message_rejected history_damaged");
    EXPECT_EQ(breaks_of("u0"), std::vector{damaged});
    const auto kept = owner.snapshots.get(user_snapshot_key(UserId("u0"))).value();
    ASSERT_TRUE(kept);
    EXPECT_EQ(decode_user_snapshot(kept->bytes)->state.damaged_at, damaged);
    owner.kill();
  }
  EXPECT_EQ(a_.counters.states.users_damaged, 1u) << "from his snapshot it is known";
}

TEST_F(DamagedUser, IsNotWhoHasAnEventOfALaterVersionAndThePartitionStops) {
  live_before();
  puts_after_the_last("u0");  // so that his snapshot is given up and he is rebuilt
  puts_after_the_last("u0", "ce_dataschema", "urn:signalbox:contract:agent_completed:99");
  a_.may_stop = true;
  a_.start();
  EXPECT_TRUE(scheduler_.run_until([&] { return a_.stopped || a_.is_serving(); }));
  ASSERT_TRUE(a_.stopped);
  EXPECT_EQ(a_.stopped->code, Errc::unsupported_version);
  EXPECT_EQ(a_.counters.states.users_damaged, 0u);
}

// Issue 6: such a record ended the process of the owner, which was waiting for no event.
TEST_F(DamagedUser, IsNobodyWhereAForeignRecordNamesNobodyAndItsOwnerBeginsAgain) {
  serves(a_);
  says("u0", "m");
  until("u0:agent_completed");
  scheduler_.advance(seconds(1));
  puts_foreign(std::nullopt);
  says("u0", "m2");
  says("u1", "m");
  until("u1:agent_completed");
  EXPECT_EQ(a_.counters.terms, 2u);
  EXPECT_EQ(a_.counters.states.users_damaged, 0u);
  EXPECT_EQ(outcomes(), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(breaks_of("u0"), std::vector<Offset>{});
}

// Issue 6: it was taken for the owner's own event, which then was a duplicate: what the owner went
// on from was not what the log said.
TEST_F(DamagedUser, IsWhomAForeignRecordNamesAndWhatTheOwnerHasStatedIsStatedAnew) {
  serves(a_);
  for (const char* user : {"u0", "u1"}) says(user, "m");
  until("u0:agent_completed");
  until("u1:agent_completed");
  scheduler_.advance(seconds(1));
  bool is_stated = false;
  log_.set_fate([&](const TopicPartition&, const NewRecord& record) {
    const bool is_first = !is_stated && is(record, "message_duplicate");
    is_stated = is_stated || is_first;
    return std::optional(AppendFate{.delay = is_first ? seconds(1) : seconds(0)});
  });
  says("u1", "m");
  EXPECT_TRUE(scheduler_.run_until([&] { return is_stated; }));
  puts_foreign("u0");
  until("u1:message_duplicate");
  EXPECT_EQ(a_.counters.terms, 2u);
  EXPECT_EQ(a_.counters.states.users_damaged, 1u) << "u0, whose chain it does not follow";
  EXPECT_EQ(outcomes(), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(breaks_of("u1"), std::vector<Offset>{});
  says("u0", "m2");
  until("u0:message_rejected");
  EXPECT_EQ(events_of("u0").back(), "message_rejected history_damaged");
}

}  // namespace
}  // namespace signalbox::router
