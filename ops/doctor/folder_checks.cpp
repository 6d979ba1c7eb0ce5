#include "ops/doctor/folder_checks.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace signalbox::doctor {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;

constexpr microseconds kReachesNoDevice{20};
constexpr microseconds kSlow{20'000};
constexpr int kSyncsMax = 100;
constexpr std::chrono::milliseconds kSyncsTake{200};  // at most, but for the first few
constexpr int kSyncsMin = 5;
constexpr std::size_t kPageBytes = 4096;  // of the log
constexpr int kPages = 64;
constexpr mode_t kOfOthers = S_IRWXG | S_IRWXO;
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;

std::string user_name(uid_t user) {
  const passwd* const entry = ::getpwuid(user);
  return entry != nullptr ? entry->pw_name : std::to_string(user);
}

std::string mode_text(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

// The nearest folder above that exists.
fs::path existing_parent(const std::string& path) {
  std::error_code ignored;
  fs::path folder = fs::absolute(path, ignored).parent_path();
  while (!folder.empty() && folder != folder.root_path() && !fs::exists(folder, ignored))
    folder = folder.parent_path();
  return folder;
}

// Nobody but its owner knows what may go.
std::string largest_below(const std::string& folder) {
  return "sudo du -xh --max-depth=3 " + shell_word(folder) + " | sort -h | tail -n 20";
}

Finding missing_folder(const std::string& data) {
  const std::string parent = existing_parent(data).string();
  if (::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) == 0)
    return warning("data-folder", data + " does not exist",
                   "serve makes it at its first start; if there should be messages in it already, "
                   "the path is another one",
                   "signalbox serve --dev --data " + shell_word(data));
  return fault("data-folder", data + " does not exist and cannot be made in " + parent,
               "a service cannot start without a folder for its data",
               "sudo install -d -m 700 -o \"$(id -un)\" " + shell_word(data));
}

std::string names_of(const std::vector<std::string>& paths) {
  constexpr std::size_t kNamed = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(paths.size(), kNamed); ++i)
    names += (i == 0 ? "" : ", ") + paths[i];
  if (paths.size() > kNamed) names += " and " + std::to_string(paths.size() - kNamed) + " more";
  return names;
}

int open_nameless(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  const std::string path = folder + "/.doctor-" + std::to_string(::getpid());
  const int named = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (named >= 0) ::unlink(path.c_str());
  return named;
}

Result<SyncTimes> measure_in(int file, const std::string& folder) {
  const std::vector<char> page(kPageBytes, 'x');
  const auto write_page = [&](int number) {
    return ::pwrite(file, page.data(), page.size(),
                    static_cast<off_t>(static_cast<std::size_t>(number) * kPageBytes)) ==
           static_cast<ssize_t>(page.size());
  };
  const auto failed = [&](const char* doing) {
    return failure(errno == ENOSPC || errno == EDQUOT ? Errc::disk_full : Errc::io_error,
                   std::string(doing) + " in " + folder + ": " + std::strerror(errno));
  };
  // As in the log: the room is there before it is written to.
  for (int i = 0; i < kPages; ++i)
    if (!write_page(i)) return failed("cannot write");
  if (::fsync(file) != 0) return failed("cannot sync");
  std::vector<microseconds> times;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < kSyncsMax; ++i) {
    if (!write_page(i % kPages)) return failed("cannot write");
    const auto before = std::chrono::steady_clock::now();
    if (::fdatasync(file) != 0) return failed("cannot sync");
    const auto after = std::chrono::steady_clock::now();
    times.push_back(std::chrono::duration_cast<microseconds>(after - before));
    if (i + 1 >= kSyncsMin && after - begun > kSyncsTake) break;
  }
  std::ranges::sort(times);
  return SyncTimes{times[times.size() / 2], times.back(), static_cast<int>(times.size())};
}

}  // namespace

Finding check_data_folder(const std::string& data) {
  struct stat status {};
  if (::stat(data.c_str(), &status) != 0) {
    if (errno == ENOENT) return missing_folder(data);
    return fault("data-folder", "cannot look at " + data + ": " + std::strerror(errno),
                 "a service cannot start without its data", "ls -ld " + shell_word(data));
  }
  if (!S_ISDIR(status.st_mode))
    return fault("data-folder", data + " is a file", "a service keeps its data in a folder",
                 "mv " + shell_word(data) + ' ' + shell_word(data + ".aside"));
  const std::string owner = user_name(status.st_uid);
  if (status.st_uid != ::geteuid() && ::geteuid() != 0)
    return fault("data-folder",
                 data + " belongs to " + owner + ", and this is " + user_name(::geteuid()),
                 "only its owner may read what users wrote; run the doctor as the service's user",
                 "sudo -u " + shell_word(owner) + " signalbox doctor --data " + shell_word(data));
  if ((status.st_mode & kWritableByOthers) != 0)
    return fault("data-folder", data + " has mode " + mode_text(status.st_mode),
                 "whoever may write in it can remove or replace the log and the keys",
                 "chmod 700 " + shell_word(data));
  if ((status.st_mode & S_IRWXU) != S_IRWXU)
    return fault("data-folder", data + " has mode " + mode_text(status.st_mode),
                 "its owner himself may not read and write in it, so no service can",
                 "chmod 700 " + shell_word(data));
  if (::faccessat(AT_FDCWD, data.c_str(), W_OK, AT_EACCESS) != 0 && errno == EROFS)
    return fault("data-folder", data + " is on a file system that is mounted read-only",
                 "no message can be acknowledged",
                 "sudo mount -o remount,rw " + shell_word(mount_of(data).point));
  if ((status.st_mode & kOfOthers) != 0)
    return warning("data-folder", data + " has mode " + mode_text(status.st_mode),
                   "others can see which files are there, and when somebody wrote",
                   "chmod 700 " + shell_word(data));
  return ok("data-folder",
            data + " belongs to " + owner + ", mode " + mode_text(status.st_mode) + ", writable");
}

std::vector<Finding> check_data_files(const std::string& data) {
  struct stat folder {};
  if (::stat(data.c_str(), &folder) != 0) return {};
  std::vector<std::string> foreign;
  std::vector<std::string> open;
  std::int64_t files = 0;
  std::error_code error;
  fs::recursive_directory_iterator entry(data, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    struct stat status {};
    if (::lstat(entry->path().c_str(), &status) != 0) continue;  // gone since
    ++files;
    if (entry.depth() >= 1) entry.disable_recursion_pending();
    if (status.st_uid != folder.st_uid) foreign.push_back(entry->path().string());
    if (!S_ISLNK(status.st_mode) && (status.st_mode & kOfOthers) != 0)
      open.push_back(entry->path().string());
  }
  if (error)
    return {fault("data-files", "cannot list " + data + ": " + error.message(),
                  "what is in it cannot be judged", "ls -la " + shell_word(data))};
  std::vector<Finding> findings;
  if (!foreign.empty())
    findings.push_back(fault(
        "data-files",
        "not owned by " + user_name(folder.st_uid) +
            ", to whom the folder belongs: " + names_of(foreign),
        "a service of that user cannot open them; they were made by a command that ran as another",
        "sudo chown -R --reference=" + shell_word(data) + ' ' + shell_word(data)));
  if (!open.empty())
    findings.push_back(warning("data-files", "others may read: " + names_of(open),
                               "they hold what users wrote, or keys",
                               "chmod -R go= " + shell_word(data)));
  if (findings.empty())
    findings.push_back(ok("data-files", count_text(files, "file or folder", "files and folders") +
                                            ", all of " + user_name(folder.st_uid) +
                                            ", nobody else may read"));
  return findings;
}

Finding judge_file_system(const std::string& data, const Mount& mount) {
  constexpr std::array kInMemory{"tmpfs", "ramfs"};
  constexpr std::array kRemote{"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs"};
  const std::string mend =
      "signalbox backup --data " + shell_word(data) + " --to FOLDER_ON_A_LOCAL_DISK";
  if (std::ranges::find(kInMemory, mount.type) != kInMemory.end())
    return warning("file-system", data + " is on " + to_text(mount),
                   "it is memory: with the machine's next start every message is gone", mend);
  if (std::ranges::find(kRemote, mount.type) != kRemote.end())
    return warning("file-system", data + " is on " + to_text(mount),
                   "SQLite's write-ahead log needs locks and shared memory that a file system of "
                   "another host does not give reliably",
                   mend);
  if (mount.type == "overlay")
    return warning("file-system", data + " is on " + to_text(mount),
                   "it is a layer of a container and goes with it", mend);
  return ok("file-system", data + " is on " + to_text(mount));
}

Result<SyncTimes> measure_fdatasync(const std::string& folder) {
  const int file = open_nameless(folder);
  if (file < 0)
    return failure(errno == ENOSPC || errno == EDQUOT ? Errc::disk_full : Errc::io_error,
                   "cannot make a file in " + folder + ": " + std::strerror(errno));
  auto times = measure_in(file, folder);
  ::close(file);
  return times;
}

Finding judge_fdatasync(const std::string& data, const Result<SyncTimes>& times,
                        const Mount& mount) {
  if (!times)
    return fault("fdatasync", times.error().message,
                 "no message can be acknowledged before it is synced",
                 times.error().code == Errc::disk_full ? largest_below(mount.point)
                                                       : "sudo dmesg --level=err | tail");
  const std::string what = "half of " + std::to_string(times->count) +
                           " syncs of a page took at most " +
                           std::to_string(times->median.count()) + " µs, the slowest " +
                           std::to_string(times->slowest.count()) + " µs, on " + to_text(mount);
  if (times->median < kReachesNoDevice)
    return warning("fdatasync", what,
                   "no device answers that fast: what is acknowledged is lost when the power fails",
                   "signalbox backup --data " + shell_word(data) + " --to FOLDER_ON_A_LOCAL_DISK");
  if (times->median > kSlow)
    return warning("fdatasync", what,
                   "every acknowledgement waits for one: more than 20 ms is felt by who types",
                   "signalbox backup --data " + shell_word(data) + " --to FOLDER_ON_A_FASTER_DISK");
  return ok("fdatasync", what);
}

}  // namespace signalbox::doctor
