#include "event-store/model/result.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox {

std::string_view to_text(Errc code) {
  switch (code) {
    case Errc::bad_json: return "bad_json";
    case Errc::unknown_type: return "unknown_type";
    case Errc::missing_field: return "missing_field";
    case Errc::bad_field: return "bad_field";
    case Errc::deprecated_field: return "deprecated_field";
    case Errc::too_large: return "too_large";
    case Errc::unknown_agent: return "unknown_agent";
    case Errc::cursor_invalid: return "cursor_invalid";
    case Errc::token_invalid: return "token_invalid";
    case Errc::forbidden: return "forbidden";
    case Errc::rate_limited: return "rate_limited";
    case Errc::overloaded: return "overloaded";
    case Errc::log_unavailable: return "log_unavailable";
    case Errc::history_damaged: return "history_damaged";
    case Errc::malformed: return "malformed";
    case Errc::unsupported_version: return "unsupported_version";
    case Errc::wrong_partition: return "wrong_partition";
    case Errc::key_mismatch: return "key_mismatch";
    case Errc::not_found: return "not_found";
    case Errc::corrupt: return "corrupt";
    case Errc::already_running: return "already_running";
    case Errc::disk_full: return "disk_full";
    case Errc::io_error: return "io_error";
    case Errc::stopped: return "stopped";
    case Errc::not_owner: return "not_owner";
    case Errc::unavailable: return "unavailable";
    case Errc::bad_config: return "bad_config";
  }
  SIGNALBOX_ASSERT(false && "an Errc outside its enum");
  return "";
}

bool is_retryable(Errc code) {
  switch (code) {
    case Errc::rate_limited:
    case Errc::overloaded:
    case Errc::log_unavailable:
    case Errc::disk_full:
    case Errc::unavailable: return true;
    default: return false;
  }
}

}  // namespace signalbox
