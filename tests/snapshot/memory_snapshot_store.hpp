// MemorySnapshotStore: the seam's second implementation, for tests above it. Thread: any.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "event-store/snapshot/snapshot_store.hpp"

namespace signalbox::event_store {

class MemorySnapshotStore : public SnapshotStore {
 public:
  [[nodiscard]] Result<void> put(std::string_view key, Snapshot snapshot) override {
    const std::lock_guard lock(mutex_);
    if (is_full_) return failure(Errc::overloaded, "too much waits for the disk");
    const auto [place, is_new] = kept_.try_emplace(std::string(key), snapshot);
    const bool replaces = refused_.erase(std::string(key)) > 0;
    if (!is_new && (replaces || place->second.order <= snapshot.order))
      place->second = std::move(snapshot);
    return {};
  }
  [[nodiscard]] Result<std::optional<Snapshot>> get(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key);
    if (found == kept_.end()) return std::optional<Snapshot>();
    return std::optional<Snapshot>(found->second);
  }
  void refuse(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    refused_.emplace(key);
  }
  [[nodiscard]] Result<void> flush() override { return {}; }
  void set_owned(Partition partition, bool owned) override {
    const std::lock_guard lock(mutex_);
    if (owned)
      owned_.insert(partition);
    else
      owned_.erase(partition);
  }
  [[nodiscard]] bool is_owned(Partition partition) {
    const std::lock_guard lock(mutex_);
    return owned_.contains(partition);
  }

  // For who reads files.
  [[nodiscard]] Result<void> copy_to(SnapshotStore& other) {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, snapshot] : kept_)
      if (auto put = other.put(key, snapshot); !put) return put;
    return other.flush();
  }
  // For tests that lose the cache, whole or in part.
  void erase(const std::string& key) {
    const std::lock_guard lock(mutex_);
    kept_.erase(key);
  }
  // For tests of those whose puts find no place.
  void set_full(bool is_full) {
    const std::lock_guard lock(mutex_);
    is_full_ = is_full;
  }

 private:
  std::mutex mutex_;
  bool is_full_ = false;                               // guarded by mutex_
  std::set<std::string> refused_;                      // guarded by mutex_
  std::set<Partition> owned_;                          // guarded by mutex_
  std::map<std::string, Snapshot, std::less<>> kept_;  // guarded by mutex_
};

}  // namespace signalbox::event_store
