// SnapshotStore: keeps bytes by key and knows nothing of their meaning (seam 2). A cache:
// everything in it can be rebuilt from the log, and a reader must bear a missing, damaged or
// foreign one. Thread: any; put() does not wait for the disk, get() sees every put() made before it
// in this process. Puts that were taken reach the disk in the order they were made, so a snapshot
// that relies on others comes after them; whoever was refused one must not rely on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct Snapshot {
  std::int64_t order;  // seq of a user's, X of a partition's: of two, the higher one is kept
  int fold_version;    // of whoever folded it; another one is ignored by readers
  std::string bytes;
};

class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;
  // Keeps the one with the highest order per key; equal order replaces. Errors, nothing is changed
  // by them: overloaded (too much waits for the disk), too_large.
  [[nodiscard]] virtual Result<void> put(std::string_view key, Snapshot snapshot) = 0;
  // nullopt: nothing was ever put under the key. Error corrupt: what was put is gone, or its
  // SHA-256 does not match; the caller reports it and folds anew. It does not name the key, which
  // may be a user's: the report is a line of the log.
  [[nodiscard]] virtual Result<std::optional<Snapshot>> get(std::string_view key) = 0;
  // What is kept under the key was found to be wrong (another log's, ahead of the log, not fitting
  // it): the next put() replaces it, whatever its order.
  virtual void refuse(std::string_view key) = 0;
  // Waits until everything put so far is on disk.
  [[nodiscard]] virtual Result<void> flush() = 0;
  // How much others have put that get() does not see yet, in records or more, as of the newest
  // look; a store of one process is never behind. What is written down is no less right for it,
  // only older.
  [[nodiscard]] virtual std::uint64_t behind(Partition) const { return 0; }
  // Whether this process owns the partition, as read in the log: told at every gain and loss. What
  // a store of many processes mends in the topic is mended by the owner alone.
  virtual void set_owned(Partition, bool) {}
};

}  // namespace signalbox::event_store
