// Result<T>: a value, or an Error that says what went wrong. For failures a caller must expect; a
// bug is SIGNALBOX_ASSERT, and exceptions are for start-up only.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace signalbox {

// Closed set; the text form of those a client may see is the contract's (contract 11).
enum class Errc {
  // what a client did (their names are the wire's error codes)
  bad_json,
  unknown_type,
  missing_field,
  bad_field,
  deprecated_field,
  too_large,
  unknown_agent,
  cursor_invalid,
  token_invalid,
  forbidden,
  rate_limited,
  overloaded,
  log_unavailable,
  history_damaged,
  // what a record is
  malformed,
  unsupported_version,
  wrong_partition,
  key_mismatch,
  // what a store or a process met
  not_found,
  corrupt,
  already_running,
  disk_full,
  io_error,
  stopped,
  not_owner,
  unavailable,
  bad_config,
};

[[nodiscard]] std::string_view to_text(Errc code);
// True when the same call may succeed later without anything being changed by the caller.
[[nodiscard]] bool is_retryable(Errc code);

struct Error {
  Errc code;
  std::string message;  // a sentence for a person: what is wrong and, where known, what to do
  std::string field{};  // whole path of the field that is wrong; empty where there is none
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> failure(Errc code, std::string message,
                                                   std::string field = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(field)});
}

}  // namespace signalbox
