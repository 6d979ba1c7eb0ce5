// Routers that fight over one partition while the log lies as a broker and its clients may: appends
// lost, late, twice, reported wrongly; processes killed, paused (zombies), released and started
// again; runs that wait for a person, and records nobody can act on. At the end the log itself is
// asked whether every promise was kept. One seed is one history; a failing
// one is replayed by
//   ownership_simulation_test --gtest_filter=*/SEED
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/user_chain.hpp"
#include "router/snapshot_codec.hpp"
#include "router/user_rebuild.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/router/counting_agent.hpp"
#include "tests/router/simulated_router.hpp"
#include "tests/simulation/event_name.hpp"

namespace signalbox::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;

constexpr Partition kPartition = kSimulatedPartition;

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed) : scheduler_({.seed = seed}), random_(seed) {
    agents_.add(std::make_unique<CountingAgent>(calls));
    agents_.add(std::make_unique<testing::EchoAgent>());
    agents_.add(std::make_unique<testing::AskAgent>(seconds(4)));
    options_.rules.agents = agents_.names();
    options_.rules.default_agent = "echo";
    options_.states.snapshot_events = 7;
    options_.states.users_max = 3;
    // In some so few that what runs state must wait for a place.
    options_.open_list.events_max = seed % 2 == 0 ? 24 : 8;
    options_.started_runs_max = 6;
    options_.checkpoint_records = 10;
    options_.snapshot_interval = seconds(2);
    options_.housekeeping = seconds(1);
    // Owners are lost here far more often than by any one record.
    options_.poison_count = 1000;
    options_.rules.limits.tries_max = 1000;
    for (int i = 0; i < 3; ++i)
      machines_.push_back(
          std::make_unique<SimulatedRouter>(scheduler_, log_, agents_, options_, random_));
  }

  void live_badly() {
    log_.set_lies({.append_delay_max = milliseconds(40),
                   .tail_delay_max = milliseconds(60),
                   .lose_and_report = 3,
                   .land_and_report_error = 3,
                   .land_late_after_error = 3,
                   .land_twice_after_error = 3,
                   .lose_silently = 2,
                   .land_silently = 2});
    for (int i = 0; i < 120; ++i) {
      act();
      scheduler_.advance(milliseconds(random_.below(400)));
    }
  }

  // Faults stop; one machine goes on alone.
  void heal() {
    log_.set_lies({});
    for (const auto& machine : machines_) machine->kill();
    machines_[0]->start();
    const auto session = log_.open_session();
    Offset audited(-1);
    const auto is_done = [&] {
      // What was not enough is not looked at again before there is more.
      const Offset end = session->bounds({Topic::events, kPartition}).value().end;
      return std::exchange(audited, end) != end && is_all_answered();
    };
    EXPECT_TRUE(scheduler_.run_until(is_done, std::chrono::minutes(5)))
        << "after all faults stopped, something never ended";
  }

  [[nodiscard]] const SimulatedEventLog& log() const { return log_; }

  // Replayed state is live state: every snapshot an owner wrote is the fold of the log before it.
  void check_snapshots() {
    const auto session = log_.open_session();
    for (const auto& machine : machines_)
      for (int i = 0; i < 6; ++i) {
        const UserId user("user-" + std::to_string(i));
        const auto stored = machine->snapshots.get(user_snapshot_key(user)).value();
        if (!stored) continue;
        auto snapshot = decode_user_snapshot(stored->bytes).value();
        UserRebuild rebuild(session->describe().log_id, {&user, 1}, {});
        EXPECT_TRUE(
            rebuild.fold(log_.records({Topic::events, kPartition}), snapshot.at.next_offset));
        const RoutingState replayed = rebuild.take().front().state;
        EXPECT_TRUE(replayed == snapshot.state) << user.value() << " at seq " << stored->order;
        ++snapshots_checked;
      }
  }
  int snapshots_checked = 0;

  // What was stated comes back from its bytes as it was: encoded again it is the same record.
  void check_bytes() const {
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kPartition})) {
      if (event_store::fold(position, *record).verdict != event_store::Verdict::valid) continue;
      NewRecord again = event_store::encode_event(event_store::decode_event(*record).value());
      const auto hash = event_store::parse_hash(*record->header("ce_chainhash"));
      event_store::add_chain_hash(again, hash.value());
      EXPECT_EQ(again.key, record->key);
      EXPECT_EQ(again.headers, record->headers);
      EXPECT_EQ(again.value, record->value);
    }
  }

  // Every record nobody can act on, and no other, is in quarantine under the id of its place.
  [[nodiscard]] std::set<std::string> quarantined() const {
    std::set<std::string> ids;
    for (const RecordPtr& record : log_.records({Topic::quarantine, kPartition}))
      ids.insert(event_store::decode_quarantined(*record).value().id);
    return ids;
  }
  [[nodiscard]] std::set<std::string> unusable() const {
    std::set<std::string> ids;
    for (const Offset offset : unusable_)
      ids.insert(event_store::quarantine_id_of({Topic::inbound, kPartition}, offset).to_string());
    return ids;
  }
  // Offsets of the records that must be answered: all that name a user.
  [[nodiscard]] std::vector<std::int64_t> answerable() const {
    std::vector<std::int64_t> offsets;
    for (const RecordPtr& record : inbound())
      if (!nameless_.contains(record->offset)) offsets.push_back(record->offset.value());
    return offsets;
  }

  [[nodiscard]] std::vector<RecordPtr> inbound() const {
    return log_.records({Topic::inbound, kPartition});
  }
  std::map<CallId, int> calls;

 private:
  void act() {
    SimulatedRouter& machine = *machines_[random_.below(machines_.size())];
    switch (random_.below(14)) {
      case 0: return machine.kill();
      case 1:
      case 2: return machine.start();
      case 3: return machine.pause();
      case 4: return machine.go_on();
      case 5: return cancel();
      case 6: return machine.release();
      case 7: return answer();
      case 8: return say_what_nobody_can_read();
      default: return say();
    }
  }

  UserId a_user() { return UserId("user-" + std::to_string(random_.below(6))); }
  void say() {
    // Some ids come twice: the client's retry.
    const std::string id = "m" + std::to_string(random_.below(40));
    const char* agent = id.back() % 3 == 0 ? "ask" : id.back() % 2 == 0 ? "count" : "echo";
    said_.emplace_back(a_user(), MessageId(id));
    put(said_.back().first,
        UserMessage{MessageId(id), ThreadId("t" + std::to_string(id.size() % 3)), "hello", agent});
  }
  // Of one of the newest messages, which may have ended, wait for an answer or ask nothing at all.
  std::optional<std::pair<UserId, RunId>> a_run() {
    if (said_.empty()) return std::nullopt;
    const auto& [user, message] =
        said_[said_.size() - 1 - random_.below(std::min<std::size_t>(said_.size(), 8))];
    return std::pair(user, event_store::run_id_of(user, message));
  }
  void cancel() {
    if (const auto run = a_run()) put(run->first, CancelRun{run->second});
  }
  void answer() {
    const auto run = a_run();
    if (!run) return;
    const auto request = event_store::call_id_of(run->second, Step(1)).value().to_string();
    put(run->first, RunInput{run->second, RequestId(request), JsonText(R"({"confirmed":true})")});
  }
  void put(const UserId& user, CommandData data) {
    log_.put({Topic::inbound, kPartition}, encoded(user, std::move(data)));
  }
  NewRecord encoded(const UserId& user, CommandData data) {
    return event_store::encode_command({.id = "c" + std::to_string(++commands_),
                                        .source = "/test",
                                        .time = Timestamp{},
                                        .user_id = user,
                                        .websocket_client_id = WebsocketClientId("ws_a"),
                                        .traceparent = std::nullopt,
                                        .data = std::move(data)});
  }
  void say_what_nobody_can_read() {
    NewRecord record = encoded(a_user(), CancelRun{RunId(Uuid{})});
    const bool names_nobody = random_.below(2) == 0;
    if (names_nobody)
      record.key = "somebody else";
    else
      record.value = "{";
    const Offset offset = log_.put({Topic::inbound, kPartition}, std::move(record));
    unusable_.insert(offset);
    if (names_nobody) nameless_.insert(offset);
  }

  [[nodiscard]] bool is_all_answered() const;

  SimulatedScheduler scheduler_;
  Random random_;
  SimulatedEventLog log_{scheduler_, {.partitions = 1}};
  AgentRegistry agents_;
  RouterOptions options_;
  std::vector<std::unique_ptr<SimulatedRouter>> machines_;
  int commands_ = 0;
  std::vector<std::pair<UserId, MessageId>> said_;
  std::set<Offset> unusable_;
  std::set<Offset> nameless_;  // of these, those that name no user
};

// What the log says happened, read as an auditor would.
struct Audit {
  explicit Audit(const SimulatedEventLog& log) {
    const auto records = log.records({Topic::events, kPartition});
    const LogId log_id =
        std::get<LogGenesis>(event_store::decode_control(*records.front())->data).log_id;
    event_store::Position position;
    for (const RecordPtr& record : records) {
      const auto verdict = event_store::fold(position, *record).verdict;
      ++verdicts[verdict];
      if (verdict == event_store::Verdict::valid) take(log_id, *record);
    }
  }

  void take(const LogId& log_id, const Record& record) {
    const auto event = event_store::decode_event(record);
    ASSERT_TRUE(event) << event.error().message;
    auto chain =
        chains.try_emplace(event->user_id, event_store::start_of_chain(log_id, event->user_id))
            .first;
    const auto broken = event_store::follow(chain->second, record);
    EXPECT_FALSE(broken) << broken->what;
    const auto name = event_store::event_name(event->data);
    ++names[std::string(name)];
    if (const auto* resumed = std::get_if<RunResumed>(&event->data))
      names["resumed after a release"] += resumed->reason == ResumeReason::released;
    if (const auto* failed = std::get_if<AgentFailed>(&event->data))
      names["nobody answered"] += failed->code == FailureCode::deadline;
    if (simulation::is_outcome(name)) outcomes.push_back(event->inbound_offset.value());
    if (!event->run_id) return;
    const bool is_of_run =
        name.starts_with("agent_") || name.starts_with("tool_") || name == "run_resumed";
    if (name == "message_received") open.insert(*event->run_id);
    EXPECT_TRUE(!is_of_run || open.contains(*event->run_id)) << name << " of no open run";
    if (name == "cancel_requested") cancelled.insert(*event->run_id);
    if (is_terminal(event->data)) {
      open.erase(*event->run_id);
      EXPECT_TRUE(name == "agent_cancelled" || !cancelled.contains(*event->run_id))
          << name << " after cancel_requested";
    }
    if (const auto* call = std::get_if<ToolExecuting>(&event->data)) ++stated_calls[call->call_id];
  }

  std::map<event_store::Verdict, int> verdicts;
  std::map<std::string, int> names;
  std::map<UserId, event_store::UserChain> chains;
  std::vector<std::int64_t> outcomes;
  std::set<RunId> open;
  std::set<RunId> cancelled;
  std::map<CallId, int> stated_calls;
};

bool Cluster::is_all_answered() const {
  const Audit audit(log_);
  return audit.open.empty() && audit.outcomes.size() >= inbound().size() - nameless_.size() &&
         quarantined().size() >= unusable_.size();
}

constexpr int kSeeds = 100;

class OwnershipSimulation : public ::testing::TestWithParam<int> {
 public:
  // A simulation in which nothing went wrong would show nothing.
  static void TearDownTestSuite() {
    if (::testing::UnitTest::GetInstance()->test_to_run_count() < 20) return;
    using event_store::Verdict;
    for (const Verdict met : {Verdict::valid, Verdict::duplicate, Verdict::superseded,
                              Verdict::hole, Verdict::control, Verdict::ignored})
      EXPECT_GT(met_[met], 0) << "no record was ever " << event_store::to_text(met);
    for (const char* name :
         {"run_input_received", "run_input_rejected", "resumed after a release", "nobody answered",
          "agent_cancelled", "message_rejected", "message_duplicate"})
      EXPECT_GT(names_[name], 0) << name;
    EXPECT_GT(calls_made_again_, 0);
    EXPECT_GT(snapshots_checked_, 100);
  }

 protected:
  static inline std::map<event_store::Verdict, int> met_;
  static inline std::map<std::string, int> names_;
  static inline int calls_made_again_ = 0;
  static inline int snapshots_checked_ = 0;
};

TEST_P(OwnershipSimulation, EveryCommandIsAnsweredOnceInOrderAndEveryRunEndsOnce) {
  Cluster cluster(static_cast<std::uint64_t>(GetParam()));
  cluster.live_badly();
  cluster.heal();
  const Audit audit(cluster.log());
  EXPECT_EQ(audit.verdicts.count(event_store::Verdict::corrupt), 0u);
  EXPECT_TRUE(audit.open.empty());
  EXPECT_EQ(audit.outcomes, cluster.answerable());
  EXPECT_EQ(cluster.quarantined(), cluster.unusable());
  cluster.check_snapshots();
  cluster.check_bytes();
  snapshots_checked_ += cluster.snapshots_checked;
  for (const auto& [verdict, count] : audit.verdicts) met_[verdict] += count;
  for (const auto& [name, count] : audit.names) names_[name] += count;
  for (const auto& [call, times] : cluster.calls) {
    calls_made_again_ += times > 1;
    const auto stated = audit.stated_calls.find(call);
    EXPECT_LE(times, stated == audit.stated_calls.end() ? 0 : stated->second)
        << "a tool was called more often than the log says it might be";
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, OwnershipSimulation, ::testing::Range(1, 1 + kSeeds),
                         [](const auto& seed) { return std::to_string(seed.param); });

}  // namespace
}  // namespace signalbox::router
