// What an archive file looks like (one SQLite file per partition, `<folder>/<partition>.db`):
//   users(id, name, seq, chain, hash)   a user's newest seq and chain hash, for the chain check
//   events(user, seq, place, appended_at, thread, headers, value, hash)   one row per valid event
//   threads(user, thread, seq, time, messages, first_words, hash)   what a thread's newest event is
//   runs(user, run, thread, first_seq, last_seq, events, agent, status, started, ended, hash)
//                                       what run_summary.hpp says of a run; `run` is its id's bytes
//   views(subject, time, place, user, seq, hash)   which event of which user says that he looked at
//                                       this subject; `time` is its ce_time, in microseconds
//   damage(place, user, what)           breaks of a user's chain, each named once
//   position(next_offset, epoch, claim, owner_seq, hash)   what the file is complete to
//   tree(size, edge, anchored_size, anchored_root, hash)   the Merkle tree over what the log had up
//                                       to there: its size, the hashes of its right edge one after
//                                       the other, and the newest anchor it passed through
// `place` is the offset in the log; headers: model/headers.hpp.
// hash = SHA-256 of the row: every text as lp(x), every number as 8 bytes big-endian, as row_hash
// takes them. Numbers and names here are append only; a change of meaning is a new version.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "event-store/archive/anchor_writer.hpp"
#include "event-store/archive/merkle_tree.hpp"
#include "event-store/archive/run_summary.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/contract/sha256_batch.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/sqlite/rebuildable_file.hpp"

namespace signalbox::event_store {

[[nodiscard]] const FileFormat& archive_format();
[[nodiscard]] std::string archive_path(const std::string& folder, Partition partition);

using RowPart = std::variant<std::int64_t, std::string_view>;
[[nodiscard]] Hash row_hash(std::initializer_list<RowPart> parts);
// One more of many that are hashed at once.
void add_row(Sha256Batch& rows, std::initializer_list<RowPart> parts);
[[nodiscard]] Hash thread_hash(std::string_view user, std::string_view thread, Seq newest,
                               std::string_view time, std::int64_t messages,
                               std::string_view first_words);
[[nodiscard]] Hash user_hash(std::string_view name, Seq newest, const Hash& chain);
[[nodiscard]] Hash run_hash(std::string_view user, const RunSummary& run);
[[nodiscard]] Hash view_hash(std::string_view subject, std::int64_t time, Offset place,
                             std::int64_t user, Seq seq);
[[nodiscard]] std::string_view as_bytes(const Hash& hash);
[[nodiscard]] std::string as_bytes(const RunId& run);
// The columns thread, first_seq, ... ended of a row of runs, of which `column` is the first.
[[nodiscard]] RunSummary run_of_row(const RunId& run, const SqliteStatement& row, int column);
[[nodiscard]] std::optional<Hash> as_hash(std::string_view bytes);

// The file's own position; of a file without one it is the start of the partition. Errors: corrupt.
[[nodiscard]] Result<Position> read_position(SqliteDatabase& file);
[[nodiscard]] Result<void> write_position(SqliteDatabase& file, const Position& position);

struct StoredTree {
  MerkleTree tree;
  Anchored anchored;
};
// Of a file without one it is the empty tree. Errors: corrupt.
[[nodiscard]] Result<StoredTree> read_tree(SqliteDatabase& file);
[[nodiscard]] Result<void> write_tree(SqliteDatabase& file, const StoredTree& stored);

}  // namespace signalbox::event_store
