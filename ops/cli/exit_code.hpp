// What the program tells its caller when it ends (sysexits has 75).
#pragma once

#include "event-store/model/result.hpp"

namespace signalbox::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitFaultFound = 3;  // a verification found one
inline constexpr int kExitTryAgain = 75;
inline constexpr int kExitLibraryMissing = 127;  // ld.so(8), and event-store/curl

[[nodiscard]] inline int exit_code_of(Errc code) {
  if (code == Errc::bad_config) return kExitUsage;
  return is_retryable(code) ? kExitTryAgain : kExitFailed;
}
// What a flag says wrongly is the caller's to mend, whatever kind of error it is.
[[nodiscard]] inline int exit_code_of(const Error& error) {
  return error.field.starts_with("--") ? kExitUsage : exit_code_of(error.code);
}

}  // namespace signalbox::cli
