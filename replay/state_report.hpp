// What was known of a user, for people or as one JSON object.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event-store/model/result.hpp"
#include "replay/ended_runs.hpp"
#include "replay/known_state.hpp"

namespace signalbox::replay {

// Takes whole lines, or the next piece of one.
using ReportSink = std::function<Result<void>(std::string_view)>;

// Piece by piece: a run at a time. `ended` has the runs that the state gave away, told by run_text
// or by run_json. Errors: those of the sink and of EndedRuns.
[[nodiscard]] Result<void> write_state_text(const KnownState& state, const EndedRuns& ended,
                                            const ReportSink& take);
[[nodiscard]] Result<void> write_state_json(const KnownState& state, const EndedRuns& ended,
                                            const ReportSink& take);

// The same of a state that gave away none.
[[nodiscard]] std::string state_text(const KnownState& state);
[[nodiscard]] std::string state_json(const KnownState& state);

// Parts of it: one run, in lines or as one JSON object, and each question nobody has answered yet,
// beside its request_id.
[[nodiscard]] std::string run_text(const KnownRun& run);
[[nodiscard]] std::string run_json(const KnownRun& run);
[[nodiscard]] std::vector<std::pair<std::string, std::string>> pending_questions(
    const KnownState& state);

}  // namespace signalbox::replay
