#include "tests/simulation/cluster.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "event-store/log/event_log_history.hpp"
#include "replay/verify.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/router/counting_agent.hpp"
#include "tests/simulation/defences.hpp"
#include "tests/simulation/log_audit.hpp"
#include "tests/simulation/simulated_client.hpp"
#include "tests/simulation/simulated_router_process.hpp"
#include "tests/simulation/tampered_log.hpp"

namespace signalbox::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::SimulatedEventLog;
using test_support::SimulatedLogLies;
using test_support::SimulatedScheduler;

constexpr std::int32_t kPartitions = 2;
constexpr int kRouters = 3;
constexpr int kGateways = 2;
constexpr int kClients = 5;  // of the users in turn: some have two devices
constexpr int kActions = 60;

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed);
  RunReport run();

 private:
  void live_badly();
  void act();
  void act_on_a_router();
  void act_on_a_gateway();
  void act_on_a_client();
  void heal();
  [[nodiscard]] bool is_settled();
  void check();
  void check_log();
  void check_that_damage_is_seen();
  [[nodiscard]] SimulatedLogLies choose_lies();
  [[nodiscard]] router::RouterOptions choose_options();
  [[nodiscard]] bool chance(unsigned percent) { return random_.below(100) < percent; }
  template <class T>
  [[nodiscard]] T& one_of(std::vector<std::unique_ptr<T>>& all) {
    return *all[random_.below(all.size())];
  }

  RunReport report_;
  SimulatedScheduler scheduler_;
  Random random_;  // of the faults and of what clients do
  Random machine_random_;
  SimulatedEventLog log_{scheduler_, {.partitions = kPartitions}};
  SimulatedGroup group_{kPartitions, random_};
  OwnershipWitness witness_{report_};
  std::map<CallId, int> calls_;
  router::AgentRegistry agents_;
  NetworkDelays delays_;
  std::vector<std::unique_ptr<SimulatedRouterProcess>> routers_;
  std::vector<std::unique_ptr<SimulatedGateway>> gateways_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  int messages_ = 0;
  // Records of events and of clients' histories: when it was last asked whether all is settled, and
  // when the log was last read to find out.
  std::size_t met_before_ = 0;
  std::size_t audited_ = 0;
};

Cluster::Cluster(std::uint64_t seed)
    : scheduler_({.seed = seed}), random_(seed), machine_random_(seed + 1) {
  agents_.add(std::make_unique<router::CountingAgent>(
      calls_, [this](const CallId& call) { witness_.on_call(call); }));
  agents_.add(std::make_unique<testing::EchoAgent>());
  agents_.add(std::make_unique<testing::AskAgent>(seconds(4)));
  const Surroundings surroundings{scheduler_, log_, group_, witness_, machine_random_};
  for (int i = 0; i < kRouters; ++i) {
    routers_.push_back(std::make_unique<SimulatedRouterProcess>(
        surroundings, "router-" + std::to_string(i), agents_, choose_options(), report_));
    routers_.back()->start();
  }
  for (int i = 0; i < kGateways; ++i) {
    gateways_.push_back(std::make_unique<SimulatedGateway>(
        surroundings, "gateway-" + std::to_string(i), agents_.names()));
    gateways_.back()->start();
  }
  for (int i = 0; i < kClients; ++i) {
    clients_.push_back(std::make_unique<SimulatedClient>(
        SimulatedClient::Parts{scheduler_, delays_, gateways_, random_, report_},
        "client-" + std::to_string(i), user_named(i % kUsers)));
    clients_.back()->connect();
  }
}

router::RouterOptions Cluster::choose_options() {
  router::RouterOptions options;
  options.rules.agents = agents_.names();
  options.rules.default_agent = "echo";
  if (is_off(Defence::deduplication)) options.rules.limits.dedupe_window = 1;
  options.states.snapshot_events = 7;
  options.states.users_max = 2;
  // In some so few that what runs state must wait for a place.
  options.open_list.events_max = random_.below(2) == 0 ? 24 : 8;
  options.started_runs_max = 4;
  options.checkpoint_records = 10;
  options.snapshot_interval = seconds(2);
  options.housekeeping = seconds(1);
  // Owners are lost here far more often than by any one record.
  options.poison_count = 1000;
  options.rules.limits.tries_max = 1000;
  return options;
}

// Each seed has some of the lies, so that every mixture comes: one that is always there can hide
// another.
SimulatedLogLies Cluster::choose_lies() {
  const auto sometimes = [&](unsigned most) {
    return chance(50) ? static_cast<unsigned>(random_.below(most) + 1) : 0U;
  };
  SimulatedLogLies lies;
  lies.append_delay_max = milliseconds(random_.below(60));
  lies.tail_delay_max = milliseconds(random_.below(80));
  lies.lose_and_report = sometimes(6);
  lies.land_and_report_error = sometimes(6);
  lies.land_late_after_error = sometimes(6);
  lies.land_twice_after_error = sometimes(6);
  lies.lose_silently = sometimes(2);
  lies.land_silently = sometimes(2);
  return lies;
}

RunReport Cluster::run() {
  live_badly();
  heal();
  check();
  return std::move(report_);
}

void Cluster::live_badly() {
  log_.set_lies(choose_lies());
  group_.set_wrong_percent(chance(30) ? 30 : 0);
  for (int i = 0; i < kActions; ++i) {
    act();
    // Between any two steps, or after a while.
    if (chance(30)) {
      for (auto steps = random_.below(40); steps > 0 && scheduler_.step(); --steps) {
      }
    } else {
      scheduler_.advance(milliseconds(random_.below(300)));
    }
  }
}

void Cluster::act() {
  switch (random_.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3: return act_on_a_router();
    case 4:
    case 5: return act_on_a_gateway();
    case 6: return group_.share();
    case 7:
      // Of every machine; no further than what waits by it is still over before the end.
      report_.count("wall clock jumped");
      return scheduler_.shift_wall_clock(
          seconds(static_cast<std::int64_t>(random_.below(40)) - 20));
    default: return act_on_a_client();
  }
}

void Cluster::act_on_a_router() {
  SimulatedRouterProcess& router = one_of(routers_);
  switch (random_.below(8)) {
    case 0: return router.kill();
    case 1: return router.pause();
    case 2: return router.drain();
    case 3: return router.lose_snapshots();
    case 4: return router.go_on();
    default: return router.start();
  }
}

void Cluster::act_on_a_gateway() {
  SimulatedGateway& gateway = one_of(gateways_);
  switch (random_.below(8)) {
    case 0: return gateway.kill();
    case 1: return gateway.pause();
    case 2: return gateway.for_each_connection([](SimulatedConnection& one) { one.cut(); });
    case 3:
    case 4: return gateway.go_on();
    default: return gateway.start();
  }
}

void Cluster::act_on_a_client() {
  SimulatedClient& client = one_of(clients_);
  switch (random_.below(14)) {
    case 0: return client.cut();
    case 1: return client.stall(true);
    case 2: return client.stall(false);
    case 3: return client.resume_where_it_was();
    case 4: {
      const SimulatedClient& other = one_of(clients_);
      if (other.cursor() && other.user() != client.user()) client.present(*other.cursor());
      return;
    }
    case 5: return client.cancel_one_run();
    case 6: return client.answer_one_question();
    default: {
      const char* const agent = messages_ % 3 == 0 ? "ask" : messages_ % 2 == 0 ? "count" : "echo";
      return client.say(MessageId("m" + std::to_string(++messages_)),
                        "t" + std::to_string(random_.below(2)), agent);
    }
  }
}

void Cluster::heal() {
  log_.set_lies({});
  group_.set_wrong_percent(0);
  for (const auto& router : routers_) router->go_on();
  const auto leaves = [](const auto& router) { return router->is_leaving(); };
  if (!scheduler_.run_until([&] { return std::ranges::none_of(routers_, leaves); }, seconds(60)))
    report_.violate("a router that was told to leave never did");
  for (const auto& router : routers_) router->start();
  for (const auto& gateway : gateways_) {
    gateway->go_on();
    gateway->start();
  }
  for (const auto& client : clients_) client->stall(false);
  group_.share();
  for (int i = 0; i < 1500; ++i) {
    // No log may leave an append without an answer for ever; after a minute, clients have given up.
    if (i % 300 == 299) log_.answer_the_unanswered();
    scheduler_.advance(milliseconds(200));
    if (is_settled()) return;
  }
  report_.violate("after all faults stopped, something never ended");
  for (const auto& router : routers_)
    for (const std::string& why : router->not_ready()) report_.violate(router->name() + ": " + why);
}

bool Cluster::is_settled() {
  for (const auto& client : clients_)
    if (!client->has_all_acks()) return false;
  std::size_t now = 0;
  for (std::int32_t i = 0; i < kPartitions; ++i)
    now += log_.records({Topic::events, Partition(i)}).size();
  for (const auto& client : clients_) now += client->history().size();
  // What still moves is not looked at, and what was not enough not again before there is more.
  if (std::exchange(met_before_, now) != now || audited_ == now) return false;
  audited_ = now;
  RunReport ignored;
  const LogAudit audit(log_, kPartitions, ignored);
  if (!audit.is_settled()) return false;
  for (const auto& client : clients_)
    if (static_cast<std::int64_t>(client->history().size()) < audit.events_of(client->user()))
      return false;
  return true;
}

void Cluster::check() {
  LogAudit audit(log_, kPartitions, report_);
  audit.check_commands();
  for (const auto& client : clients_) audit.check_client(*client);
  audit.check_calls(calls_);
  check_log();
  check_that_damage_is_seen();
  for (std::int32_t i = 0; i < kPartitions; ++i)
    for (const Topic topic : {Topic::inbound, Topic::events})
      for (const RecordPtr& record : log_.records({topic, Partition(i)})) {
        report_.trace.add(
            static_cast<std::uint64_t>(record->appended_at.time_since_epoch().count()));
        report_.trace.add(record->headers.bytes());
        report_.trace.add(record->value);
      }
}

// The product's own verification of what came out.
void Cluster::check_log() {
  event_store::EventLogHistory history(log_.open_session());
  const auto verified =
      replay::verify_log(history, {}, [](const replay::Progress&) { return true; });
  if (!verified) return report_.violate("verify: " + verified.error().message);
  for (const replay::Finding& finding : verified->findings.kept())
    report_.violate("verify: " + to_text(finding));
}

// One event is changed afterwards: verification must name it.
void Cluster::check_that_damage_is_seen() {
  const TopicPartition at{Topic::events, Partition(0)};
  std::vector<RecordPtr> events;
  event_store::Position position;
  for (const RecordPtr& record : log_.records(at))
    if (event_store::fold(position, *record).verdict == event_store::Verdict::valid)
      events.push_back(record);
  if (events.empty()) return;
  Record changed = *events[random_.below(events.size())];
  changed.value.insert(changed.value.size() - 1, " ");
  event_store::EventLogHistory history(std::make_unique<TamperedLog>(
      log_.open_session(), std::make_shared<const Record>(std::move(changed))));
  const auto verified =
      replay::verify_log(history, {}, [](const replay::Progress&) { return true; });
  if (!verified || verified->findings.count() == 0)
    return report_.violate("a changed event passed verification");
  report_.count("changed event was noticed");
}

}  // namespace

RunReport simulate(std::uint64_t seed) { return Cluster(seed).run(); }

}  // namespace signalbox::simulation
