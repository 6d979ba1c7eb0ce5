#include "event-store/log/sqlite_rows.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <span>

namespace signalbox::event_store {
namespace {

template <std::size_t Bytes>
void put_big_endian(std::uint8_t*& to, std::uint64_t number) {
  for (std::size_t i = Bytes; i-- > 0;) *to++ = static_cast<std::uint8_t>(number >> (8 * i));
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// As its number says, whether there is such a place or not.
TopicPartition place_as_numbered(std::int64_t place) {
  return {static_cast<Topic>(place >> 24), Partition(static_cast<std::int32_t>(place & 0xffffff))};
}

void add_content(auto& hasher, const std::optional<std::string_view>& key, std::string_view headers,
                 std::string_view value) {
  hasher.update(key ? std::string_view("\1", 1) : std::string_view("\0", 1));
  hasher.update_prefixed(key.value_or(std::string_view()));
  hasher.update_prefixed(headers);
  hasher.update_prefixed(value);
}

using RowBytes = std::array<std::uint8_t, 1 + 4 + 8 + 8 + 32>;

RowBytes row_bytes(const TopicPartition& at, Offset offset, Timestamp appended_at,
                   const Hash& content) {
  RowBytes bytes{};
  std::uint8_t* to = bytes.data();
  put_big_endian<1>(to, static_cast<std::uint8_t>(at.topic));
  put_big_endian<4>(to, static_cast<std::uint64_t>(at.partition.value()));
  put_big_endian<8>(to, static_cast<std::uint64_t>(offset.value()));
  put_big_endian<8>(to, static_cast<std::uint64_t>(appended_at.time_since_epoch().count()));
  std::ranges::copy(content, to);
  return bytes;
}

StoredRow row_of(const SqliteStatement& row, const TopicPartition& at) {
  return {.number = 0,
          .place = place_number(at),
          .offset = Offset(row.number(0)),
          .appended_at = Timestamp(std::chrono::microseconds(row.number(1))),
          .key = row.is_null(2) ? std::nullopt : std::optional(row.bytes(2)),
          .headers = row.bytes(3),
          .value = row.bytes(4),
          .sha256 = row.bytes(5)};
}

}  // namespace

std::int64_t place_number(const TopicPartition& at) {
  return static_cast<std::int64_t>(at.topic) << 24 | at.partition.value();
}

std::optional<TopicPartition> place_of(std::int64_t place, std::int32_t partitions) {
  const std::int64_t topic = place >> 24;
  const std::int64_t partition = place & 0xffffff;
  if (place < 0 || topic >= kTopicCount || partition >= partitions) return std::nullopt;
  return TopicPartition{static_cast<Topic>(topic), Partition(static_cast<std::int32_t>(partition))};
}

bool is_as_written(const StoredRow& row) {
  const Hash content = content_checksum(row.key, row.headers, row.value);
  return std::ranges::equal(
      as_bytes(row.sha256),
      row_checksum(place_as_numbered(row.place), row.offset, row.appended_at, content));
}

void RowChecks::add(const StoredRow& row) {
  add_content(contents_, row.key, row.headers, row.value);
  contents_.end();
  std::optional<Hash> sha256;
  if (row.sha256.size() == Hash().size())
    std::ranges::copy(as_bytes(row.sha256), sha256.emplace().begin());
  stated_.push_back({place_as_numbered(row.place), row.offset, row.appended_at, sha256});
}

std::size_t RowChecks::count_whole() {
  const std::vector<bool>& are_as_written = finish();
  return static_cast<std::size_t>(std::ranges::find(are_as_written, false) -
                                  are_as_written.begin());
}

const std::vector<bool>& RowChecks::finish() {
  const std::span<const Hash> contents = contents_.finish();
  for (std::size_t i = 0; i < stated_.size(); ++i) {
    const Stated& stated = stated_[i];
    rows_.update(row_bytes(stated.at, stated.offset, stated.appended_at, contents[i]));
    rows_.end();
  }
  const std::span<const Hash> rows = rows_.finish();
  are_as_written_.clear();
  for (std::size_t i = 0; i < stated_.size(); ++i)
    are_as_written_.push_back(stated_[i].sha256 == rows[i]);
  stated_.clear();
  return are_as_written_;
}

RecordPtr verified_record(const StoredRow& row, const TopicPartition& at) {
  return is_as_written(row) ? record_of(row, at) : nullptr;
}

RecordPtr record_of(const StoredRow& row, const TopicPartition& at) {
  auto headers = Headers::parse(row.headers);
  if (!headers) return nullptr;
  return std::make_shared<Record>(
      Record{at, row.offset, row.appended_at,
             row.key ? std::optional<std::string>(*row.key) : std::nullopt, std::move(*headers),
             std::string(row.value)});
}

std::string name_place(const TopicPartition& at, Offset offset) {
  return std::string(to_text(at.topic)) + " partition " + std::to_string(at.partition.value()) +
         " offset " + std::to_string(offset.value());
}

Error checksum_mismatch(const std::string& row) {
  return {Errc::corrupt, row + ": the stored row does not match its checksum"};
}

Hash content_checksum(const std::optional<std::string_view>& key, std::string_view headers,
                      std::string_view value) {
  thread_local Sha256 hasher;
  add_content(hasher, key, headers, value);
  return hasher.finish();
}

Hash row_checksum(const TopicPartition& at, Offset offset, Timestamp appended_at,
                  const Hash& content) {
  thread_local Sha256 hasher;
  hasher.update(row_bytes(at, offset, appended_at, content));
  return hasher.finish();
}

Result<SqliteRowReader> SqliteRowReader::open(const std::string& path,
                                              const std::string& vfs_name) {
  auto database = SqliteDatabase::open(path, SqliteDatabase::Access::read_only, vfs_name);
  if (!database) return tl::unexpected(database.error());
  return on(std::move(*database));
}

Result<SqliteRowReader> SqliteRowReader::on(SqliteDatabase database) {
  if (auto set = database.execute("PRAGMA cache_size=-8192; PRAGMA query_only=1;"); !set)
    return tl::unexpected(set.error());
  auto select = database.prepare(
      "SELECT \"offset\", appended_at, key, headers, value, sha256 FROM records"
      " WHERE place = ?1 AND \"offset\" >= ?2 ORDER BY \"offset\" LIMIT ?3");
  if (!select) return tl::unexpected(select.error());
  auto first = database.prepare("SELECT min(\"offset\") FROM records WHERE place = ?1");
  if (!first) return tl::unexpected(first.error());
  auto counter = database.prepare("SELECT next FROM counters WHERE place = ?1");
  if (!counter) return tl::unexpected(counter.error());
  return SqliteRowReader(std::move(database), std::move(*select), std::move(*first),
                         std::move(*counter));
}

Result<std::vector<RecordPtr>> SqliteRowReader::read(const TopicPartition& at, Offset from,
                                                     ReadLimits limits) {
  select_.bind(1, place_number(at));
  select_.bind(2, from.value());
  select_.bind(3, static_cast<std::int64_t>(std::max<std::size_t>(limits.records_max, 1)));
  std::vector<RecordPtr> records;
  std::optional<Error> failed;
  std::size_t bytes = 0;
  Result<bool> row = false;
  while (bytes < limits.bytes_max && (row = select_.step()) && *row) {
    const Offset expected = records.empty() ? from : records.back()->offset.next();
    if (Offset(select_.number(0)) != expected) {
      failed = Error{Errc::corrupt, name_place(at, expected) + ": the stored row is missing"};
      break;
    }
    const StoredRow stored = row_of(select_, at);
    RecordPtr record = record_of(stored, at);
    if (!record) {
      failed = checksum_mismatch(name_place(at, expected));
      break;
    }
    bytes += size_bytes(*record);
    // The limit holds but for the first record, which always goes.
    if (bytes > limits.bytes_max && !records.empty()) break;
    checks_.add(stored);
    records.push_back(std::move(record));
  }
  if (!row) failed = database_.last_error("cannot read " + name_place(at, from) + " of");
  // Lies before whatever ended the reading.
  if (const std::size_t whole = checks_.count_whole(); whole < records.size()) {
    failed = checksum_mismatch(name_place(at, records[whole]->offset));
    records.resize(whole);
  }
  // Also ends the read transaction, so that checkpoints are not held up.
  select_.reset();
  if (failed && records.empty()) return tl::unexpected(std::move(*failed));
  return records;
}

Result<LogBounds> SqliteRowReader::bounds(const TopicPartition& at) {
  counter_.bind(1, place_number(at));
  const auto counted = counter_.step();
  const Offset end(counted && *counted ? counter_.number(0) : 0);
  counter_.reset();
  if (!counted) return tl::unexpected(counted.error());
  first_.bind(1, place_number(at));
  const auto found = first_.step();
  const Offset first = found && *found && !first_.is_null(0) ? Offset(first_.number(0)) : end;
  first_.reset();
  if (!found) return tl::unexpected(found.error());
  return LogBounds{first, end};
}

}  // namespace signalbox::event_store
