// RealRecords: what a record of the model is in bytes, so that the product's own code can be asked
// about it: events and control records as the codec writes them, of one log. The chain hash says
// nothing: no verdict, and no resume point, depends on it. A value; one thread.
#pragma once

#include "event-store/model/record.hpp"
#include "tests/simulation/model/protocol.hpp"

namespace signalbox::ownership_model {

class RealRecords {
 public:
  explicit RealRecords(LogId log) : log_(log) {}

  // A claim, or an event.
  [[nodiscard]] NewRecord of(const LogRecord& record) const;
  // A claim said again, as a checkpoint.
  [[nodiscard]] NewRecord checkpoint_of(const LogRecord& repeat) const;
  [[nodiscard]] static ClaimId claim_id(int claim);

 private:
  LogId log_;
};

}  // namespace signalbox::ownership_model
