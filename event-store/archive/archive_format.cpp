#include "event-store/archive/archive_format.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace signalbox::event_store {

namespace {

using NumberBytes = std::array<std::uint8_t, 8>;

NumberBytes big_endian(std::int64_t number) {
  NumberBytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> (56 - 8 * i));
  return bytes;
}

std::string_view bytes_of(const Uuid& uuid) {
  return {reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()};
}

std::string_view claim_bytes(const Position& position) {
  return position.claim ? bytes_of(position.claim->value()) : std::string_view();
}

Hash position_hash(const Position& position) {
  return row_hash({position.next_offset.value(), position.epoch.value(), claim_bytes(position),
                   position.owner_seq.value()});
}

std::string edge_bytes(const MerkleTree& tree) {
  std::string bytes;
  for (const Hash& hash : tree.edge()) bytes += as_bytes(hash);
  return bytes;
}

std::optional<std::vector<Hash>> edge_of(std::string_view bytes) {
  std::vector<Hash> edge;
  for (; !bytes.empty(); bytes.remove_prefix(sizeof(Hash))) {
    const auto hash = as_hash(bytes.substr(0, sizeof(Hash)));
    if (!hash) return std::nullopt;
    edge.push_back(*hash);
  }
  return edge;
}

Hash tree_hash(std::int64_t size, std::string_view edge, std::int64_t anchored_size,
               std::string_view anchored_root) {
  return row_hash({size, edge, anchored_size, anchored_root});
}

}  // namespace

const FileFormat& archive_format() {
  static constexpr FileFormat kFormat{
      .application_id = 0x53426172,  // "SBar"
      .version = 4,
      .schema =
          "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
          " seq INTEGER NOT NULL, chain BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
          "CREATE TABLE events(id INTEGER PRIMARY KEY, user INTEGER NOT NULL,"
          " seq INTEGER NOT NULL, place INTEGER NOT NULL, appended_at INTEGER NOT NULL,"
          " thread TEXT, headers BLOB NOT NULL, value BLOB NOT NULL, hash BLOB NOT NULL,"
          " UNIQUE(user, seq)) STRICT;"
          "CREATE INDEX events_by_thread ON events(user, thread, seq) WHERE thread IS NOT NULL;"
          "CREATE TABLE threads(user INTEGER NOT NULL, thread TEXT NOT NULL, seq INTEGER NOT NULL,"
          " time TEXT NOT NULL, messages INTEGER NOT NULL, first_words TEXT NOT NULL,"
          " hash BLOB NOT NULL, PRIMARY KEY(user, thread)) STRICT, WITHOUT ROWID;"
          "CREATE INDEX threads_by_seq ON threads(user, seq);"
          "CREATE TABLE runs(user INTEGER NOT NULL, run BLOB NOT NULL, thread TEXT NOT NULL,"
          " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, events INTEGER NOT NULL,"
          " agent TEXT NOT NULL, status TEXT NOT NULL, started TEXT NOT NULL,"
          " ended TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(user, run)) STRICT, WITHOUT ROWID;"
          "CREATE INDEX runs_by_seq ON runs(user, first_seq);"
          "CREATE INDEX runs_by_thread ON runs(user, thread, first_seq);"
          "CREATE TABLE views(subject TEXT NOT NULL, time INTEGER NOT NULL, place INTEGER NOT NULL,"
          " user INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,"
          " PRIMARY KEY(subject, time, place)) STRICT, WITHOUT ROWID;"
          "CREATE TABLE damage(place INTEGER PRIMARY KEY, user TEXT NOT NULL,"
          " what TEXT NOT NULL) STRICT;"
          "CREATE TABLE position(id INTEGER PRIMARY KEY CHECK(id = 1),"
          " next_offset INTEGER NOT NULL, epoch INTEGER NOT NULL, claim BLOB NOT NULL,"
          " owner_seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;"
          "CREATE TABLE tree(id INTEGER PRIMARY KEY CHECK(id = 1), size INTEGER NOT NULL,"
          " edge BLOB NOT NULL, anchored_size INTEGER NOT NULL, anchored_root BLOB NOT NULL,"
          " hash BLOB NOT NULL) STRICT"};
  return kFormat;
}

std::string archive_path(const std::string& folder, Partition partition) {
  return folder + "/" + std::to_string(partition.value()) + ".db";
}

namespace {

void add_parts(auto& hasher, std::initializer_list<RowPart> parts) {
  for (const RowPart& part : parts) {
    if (const auto* number = std::get_if<std::int64_t>(&part)) {
      hasher.update(big_endian(*number));
    } else {
      hasher.update_prefixed(std::get<std::string_view>(part));
    }
  }
}

}  // namespace

Hash row_hash(std::initializer_list<RowPart> parts) {
  thread_local Sha256 hash;
  add_parts(hash, parts);
  return hash.finish();
}

void add_row(Sha256Batch& rows, std::initializer_list<RowPart> parts) {
  add_parts(rows, parts);
  rows.end();
}

Hash thread_hash(std::string_view user, std::string_view thread, Seq newest, std::string_view time,
                 std::int64_t messages, std::string_view first_words) {
  return row_hash({user, thread, newest.value(), time, messages, first_words});
}

Hash user_hash(std::string_view name, Seq newest, const Hash& chain) {
  return row_hash({name, newest.value(), as_bytes(chain)});
}

Hash run_hash(std::string_view user, const RunSummary& run) {
  return row_hash({user, bytes_of(run.id.value()), run.thread, run.first.value(), run.last.value(),
                   run.events, run.agent, run.status, run.started, run.ended});
}

Hash view_hash(std::string_view subject, std::int64_t time, Offset place, std::int64_t user,
               Seq seq) {
  return row_hash({subject, time, place.value(), user, seq.value()});
}

std::string as_bytes(const RunId& run) { return std::string(bytes_of(run.value())); }

RunSummary run_of_row(const RunId& run, const SqliteStatement& row, int column) {
  const auto text = [&](int index) { return std::string(row.bytes(column + index)); };
  return {.id = run,
          .thread = text(0),
          .first = Seq(row.number(column + 1)),
          .last = Seq(row.number(column + 2)),
          .events = row.number(column + 3),
          .agent = text(4),
          .status = text(5),
          .started = text(6),
          .ended = text(7)};
}

std::string_view as_bytes(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

std::optional<Hash> as_hash(std::string_view bytes) {
  Hash hash{};
  if (bytes.size() != hash.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

Result<Position> read_position(SqliteDatabase& file) {
  auto select =
      file.prepare("SELECT next_offset, epoch, claim, owner_seq, hash FROM position WHERE id = 1");
  if (!select) return tl::unexpected<Error>(select.error());
  const auto row = select->step();
  if (!row) return tl::unexpected<Error>(row.error());
  Position position;
  if (!*row) return position;
  position.next_offset = Offset(select->number(0));
  position.epoch = Epoch(select->number(1));
  position.owner_seq = OwnerSeq(select->number(3));
  const std::string_view claim = select->bytes(2);
  Uuid uuid;
  if (claim.size() == uuid.bytes.size()) {
    std::copy(claim.begin(), claim.end(), uuid.bytes.begin());
    position.claim = ClaimId(uuid);
  }
  if (select->bytes(4) != as_bytes(position_hash(position)))
    return failure(Errc::corrupt, "the archive's position does not match its SHA-256");
  return position;
}

Result<void> write_position(SqliteDatabase& file, const Position& position) {
  auto upsert = file.prepare("INSERT OR REPLACE INTO position VALUES(1, ?1, ?2, ?3, ?4, ?5)");
  if (!upsert) return tl::unexpected<Error>(upsert.error());
  const Hash hash = position_hash(position);
  upsert->bind(1, position.next_offset.value());
  upsert->bind(2, position.epoch.value());
  upsert->bind_blob(3, claim_bytes(position));
  upsert->bind(4, position.owner_seq.value());
  upsert->bind_blob(5, as_bytes(hash));
  return upsert->run();
}

Result<StoredTree> read_tree(SqliteDatabase& file) {
  auto select =
      file.prepare("SELECT size, edge, anchored_size, anchored_root, hash FROM tree WHERE id = 1");
  if (!select) return tl::unexpected<Error>(select.error());
  const auto row = select->step();
  if (!row) return tl::unexpected<Error>(row.error());
  if (!*row) return StoredTree{};
  const Hash hash =
      tree_hash(select->number(0), select->bytes(1), select->number(2), select->bytes(3));
  auto edge = edge_of(select->bytes(1));
  const auto root = as_hash(select->bytes(3));
  auto tree =
      edge ? MerkleTree::restore(static_cast<std::uint64_t>(select->number(0)), *std::move(edge))
           : std::nullopt;
  if (select->bytes(4) != as_bytes(hash) || !tree || !root)
    return failure(Errc::corrupt, "the archive's tree does not match its SHA-256");
  return StoredTree{*std::move(tree), {static_cast<std::uint64_t>(select->number(2)), *root}};
}

Result<void> write_tree(SqliteDatabase& file, const StoredTree& stored) {
  auto upsert = file.prepare("INSERT OR REPLACE INTO tree VALUES(1, ?1, ?2, ?3, ?4, ?5)");
  if (!upsert) return tl::unexpected<Error>(upsert.error());
  const auto size = static_cast<std::int64_t>(stored.tree.size());
  const auto anchored = static_cast<std::int64_t>(stored.anchored.size);
  const std::string edge = edge_bytes(stored.tree);
  const std::string_view root = as_bytes(stored.anchored.root);
  const Hash hash = tree_hash(size, edge, anchored, root);
  upsert->bind(1, size);
  upsert->bind_blob(2, edge);
  upsert->bind(3, anchored);
  upsert->bind_blob(4, root);
  upsert->bind_blob(5, as_bytes(hash));
  return upsert->run();
}

}  // namespace signalbox::event_store
