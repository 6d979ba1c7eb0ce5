// Progress: pieces of an answer while it grows (topic progress). They may be lost, have no seq and
// are in no chain; agent_completed holds the truth.
#pragma once

#include <cstdint>
#include <string>

#include "event-store/model/clock.hpp"
#include "event-store/model/context.hpp"

namespace signalbox {

struct AgentResponding {
  std::int32_t index;   // from 0 in every attempt
  std::int64_t offset;  // code points of the answer before this piece
  std::string content;
  friend bool operator==(const AgentResponding&, const AgentResponding&) = default;
};

struct Progress {
  std::string id;  // ce_id: random UUID
  std::string source;
  Timestamp time;
  UserExecutionContext context;
  Attempt attempt;
  AgentResponding data;
};

}  // namespace signalbox
