// ProgressPieces: the pieces of answers that still grow, so that a client that comes in the middle
// sees what was said. Of one partition, bounded by bytes: the run that began first leaves first.
// Losing pieces is allowed; agent_completed holds the truth. Thread: the feed's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/record.hpp"
#include "gateway/window.hpp"

namespace signalbox::gateway {

class ProgressPieces {
 public:
  explicit ProgressPieces(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // A record of the topic progress. Pieces of an older attempt of the run are void and leave. False
  // when the piece is void itself: its run has ended, or goes on in a later attempt.
  bool add(const RecordPtr& piece);
  // The headers of a valid event: when it ends a run or starts another attempt, pieces of that run
  // leave.
  void follow(std::span<const Header> event);
  // Pieces of the user's open runs, run by run in order.
  [[nodiscard]] std::vector<RecordPtr> of(std::string_view user) const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t runs() const { return order_.size(); }

 private:
  struct Run {
    std::string user;
    std::int64_t attempt;
    std::vector<RecordPtr> pieces;
    std::size_t bytes = 0;
    std::uint64_t number;
  };
  void drop(std::string_view run);
  void remember_ended(std::string_view run);

  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  TextMap<Run> runs_;
  std::map<std::uint64_t, std::string> order_;  // ids of the runs by number
  TextMap<std::vector<std::string>> runs_by_user_;
  // Pieces and events come through two tails: a piece may arrive after the event that ended its
  // run.
  TextMap<bool> ended_;
  std::deque<std::string> ended_order_;
};

}  // namespace signalbox::gateway
