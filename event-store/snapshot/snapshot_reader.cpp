#include "event-store/snapshot/snapshot_reader.hpp"

#include <utility>

#include "event-store/snapshot/snapshot_row.hpp"

namespace signalbox::event_store {
namespace {

// Of one; a longer one in the file is damage (SnapshotStoreOptions).
constexpr std::size_t kBytesMax = 16U << 20;

constexpr std::int64_t kRowsPerRead = 256;

constexpr std::string_view kSelect =
    "SELECT key, ordinal, fold_version, bytes, hash FROM snapshots";

Result<Snapshot> snapshot_in(const SqliteStatement& row) {
  return snapshot_of({row.bytes(0), row.number(1), row.number(2), row.bytes(3), row.bytes(4)},
                     kBytesMax);
}

}  // namespace

Result<SnapshotReader> SnapshotReader::open(const std::string& path, const LogId& log) {
  auto file = open_rebuildable_to_read(path, snapshot_format(), log);
  if (!file) return tl::unexpected<Error>(file.error());
  auto one = file->prepare(std::string(kSelect) + " WHERE key = ?1");
  if (!one) return tl::unexpected<Error>(one.error());
  auto all = file->prepare(std::string(kSelect) + " WHERE key > ?1 ORDER BY key LIMIT ?2");
  if (!all) return tl::unexpected<Error>(all.error());
  return SnapshotReader(std::move(*file), std::move(*one), std::move(*all));
}

Result<std::optional<Snapshot>> SnapshotReader::get(std::string_view key) {
  one_.bind_text(1, key);
  const auto row = one_.step();
  Result<std::optional<Snapshot>> found = std::optional<Snapshot>();
  if (!row)
    found = tl::unexpected<Error>(row.error());
  else if (*row)
    found = snapshot_in(one_).map([](Snapshot snapshot) { return std::optional(snapshot); });
  one_.reset();
  return found;
}

Result<void> SnapshotReader::scan(const Visit& visit) {
  std::string last;
  for (std::int64_t rows = kRowsPerRead; rows == kRowsPerRead;) {
    const std::string after = std::exchange(last, {});
    all_.bind_text(1, after);
    all_.bind(2, kRowsPerRead);
    rows = 0;
    Result<bool> row = false;
    for (; (row = all_.step()) && *row; ++rows) {
      last = all_.bytes(0);
      visit(last, snapshot_in(all_));
    }
    all_.reset();
    if (!row) return tl::unexpected<Error>(row.error());
  }
  return {};
}

}  // namespace signalbox::event_store
