// The disk under a program that is attacked. Put before the program by LD_PRELOAD, it becomes
// SQLite's default VFS when the first database is opened, and does what the folder that CHAOS_DISK
// names says (tests/chaos/disk.py writes and reads it):
//   control   16 bytes, mapped: at 0 what is wrong with the disk (Mode), at 8 how many changes
//             were refused so far, as a 64-bit number
//   undo/P    P the path of a database or its journal with % and / written as %25 and %2F: what
//             would take back every change since that file was last synced, which is what a power
//             cut may do. The file's inode (8 bytes), then for each change, oldest first: 'w' or
//             'c' (1 byte), where or, of a cut, to what size (8), the size before (8), how many
//             bytes were written (8), how many old ones follow (8), the old bytes
// Numbers are of this machine's byte order. It is written before the change is made, and without a
// sync: it outlives the process, which is all that it has to. Names are not taken back: a file that
// was made or removed stays so.
#include <dlfcn.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "event-store/model/assert.hpp"
#include "tests/support/vfs_shim.hpp"

namespace {

enum class Mode : char { healthy = 'h', full = 'f', broken = 'b' };

struct Control {
  std::atomic<Mode> mode;
  alignas(8) std::atomic<std::uint64_t> refused;
};
static_assert(sizeof(Control) == 16);

void append_number(std::string& to, std::uint64_t number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::string name_of(std::string_view path) {
  std::string name;
  for (const char c : path) {
    if (c == '/')
      name += "%2F";
    else if (c == '%')
      name += "%25";
    else
      name += c;
  }
  return name;
}

// What would take back the changes of one file since its last sync.
class Undo {
 public:
  Undo(const std::string& folder, const char* path)
      : file_(::open((folder + "/undo/" + name_of(path)).c_str(),
                     O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    SIGNALBOX_ASSERT(file_ >= 0);
    struct stat status {};
    SIGNALBOX_ASSERT(::stat(path, &status) == 0);
    inode_ = status.st_ino;
    // Of a process before this one: what it did not sync is still not on the disk.
    std::uint64_t stored = 0;
    if (::pread(file_, &stored, sizeof stored, 0) != sizeof stored || stored != inode_) forget();
  }

  ~Undo() { ::close(file_); }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;

  void add(char kind, std::uint64_t at, std::uint64_t size_before, std::uint64_t written,
           std::string_view old) {
    std::string record(1, kind);
    append_number(record, at);
    append_number(record, size_before);
    append_number(record, written);
    append_number(record, old.size());
    record += old;
    write(record);
  }

  void forget() {
    SIGNALBOX_ASSERT(::ftruncate(file_, 0) == 0);
    std::string head;
    append_number(head, inode_);
    write(head);
  }

 private:
  void write(const std::string& bytes) const {
    SIGNALBOX_ASSERT(::write(file_, bytes.data(), bytes.size()) ==
                     static_cast<ssize_t>(bytes.size()));
  }

  int file_;
  std::uint64_t inode_ = 0;
};

class FaultyDisk : public signalbox::test_support::VfsShim {
 public:
  explicit FaultyDisk(std::string folder) : VfsShim("faulty-disk"), folder_(std::move(folder)) {
    const int file = ::open((folder_ + "/control").c_str(), O_RDWR | O_CLOEXEC);
    SIGNALBOX_ASSERT(file >= 0);
    void* const mapped =
        ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    SIGNALBOX_ASSERT(mapped != MAP_FAILED);
    ::close(file);
    control_ = static_cast<Control*>(mapped);
  }

  int open(File& file, int flags, int* out_flags) override {
    constexpr int kKept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    file.concerned =
        file.path != nullptr && (flags & kKept) != 0 && (flags & SQLITE_OPEN_READONLY) == 0;
    const int code = VfsShim::open(file, flags, out_flags);
    if (code != SQLITE_OK || !file.concerned) return code;
    const std::lock_guard lock(mutex_);
    // Anew: the file may be another one of that name.
    undo_[file.path] = std::make_unique<Undo>(folder_, file.path);
    return code;
  }

  int write(File& file, const void* from, int amount, sqlite3_int64 at) override {
    sqlite3_file* const system = file.system();
    if (!file.concerned) return system->pMethods->xWrite(system, from, amount, at);
    const std::lock_guard lock(mutex_);
    if (const int code = refuse(SQLITE_IOERR_WRITE, true); code != SQLITE_OK) return code;
    sqlite3_int64 size = 0;
    if (const int code = system->pMethods->xFileSize(system, &size); code != SQLITE_OK) return code;
    std::string old;
    if (const int code = read_old(system, at, std::min<sqlite3_int64>(amount, size - at), old);
        code != SQLITE_OK)
      return code;
    undo_.at(file.path)->add('w', static_cast<std::uint64_t>(at), static_cast<std::uint64_t>(size),
                             static_cast<std::uint64_t>(amount), old);
    return system->pMethods->xWrite(system, from, amount, at);
  }

  int truncate(File& file, sqlite3_int64 to) override {
    sqlite3_file* const system = file.system();
    if (!file.concerned) return system->pMethods->xTruncate(system, to);
    const std::lock_guard lock(mutex_);
    if (const int code = refuse(SQLITE_IOERR_TRUNCATE, false); code != SQLITE_OK) return code;
    sqlite3_int64 size = 0;
    if (const int code = system->pMethods->xFileSize(system, &size); code != SQLITE_OK) return code;
    std::string old;
    if (const int code = read_old(system, to, size - to, old); code != SQLITE_OK) return code;
    undo_.at(file.path)->add('c', static_cast<std::uint64_t>(to), static_cast<std::uint64_t>(size),
                             0, old);
    return system->pMethods->xTruncate(system, to);
  }

  int sync(File& file, int flags) override {
    if (!file.concerned) return file.system()->pMethods->xSync(file.system(), flags);
    const std::lock_guard lock(mutex_);
    if (const int code = refuse(SQLITE_IOERR_FSYNC, false); code != SQLITE_OK) return code;
    const int code = file.system()->pMethods->xSync(file.system(), flags);
    if (code == SQLITE_OK) undo_.at(file.path)->forget();
    return code;
  }

  // What another file of that name held is none of the next one's.
  int remove(const char* path, int sync_folder) override {
    const std::lock_guard lock(mutex_);
    if (undo_.erase(path) > 0) ::unlink((folder_ + "/undo/" + name_of(path)).c_str());
    return VfsShim::remove(path, sync_folder);
  }

  int last_error() override {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  // A full disk refuses what is written, also over what is there, as disks do that never overwrite.
  int refuse(int io_error, bool is_write) {
    const Mode mode = control_->mode;
    last_error_ = 0;
    if (mode == Mode::healthy || (mode == Mode::full && !is_write)) return SQLITE_OK;
    ++control_->refused;
    last_error_ = mode == Mode::full ? ENOSPC : EIO;
    return mode == Mode::full ? SQLITE_FULL : io_error;
  }

  static int read_old(sqlite3_file* system, sqlite3_int64 at, sqlite3_int64 amount,
                      std::string& old) {
    if (amount <= 0) return SQLITE_OK;
    old.resize(static_cast<std::size_t>(amount));
    return system->pMethods->xRead(system, old.data(), static_cast<int>(amount), at);
  }

  std::string folder_;
  Control* control_ = nullptr;
  std::mutex mutex_;  // also held while a file changes, so that its changes are kept in their order
  std::map<std::string, std::unique_ptr<Undo>> undo_;  // by path
  int last_error_ = 0;
};

}  // namespace

// Before SQLite's own: the shim is there when the first database is, and not before the program has
// said how SQLite is to be set up.
extern "C" int sqlite3_open_v2(const char* name, sqlite3** database, int flags, const char* vfs) {
  using Open = int (*)(const char*, sqlite3**, int, const char*);
  static const auto system_open =
      reinterpret_cast<Open>(::dlsym(RTLD_NEXT, "sqlite3_open_v2"));  // POSIX allows this cast
  static const auto* const disk = [] {
    const char* const folder = std::getenv("CHAOS_DISK");
    SIGNALBOX_ASSERT(folder != nullptr);
    return new FaultyDisk(folder);  // as long as the process
  }();
  static_cast<void>(disk);
  return system_open(name, database, flags, vfs);
}
