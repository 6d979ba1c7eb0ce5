#include "tests/support/fault_vfs.hpp"

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

#include "event-store/model/assert.hpp"

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
  Files seen;  // of what is watched
};
Plan plan;

struct File {
  sqlite3_file base;
  bool concerned;
  bool names_unsynced;  // its first sync is one of its folder, too
  const char* path;     // SQLite's, good as long as the file is open
  // The system's file follows in the same allocation.
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* mine(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return mine(file)->real(); }

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
  const auto [seen, is_new] = plan.seen.try_emplace(path.string(), bytes);
  if (!is_new && seen->second == bytes) return;
  seen->second = bytes;
  if (is_new)
    add({Kind::found, path.string(), 0, std::move(bytes)});
  else
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
  if (!(failing.*kind) || failing.times == 0 || failing.good-- > 0) return SQLITE_OK;
  failing.good = 0;
  const bool full = failing.fault == FaultVfs::Fault::disk_full;
  if (full && io_error != SQLITE_IOERR_WRITE) return SQLITE_OK;
  if (failing.times > 0) --failing.times;
  ++plan.faults;
  plan.last_errno = full ? ENOSPC : EIO;
  return full ? SQLITE_FULL : io_error;
}

int x_close(sqlite3_file* file) {
  if (mine(file)->concerned) {
    const std::lock_guard lock(plan.mutex);
    // Closed in order: what is put in the place of the files has nothing to do with it.
    if (--plan.open_files == 0 && !plan.recording) plan.disk = {};
  }
  return real(file)->pMethods->xClose(real(file));
}
int x_read(sqlite3_file* file, void* to, int amount, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), to, amount, at);
}
int x_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 at) {
  if (!mine(file)->concerned) return real(file)->pMethods->xWrite(real(file), from, amount, at);
  const std::lock_guard lock(plan.mutex);
  ++plan.writes;
  if (const int code = outcome(&Failing::writes, SQLITE_IOERR_WRITE); code != SQLITE_OK)
    return code;
  look_at_watched();
  add({Kind::written, mine(file)->path, static_cast<std::size_t>(at),
       std::string(static_cast<const char*>(from), static_cast<std::size_t>(amount))});
  return real(file)->pMethods->xWrite(real(file), from, amount, at);
}
int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (!mine(file)->concerned) return real(file)->pMethods->xTruncate(real(file), size);
  const std::lock_guard lock(plan.mutex);
  if (const int code = outcome(&Failing::others, SQLITE_IOERR_TRUNCATE); code != SQLITE_OK)
    return code;
  look_at_watched();
  add({Kind::cut, mine(file)->path, static_cast<std::size_t>(size), {}});
  return real(file)->pMethods->xTruncate(real(file), size);
}
int x_sync(sqlite3_file* file, int) {
  if (!mine(file)->concerned) return SQLITE_OK;
  std::unique_lock lock(plan.mutex);
  ++plan.syncs;
  ++plan.blocked;
  plan.changed.wait(lock, [] { return !plan.block; });
  --plan.blocked;
  if (const int code = outcome(&Failing::syncs, SQLITE_IOERR_FSYNC); code != SQLITE_OK) return code;
  look_at_watched();
  const std::string path = mine(file)->path;
  add({Kind::synced, path, 0, {}});
  if (std::exchange(mine(file)->names_unsynced, false))
    add({Kind::names_synced, fs::path(path).parent_path().string(), 0, {}});
  return SQLITE_OK;
}
int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int x_lock(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int x_unlock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int x_check_reserved_lock(sqlite3_file* file, int* held) {
  return real(file)->pMethods->xCheckReservedLock(real(file), held);
}
int x_file_control(sqlite3_file* file, int what, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), what, argument);
}
int x_sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int x_device_characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int x_shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, to);
}
int x_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void x_shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int x_shm_unmap(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

const sqlite3_io_methods kMethods = {2,
                                     x_close,
                                     x_read,
                                     x_write,
                                     x_truncate,
                                     x_sync,
                                     x_file_size,
                                     x_lock,
                                     x_unlock,
                                     x_check_reserved_lock,
                                     x_file_control,
                                     x_sector_size,
                                     x_device_characteristics,
                                     x_shm_map,
                                     x_shm_lock,
                                     x_shm_barrier,
                                     x_shm_unmap,
                                     nullptr,
                                     nullptr};

sqlite3_vfs* system_vfs(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

bool is_concerned(const char* name) {
  return name != nullptr && std::string_view(name).find(plan.concerned) != std::string_view::npos;
}

int x_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  std::optional<std::string> before;
  if (is_concerned(name) && fs::exists(name)) before = bytes_of(name);
  File* const made = mine(file);
  made->base.pMethods = nullptr;
  made->path = name;
  made->concerned = is_concerned(name);
  made->names_unsynced = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
  const int code = system_vfs(vfs)->xOpen(system_vfs(vfs), name, made->real(), flags, out_flags);
  if (made->real()->pMethods == nullptr) return code;
  made->base.pMethods = &kMethods;
  if (!made->concerned) return code;
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

int x_delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  if (!is_concerned(name)) return system_vfs(vfs)->xDelete(system_vfs(vfs), name, sync_folder);
  const std::lock_guard lock(plan.mutex);
  if (const int code = outcome(&Failing::others, SQLITE_IOERR_DELETE); code != SQLITE_OK)
    return code;
  look_at_watched();
  add({Kind::removed, name, 0, {}});
  if (sync_folder != 0) add({Kind::names_synced, fs::path(name).parent_path().string(), 0, {}});
  return system_vfs(vfs)->xDelete(system_vfs(vfs), name, sync_folder);
}

int x_get_last_error(sqlite3_vfs* vfs, int size, char* text) {
  const std::lock_guard lock(plan.mutex);
  if (plan.last_errno != 0) return plan.last_errno;
  return system_vfs(vfs)->xGetLastError(system_vfs(vfs), size, text);
}

sqlite3_vfs shim;

}  // namespace

FaultVfs::FaultVfs(std::string concerned) {
  heal();
  plan.concerned = std::move(concerned);
  sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  SIGNALBOX_ASSERT(system != nullptr);
  shim = *system;
  shim.pNext = nullptr;
  shim.zName = kName;
  shim.pAppData = system;
  shim.szOsFile = static_cast<int>(sizeof(File)) + system->szOsFile;
  shim.xOpen = x_open;
  shim.xDelete = x_delete;
  shim.xGetLastError = x_get_last_error;
  SIGNALBOX_ASSERT(sqlite3_vfs_register(&shim, 1) == SQLITE_OK);
}

FaultVfs::~FaultVfs() {
  heal();
  sqlite3_vfs_unregister(&shim);
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
  plan.failing = {true, true, true, good, times, fault};
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
  plan.seen = {};
  plan.watched = std::move(watched);
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
