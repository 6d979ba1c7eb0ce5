// verify_newest: are the newest records whole? As verify_log, but of each topic and partition only
// the records behind the newest checkpoint that at least so many lie behind: for a look that takes
// seconds on a log of any length. Memory: as verify_log.
//
// What it cannot show, beside what verify_log cannot: anything about older records, and whether the
// first event of a user that it meets follows from those before it.
#pragma once

#include <cstdint>

#include "replay/verify.hpp"

namespace signalbox::replay {

// `options.user` names nobody. Errors: stopped, and what keeps the log from being opened at all.
[[nodiscard]] Result<VerifyReport> verify_newest(event_store::LogReader& log, std::int64_t records,
                                                 const VerifyOptions& options, const Watch& watch);

}  // namespace signalbox::replay
