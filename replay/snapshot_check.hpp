// SnapshotCheck: the routers' snapshots beside the log, while the log is verified. They are a cache
// and behind the log by nature, however old; but what one holds must be what the log says: its
// user's chain at its seq, and a place its log has. One of another fold version is not looked at:
// no router does. A user or a position that has no snapshot is no damage.
// What this does not judge is the rest of the state: a router refuses what does not match its
// SHA-256, and whoever can make that anew can write the log as well.
// Memory: a chain hash and an offset per snapshot; of those that cannot be read or are another's
// the first 1,000 are named.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "replay/verify.hpp"

namespace signalbox::replay {

class SnapshotCheck final : public ValidEventObserver {
 public:
  // Reads what there is, which must happen before the log is read: then none can hold more than the
  // log will have. `path`: of the file; `user`: only his.
  SnapshotCheck(const std::string& path, const event_store::LogDescription& log,
                std::optional<UserId> user);

  void on_valid(const SeenEvent& event, Findings& findings) override;
  void on_cut(const LogCut& cut) override;
  void on_end(const std::vector<event_store::Position>& ends, Findings& findings) override;

  [[nodiscard]] std::int64_t compared() const { return compared_; }

 private:
  struct OfUser {
    Partition partition;
    Seq seq;
    event_store::Hash chain_hash;
    Offset next_offset;  // it holds all before this
    bool is_met = false;
  };
  struct OfPartition {
    Partition partition;
    Offset next_offset;
  };

  void take_user(const std::string& key, const std::string& bytes,
                 const event_store::LogDescription& log);
  void take_partition(const std::string& key, const std::string& bytes,
                      const event_store::LogDescription& log);
  [[nodiscard]] bool is_before_cut(const OfUser& snapshot) const;
  void name(DamageKind kind, const std::string& key, const std::string& what);

  const std::optional<UserId> user_;
  std::vector<Finding> at_opening_;
  std::unordered_map<std::string, OfUser> users_;
  std::vector<OfPartition> partitions_;
  std::map<Partition, Offset> cuts_;
  std::int64_t compared_ = 0;
};

}  // namespace signalbox::replay
