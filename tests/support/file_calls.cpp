// Calls of the system by which the program changes files, as the linker puts them in the place of
// the C library's (--wrap, see CMakeLists.txt): each is done, and FaultVfs notes it where it
// records that file, or lets it fail. What libraries outside the program call is not seen, so
// SQLite's calls are not noted twice.
#include <fcntl.h>
#include <unistd.h>

#include <cstdarg>
#include <map>
#include <mutex>
#include <string>

#include "tests/support/fault_vfs.hpp"

using signalbox::test_support::Disk;
using signalbox::test_support::FaultVfs;
using Kind = Disk::Change::Kind;

namespace {

// The paths of open files that are recorded.
class OpenFiles {
 public:
  void add(int file, const std::string& path) {
    const std::lock_guard lock(mutex_);
    paths_[file] = path;
  }
  void remove(int file) {
    const std::lock_guard lock(mutex_);
    paths_.erase(file);
  }
  // Empty: it is not recorded.
  [[nodiscard]] std::string path_of(int file) {
    const std::lock_guard lock(mutex_);
    const auto found = paths_.find(file);
    return found != paths_.end() && FaultVfs::is_recorded(found->second) ? found->second : "";
  }

 private:
  std::mutex mutex_;
  std::map<int, std::string> paths_;
};

OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

std::string bytes_of(const void* from, size_t size) {
  return {static_cast<const char*>(from), size};
}

}  // namespace

extern "C" {

int __real_open(const char* path, int flags, ...);
int __real_close(int file);
ssize_t __real_write(int file, const void* from, size_t size);
ssize_t __real_pwrite(int file, const void* from, size_t size, off_t at);
int __real_ftruncate(int file, off_t size);
int __real_rename(const char* from, const char* to);
int __real_link(const char* from, const char* to);
int __real_unlink(const char* path);

int __wrap_open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  if (!FaultVfs::is_recorded(path)) return __real_open(path, flags, mode);
  const auto call = [&] { return __real_open(path, flags, mode); };
  const bool is_folder = (flags & O_DIRECTORY) != 0;
  const int file = is_folder ? call() : FaultVfs::record_open(path, flags, call);
  if (file >= 0) open_files().add(file, path);
  return file;
}

int __wrap_close(int file) {
  open_files().remove(file);
  return __real_close(file);
}

// At its end: nobody who is recorded writes anywhere else without saying where.
ssize_t __wrap_write(int file, const void* from, size_t size) {
  const std::string path = open_files().path_of(file);
  if (path.empty()) return __real_write(file, from, size);
  const auto at = static_cast<std::size_t>(lseek(file, 0, SEEK_CUR));
  return FaultVfs::record_call({Kind::written, path, at, bytes_of(from, size)},
                               [&](size_t room) { return __real_write(file, from, room); });
}

ssize_t __wrap_pwrite(int file, const void* from, size_t size, off_t at) {
  const std::string path = open_files().path_of(file);
  if (path.empty()) return __real_pwrite(file, from, size, at);
  return FaultVfs::record_call(
      {Kind::written, path, static_cast<std::size_t>(at), bytes_of(from, size)},
      [&](size_t room) { return __real_pwrite(file, from, room, at); });
}

int __wrap_ftruncate(int file, off_t size) {
  const std::string path = open_files().path_of(file);
  if (path.empty()) return __real_ftruncate(file, size);
  return static_cast<int>(
      FaultVfs::record_call({Kind::cut, path, static_cast<std::size_t>(size)},
                            [&](size_t) { return long{__real_ftruncate(file, size)}; }));
}

// No sync reaches the system's disk, as of FaultVfs.
int __wrap_fsync(int file) {
  const std::string path = open_files().path_of(file);
  if (path.empty()) return 0;
  const bool is_folder = (fcntl(file, F_GETFL) & O_DIRECTORY) != 0;
  return static_cast<int>(FaultVfs::record_call(
      {is_folder ? Kind::names_synced : Kind::synced, path}, [](size_t) { return 0L; }));
}

int __wrap_fdatasync(int file) {
  const std::string path = open_files().path_of(file);
  if (path.empty()) return 0;
  return static_cast<int>(FaultVfs::record_call({Kind::synced, path}, [](size_t) { return 0L; }));
}

int __wrap_rename(const char* from, const char* to) {
  if (!FaultVfs::is_recorded(from)) return __real_rename(from, to);
  return static_cast<int>(FaultVfs::record_call(
      {Kind::renamed, from, 0, {}, to}, [&](size_t) { return long{__real_rename(from, to)}; }));
}

int __wrap_link(const char* from, const char* to) {
  if (!FaultVfs::is_recorded(from)) return __real_link(from, to);
  return static_cast<int>(FaultVfs::record_call(
      {Kind::linked, from, 0, {}, to}, [&](size_t) { return long{__real_link(from, to)}; }));
}

int __wrap_unlink(const char* path) {
  if (!FaultVfs::is_recorded(path)) return __real_unlink(path);
  return static_cast<int>(FaultVfs::record_call({Kind::removed, path},
                                                [&](size_t) { return long{__real_unlink(path)}; }));
}

}  // extern "C"
