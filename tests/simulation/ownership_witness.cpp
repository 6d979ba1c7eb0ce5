#include "tests/simulation/ownership_witness.hpp"

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::simulation {
namespace {

using event_store::header_number;
using event_store::Verdict;

constexpr std::string_view kTypes = "dev.signalbox.";

std::string_view name_of(const Record& record) {
  const auto type = record.header("ce_type").value_or("");
  return type.substr(std::min(kTypes.size(), type.size()));
}

bool is_outcome(std::string_view name) {
  return name.starts_with("message_") || name.starts_with("cancel_") ||
         name.starts_with("run_input_");
}

}  // namespace

void OwnershipWitness::View::begin_at(Offset from) {
  const auto& behind = witness_.partitions_[partition_].behind;
  const auto read = static_cast<std::size_t>(from.value());
  // A process begins where a snapshot ends, which somebody has read before it.
  SIGNALBOX_ASSERT(read <= behind.size());
  model_ = read == 0 ? OwnershipModel{} : behind[read - 1];
}

void OwnershipWitness::View::begin_batch() { batch_.clear(); }
void OwnershipWitness::View::end_batch() { batch_.clear(); }

void OwnershipWitness::View::on_read(const Record& record) {
  Partitioned& partition = witness_.partitions_[partition_];
  const auto index = static_cast<std::size_t>(record.offset.value());
  if (index == partition.behind.size()) {
    OwnershipModel model = index == 0 ? OwnershipModel{} : partition.behind.back();
    const Verdict verdict = model.judge(record);
    partition.behind.push_back(model);
    if (verdict == Verdict::valid && name_of(record) == "tool_executing")
      if (const auto event = event_store::decode_event(record))
        ++partition.stated_calls[std::get<ToolExecuting>(event->data).call_id.value().to_string()];
  }
  batch_.push_back(model_);
  model_ = partition.behind[index];
}

template <class Condition>
bool OwnershipWitness::View::holds(Condition condition) const {
  return condition(model_) || std::ranges::any_of(batch_, condition);
}

void OwnershipWitness::View::on_append(const NewRecord& record) {
  const Record appended{{Topic::events, partition_},
                        Offset(0),
                        Timestamp{},
                        record.key,
                        record.headers,
                        record.value};
  if (!event_store::is_control(appended)) {
    on_event(appended);
    return;
  }
  const auto control = event_store::decode_control(appended);
  if (!control) return violate(1, "a control record that nobody can read");
  if (const auto* owned = std::get_if<PartitionOwned>(&control->data)) on_claim(*owned);
  if (const auto* repeat = std::get_if<PartitionCheckpoint>(&control->data)) on_repeat(*repeat);
  if (const auto* released = std::get_if<PartitionReleased>(&control->data)) {
    check_owner(released->epoch.value(), "a release");
    released_.insert(released->epoch.value());
  }
}

void OwnershipWitness::View::on_claim(const PartitionOwned& owned) {
  witness_.report_.count("claim seen by the witness");
  const std::int64_t epoch = owned.epoch.value();
  // By what it has claimed itself it may go higher; who follows the partition anew may have
  // forgotten that, and is told apart by the claim id.
  if (!holds([&](const OwnershipModel& read) { return epoch > read.epoch(); }) ||
      epoch > std::max(model_.epoch(), claims_.empty() ? 0 : claims_.rbegin()->first) + 1)
    violate(1, "a claim of epoch " + std::to_string(epoch) + " after it has read " +
                   std::to_string(model_.epoch()));
  if (!witness_.claim_ids_.insert(owned.claim_id.value().to_string()).second)
    violate(1, "a claim id that was used before");
  const std::int64_t next = owned.inbound_next.value();
  if (!holds([&](const OwnershipModel& read) { return next == read.resume(); }))
    violate(11, "a claim that goes on at " + std::to_string(next) +
                    " where what it has read says " + std::to_string(model_.resume()));
  claims_.insert_or_assign(epoch, owned.claim_id);
}

void OwnershipWitness::View::on_repeat(const PartitionCheckpoint& repeat) {
  check_owner(repeat.epoch.value(), "a checkpoint");
  if (repeat.inbound_next.value() > model_.resume())
    violate(11, "a checkpoint at " + std::to_string(repeat.inbound_next.value()) +
                    " where only what is before " + std::to_string(model_.resume()) +
                    " was read back");
}

void OwnershipWitness::View::on_event(const Record& event) {
  witness_.report_.count("statement seen by the witness");
  const std::int64_t epoch = header_number(event, "ce_ownerepoch").value_or(0);
  const std::int64_t ord = header_number(event, "ce_ownerseq").value_or(0);
  check_owner(epoch, "event " + std::to_string(ord));
  if (epoch != stated_epoch_) {
    stated_epoch_ = epoch;
    stated_.clear();
    last_ord_ = 0;
    last_outcome_ = -1;
  }
  const auto known = static_cast<std::int64_t>(stated_.size());
  // The next one, or all that is open once more, from its first on.
  if (ord != last_ord_ + 1 && ord > model_.ord() + 1)
    violate(6, "event " + std::to_string(ord) + " after " + std::to_string(last_ord_) +
                   " where all behind " + std::to_string(model_.ord()) + " is open");
  last_ord_ = ord;
  if (ord < 1 || ord > known + 1)
    return violate(5,
                   "event " + std::to_string(ord) + " of an epoch with " + std::to_string(known));
  NewRecord stated{event.key, event.headers, event.value};
  if (ord <= known) {
    witness_.report_.count("statement sent again");
    if (!(stated_[static_cast<std::size_t>(ord) - 1] == stated))
      violate(6, "event " + std::to_string(ord) + " sent again with other bytes");
    return;
  }
  stated_.push_back(std::move(stated));
  on_outcome(event, ord);
}

void OwnershipWitness::View::on_outcome(const Record& event, std::int64_t ord) {
  const std::int64_t inbound = header_number(event, "ce_inboundoffset").value_or(-1);
  if (!is_outcome(name_of(event))) {
    if (inbound > last_outcome_ && inbound >= model_.resume())
      violate(8, "event " + std::to_string(ord) + " of a command that has no outcome yet");
    return;
  }
  if (inbound <= last_outcome_) violate(8, "outcomes in another order than their commands");
  last_outcome_ = inbound;
}

void OwnershipWitness::View::check_owner(std::int64_t epoch, const std::string& what) {
  const auto own = claims_.find(epoch);
  const auto is_its_own = [&](const OwnershipModel& read) {
    return read.epoch() == epoch && read.claim() == own->second;
  };
  if (own == claims_.end() || !holds(is_its_own))
    violate(4, what + " of epoch " + std::to_string(epoch) + " by who has read that epoch " +
                   std::to_string(model_.epoch()) + " is somebody's");
  if (released_.contains(epoch)) violate(4, what + " after it has released the partition");
}

void OwnershipWitness::View::violate(int rule, const std::string& what) {
  witness_.report_.violate("rule " + std::to_string(rule) + ": " + process_ + ", partition " +
                           std::to_string(partition_.value()) + ": " + what);
}

void OwnershipWitness::on_call(const CallId& call) {
  const std::string id = call.value().to_string();
  int stated = 0;
  for (const auto& [number, partition] : partitions_)
    if (const auto found = partition.stated_calls.find(id); found != partition.stated_calls.end())
      stated += found->second;
  if (++calls_[id] > stated)
    report_.violate("rule 14: call " + id + " is made for the " + std::to_string(calls_[id]) +
                    ". time, and " + std::to_string(stated) + " statements of it count");
}

}  // namespace signalbox::simulation
