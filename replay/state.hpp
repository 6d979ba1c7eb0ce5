// state: what was known of a user at an instant, from the archive as far as it goes and from the
// log behind it; from the log alone where the archive is missing, damaged or does not fit. Thread:
// one, and one that reads the archive ahead (ArchivedPages, whose pages are beside what is said of
// memory here). Errors: as ValidEvents; unsupported_version; too_large.
//
// read_state folds all his events: messages, runs that have ended and their steps included. Memory:
// as large as what was said; where runs that have ended go to an EndedRuns, what a router holds of
// him, what that object holds, and of such runs 1 MiB of values, or a run that is larger.
// read_open_state is about what is still open, which is what a router holds, and begins at his
// snapshot where there is one that is not beyond the instant: its cost is that of the events since.
// read_run is about one run. Memory of these two: what a router holds of him, however long his
// history is, and the run.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>

#include "event-store/log/history_log.hpp"
#include "replay/ended_runs.hpp"
#include "replay/known_state.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

// Events up to and with this seq, or up to and with this ce_time; neither: all there are.
struct Instant {
  std::optional<Seq> seq{};
  std::optional<Timestamp> time{};
};
// `17`, or an RFC 3339 time. Error: bad_field of `field`.
[[nodiscard]] Result<Instant> parse_instant(const std::string& text, const std::string& field);
[[nodiscard]] bool is_within(const Instant& instant, const Record& event);

// `bytes_max`: of the values of his events up to there, all of which a state may hold.
[[nodiscard]] Result<KnownState> read_state(
    event_store::HistoryLog& log, const std::string& archive_folder, const UserId& user,
    const Instant& at, const Watch& watch,
    std::size_t bytes_max = std::numeric_limits<std::size_t>::max());

// The same for a report: runs that have ended go to `ended`, but for some of the newest, which the
// state still has. Where a client used a message_id again once it was forgotten, the run_id is the
// same: there may be two runs of it here, while a state that holds all has one, with the message of
// the first and what came of the second. Errors, besides: those of EndedRuns.
[[nodiscard]] Result<KnownState> read_state(event_store::HistoryLog& log,
                                            const std::string& archive_folder, const UserId& user,
                                            const Instant& at, const Watch& watch,
                                            EndedRuns& ended);

// nullopt: he has no such run.
[[nodiscard]] Result<std::optional<KnownRun>> read_run(event_store::HistoryLog& log,
                                                       const std::string& archive_folder,
                                                       const UserId& user, const RunId& run,
                                                       const Watch& watch);

struct OpenState {
  KnownState state;               // of its runs those that have not ended
  std::optional<Seq> snapshot{};  // where the folding began; none: at his first event
  std::string unused{};           // why a snapshot that there is was not begun with
};
struct StateFiles {
  std::string archive_folder;
  std::string snapshots;  // the file
};
[[nodiscard]] Result<OpenState> read_open_state(event_store::HistoryLog& log,
                                                const StateFiles& files, const UserId& user,
                                                const Instant& at, const Watch& watch);

}  // namespace signalbox::replay
