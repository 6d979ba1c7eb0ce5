// DataLock: holds <dir>/lock for one writing process, released by the kernel however the process
// ends. Start-up only; any thread. For the embedded log, and for who keeps caches of a log
// elsewhere.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

class DataLock {
 public:
  // Errors: already_running (names the holder's pid where it can be seen), io_error.
  [[nodiscard]] static Result<DataLock> acquire(const std::string& dir);
  ~DataLock();
  DataLock(DataLock&& other) noexcept;
  DataLock& operator=(DataLock&&) = delete;

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// The process that writes in this directory, by its number here. nullopt: nobody. 0: somebody this
// process may not see, such as one in another pid namespace, or whose lock it may not open. Nothing
// is written to find out; where the kernel's list names nobody, the lock is held shared for a
// moment, which acquire() sits out.
[[nodiscard]] std::optional<pid_t> lock_holder(const std::string& dir);

}  // namespace signalbox::event_store
