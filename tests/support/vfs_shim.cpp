#include "tests/support/vfs_shim.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox::test_support {
namespace {

// SQLite's files know their methods alone; there is one shim.
VfsShim* shim = nullptr;

VfsShim::File& mine(sqlite3_file* file) { return *reinterpret_cast<VfsShim::File*>(file); }
sqlite3_file* system_of(sqlite3_file* file) { return mine(file).system(); }

int x_close(sqlite3_file* file) {
  shim->close(mine(file));
  return system_of(file)->pMethods->xClose(system_of(file));
}
int x_read(sqlite3_file* file, void* to, int amount, sqlite3_int64 at) {
  return system_of(file)->pMethods->xRead(system_of(file), to, amount, at);
}
int x_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 at) {
  return shim->write(mine(file), from, amount, at);
}
int x_truncate(sqlite3_file* file, sqlite3_int64 size) { return shim->truncate(mine(file), size); }
int x_sync(sqlite3_file* file, int flags) { return shim->sync(mine(file), flags); }
int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
  return system_of(file)->pMethods->xFileSize(system_of(file), size);
}
int x_lock(sqlite3_file* file, int level) {
  return system_of(file)->pMethods->xLock(system_of(file), level);
}
int x_unlock(sqlite3_file* file, int level) {
  return system_of(file)->pMethods->xUnlock(system_of(file), level);
}
int x_check_reserved_lock(sqlite3_file* file, int* held) {
  return system_of(file)->pMethods->xCheckReservedLock(system_of(file), held);
}
int x_file_control(sqlite3_file* file, int what, void* argument) {
  return system_of(file)->pMethods->xFileControl(system_of(file), what, argument);
}
int x_sector_size(sqlite3_file* file) {
  return system_of(file)->pMethods->xSectorSize(system_of(file));
}
int x_device_characteristics(sqlite3_file* file) {
  return system_of(file)->pMethods->xDeviceCharacteristics(system_of(file));
}
int x_shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
  return system_of(file)->pMethods->xShmMap(system_of(file), page, size, extend, to);
}
int x_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return system_of(file)->pMethods->xShmLock(system_of(file), offset, count, flags);
}
void x_shm_barrier(sqlite3_file* file) { system_of(file)->pMethods->xShmBarrier(system_of(file)); }
int x_shm_unmap(sqlite3_file* file, int remove) {
  return system_of(file)->pMethods->xShmUnmap(system_of(file), remove);
}

// Of version 2: files are not mapped, so that every change is seen.
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

}  // namespace

VfsShim::VfsShim(const char* name) : system_(sqlite3_vfs_find(nullptr)) {
  SIGNALBOX_ASSERT(shim == nullptr && system_ != nullptr);
  shim = this;
  vfs_ = *system_;
  vfs_.pNext = nullptr;
  vfs_.zName = name;
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + system_->szOsFile;
  vfs_.xOpen = x_open;
  vfs_.xDelete = x_delete;
  vfs_.xGetLastError = x_get_last_error;
  SIGNALBOX_ASSERT(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
}

VfsShim::~VfsShim() {
  sqlite3_vfs_unregister(&vfs_);
  shim = nullptr;
}

int VfsShim::open(File& file, int flags, int* out_flags) {
  return system_->xOpen(system_, file.path, file.system(), flags, out_flags);
}

int VfsShim::remove(const char* path, int sync_folder) {
  return system_->xDelete(system_, path, sync_folder);
}

VfsShim& VfsShim::of(sqlite3_vfs* vfs) { return *static_cast<VfsShim*>(vfs->pAppData); }

int VfsShim::x_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                    int* out_flags) {
  File& made = mine(file);
  made.base.pMethods = nullptr;
  made.path = name;
  made.concerned = false;
  made.names_unsynced = false;
  made.system()->pMethods = nullptr;
  const int code = of(vfs).open(made, flags, out_flags);
  if (made.system()->pMethods != nullptr) made.base.pMethods = &kMethods;
  return code;
}

int VfsShim::x_delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  return of(vfs).remove(name, sync_folder);
}

int VfsShim::x_get_last_error(sqlite3_vfs* vfs, int size, char* text) {
  const int failed = of(vfs).last_error();
  if (failed != 0) return failed;
  return of(vfs).system_->xGetLastError(of(vfs).system_, size, text);
}

}  // namespace signalbox::test_support
