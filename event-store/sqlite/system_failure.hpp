// What a call of the system that has just failed left in errno, as an Error: disk_full where there
// was no room, io_error for all else, with the path and the system's reason. Threads: any.
#pragma once

#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

// `doing`: "cannot write".
[[nodiscard]] tl::unexpected<Error> system_failure(const std::string& doing,
                                                   const std::string& path);

}  // namespace signalbox::event_store
