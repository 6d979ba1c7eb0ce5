// VfsShim: SQLite's default VFS while it lives, over the one that was it before: reading, locking
// and shared memory pass through, and whoever derives from it decides what becomes of each opening
// and of each change of a file, which the system's file makes where it is asked to. Called from any
// thread that has a database open. One at a time per process; outlives every database that uses it.
#pragma once

#include <sqlite3.h>

namespace signalbox::test_support {

class VfsShim {
 public:
  struct File {
    sqlite3_file base;
    const char* path;  // SQLite's, good as long as the file is open; null: a temporary one
    // For whoever derives: whether it is one of his, and what he knows of it.
    bool concerned;
    bool names_unsynced;
    // The system's file follows in the same allocation.
    [[nodiscard]] sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  explicit VfsShim(const char* name);
  virtual ~VfsShim();
  VfsShim(const VfsShim&) = delete;
  VfsShim& operator=(const VfsShim&) = delete;

  // Codes are SQLite's.
  virtual int open(File& file, int flags, int* out_flags);
  virtual void close(File&) {}
  virtual int write(File& file, const void* from, int amount, sqlite3_int64 at) = 0;
  virtual int truncate(File& file, sqlite3_int64 size) = 0;
  virtual int sync(File& file, int flags) = 0;
  virtual int remove(const char* path, int sync_folder);
  // The errno of what failed here last; 0: what failed was the system.
  virtual int last_error() { return 0; }

 private:
  static VfsShim& of(sqlite3_vfs* vfs);
  static int x_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                    int* out_flags);
  static int x_delete(sqlite3_vfs* vfs, const char* name, int sync_folder);
  static int x_get_last_error(sqlite3_vfs* vfs, int size, char* text);

  sqlite3_vfs* system_;
  sqlite3_vfs vfs_;
};

}  // namespace signalbox::test_support
