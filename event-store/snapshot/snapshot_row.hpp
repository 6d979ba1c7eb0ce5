// A snapshot as it lies in its file: the row's columns, its compression and its SHA-256, for the
// store that writes it and the reader that only looks. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "event-store/contract/sha256.hpp"
#include "event-store/model/result.hpp"
#include "event-store/snapshot/snapshot_store.hpp"
#include "event-store/sqlite/rebuildable_file.hpp"

namespace signalbox::event_store {

[[nodiscard]] const FileFormat& snapshot_format();

// Columns of `snapshots` in this order: key, ordinal, fold_version, bytes (zstd), hash.
struct SnapshotRow {
  std::string_view key;
  std::int64_t order;
  std::int64_t fold_version;
  std::string_view stored;
  std::string_view hash;
};

[[nodiscard]] Hash hash_of(const SnapshotRow& row);  // whatever row.hash says
[[nodiscard]] std::string compress(std::string_view bytes, int level);
// Error corrupt: its SHA-256 does not match, or it is longer than `bytes_max`.
[[nodiscard]] Result<Snapshot> snapshot_of(const SnapshotRow& row, std::size_t bytes_max);

}  // namespace signalbox::event_store
