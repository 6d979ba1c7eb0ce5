#include "tests/support/fault_vfs.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "tests/support/vfs_shim.hpp"

namespace signalbox::test_support {
namespace {

namespace fs = std::filesystem;

struct Failing {
  bool writes = false;
  bool syncs = false;
  bool others = false;
  int good = 0;
  int times = 0;  // kForever
  FaultVfs::Fault fault = FaultVfs::Fault::disk_full;
  bool has_no_room = false;  // a write beside SQLite has filled the disk
};

struct Plan {
  std::mutex mutex;  // also held while a concerned file changes
  std::condition_variable changed;
  std::string concerned;
  Failing failing;
  bool block = false;
  int blocked = 0;
  int writes = 0;
  int syncs = 0;
  int faults = 0;
  int last_errno = 0;
  int open_files = 0;
  Disk disk;
  bool recording = false;
  DiskHistory history;
  std::string watched;
};
Plan plan;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

using Kind = Disk::Change::Kind;

void add(Disk::Change change) {
  plan.disk.apply(change);
  if (plan.recording) plan.history.push_back(std::move(change));
}

void look_at(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return;
  std::string bytes = bytes_of(path);
  if (!plan.disk.knows(path.string()))
    add({Kind::found, path.string(), 0, std::move(bytes)});
  else if (plan.disk.content(path.string()) != bytes)
    add({Kind::written, path.string(), 0, std::move(bytes)});
}

void look_at_watched() {
  if (!plan.recording) return;
  look_at(plan.watched);
  std::error_code ignored;
  for (fs::recursive_directory_iterator at(plan.watched, ignored), end; at != end;
       at.increment(ignored))
    look_at(at->path());
}

// What the next change of this kind ends with. Under the mutex.
int outcome(bool Failing::*kind, int io_error) {
  Failing& failing = plan.failing;
  if (!(failing.*kind) || failing.times == 0) return SQLITE_OK;
  const bool full = failing.fault == FaultVfs::Fault::disk_full;
  if (full && io_error != SQLITE_IOERR_WRITE) return SQLITE_OK;
  if (failing.good-- > 0) return SQLITE_OK;
  failing.good = 0;
  if (failing.times > 0) --failing.times;
  ++plan.faults;
  plan.last_errno = full ? ENOSPC : EIO;
  return full ? SQLITE_FULL : io_error;
}

// Whether what is done beside SQLite fails, with plan.last_errno. Under the mutex.
bool fails(Kind kind) {
  const bool needs_room = kind == Kind::written || kind == Kind::created;
  return outcome(&Failing::others, needs_room ? SQLITE_IOERR_WRITE : SQLITE_IOERR) != SQLITE_OK;
}

bool is_concerned(const char* name) {
  return name != nullptr && std::string_view(name).find(plan.concerned) != std::string_view::npos;
}

class Shim : public VfsShim {
 public:
  Shim() : VfsShim(FaultVfs::kName) {}

  int open(File& file, int flags, int* out_flags) override {
    const char* const name = file.path;
    file.concerned = is_concerned(name);
    file.names_unsynced = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    std::optional<std::string> before;
    if (file.concerned && fs::exists(name)) before = bytes_of(name);
    const int code = VfsShim::open(file, flags, out_flags);
    if (file.system()->pMethods == nullptr || !file.concerned) return code;
    const std::lock_guard lock(plan.mutex);
    ++plan.open_files;
    if (plan.disk.knows(name)) return code;
    look_at_watched();
    if (before)
      add({Kind::found, name, 0, *std::move(before)});
    else
      add({Kind::created, name, 0, {}});
    return code;
  }

  void close(File& file) override {
    if (!file.concerned) return;
    const std::lock_guard lock(plan.mutex);
    // Closed in order: what is put in the place of the files has nothing to do with it.
    if (--plan.open_files == 0 && !plan.recording) plan.disk = {};
  }

  int write(File& file, const void* from, int amount, sqlite3_int64 at) override {
    sqlite3_file* const system = file.system();
    if (!file.concerned) return system->pMethods->xWrite(system, from, amount, at);
    const std::lock_guard lock(plan.mutex);
    ++plan.writes;
    if (const int code = outcome(&Failing::writes, SQLITE_IOERR_WRITE); code != SQLITE_OK)
      return code;
    look_at_watched();
    add({Kind::written, file.path, static_cast<std::size_t>(at),
         std::string(static_cast<const char*>(from), static_cast<std::size_t>(amount))});
    return system->pMethods->xWrite(system, from, amount, at);
  }

  int truncate(File& file, sqlite3_int64 size) override {
    sqlite3_file* const system = file.system();
    if (!file.concerned) return system->pMethods->xTruncate(system, size);
    const std::lock_guard lock(plan.mutex);
    if (const int code = outcome(&Failing::others, SQLITE_IOERR_TRUNCATE); code != SQLITE_OK)
      return code;
    look_at_watched();
    add({Kind::cut, file.path, static_cast<std::size_t>(size), {}});
    return system->pMethods->xTruncate(system, size);
  }

  int sync(File& file, int) override {
    if (!file.concerned) return SQLITE_OK;
    std::unique_lock lock(plan.mutex);
    ++plan.syncs;
    ++plan.blocked;
    plan.changed.wait(lock, [] { return !plan.block; });
    --plan.blocked;
    if (const int code = outcome(&Failing::syncs, SQLITE_IOERR_FSYNC); code != SQLITE_OK) {
      add({Kind::sync_failed, file.path, 0, {}});
      return code;
    }
    look_at_watched();
    add({Kind::synced, file.path, 0, {}});
    if (std::exchange(file.names_unsynced, false))
      add({Kind::names_synced, fs::path(file.path).parent_path().string(), 0, {}});
    return SQLITE_OK;
  }

  int remove(const char* name, int sync_folder) override {
    if (!is_concerned(name)) return VfsShim::remove(name, sync_folder);
    const std::lock_guard lock(plan.mutex);
    if (const int code = outcome(&Failing::others, SQLITE_IOERR_DELETE); code != SQLITE_OK)
      return code;
    look_at_watched();
    add({Kind::removed, name, 0, {}});
    if (sync_folder != 0) add({Kind::names_synced, fs::path(name).parent_path().string(), 0, {}});
    return VfsShim::remove(name, sync_folder);
  }

  int last_error() override {
    const std::lock_guard lock(plan.mutex);
    return plan.last_errno;
  }
};

}  // namespace

FaultVfs::FaultVfs(std::string concerned) {
  heal();
  plan.concerned = std::move(concerned);
  shim_ = std::make_unique<Shim>();
}

FaultVfs::~FaultVfs() {
  heal();
  shim_.reset();
  plan.recording = false;
  plan.disk = {};
}

void FaultVfs::fail_writes(int good, Fault fault) {
  const std::lock_guard lock(plan.mutex);
  plan.failing = {.writes = true, .good = good, .times = kForever, .fault = fault};
}

void FaultVfs::fail_syncs(int good, int times) {
  const std::lock_guard lock(plan.mutex);
  plan.failing = {.syncs = true, .good = good, .times = times, .fault = Fault::io_error};
}

void FaultVfs::fail_changes(int good, Fault fault, int times) {
  const std::lock_guard lock(plan.mutex);
  plan.failing = {
      .writes = true, .syncs = true, .others = true, .good = good, .times = times, .fault = fault};
}

void FaultVfs::block_syncs() {
  const std::lock_guard lock(plan.mutex);
  plan.block = true;
}

void FaultVfs::unblock_syncs() {
  const std::lock_guard lock(plan.mutex);
  plan.block = false;
  plan.changed.notify_all();
}

void FaultVfs::heal() {
  const std::lock_guard lock(plan.mutex);
  plan.failing = {};
  plan.block = false;
  plan.last_errno = 0;
  plan.faults = 0;
  plan.changed.notify_all();
}

Files FaultVfs::files_after(Crash crash, const std::string& folder) {
  const std::lock_guard lock(plan.mutex);
  Files files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    // The index of the write-ahead log is memory of the process, the lock is held by it.
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && !name.ends_with("-shm") && name != "lock" &&
        !plan.disk.knows(entry.path().string()))
      files[name] = bytes_of(entry.path());
  }
  Random random(1);
  for (auto& [path, bytes] : plan.disk.left_by(crash, random))
    if (fs::path(path).parent_path() == folder)
      files[fs::path(path).filename().string()] = std::move(bytes);
  return files;
}

void FaultVfs::record(std::string watched) {
  const std::lock_guard lock(plan.mutex);
  plan.recording = true;
  plan.disk = {};
  plan.history = {};
  plan.watched = std::move(watched);
}

void FaultVfs::record(std::string watched, const std::string& folder) {
  record(std::move(watched));
  const std::lock_guard lock(plan.mutex);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) look_at(entry.path());
}

bool FaultVfs::is_recorded(const std::string& path) {
  const std::lock_guard lock(plan.mutex);
  return plan.recording && (path.starts_with(plan.watched) || is_concerned(path.c_str()));
}

long FaultVfs::record_call(Disk::Change change, const std::function<long(std::size_t)>& call) {
  const std::lock_guard lock(plan.mutex);
  look_at_watched();
  std::size_t room = change.bytes.size();
  if (fails(change.kind)) {
    const bool is_full = plan.last_errno == ENOSPC;
    if (!is_full || room < 2 || std::exchange(plan.failing.has_no_room, true)) {
      if (change.kind == Kind::synced) add({Kind::sync_failed, change.path, 0, {}});
      errno = plan.last_errno;
      return -1;
    }
    room /= 2;
    // What is left of it meets the same fault.
    if (plan.failing.times != kForever) ++plan.failing.times;
  }
  const long result = call(room);
  if (result < 0) return result;
  if (change.kind == Kind::written) change.bytes.resize(static_cast<std::size_t>(result));
  add(std::move(change));
  return result;
}

int FaultVfs::record_open(const std::string& path, int flags, const std::function<int()>& call) {
  const std::lock_guard lock(plan.mutex);
  const bool is_there = fs::exists(path);
  const bool is_made = !is_there && (flags & O_CREAT) != 0;
  const bool is_cut = is_there && (flags & O_TRUNC) != 0;
  if ((is_made || is_cut) && fails(is_made ? Kind::created : Kind::cut)) {
    errno = plan.last_errno;
    return -1;
  }
  if (is_there && !plan.disk.knows(path)) add({Kind::found, path, 0, bytes_of(path)});
  const int file = call();
  if (file < 0) return file;
  if (is_made) add({Kind::created, path, 0, {}});
  if (is_cut) add({Kind::cut, path, 0, {}});
  return file;
}

DiskHistory FaultVfs::recorded() {
  const std::lock_guard lock(plan.mutex);
  look_at_watched();
  plan.recording = false;
  plan.disk = {};
  return std::exchange(plan.history, {});
}

std::size_t FaultVfs::changes() const {
  const std::lock_guard lock(plan.mutex);
  return plan.history.size();
}

int FaultVfs::syncs() const {
  const std::lock_guard lock(plan.mutex);
  return plan.syncs;
}

int FaultVfs::writes() const {
  const std::lock_guard lock(plan.mutex);
  return plan.writes;
}

int FaultVfs::faults() const {
  const std::lock_guard lock(plan.mutex);
  return plan.faults;
}

bool FaultVfs::sync_is_blocked() const {
  const std::lock_guard lock(plan.mutex);
  return plan.block && plan.blocked > 0;
}

}  // namespace signalbox::test_support
