#include "event-store/sqlite/system_failure.hpp"

#include <cerrno>
#include <cstring>

namespace signalbox::event_store {

tl::unexpected<Error> system_failure(const std::string& doing, const std::string& path) {
  const int code = errno;
  return failure(code == ENOSPC || code == EDQUOT ? Errc::disk_full : Errc::io_error,
                 doing + " " + path + ": " + std::strerror(code));
}

}  // namespace signalbox::event_store
