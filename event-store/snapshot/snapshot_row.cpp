#include "event-store/snapshot/snapshot_row.hpp"

#include <zstd.h>

#include <array>
#include <optional>
#include <utility>

namespace signalbox::event_store {
namespace {

// Columns are append only; a change of their meaning is a new version.
constexpr FileFormat kFormat{
    .application_id = 0x53427873,  // "SBxs"
    .version = 2,
    .schema =
        "CREATE TABLE snapshots(key TEXT PRIMARY KEY, ordinal INTEGER NOT NULL,"
        " fold_version INTEGER NOT NULL, bytes BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
        "CREATE TABLE known(key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
        "CREATE TABLE known_count(keys INTEGER NOT NULL) STRICT;"
        "INSERT INTO known_count VALUES(0);"
        "CREATE TRIGGER key_kept AFTER INSERT ON snapshots BEGIN"
        " INSERT INTO known SELECT new.key WHERE NOT EXISTS("
        "SELECT 1 FROM known WHERE key=new.key); END;"
        "CREATE TRIGGER key_counted AFTER INSERT ON known BEGIN"
        " UPDATE known_count SET keys=keys+1; END"};

void update_number(Sha256& hash, std::int64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> (56 - 8 * i));
  hash.update(bytes);
}

std::optional<std::string> decompress(std::string_view stored, std::size_t bytes_max) {
  const auto size = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > bytes_max)
    return std::nullopt;
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (ZSTD_decompress(bytes.data(), bytes.size(), stored.data(), stored.size()) != bytes.size())
    return std::nullopt;
  return bytes;
}

}  // namespace

const FileFormat& snapshot_format() { return kFormat; }

Hash hash_of(const SnapshotRow& row) {
  Sha256 hash;
  hash.update_prefixed(row.key);
  update_number(hash, row.order);
  update_number(hash, row.fold_version);
  hash.update_prefixed(row.stored);
  return hash.finish();
}

std::string compress(std::string_view bytes, int level) {
  std::string stored(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress(stored.data(), stored.size(), bytes.data(), bytes.size(), level);
  stored.resize(size);
  return stored;
}

Result<Snapshot> snapshot_of(const SnapshotRow& row, std::size_t bytes_max) {
  const Hash hash = hash_of(row);
  const bool is_whole =
      row.hash == std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size());
  auto bytes = is_whole ? decompress(row.stored, bytes_max) : std::nullopt;
  if (!bytes) return failure(Errc::corrupt, "its SHA-256 does not match what is stored");
  return Snapshot{row.order, static_cast<int>(row.fold_version), std::move(*bytes)};
}

}  // namespace signalbox::event_store
