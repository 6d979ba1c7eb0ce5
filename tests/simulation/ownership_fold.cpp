#include "tests/simulation/ownership_fold.hpp"

#include <algorithm>

#include "event-store/contract/codec.hpp"

namespace signalbox::simulation {

using event_store::header_number;
using event_store::Verdict;

Verdict OwnershipFold::judge(const Record& record) {
  return event_store::is_control(record) ? judge_control(record) : judge_event(record);
}

Verdict OwnershipFold::judge_control(const Record& record) {
  const auto control = event_store::decode_control(record);
  if (!control) return Verdict::malformed;
  if (std::holds_alternative<LogGenesis>(control->data))
    return record.offset == Offset(0) ? Verdict::genesis : Verdict::ignored;
  if (const auto* owned = std::get_if<PartitionOwned>(&control->data)) {
    const bool is_higher = owned->epoch.value() > epoch_;
    if (is_higher) {
      epoch_ = owned->epoch.value();
      claim_ = owned->claim_id;
      ord_ = 0;
    } else if (owned->epoch.value() != epoch_ || owned->claim_id != claim_) {
      return Verdict::ignored;
    }
    resume_ = std::max(resume_, owned->inbound_next.value());
    return is_higher ? Verdict::control : Verdict::repeat;
  }
  if (const auto* repeat = std::get_if<PartitionCheckpoint>(&control->data)) {
    if (repeat->trying && repeat->trying->count > kCountMax<std::int32_t>)
      return Verdict::malformed;
    if (repeat->epoch.value() != epoch_ || repeat->claim_id != claim_) return Verdict::ignored;
    resume_ = std::max(resume_, repeat->inbound_next.value());
    return Verdict::repeat;
  }
  return Verdict::released;
}

Verdict OwnershipFold::judge_event(const Record& record) {
  const auto epoch = header_number(record, "ce_ownerepoch");
  const auto ord = header_number(record, "ce_ownerseq");
  if (!epoch || !ord) return Verdict::malformed;
  if (*epoch < epoch_) return Verdict::superseded;
  if (*epoch > epoch_) return Verdict::corrupt;
  if (*ord <= ord_) return Verdict::duplicate;
  if (*ord > ord_ + 1) return Verdict::hole;
  ++ord_;
  const std::int64_t cause = header_number(record, "ce_inboundoffset").value_or(-1);
  if (cause < kCountMax<std::int64_t>) resume_ = std::max(resume_, cause + 1);
  return Verdict::valid;
}

std::string OwnershipFold::difference(const event_store::Position& position) const {
  std::string told;
  if (position.epoch.value() != epoch_) told += " epoch " + std::to_string(epoch_);
  if (position.claim != claim_) told += " another claim";
  if (position.owner_seq.value() != ord_) told += " ord " + std::to_string(ord_);
  return told.empty() ? told : "the model has" + told;
}

}  // namespace signalbox::simulation
