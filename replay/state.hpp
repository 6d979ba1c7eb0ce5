// state: what was known of a user at an instant, from the archive as far as it goes and from the
// log behind it; from the log alone where the archive is missing, damaged or does not fit. Thread:
// one. Errors: as ValidEvents; unsupported_version.
#pragma once

#include <optional>
#include <string>

#include "event-store/log/log_reader.hpp"
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

[[nodiscard]] Result<KnownState> read_state(event_store::LogReader& log,
                                            const std::string& archive_folder, const UserId& user,
                                            const Instant& at, const Watch& watch);

}  // namespace signalbox::replay
