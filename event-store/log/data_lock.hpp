// DataLock: holds <dir>/lock for one writing process, released by the kernel however the process
// ends. Start-up only; any thread. Private to this folder.
#pragma once

#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

class DataLock {
 public:
  // Errors: already_running (names the holder's pid where it can be read), io_error.
  [[nodiscard]] static Result<DataLock> acquire(const std::string& dir);
  ~DataLock();
  DataLock(DataLock&& other) noexcept;
  DataLock& operator=(DataLock&&) = delete;

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace signalbox::event_store
