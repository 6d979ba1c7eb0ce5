#include "tests/simulation/ownership_witness.hpp"

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "tests/simulation/event_name.hpp"

namespace signalbox::simulation {
namespace {

using event_store::header_number;
using event_store::Verdict;

}  // namespace

OwnershipWitness::View::View(OwnershipWitness& witness, std::string process, Partition partition)
    : witness_(witness), process_(std::move(process)), partition_(partition) {
  witness_.views_.insert(this);
}

OwnershipWitness::View::~View() { witness_.views_.erase(this); }

void OwnershipWitness::View::begin_at(Offset from) {
  const auto& judged = witness_.judged_[partition_];
  next_ = from.value();
  // A process begins where a snapshot ends, which somebody has read before it.
  SIGNALBOX_ASSERT(static_cast<std::size_t>(next_) <= judged.size());
  model_ = next_ == 0 ? OwnershipFold{} : judged[static_cast<std::size_t>(next_) - 1].after;
  callable_.clear();
}

void OwnershipWitness::View::begin_batch(std::span<const RecordPtr> records) {
  for (const RecordPtr& record : records) witness_.judge(*record);
}

void OwnershipWitness::View::on_judged(const Record& record) {
  if (record.offset.value() != next_)
    violate(16, "offset " + std::to_string(record.offset.value()) + " is judged where " +
                    std::to_string(next_) + " is next");
  const Judged& judged =
      witness_.judged_[partition_].at(static_cast<std::size_t>(record.offset.value()));
  next_ = record.offset.value() + 1;
  if (judged.after.epoch() != model_.epoch()) {
    callable_.clear();
    next_inbound_ = judged.after.resume();
  }
  model_ = judged.after;
  if (judged.stated_call) ++callable_[*judged.stated_call];
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
  if (epoch <= model_.epoch() ||
      epoch > std::max(model_.epoch(), claims_.empty() ? 0 : claims_.rbegin()->first) + 1)
    violate(1, "a claim of epoch " + std::to_string(epoch) + " after it has read " +
                   std::to_string(model_.epoch()));
  if (!witness_.claim_ids_.insert(owned.claim_id.value().to_string()).second)
    violate(1, "a claim id that was used before");
  const std::int64_t next = owned.inbound_next.value();
  if (next != model_.resume())
    violate(11, "a claim that goes on at " + std::to_string(next) +
                    " where what it has read says " + std::to_string(model_.resume()));
  claims_.insert_or_assign(epoch, owned.claim_id);
}

void OwnershipWitness::View::on_repeat(const PartitionCheckpoint& repeat) {
  check_owner(repeat.epoch.value(), "a checkpoint");
  const std::int64_t settled = behind_quarantined(model_.resume());
  if (repeat.inbound_next.value() > settled)
    violate(11, "a checkpoint at " + std::to_string(repeat.inbound_next.value()) +
                    " where only what is before " + std::to_string(settled) +
                    " was read back or is in quarantine");
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
  }
  const auto known = static_cast<std::int64_t>(stated_.size());
  // The next one, or all that is open once more, from its first on.
  if (ord != last_ord_ + 1 && ord != model_.ord() + 1)
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
    if (inbound >= next_inbound_)
      violate(8, "event " + std::to_string(ord) + " of a command that has no outcome yet");
    return;
  }
  if (inbound < next_inbound_) violate(8, "a second outcome of one command");
  if (inbound > behind_quarantined(next_inbound_))
    violate(10, "an outcome of inbound " + std::to_string(inbound) + " where " +
                    std::to_string(behind_quarantined(next_inbound_)) +
                    " is neither answered nor in quarantine");
  next_inbound_ = std::max(next_inbound_, inbound + 1);
}

std::int64_t OwnershipWitness::View::behind_quarantined(std::int64_t inbound) const {
  while (quarantined_.contains(inbound)) ++inbound;
  return inbound;
}

bool OwnershipWitness::View::is_owner(std::int64_t epoch) const {
  const auto own = claims_.find(epoch);
  return own != claims_.end() && model_.epoch() == epoch && model_.claim() == own->second;
}

void OwnershipWitness::View::check_owner(std::int64_t epoch, const std::string& what) {
  if (!is_owner(epoch))
    violate(4, what + " of epoch " + std::to_string(epoch) + " by who has read that epoch " +
                   std::to_string(model_.epoch()) + " is somebody's");
  if (released_.contains(epoch)) violate(4, what + " after it has released the partition");
}

bool OwnershipWitness::View::take_call(const CallId& call) {
  if (!is_owner(model_.epoch()) || released_.contains(model_.epoch())) return false;
  const auto stated = callable_.find(call);
  if (stated == callable_.end() || stated->second == 0) return false;
  --stated->second;
  return true;
}

void OwnershipWitness::View::violate(int rule, const std::string& what) {
  witness_.report_.violate("rule " + std::to_string(rule) + ": " + process_ + ", partition " +
                           std::to_string(partition_.value()) + ": " + what);
}

void OwnershipWitness::judge(const Record& record) {
  auto& known = judged_[record.at.partition];
  if (static_cast<std::size_t>(record.offset.value()) != known.size()) return;
  Judged next{known.empty() ? OwnershipFold{} : known.back().after, std::nullopt};
  const Verdict verdict = next.after.judge(record);
  if (verdict == Verdict::valid && name_of(record) == "tool_executing")
    if (const auto event = event_store::decode_event(record))
      next.stated_call = std::get<ToolExecuting>(event->data).call_id;
  known.push_back(std::move(next));
}

void OwnershipWitness::on_call(const std::string& process, const CallId& call) {
  report_.count("call seen by the witness");
  const bool may = std::ranges::any_of(
      views_, [&](View* view) { return view->is_of(process) && view->take_call(call); });
  if (!may)
    report_.violate("rule 14: " + process + " makes call " + call.value().to_string() +
                    " that it has not read back a statement of its own for");
}

}  // namespace signalbox::simulation
