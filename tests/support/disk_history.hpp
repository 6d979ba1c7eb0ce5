// Disk and DiskHistory: what was done to some files, change by change, so that afterwards
// everything can be made that a crash at any of these moments may leave of them. Writes and cuts
// wait until their file is synced, new and removed names until their folder is; of what waits a
// kill leaves all, a power cut nothing or any part: each write sector by sector, each cut, each
// name for itself. It knows nothing of SQLite. Thread: one at a time. Memory: every byte that was
// written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/random.hpp"

namespace signalbox::test_support {

enum class Crash {
  kill,       // of the process: the system keeps all that was done
  power_cut,  // nothing that waits survives
  torn,       // a power cut that leaves any part of what waits
};

// Whole files by path.
using Files = std::map<std::string, std::string>;

// What is on a disk and what is on its way there, at one moment.
class Disk {
 public:
  struct Change {
    // sync_failed: the system no longer knows what waited, so that a later sync says nothing of it.
    enum class Kind {
      found,
      created,
      written,
      cut,
      synced,
      sync_failed,
      removed,
      renamed,
      linked,
      names_synced
    } kind;
    std::string path;     // names_synced: of the folder
    std::size_t at{};     // written: where; cut: the size
    std::string bytes{};  // found, written
    std::string to{};     // renamed, linked: the new name
  };
  void apply(const Change& change);
  [[nodiscard]] bool knows(const std::string& path) const { return names_.contains(path); }
  // What whoever reads the file now gets; it is known.
  [[nodiscard]] const std::string& content(const std::string& path) const {
    return names_.at(path)->content;
  }
  // `random` decides for Crash::torn alone.
  [[nodiscard]] Files left_by(Crash crash, Random& random) const;

 private:
  struct File {
    std::string content;
    std::string durable;
    std::vector<Change> waiting;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;

  void sync_names(const std::string& folder);

  Names names_;
  Names durable_names_;
};

using DiskHistory = std::vector<Disk::Change>;

}  // namespace signalbox::test_support
