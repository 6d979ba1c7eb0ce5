#include "event-store/log/data_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
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

namespace {

// Whether that process has that file open; nullopt: who may not be seen.
std::optional<bool> has_open(pid_t process, const struct stat& wanted) {
  std::error_code error;
  std::filesystem::directory_iterator file("/proc/" + std::to_string(process) + "/fd", error);
  if (error) return std::nullopt;
  for (; !error && file != std::filesystem::directory_iterator(); file.increment(error)) {
    struct stat status {};
    if (::stat(file->path().c_str(), &status) == 0 && status.st_dev == wanted.st_dev &&
        status.st_ino == wanted.st_ino)
      return true;
  }
  return false;
}

}  // namespace

std::optional<pid_t> lock_holder(const std::string& dir) {
  struct stat file {};
  if (::stat((dir + "/lock").c_str(), &file) != 0) return std::nullopt;
  // `1: FLOCK  ADVISORY  WRITE 4711 fe:00:2097 0 EOF`; the device may be another one than stat's,
  // so that of another file system with the same number is told by what the process has open.
  const std::string inode = ':' + std::to_string(file.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, how, mode, place;
    pid_t holder = 0;
    words >> number >> kind >> how >> mode >> holder >> place;
    if (kind != "FLOCK" || mode != "WRITE" || !place.ends_with(inode)) continue;
    if (holder <= 0) return 0;
    if (has_open(holder, file).value_or(true)) return holder;
  }
  return std::nullopt;
}

DataLock::~DataLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

DataLock::DataLock(DataLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace signalbox::event_store
