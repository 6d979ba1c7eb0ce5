#include "event-store/log/data_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace signalbox::event_store {
namespace {

std::string read_holder(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid;
}

}  // namespace

Result<DataLock> DataLock::acquire(const std::string& dir) {
  const std::string path = dir + "/lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return failure(Errc::io_error, "cannot open " + path + ": " + std::strerror(errno));
  DataLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return failure(Errc::io_error, "cannot lock " + path + ": " + std::strerror(errno));
    const std::string holder = read_holder(descriptor);
    return failure(Errc::already_running, "another process" +
                                              (holder.empty() ? "" : " (pid " + holder + ")") +
                                              " is writing in " + dir + "; only one may");
  }
  // For people only: what counts is the lock, so a failure to write the pid is none of ours.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(descriptor, 0) == 0) {
    const ssize_t written = pwrite(descriptor, pid.data(), pid.size(), 0);
    static_cast<void>(written);
  }
  return lock;
}

DataLock::~DataLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

DataLock::DataLock(DataLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace signalbox::event_store
