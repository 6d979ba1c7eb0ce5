#include "tests/simulation/cluster.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/event_log_history.hpp"
#include "ops/bench/history_file.hpp"
#include "replay/verify.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/router/counting_agent.hpp"
#include "tests/simulation/defences.hpp"
#include "tests/simulation/log_audit.hpp"
#include "tests/simulation/log_dump.hpp"
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
// A minute is what appends wait here that are never answered; then a router and a client come back.
constexpr seconds kLastEndMax{90};

class Cluster {
 public:
  Cluster(std::uint64_t seed, const KeptFiles& kept);
  RunReport run();

 private:
  void live_badly();
  void act();
  void act_on_a_router();
  void loop_through_crashes();
  void act_on_a_gateway();
  void act_on_a_client();
  void act_on_the_log();
  void take_the_log_away();
  void put_an_unusable_command();
  void heal();
  void wait_for_the_end();
  // Records of events, and of clients' histories.
  [[nodiscard]] std::size_t count_met() const;
  [[nodiscard]] bool is_settled();
  void check();
  void check_log();
  void check_that_damage_is_seen();
  void read_everything_again();
  void keep_snapshots();
  [[nodiscard]] LogAudit audit(RunReport& report) const;
  [[nodiscard]] SimulatedLogLies choose_lies();
  [[nodiscard]] GroupFaults choose_group_faults();
  [[nodiscard]] std::unique_ptr<router::AgentRegistry> agents_of(const std::string& process);
  [[nodiscard]] router::RouterOptions choose_options();
  [[nodiscard]] std::int32_t poison_count() const { return gives_up_soon_ ? 2 : 1000; }
  [[nodiscard]] std::int32_t tries_max() const { return gives_up_soon_ ? 1 : 1000; }
  void note(bool happened, const char* fault) {
    if (happened) report_.count(fault);
  }
  [[nodiscard]] bool chance(unsigned percent) { return random_.below(100) < percent; }
  template <class T>
  [[nodiscard]] T& one_of(std::vector<std::unique_ptr<T>>& all) {
    return *all[random_.below(all.size())];
  }

  RunReport report_;
  KeptFiles kept_;
  bench::HistoryFile history_{kept_.history};
  RecordPtr changed_;  // in place of that event, by somebody who may write the log's files
  SimulatedScheduler scheduler_;
  Random random_;  // of the faults and of what clients do
  Random machine_random_;
  SimulatedEventLog log_{scheduler_, {.partitions = kPartitions}};
  SimulatedGroup group_{{scheduler_, random_, report_}, kPartitions};
  OwnershipWitness witness_{report_};
  std::map<CallId, int> calls_;
  bool gives_up_soon_;  // routers, on a record or a run over which owners are lost
  NetworkDelays delays_;
  std::vector<std::unique_ptr<SimulatedRouterProcess>> routers_;
  std::vector<std::unique_ptr<SimulatedGateway>> gateways_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  int messages_ = 0;
  Unusable unusable_;
  int outages_ = 0;
  bool clock_jumped_ = false;
  Timestamp healed_at_{};
  // What count_met() was when it was last asked whether all is settled, and when the log was last
  // read to find out.
  std::size_t met_before_ = 0;
  std::size_t audited_ = 0;
};

Cluster::Cluster(std::uint64_t seed, const KeptFiles& kept)
    : kept_(kept),
      scheduler_({.seed = seed}),
      random_(seed),
      machine_random_(seed + 1),
      gives_up_soon_(random_.below(2) == 0) {
  const Surroundings surroundings{scheduler_, log_, group_, witness_, machine_random_};
  const std::vector<std::string> agents = agents_of("")->names();
  for (int i = 0; i < kRouters; ++i) {
    const std::string name = "router-" + std::to_string(i);
    routers_.push_back(std::make_unique<SimulatedRouterProcess>(surroundings, name, agents_of(name),
                                                                choose_options(), report_));
    routers_.back()->start();
  }
  for (int i = 0; i < kGateways; ++i) {
    gateways_.push_back(
        std::make_unique<SimulatedGateway>(surroundings, "gateway-" + std::to_string(i), agents));
    gateways_.back()->start();
  }
  for (int i = 0; i < kClients; ++i) {
    clients_.push_back(std::make_unique<SimulatedClient>(
        SimulatedClient::Parts{scheduler_, delays_, gateways_, random_, report_, history_},
        "client-" + std::to_string(i), user_named(i % kUsers)));
    clients_.back()->connect();
  }
}

// The same of every process; the witness is told who calls.
std::unique_ptr<router::AgentRegistry> Cluster::agents_of(const std::string& process) {
  auto agents = std::make_unique<router::AgentRegistry>();
  agents->add(std::make_unique<router::CountingAgent>(
      calls_, [this, process](const CallId& call) { witness_.on_call(process, call); }));
  agents->add(std::make_unique<testing::EchoAgent>());
  agents->add(std::make_unique<testing::AskAgent>(seconds(4)));
  return agents;
}

router::RouterOptions Cluster::choose_options() {
  router::RouterOptions options;
  options.rules.agents = agents_of("")->names();
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
  options.poison_count = poison_count();
  options.rules.limits.tries_max = tries_max();
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
  lies.lagging_reads = sometimes(50);
  lies.lagging_tails = sometimes(30);
  lies.tail_fails = chance(20) ? 1 : 0;
  if (lies.tail_fails > 0)
    for (const auto& router : routers_) router->allow_damaged_rows();
  return lies;
}

GroupFaults Cluster::choose_group_faults() {
  return {.given_twice = chance(30) ? 30U : 0U,
          .not_told = chance(30) ? 30U : 0U,
          .late_max = milliseconds(chance(30) ? 3000 : 0)};
}

RunReport Cluster::run() {
  live_badly();
  heal();
  check();
  if (history_.is_on()) read_everything_again();
  if (!history_.ok()) report_.violate(kept_.history + " cannot be written");
  if (!kept_.dump.empty())
    dump_log(log_, kPartitions, is_off(Defence::chain) ? changed_ : nullptr, kept_.dump);
  if (!kept_.snapshots.empty()) keep_snapshots();
  return std::move(report_);
}

void Cluster::keep_snapshots() {
  for (const auto& router : routers_)
    if (const auto kept = router->keep_snapshots(kept_.snapshots); !kept)
      report_.violate(kept_.snapshots + " cannot be written: " + kept.error().message);
}

void Cluster::live_badly() {
  log_.set_lies(choose_lies());
  group_.set_faults(choose_group_faults());
  for (int i = 0; i < kActions; ++i) {
    act();
    for (const auto& gateway : gateways_) gateway->end_if_drained();
    // Between any two steps, or after a while.
    if (chance(30)) {
      for (auto steps = random_.below(40); steps > 0 && scheduler_.step(); --steps) {
      }
    } else if (chance(2)) {
      scheduler_.advance(seconds(random_.below(60)));
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
    case 6: return act_on_the_log();
    case 7: return group_.share();
    default: return act_on_a_client();
  }
}

void Cluster::act_on_a_router() {
  SimulatedRouterProcess& router = one_of(routers_);
  switch (random_.below(10)) {
    case 0: return note(router.kill(), "router killed");
    case 1: return note(router.kill_in_commit(), "router killed in a commit");
    case 2: return note(router.pause(), "router paused");
    case 3: return note(router.drain(), "router drained");
    case 4: return note(router.lose_snapshots(), "snapshots lost");
    case 5: return router.go_on();
    case 6: return loop_through_crashes();
    default: return router.start();
  }
}

// As by a record, or a run, that ends whoever takes it.
void Cluster::loop_through_crashes() {
  report_.count("crash loop");
  for (int i = 0; i < 4; ++i) {
    for (const auto& router : routers_) router->kill();
    for (const auto& router : routers_) router->start();
    scheduler_.advance(milliseconds(300 + random_.below(200)));
  }
}

void Cluster::act_on_a_gateway() {
  SimulatedGateway& gateway = one_of(gateways_);
  switch (random_.below(8)) {
    case 0: return note(gateway.kill(), "gateway killed");
    case 1: return note(gateway.pause(), "gateway paused");
    case 2: return note(gateway.cut_off() > 0, "gateway cut off");
    case 3: return note(gateway.drain(), "gateway drained");
    case 4: return gateway.go_on();
    default: return gateway.start();
  }
}

void Cluster::act_on_the_log() {
  switch (random_.below(4)) {
    case 0: return take_the_log_away();
    case 1:
      // The clock of every machine; no further than what waits by it is still over before the end.
      clock_jumped_ = true;
      report_.count("wall clock jumped");
      return scheduler_.shift_wall_clock(
          seconds(static_cast<std::int64_t>(random_.below(40)) - 20));
    default: return put_an_unusable_command();
  }
}

// For some seconds: what is read fails, tails wait, appends wait with their producer or fail, and
// of those some land all the same.
void Cluster::take_the_log_away() {
  report_.count("log away");
  const milliseconds away(500 + random_.below(6000));
  const MonotonicTime back = scheduler_.clock().monotonic() + away;
  log_.set_outage([](const TopicPartition&, SimulatedEventLog::Asked) {
    return std::optional<Error>({Errc::log_unavailable, "the log is away"});
  });
  log_.set_fate([this, back](const TopicPartition&, const NewRecord&) {
    test_support::AppendFate fate{.delay = back - scheduler_.clock().monotonic()};
    if (chance(60)) return std::optional(fate);
    fate.report = test_support::AppendFate::Report::error;
    fate.overtaken = true;
    fate.copies = chance(50) ? 1 : 0;
    return std::optional(fate);
  });
  scheduler_.call_after(away, [this, outage = ++outages_] {
    if (outage != outages_) return;
    log_.set_fate({});
    log_.set_outage({});
  });
}

// As a foreign producer might: it names a user, or nobody.
void Cluster::put_an_unusable_command() {
  const UserId user = user_named(static_cast<int>(random_.below(kUsers)));
  const Partition partition = event_store::partition_of(user, kPartitions);
  NewRecord record =
      event_store::encode_command({.id = "unusable " + std::to_string(unusable_.size()),
                                   .source = "/simulation/foreign",
                                   .time = scheduler_.clock().now(),
                                   .user_id = user,
                                   .websocket_client_id = WebsocketClientId("svc_foreign"),
                                   .traceparent = std::nullopt,
                                   .data = CancelRun{RunId(Uuid{})}});
  const bool names_user = chance(50);
  if (names_user)
    record.value = "{";
  else
    record.key = std::nullopt;
  const Offset offset = log_.put({Topic::inbound, partition}, std::move(record));
  unusable_.emplace(std::pair(partition, offset), names_user);
  report_.count(names_user ? "unusable command" : "unusable command of nobody");
}

void Cluster::act_on_a_client() {
  SimulatedClient& client = one_of(clients_);
  switch (random_.below(15)) {
    case 0: return note(client.cut(), "client cut off");
    case 1: return note(client.stall(true), "client takes nothing");
    case 2: client.stall(false); return;
    case 3: return client.resume_where_it_was();
    case 4: {
      const SimulatedClient& other = one_of(clients_);
      if (other.cursor() && other.account().user != client.account().user)
        client.present(*other.cursor());
      return;
    }
    case 5: return client.cancel_one_run();
    case 6: return client.answer_one_question();
    case 7: return note(client.vanish(), "connection half open");
    default: {
      const char* const agent = messages_ % 3 == 0 ? "ask" : messages_ % 2 == 0 ? "count" : "echo";
      return client.say(MessageId("m" + std::to_string(++messages_)),
                        "t" + std::to_string(random_.below(2)), agent);
    }
  }
}

void Cluster::heal() {
  healed_at_ = scheduler_.clock().now();
  ++outages_;
  log_.set_fate({});
  log_.set_outage({});
  log_.set_lies({});
  group_.set_faults({});
  for (const auto& router : routers_) router->go_on();
  const auto leaves = [](const auto& router) { return router->is_leaving(); };
  if (!scheduler_.run_until([&] { return std::ranges::none_of(routers_, leaves); }, seconds(60)))
    report_.violate("a router that was told to leave never did");
  for (const auto& router : routers_) router->start();
  for (const auto& gateway : gateways_) {
    gateway->go_on();
    gateway->end_if_drained();
    gateway->start();
  }
  for (const auto& client : clients_) client->stall(false);
  group_.share();
  wait_for_the_end();
}

// It is over when all is settled and, some seconds later, still is.
void Cluster::wait_for_the_end() {
  for (int i = 0; i < 1500; ++i) {
    // No log may leave an append without an answer for ever; after a minute, clients have given up.
    if (i % 300 == 299) log_.answer_the_unanswered();
    scheduler_.advance(milliseconds(200));
    for (const auto& gateway : gateways_) {
      gateway->end_if_drained();
      gateway->start();
    }
    if (!is_settled()) continue;
    const std::size_t met = count_met();
    scheduler_.advance(seconds(5));
    if (count_met() == met) return;
  }
  report_.violate("after all faults stopped, something never ended");
  for (const auto& router : routers_)
    for (const std::string& why : router->not_ready()) report_.violate(router->name() + ": " + why);
}

LogAudit Cluster::audit(RunReport& report) const {
  return {log_,
          {.partitions = kPartitions,
           .unusable = unusable_,
           .poison_count = poison_count(),
           .runs = {.tries_max = tries_max(), .clock_jumped = clock_jumped_}},
          report};
}

std::size_t Cluster::count_met() const {
  std::size_t met = 0;
  for (std::int32_t i = 0; i < kPartitions; ++i)
    met += log_.records({Topic::events, Partition(i)}).size();
  for (const auto& client : clients_) met += client->account().history.size();
  return met;
}

bool Cluster::is_settled() {
  for (const auto& client : clients_)
    if (!client->has_all_acks()) return false;
  const std::size_t now = count_met();
  // What still moves is not looked at, and what was not enough not again before there is more.
  if (std::exchange(met_before_, now) != now || audited_ == now) return false;
  audited_ = now;
  RunReport ignored;
  const LogAudit found = audit(ignored);
  if (!found.is_settled()) return false;
  return std::ranges::all_of(clients_, [&](const auto& client) {
    return std::cmp_greater_equal(client->account().history.size(),
                                  found.events_of(client->account().user));
  });
}

void Cluster::check() {
  LogAudit found = audit(report_);
  found.check_commands();
  std::vector<ClientAccount> accounts;
  for (const auto& client : clients_) accounts.push_back(client->account());
  found.check_sent(accounts);
  for (const ClientAccount& account : accounts) found.check_client(account);
  found.check_calls(calls_);
  report_.heal_to_last_end = std::max(found.last_end(), healed_at_) - healed_at_;
  if (report_.heal_to_last_end > kLastEndMax)
    report_.violate("the last run ended too long after all faults had");
  for (const auto& [lie, times] : log_.told()) report_.count(lie, times);
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
  changed_ = std::make_shared<const Record>(std::move(changed));
  event_store::EventLogHistory history(
      std::make_unique<TamperedLog>(log_.open_session(), changed_));
  const auto verified =
      replay::verify_log(history, {}, [](const replay::Progress&) { return true; });
  if (!verified || verified->findings.count() == 0)
    return report_.violate("a changed event passed verification");
  report_.count("changed event was noticed");
}

void Cluster::read_everything_again() {
  const auto have_caught_up = [&] {
    return std::ranges::all_of(clients_, [](const auto& one) { return one->is_caught_up(); });
  };
  const bool are_there = scheduler_.run_until(have_caught_up, seconds(60));
  for (const auto& client : clients_) client->read_again();
  if (!are_there || !scheduler_.run_until(have_caught_up, seconds(60)))
    report_.violate("a client cannot read everything again");
}

}  // namespace

RunReport simulate(std::uint64_t seed, const KeptFiles& kept) { return Cluster(seed, kept).run(); }

}  // namespace signalbox::simulation
