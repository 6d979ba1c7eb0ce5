#include "event-store/sqlite/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "event-store/sqlite/system_failure.hpp"

namespace signalbox::event_store {

Result<void> make_private(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_failure("cannot look at", path);
  }
  constexpr mode_t kOfOthers = S_IRWXG | S_IRWXO;
  if ((status.st_mode & kOfOthers) == 0 || status.st_uid != ::geteuid()) return {};
  // 07777: what chmod() takes.
  if (::chmod(path.c_str(), status.st_mode & 07777 & ~kOfOthers) != 0)
    return system_failure("cannot take from others the rights on", path);
  return {};
}

Result<void> make_private_file(const std::string& path) {
  if (struct stat status{}; ::stat(path.c_str(), &status) == 0 || errno != ENOENT) {
    for (const char* const side : {"", "-wal", "-shm"})
      if (auto done = make_private(path + side); !done) return done;
    return {};
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return system_failure("cannot create", path);
  ::close(file);
  return {};
}

Result<void> make_private_folders(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder(path);
  if (folder.has_parent_path() && folder.parent_path() != folder)
    if (std::error_code error; !fs::exists(folder.parent_path(), error))
      if (auto made = make_private_folders(folder.parent_path().string()); !made) return made;
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  const int why = errno;
  if (std::error_code error; why == EEXIST && fs::is_directory(folder, error)) return {};
  // "File exists" would be true, and puzzle whoever named a file.
  errno = why == EEXIST ? ENOTDIR : why;
  const int told = errno;
  auto failed = system_failure("cannot create the folder", path);
  if (told == EACCES || told == EPERM || told == EROFS || told == ENOENT || told == ENOTDIR)
    failed.value().message += "; name one below a folder that this user may write to";
  return failed;
}

}  // namespace signalbox::event_store
