#include "event-store/log/data_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace signalbox::event_store {
namespace {

// How long acquire() waits for who only looks at the lock (lock_holder), and may be stopped by the
// system while he does.
constexpr std::chrono::milliseconds kLookMax{500};
constexpr std::chrono::milliseconds kTryAgain{5};

bool try_lock(int descriptor) {
  const auto give_up = std::chrono::steady_clock::now() + kLookMax;
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= give_up) return false;
    std::this_thread::sleep_for(kTryAgain);
  }
  return true;
}

}  // namespace

Result<DataLock> DataLock::acquire(const std::string& dir) {
  const std::string path = dir + "/lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return failure(Errc::io_error, "cannot open " + path + ": " + std::strerror(errno));
  DataLock lock(descriptor);
  if (!try_lock(descriptor)) {
    if (errno != EWOULDBLOCK)
      return failure(Errc::io_error, "cannot lock " + path + ": " + std::strerror(errno));
    // Not the number in the file, which is one of the holder's own pid namespace.
    const pid_t holder = lock_holder(dir).value_or(0);
    const std::string named = holder > 0 ? " (pid " + std::to_string(holder) + ")" : "";
    return failure(Errc::already_running,
                   "another process" + named + " is writing in " + dir + "; only one may");
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

// The kernel's list leaves out who is in another pid namespace, a container say; the lock does not.
// One that may not be looked at belongs to somebody.
bool is_held(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno == EACCES;
  const bool is_free = flock(descriptor, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  close(descriptor);
  return !is_free;
}

// Of those in the kernel's list, as lock_holder() tells it.
std::optional<pid_t> listed_holder(const struct stat& file) {
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

}  // namespace

std::optional<pid_t> lock_holder(const std::string& dir) {
  const std::string path = dir + "/lock";
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return std::nullopt;
  if (const auto listed = listed_holder(file)) return listed;
  if (!is_held(path)) return std::nullopt;
  // Who took it since the list was read is in it now.
  return listed_holder(file).value_or(0);
}

DataLock::~DataLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

DataLock::DataLock(DataLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace signalbox::event_store
