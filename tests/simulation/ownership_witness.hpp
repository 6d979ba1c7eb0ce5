// OwnershipWitness: stands beside every router process and holds each of its appends to a partition
// of events, when it is made, against the ownership rules (ops/decisions/0015): by what that
// process has read so far, judged by the ownership model, might it claim, state, repeat or release?
// One thread; outlives the processes it watches.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "event-store/model/event.hpp"
#include "event-store/model/record.hpp"
#include "tests/simulation/ownership_model.hpp"
#include "tests/simulation/run_report.hpp"

namespace signalbox::simulation {

class OwnershipWitness {
 public:
  explicit OwnershipWitness(RunReport& report) : report_(report) {}

  // What one process has read and done in one partition.
  class View {
   public:
    View(OwnershipWitness& witness, std::string process, Partition partition)
        : witness_(witness), process_(std::move(process)), partition_(partition) {}

    // It begins to read (again) at that offset, knowing what is before.
    void begin_at(Offset from);
    // It is given a batch, which it judges record by record: what it appends meanwhile is by what
    // it has judged so far.
    void begin_batch();
    void on_read(const Record& record);
    void end_batch();
    void on_append(const NewRecord& record);

   private:
    void on_claim(const PartitionOwned& owned);
    void on_repeat(const PartitionCheckpoint& repeat);
    void on_event(const Record& event);
    void on_outcome(const Record& event, std::int64_t ord);
    // Rules 2 and 4: an owner by one's own reading, and nothing higher was read.
    void check_owner(std::int64_t epoch, const std::string& what);
    // Whether it holds of what the process has read, or, within a batch, of a part of it.
    template <class Condition>
    [[nodiscard]] bool holds(Condition condition) const;
    void violate(int rule, const std::string& what);

    OwnershipWitness& witness_;
    std::string process_;
    Partition partition_;
    OwnershipModel model_;                    // of all it has read
    std::vector<OwnershipModel> batch_;       // before each record of the batch it has in hand
    std::map<std::int64_t, ClaimId> claims_;  // its own, by epoch
    std::set<std::int64_t> released_;         // epochs
    std::int64_t stated_epoch_ = 0;
    std::vector<NewRecord> stated_;   // events of that epoch, by ownerseq from 1
    std::int64_t last_ord_ = 0;       // that was appended last
    std::int64_t last_outcome_ = -1;  // inbound offset of the newest outcome
  };

  // Rule 14: a tool is called.
  void on_call(const CallId& call);

 private:
  friend class View;
  // The model behind every record that anybody has read.
  struct Partitioned {
    std::vector<OwnershipModel> behind{};
    std::map<std::string, int> stated_calls{};  // valid tool_executing by call id
  };

  RunReport& report_;
  std::map<Partition, Partitioned> partitions_;
  std::set<std::string> claim_ids_;
  std::map<std::string, int> calls_;
};

}  // namespace signalbox::simulation
