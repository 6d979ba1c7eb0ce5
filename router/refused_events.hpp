// RefusedEvents: what the log of one partition takes no event for, since the one that was stated is
// larger than it takes (ownership rule 7): commands by their place, and runs. It outlives the terms
// of a process, as only a higher epoch may state something else: there the command is poison, the
// run ends with output_too_large. Not in the log: another process finds out for itself. Thread: the
// router's.
#pragma once

#include <set>

#include "event-store/model/event.hpp"

namespace signalbox::router {

class RefusedEvents {
 public:
  void note(const Event& event);
  // Commands before it have their outcome.
  void forget_before(Offset inbound_next);
  void forget(const RunId& run_id);

  [[nodiscard]] bool has(Offset inbound_offset) const { return commands_.contains(inbound_offset); }
  [[nodiscard]] bool has(const RunId& run_id) const { return runs_.contains(run_id); }
  // What was refused last was stated in place of what had been refused before: whatever is stated,
  // it is in vain, until something is read back.
  [[nodiscard]] bool is_stuck() const { return is_stuck_; }
  void note_counted() { is_stuck_ = false; }

 private:
  std::set<Offset> commands_;
  std::set<RunId> runs_;
  bool is_stuck_ = false;
};

}  // namespace signalbox::router
