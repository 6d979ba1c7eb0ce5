// LogAudit: what the log says happened, read with the ownership model and not with the product's
// fold, and held against what clients, tools and verification say. Memory: the whole log. One
// thread; the log outlives it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "event-store/model/event.hpp"
#include "tests/simulation/ownership_model.hpp"
#include "tests/simulation/run_report.hpp"
#include "tests/simulation/simulated_client.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::simulation {

class LogAudit {
 public:
  // Reads everything. What is wrong in the log itself is named in the report.
  LogAudit(const test_support::SimulatedEventLog& log, std::int32_t partitions, RunReport& report);

  // Every run has ended and every command has its outcome.
  [[nodiscard]] bool is_settled() const;
  [[nodiscard]] std::int64_t events_of(const UserId& user) const;

  void check_commands();
  void check_client(const SimulatedClient& client);
  void check_calls(const std::map<CallId, int>& calls);

 private:
  struct User {
    std::vector<RecordPtr> events;
    std::map<std::string, std::vector<std::int64_t>> received;  // seqs by message id
    std::set<std::string> rejected;                             // message ids
    std::set<std::string> cancels;                              // run ids, of inbound
  };
  struct PartitionCommands {
    std::vector<std::int64_t> asked;     // offsets
    std::vector<std::int64_t> answered;  // offsets in the order of their outcomes
  };

  void read_inbound(Partition partition, const std::vector<RecordPtr>& records);
  void read_events(Partition partition, const std::vector<RecordPtr>& records);
  void take(Partition partition, const RecordPtr& record);
  void check_history(const SimulatedClient& client, const User& user);
  void check_sends(const SimulatedClient& client, const User& user);

  RunReport& report_;
  std::map<UserId, User> users_;
  std::map<Partition, PartitionCommands> commands_;
  std::set<RunId> open_;
  std::set<RunId> ended_;
  std::map<CallId, int> stated_calls_;
};

}  // namespace signalbox::simulation
