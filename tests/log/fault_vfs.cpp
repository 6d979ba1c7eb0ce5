#include "tests/log/fault_vfs.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <string_view>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

constexpr int kNever = std::numeric_limits<int>::max();

struct Plan {
  std::mutex mutex;
  std::condition_variable changed;
  int good_writes = kNever;
  FaultVfs::Fault write_fault = FaultVfs::Fault::disk_full;
  int good_syncs = kNever;
  int bad_syncs = 0;
  bool block = false;
  int blocked = 0;
  int writes = 0;
  int syncs = 0;
  int faults = 0;
  int last_errno = 0;
};
Plan plan;

struct File {
  sqlite3_file base;
  bool faulty;
  // The system's file follows in the same allocation.
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

int write_outcome() {
  const std::lock_guard lock(plan.mutex);
  ++plan.writes;
  if (plan.good_writes == kNever || plan.good_writes-- > 0) return SQLITE_OK;
  plan.good_writes = 0;
  ++plan.faults;
  const bool full = plan.write_fault == FaultVfs::Fault::disk_full;
  plan.last_errno = full ? ENOSPC : EIO;
  return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int sync_outcome() {
  std::unique_lock lock(plan.mutex);
  ++plan.syncs;
  ++plan.blocked;
  plan.changed.wait(lock, [] { return !plan.block; });
  --plan.blocked;
  if (plan.good_syncs == kNever || plan.good_syncs-- > 0) return SQLITE_OK;
  plan.good_syncs = 0;
  if (plan.bad_syncs == 0) return SQLITE_OK;
  --plan.bad_syncs;
  ++plan.faults;
  plan.last_errno = EIO;
  return SQLITE_IOERR_FSYNC;
}

int x_close(sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); }
int x_read(sqlite3_file* file, void* to, int amount, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), to, amount, at);
}
int x_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 at) {
  if (reinterpret_cast<File*>(file)->faulty)
    if (const int code = write_outcome(); code != SQLITE_OK) return code;
  return real(file)->pMethods->xWrite(real(file), from, amount, at);
}
int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
  return real(file)->pMethods->xTruncate(real(file), size);
}
int x_sync(sqlite3_file* file, int flags) {
  if (reinterpret_cast<File*>(file)->faulty)
    if (const int code = sync_outcome(); code != SQLITE_OK) return code;
  return real(file)->pMethods->xSync(real(file), flags);
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

sqlite3_vfs* system_vfs(sqlite3_vfs* mine) { return static_cast<sqlite3_vfs*>(mine->pAppData); }

int x_open(sqlite3_vfs* mine, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* const made = reinterpret_cast<File*>(file);
  made->base.pMethods = nullptr;
  made->faulty = name != nullptr && std::string_view(name).find("log.db") != std::string_view::npos;
  const int code = system_vfs(mine)->xOpen(system_vfs(mine), name, made->real(), flags, out_flags);
  if (made->real()->pMethods != nullptr) made->base.pMethods = &kMethods;
  return code;
}

int x_get_last_error(sqlite3_vfs* mine, int size, char* text) {
  const std::lock_guard lock(plan.mutex);
  if (plan.last_errno != 0) return plan.last_errno;
  return system_vfs(mine)->xGetLastError(system_vfs(mine), size, text);
}

sqlite3_vfs vfs;

}  // namespace

FaultVfs::FaultVfs() {
  heal();
  sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  SIGNALBOX_ASSERT(system != nullptr);
  vfs = *system;
  vfs.pNext = nullptr;
  vfs.zName = kName;
  vfs.pAppData = system;
  vfs.szOsFile = static_cast<int>(sizeof(File)) + system->szOsFile;
  vfs.xOpen = x_open;
  vfs.xGetLastError = x_get_last_error;
  SIGNALBOX_ASSERT(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

FaultVfs::~FaultVfs() {
  heal();
  sqlite3_vfs_unregister(&vfs);
}

void FaultVfs::fail_writes(int good, Fault fault) {
  const std::lock_guard lock(plan.mutex);
  plan.good_writes = good;
  plan.write_fault = fault;
}

void FaultVfs::fail_syncs(int good, int times) {
  const std::lock_guard lock(plan.mutex);
  plan.good_syncs = good;
  plan.bad_syncs = times;
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
  plan.good_writes = kNever;
  plan.good_syncs = kNever;
  plan.bad_syncs = 0;
  plan.block = false;
  plan.last_errno = 0;
  plan.faults = 0;
  plan.changed.notify_all();
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

}  // namespace signalbox::event_store
