// A snapshot on its way from one process to another (topic snapshots, contract 2, 9). What it means
// is known to the router alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"

namespace signalbox {

struct SnapshotRecord {
  std::string id;
  std::string source;
  Timestamp time;
  std::string key;             // of the record and of the snapshot
  std::optional<UserId> user;  // whose it is; none: a partition's
  LogId log_id;
  std::int64_t order;  // of two under one key the higher one is kept
  std::int64_t fold_version;
  std::string zstd;    // the snapshot, compressed
  std::string sha256;  // over lp(key), order and fold_version as u64 big-endian, lp(zstd); in hex
};

}  // namespace signalbox
