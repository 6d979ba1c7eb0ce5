// OwnershipWitness: stands beside every router process and holds each of its appends to a partition
// of events, when it is made, against the ownership rules (ops/decisions/0015): by what that
// process has read so far, judged by the ownership model, might it claim, state, repeat or release?
// One thread; outlives the processes it watches.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/event.hpp"
#include "event-store/model/record.hpp"
#include "tests/simulation/ownership_fold.hpp"
#include "tests/simulation/run_report.hpp"

namespace signalbox::simulation {

class OwnershipWitness {
 public:
  explicit OwnershipWitness(RunReport& report) : report_(report) {}

  // What one process has read and done in one partition. Outlived by its witness.
  class View {
   public:
    View(OwnershipWitness& witness, std::string process, Partition partition);
    ~View();
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    // It begins to read (again) at that offset, knowing what is before.
    void begin_at(Offset from);
    // A batch is at hand, of which it goes on to judge record by record: what it does meanwhile is
    // by what it has judged so far.
    void begin_batch(std::span<const RecordPtr> records);
    void on_judged(const Record& record);
    void on_append(const NewRecord& record);
    // Its quarantine record of that inbound offset was reported durable.
    void on_quarantined(Offset inbound) { quarantined_.insert(inbound.value()); }
    // Rule 14: whether it may call now, as owner, by a statement that no call was made for yet.
    [[nodiscard]] bool take_call(const CallId& call);
    [[nodiscard]] bool is_of(std::string_view process) const { return process_ == process; }

   private:
    void on_claim(const PartitionOwned& owned);
    void on_repeat(const PartitionCheckpoint& repeat);
    void on_event(const Record& event);
    void on_outcome(const Record& event, std::int64_t ord);
    // The first offset from there on that is not in quarantine.
    [[nodiscard]] std::int64_t behind_quarantined(std::int64_t inbound) const;
    // Rules 2 and 4: an owner by one's own reading, and nothing higher was read.
    [[nodiscard]] bool is_owner(std::int64_t epoch) const;
    void check_owner(std::int64_t epoch, const std::string& what);
    void violate(int rule, const std::string& what);

    OwnershipWitness& witness_;
    std::string process_;
    Partition partition_;
    OwnershipFold model_;                     // of all it has judged
    std::int64_t next_ = 0;                   // offset of what it judges next
    std::map<CallId, int> callable_;          // statements of its epoch that it has judged valid
    std::map<std::int64_t, ClaimId> claims_;  // its own, by epoch
    std::set<std::int64_t> released_;         // epochs
    std::int64_t stated_epoch_ = 0;
    std::vector<NewRecord> stated_;       // events of that epoch, by ownerseq from 1
    std::int64_t last_ord_ = 0;           // that was appended last
    std::int64_t next_inbound_ = 0;       // where its term goes on with commands
    std::set<std::int64_t> quarantined_;  // inbound offsets
  };

  // Rule 14: that process calls a tool.
  void on_call(const std::string& process, const CallId& call);

 private:
  // A record of a partition of events as everybody must see it.
  struct Judged {
    OwnershipFold after;
    std::optional<CallId> stated_call;  // by a valid tool_executing
  };
  void judge(const Record& record);

  RunReport& report_;
  std::map<Partition, std::vector<Judged>> judged_;  // of all records that anybody has read
  std::set<View*> views_;
  std::set<std::string> claim_ids_;
};

}  // namespace signalbox::simulation
