// FaultVfs: the default VFS of SQLite while it lives, over the system's own, that fails on demand:
// writes that find the disk full or broken, syncs that fail, syncs that hang, crashes. It concerns
// files whose path contains `concerned`; everybody else's pass through. Switched from any thread.
// One at a time per process; outlives every database that uses it. No sync reaches the system's
// disk: what a power cut leaves is made from what was noted, and the tests wait for no disk.
//
// What others do beside SQLite is seen in watched folders alone: by calls of the system, where the
// test links signalbox::file_calls, step by step; by other ways, written as a whole when the next
// change is made.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "tests/support/disk_history.hpp"

namespace signalbox::test_support {

class VfsShim;

class FaultVfs {
 public:
  static constexpr const char* kName = "signalbox-fault";
  enum class Fault { disk_full, io_error };
  static constexpr int kForever = -1;

  explicit FaultVfs(std::string concerned = "log.db");
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // The write after `good` more ones fails, and so do all later ones until heal().
  void fail_writes(int good, Fault fault);
  // The same for syncs; `times` of them.
  void fail_syncs(int good, int times);
  // The same for whatever changes the disk: writes, cuts, syncs, removals, and what is recorded
  // beside SQLite, new files and names too. A full disk refuses writes and new files alone, and
  // `good` counts what the fault could refuse.
  void fail_changes(int good, Fault fault, int times);
  // Syncs wait until unblock_syncs() or heal(); what fails then is as set.
  void block_syncs();
  void unblock_syncs();
  void heal();

  // The concerned files in this folder as they are left by a crash now, and what else lies there,
  // by name. All changes wait meanwhile, so it is one moment of them all.
  [[nodiscard]] Files files_after(Crash crash, const std::string& folder);

  // From here on every change is kept, those of the ordinary files in `watched`, as a folder or
  // alone, among them. Before the first database is opened.
  void record(std::string watched);
  // The same where files are there already: those in this folder and below it come first, as found.
  void record(std::string watched, const std::string& folder);
  // For file_calls.cpp. Whether what is done to this path is recorded.
  [[nodiscard]] static bool is_recorded(const std::string& path);
  // Does it, and where that does not fail (with less than 0) records the change, as one moment. Of
  // what was to be written as much as was. Where fail_changes() says so it fails instead, with
  // errno. `call` is told for how many of the change's bytes there is room: the first write that
  // finds the disk full is cut to its half, and what is left of it fails.
  static long record_call(Disk::Change change, const std::function<long(std::size_t)>& call);
  // The same for a file that is opened with these flags; a full disk refuses to make one.
  static int record_open(const std::string& path, int flags, const std::function<int()>& call);
  // What was done until now; further databases are not recorded.
  [[nodiscard]] DiskHistory recorded();
  // Changes recorded so far.
  [[nodiscard]] std::size_t changes() const;

  [[nodiscard]] int syncs() const;
  [[nodiscard]] int writes() const;
  [[nodiscard]] int faults() const;  // that were met
  [[nodiscard]] bool sync_is_blocked() const;

 private:
  std::unique_ptr<VfsShim> shim_;
};

}  // namespace signalbox::test_support
