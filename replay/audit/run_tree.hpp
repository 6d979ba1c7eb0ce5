// A run as a tree of cause and effect. All events of a run name the command that began it as their
// cause, so the tree hangs by what the events say of themselves: message_received, below it
// agent_started, below that the steps, the end, and what came from outside; a tool's result, or a
// later attempt at it, below its tool_executing, an answer below the question it answers, the end
// below the cancel that asked for it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event-store/model/record.hpp"

namespace signalbox::replay {

// Between two times as records state them; none where one of them is none, or they go back.
[[nodiscard]] std::optional<std::int64_t> milliseconds_between(std::string_view start,
                                                               std::string_view end);

// NODE {"seq","time","type","title","duration_ms"?,"data","children":[NODE...]}: of a tool from
// executing to its result, of a question until its answer, of agent_started until the end.
// `events`: of one run, in their order, the first its message_received; there is one.
[[nodiscard]] std::string run_tree(const std::vector<RecordPtr>& events);

}  // namespace signalbox::replay
