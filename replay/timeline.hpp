// Timeline: events one by one, for people (a line each, cut to what a terminal shows) or for
// programs (JSON Lines with everything the record says). Pure but for what it is given to read and
// to write.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "event-store/contract/json_writer.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/record.hpp"
#include "replay/valid_events.hpp"

namespace signalbox::replay {

// What is not given lets everything pass.
struct TimelineFilter {
  std::optional<ThreadId> thread{};
  std::optional<RunId> run{};
  std::set<std::string> types{};     // bare names
  std::optional<Timestamp> since{};  // ce_time, inclusive
  std::optional<Timestamp> until{};  // exclusive
};
[[nodiscard]] bool passes(const TimelineFilter& filter, const Record& event);
// `agent_started` of dev.signalbox.agent_started.
[[nodiscard]] std::string_view bare_type(const Record& event);
// Whether there is an event type of this bare name; all of them, for who must say so.
[[nodiscard]] bool is_event_name(std::string_view name);
[[nodiscard]] std::string event_names();

// What it says, in a few words on one line: as in readable_line.
[[nodiscard]] std::string summary_text(const Record& event);
// `"data":{...}` as it is stored, or `"value":"..."` where that is no JSON object.
void write_data(event_store::JsonWriter& writer, const Record& event);

// `2026-11-20 09:30:00.000  seq 7  t-1  run 1a2b3c4d  tool_executing  calculator {"…"}`; control
// characters and marks that turn the direction of text are shown as escapes.
[[nodiscard]] std::string readable_line(const Record& event, bool with_user);
// One JSON object, ended by write_data().
[[nodiscard]] std::string json_line(const Record& event);

// Gives each line to `write`, which says false when there is nobody to read it any more.
[[nodiscard]] Result<void> write_timeline(ValidEvents& events, const TimelineFilter& filter,
                                          const std::function<std::string(const Record&)>& line,
                                          const std::function<bool(std::string_view)>& write);

}  // namespace signalbox::replay
