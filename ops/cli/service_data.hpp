// Whether a folder holds the data of a service with an embedded log: what a command asks before it
// copies, signs or opens. At start-up; one thread.
#pragma once

#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::cli {

// Errors, of field --data: not_found (no such folder, a file, or a folder without a log), io_error
// (it may not be looked at).
[[nodiscard]] Result<void> check_service_data(const std::string& data);

}  // namespace signalbox::cli
