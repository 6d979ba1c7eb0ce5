#include "tests/log/fault_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

constexpr int kNever = std::numeric_limits<int>::max();

// What a write or a cut that is not synced yet replaced.
struct Replaced {
  std::string path;
  std::size_t at;
  std::string bytes;
  std::size_t file_size;
};

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
  int open_files = 0;
  bool frozen = false;
  int at_work = 0;
  std::vector<Replaced> unsynced;
};
Plan plan;

// A change of a file: none begins while the files are looked at.
class AtWork {
 public:
  AtWork() {
    std::unique_lock lock(plan.mutex);
    plan.changed.wait(lock, [] { return !plan.frozen; });
    ++plan.at_work;
  }
  ~AtWork() {
    const std::lock_guard lock(plan.mutex);
    --plan.at_work;
    plan.changed.notify_all();
  }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
};

struct File {
  sqlite3_file base;
  bool faulty;
  const char* path;  // SQLite's, good as long as the file is open
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

// Before `amount` bytes from `at` on change, and the file's size perhaps with them.
int remember(sqlite3_file* file, sqlite3_int64 at, sqlite3_int64 amount) {
  sqlite3_int64 size = 0;
  if (const int code = real(file)->pMethods->xFileSize(real(file), &size); code != SQLITE_OK)
    return code;
  const sqlite3_int64 present = std::clamp<sqlite3_int64>(size - at, 0, amount);
  Replaced old{reinterpret_cast<File*>(file)->path, static_cast<std::size_t>(at),
               std::string(static_cast<std::size_t>(present), '\0'),
               static_cast<std::size_t>(size)};
  if (present > 0)
    if (const int code = real(file)->pMethods->xRead(real(file), old.bytes.data(),
                                                     static_cast<int>(present), at);
        code != SQLITE_OK)
      return code;
  const std::lock_guard lock(plan.mutex);
  plan.unsynced.push_back(std::move(old));
  return SQLITE_OK;
}

int x_close(sqlite3_file* file) {
  if (reinterpret_cast<File*>(file)->faulty) {
    const std::lock_guard lock(plan.mutex);
    // Closed in order: what is put in the place of the files has nothing to do with it.
    if (--plan.open_files == 0) plan.unsynced.clear();
  }
  return real(file)->pMethods->xClose(real(file));
}
int x_read(sqlite3_file* file, void* to, int amount, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), to, amount, at);
}
int x_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 at) {
  if (!reinterpret_cast<File*>(file)->faulty)
    return real(file)->pMethods->xWrite(real(file), from, amount, at);
  if (const int code = write_outcome(); code != SQLITE_OK) return code;
  const AtWork at_work;
  if (const int code = remember(file, at, amount); code != SQLITE_OK) return code;
  return real(file)->pMethods->xWrite(real(file), from, amount, at);
}
int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (!reinterpret_cast<File*>(file)->faulty)
    return real(file)->pMethods->xTruncate(real(file), size);
  const AtWork at_work;
  if (const int code = remember(file, size, std::numeric_limits<int>::max()); code != SQLITE_OK)
    return code;
  return real(file)->pMethods->xTruncate(real(file), size);
}
int x_sync(sqlite3_file* file, int flags) {
  if (!reinterpret_cast<File*>(file)->faulty) return real(file)->pMethods->xSync(real(file), flags);
  if (const int code = sync_outcome(); code != SQLITE_OK) return code;
  const AtWork at_work;
  const int code = real(file)->pMethods->xSync(real(file), flags);
  const std::lock_guard lock(plan.mutex);
  std::erase_if(plan.unsynced, [&](const Replaced& old) {
    return code == SQLITE_OK && old.path == reinterpret_cast<File*>(file)->path;
  });
  return code;
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
  made->path = name;
  made->faulty = name != nullptr && std::string_view(name).find("log.db") != std::string_view::npos;
  const int code = system_vfs(mine)->xOpen(system_vfs(mine), name, made->real(), flags, out_flags);
  if (made->real()->pMethods == nullptr) return code;
  made->base.pMethods = &kMethods;
  if (made->faulty) {
    const std::lock_guard lock(plan.mutex);
    ++plan.open_files;
  }
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

std::map<std::string, std::string> FaultVfs::files_after(Crash crash, const std::string& folder) {
  std::unique_lock lock(plan.mutex);
  plan.frozen = true;
  plan.changed.wait(lock, [] { return plan.at_work == 0; });
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    // The index of the write-ahead log is memory of the process, the lock is held by it.
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name.ends_with("-shm") || name == "lock") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[name] = {std::istreambuf_iterator<char>(file), {}};
  }
  if (crash == Crash::power_cut)
    for (auto old = plan.unsynced.rbegin(); old != plan.unsynced.rend(); ++old) {
      const auto found = files.find(std::filesystem::path(old->path).filename().string());
      if (found == files.end()) continue;
      found->second.resize(std::max(found->second.size(), old->at + old->bytes.size()));
      found->second.replace(old->at, old->bytes.size(), old->bytes);
      found->second.resize(old->file_size);
    }
  plan.frozen = false;
  plan.changed.notify_all();
  return files;
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
