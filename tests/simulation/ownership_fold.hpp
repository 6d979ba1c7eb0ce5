// OwnershipFold: the validity fold as the checked model has it (ops/decisions/0015), written from
// its rules and not from the product's code, so that each can be held against the other record by
// record. A value; pure.
#pragma once

#include <optional>
#include <string>

#include "event-store/log/validity_fold.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::simulation {

class OwnershipFold {
 public:
  // Judges the next record of one partition of events, in log order.
  event_store::Verdict judge(const Record& record);

  [[nodiscard]] std::int64_t epoch() const { return epoch_; }
  [[nodiscard]] const std::optional<ClaimId>& claim() const { return claim_; }
  [[nodiscard]] std::int64_t ord() const { return ord_; }
  // The first inbound offset without an outcome.
  [[nodiscard]] std::int64_t resume() const { return resume_; }
  // Where the product's position differs, in words; empty where it does not.
  [[nodiscard]] std::string difference(const event_store::Position& position) const;

 private:
  [[nodiscard]] event_store::Verdict judge_control(const Record& record);
  [[nodiscard]] event_store::Verdict judge_event(const Record& record);

  std::int64_t epoch_ = 0;
  std::optional<ClaimId> claim_;
  std::int64_t ord_ = 0;
  std::int64_t resume_ = 0;
};

}  // namespace signalbox::simulation
