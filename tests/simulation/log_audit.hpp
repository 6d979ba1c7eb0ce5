// LogAudit: what the log says happened, and what it should: read with the ownership model, against
// which the product's fold is held record by record; commands against outcomes, runs against their
// agents, and the log against what clients, tools and the quarantine say. Memory: the whole log.
// One thread; the log outlives it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event-store/model/event.hpp"
#include "tests/simulation/outcome_oracle.hpp"
#include "tests/simulation/ownership_fold.hpp"
#include "tests/simulation/run_oracle.hpp"
#include "tests/simulation/run_report.hpp"
#include "tests/simulation/simulated_client.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::simulation {

// Commands that nobody can act on, by their place; whether they name a user.
using Unusable = std::map<std::pair<Partition, Offset>, bool>;

struct AuditOptions {
  std::int32_t partitions = 1;
  Unusable unusable{};
  std::int32_t poison_count = 1000;  // owners lost over a record before it is given up
  RunRules runs{};
};

// Whether the frame is that event of the log and nothing else.
[[nodiscard]] bool shows(const std::string& frame, const Record& event);

class LogAudit {
 public:
  // Reads everything. What is wrong in the log itself is named in the report.
  LogAudit(const test_support::SimulatedEventLog& log, AuditOptions options, RunReport& report);

  // Every run has ended, and every command has its outcome or is in quarantine.
  [[nodiscard]] bool is_settled() const;
  [[nodiscard]] std::int64_t events_of(const UserId& user) const;
  // When the last run ended, by the log's clock.
  [[nodiscard]] Timestamp last_end() const { return last_end_; }

  void check_commands();
  // Of one user each: nobody else says what stands in inbound.
  void check_sent(const std::vector<ClientAccount>& clients);
  void check_client(const ClientAccount& client);
  void check_calls(const std::map<CallId, int>& calls);

 private:
  struct User {
    std::vector<RecordPtr> events;
    std::map<std::string, std::vector<std::int64_t>> received;  // seqs by message id
    std::map<std::string, std::int64_t> asked;                  // inbound offset by message id
    std::vector<UserMessage> messages;                          // of inbound
    std::set<std::string> rejected;                             // message ids
    std::set<std::string> cancels;                              // run ids, of inbound
    std::set<std::string> answers;                              // request ids, of inbound
    std::optional<RunOracle> runs;
    OutcomeOracle outcomes;
    Timestamp last_time{};
  };
  struct PartitionCommands {
    std::vector<std::int64_t> asked;             // offsets
    std::map<std::int64_t, Command> usable;      // by offset
    std::map<std::int64_t, std::int32_t> tried;  // how often alone, by offset, as checkpoints say
    std::vector<std::int64_t> answered;          // offsets in the order of their outcomes
    std::set<std::string> unusable;              // ids that their quarantine records must have
    std::set<std::string> quarantined;           // and those that are there
    // Owners were lost over it as often as it takes to give it up.
    [[nodiscard]] bool may_be_poison(Offset offset, std::int32_t poison_count) const;
  };

  void read_inbound(Partition partition, const std::vector<RecordPtr>& records);
  void read_events(Partition partition, const std::vector<RecordPtr>& records);
  void read_quarantine(Partition partition, const std::vector<RecordPtr>& records);
  void take(Partition partition, const RecordPtr& record);
  void take_outcome(const std::string& place, Partition partition, const Event& event, User& user);
  void take_run_event(const std::string& place, const Event& event);
  void check_history(const ClientAccount& client, const User& user);
  void check_sends(const ClientAccount& client, const User& user);
  void check_order(const ClientAccount& client, const User& user);

  AuditOptions options_;
  RunReport& report_;
  std::map<UserId, User> users_;
  std::map<Partition, PartitionCommands> commands_;
  std::set<RunId> open_;
  std::map<CallId, int> stated_calls_;
  Timestamp last_end_{};
};

}  // namespace signalbox::simulation
