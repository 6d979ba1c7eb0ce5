// How a record lies in the embedded log, and reading rows back with every checksum verified.
//
//   headers   model/headers.hpp; lp as in contract 1
//   content   SHA-256( u8 has_key | lp(key) | lp(headers) | lp(value) )
//   sha256    SHA-256( u8 topic | u32 partition | u64 offset | u64 appended_at | content ),
//             big-endian; appended_at in microseconds since 1970
//   place     topic * 2^24 + partition, by Topic's persisted number
// tests/log/sqlite_rows_test.cpp holds golden bytes. Private to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/contract/sha256.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/log/stored_row.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

[[nodiscard]] Hash content_checksum(const std::optional<std::string_view>& key,
                                    std::string_view headers, std::string_view value);
[[nodiscard]] Hash row_checksum(const TopicPartition& at, Offset offset, Timestamp appended_at,
                                const Hash& content);
// `row`: its name, as of name_place.
[[nodiscard]] Error checksum_mismatch(const std::string& row);

// A read-only connection and its one query. Thread: one at a time.
class SqliteRowReader {
 public:
  [[nodiscard]] static Result<SqliteRowReader> open(const std::string& path,
                                                    const std::string& vfs_name);
  // Of a connection that only reads.
  [[nodiscard]] static Result<SqliteRowReader> on(SqliteDatabase database);

  // Rows from `from` on, each verified and each following the one before. A bad or missing row ends
  // what is returned; it is an error (corrupt, with its place) only when it is the first.
  [[nodiscard]] Result<std::vector<RecordPtr>> read(const TopicPartition& at, Offset from,
                                                    ReadLimits limits);
  // From the stored counter and the rows that are left.
  [[nodiscard]] Result<LogBounds> bounds(const TopicPartition& at);
  [[nodiscard]] SqliteDatabase& database() { return database_; }

 private:
  SqliteRowReader(SqliteDatabase database, SqliteStatement select, SqliteStatement first,
                  SqliteStatement counter)
      : database_(std::move(database)),
        select_(std::move(select)),
        first_(std::move(first)),
        counter_(std::move(counter)) {}

  SqliteDatabase database_;
  SqliteStatement select_;
  SqliteStatement first_;
  SqliteStatement counter_;
  RowChecks checks_{};
};

}  // namespace signalbox::event_store
