// FaultVfs: a VFS of SQLite over the system's own that fails on demand: writes that find the disk
// full or broken, syncs that fail, syncs that hang, crashes. Faults concern the files of the log
// (log.db*) and are switched from any thread. One at a time per process; outlives every database
// that uses it.
#pragma once

#include <map>
#include <string>

namespace signalbox::event_store {

class FaultVfs {
 public:
  static constexpr const char* kName = "signalbox-fault";
  enum class Fault { disk_full, io_error };

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // The write after `good` more ones fails, and so do all later ones until heal().
  void fail_writes(int good, Fault fault);
  // The same for syncs; `times` of them.
  void fail_syncs(int good, int times);
  // Syncs wait until unblock_syncs() or heal(); what fails then is as set.
  void block_syncs();
  void unblock_syncs();
  void heal();

  // The log's files in this folder as a process that is killed now leaves them, by name; with
  // `power_cut` also without what was written since the last sync of each. All writing, cutting and
  // syncing waits meanwhile, so it is one moment of them all.
  enum class Crash { kill, power_cut };
  [[nodiscard]] std::map<std::string, std::string> files_after(Crash crash,
                                                               const std::string& folder);

  [[nodiscard]] int syncs() const;
  [[nodiscard]] int writes() const;
  [[nodiscard]] int faults() const;  // that were met
  [[nodiscard]] bool sync_is_blocked() const;
};

}  // namespace signalbox::event_store
