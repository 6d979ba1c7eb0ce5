#include "event-store/log/log_reader.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "event-store/log/head_witness.hpp"
#include "event-store/log/stored_log.hpp"

namespace signalbox::event_store {
namespace {

constexpr const char* kColumns =
    "SELECT id, place, \"offset\", appended_at, key, headers, value, sha256 FROM records WHERE ";

StoredRow row_of(const SqliteStatement& row) {
  return {.number = row.number(0),
          .place = row.number(1),
          .offset = Offset(row.number(2)),
          .appended_at = Timestamp(std::chrono::microseconds(row.number(3))),
          .key = row.is_null(4) ? std::nullopt : std::optional(row.bytes(4)),
          .headers = row.bytes(5),
          .value = row.bytes(6),
          .sha256 = row.bytes(7)};
}

bool has_write_ahead_log(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path + "-wal", error);
  return !error && bytes > 0;
}

}  // namespace

Result<LogReader> LogReader::open(const std::string& dir) {
  const std::string path = dir + "/log.db";
  std::error_code error;
  const bool is_there = std::filesystem::exists(path, error);
  if (error) return failure(Errc::io_error, "cannot look at " + path + ": " + error.message());
  if (!is_there)
    return failure(Errc::not_found, "there is no log in " + dir + ": " + path + " is missing");
  auto opened = open_as(dir, SqliteDatabase::Access::read_only);
  if (opened || opened.error().code != Errc::io_error || has_write_ahead_log(path)) return opened;
  // A copy in a folder where nothing can be made: SQLite would want its side files there. Nobody
  // writes to it either, and without a write-ahead log the file is all there is.
  return open_as(dir, SqliteDatabase::Access::immutable);
}

Result<LogReader> LogReader::open_as(const std::string& dir, SqliteDatabase::Access access) {
  const std::string path = dir + "/log.db";
  auto database = SqliteDatabase::open(path, access);
  if (!database) return tl::unexpected(database.error());
  const auto known = check_format(*database, path);
  if (!known) return tl::unexpected(known.error());
  if (!*known) return failure(Errc::corrupt, path + " is empty");
  auto description = load_description(*database, path);
  if (!description) return tl::unexpected(description.error());
  const std::string place = std::to_string(place_number({Topic::events, Partition(0)}));
  const std::string last =
      std::to_string(place_number({Topic::events, Partition(description->partitions - 1)}));
  auto events = database->prepare(std::string(kColumns) + "id > ?1 AND place BETWEEN " + place +
                                  " AND " + last + " ORDER BY id LIMIT ?2");
  if (!events) return tl::unexpected(events.error());
  auto all = database->prepare(std::string(kColumns) + "id > ?1 AND id <= ?3 ORDER BY id LIMIT ?2");
  if (!all) return tl::unexpected(all.error());
  auto partition = database->prepare(
      std::string(kColumns) + "place = ?1 AND \"offset\" >= ?3 ORDER BY \"offset\" LIMIT ?2");
  if (!partition) return tl::unexpected(partition.error());
  auto rows = SqliteRowReader::on(std::move(*database));
  if (!rows) return tl::unexpected(rows.error());
  return LogReader(dir, *description, std::move(*rows), std::move(*events), std::move(*all),
                   std::move(*partition));
}

Result<std::int64_t> LogReader::rows_written() { return load_rows_written(rows_.database()); }

Result<LogBounds> LogReader::bounds(const TopicPartition& at) { return rows_.bounds(at); }

Result<std::map<std::int64_t, std::int64_t>> LogReader::counters() {
  auto select = rows_.database().prepare("SELECT place, next FROM counters");
  if (!select) return tl::unexpected(select.error());
  std::map<std::int64_t, std::int64_t> counters;
  Result<bool> row = false;
  while ((row = select->step()) && *row) counters[select->number(0)] = select->number(1);
  if (!row) return tl::unexpected(row.error());
  return counters;
}

Result<std::int64_t> LogReader::rows_beyond_count() {
  return rows_.database().query_number(
      "SELECT count(*) FROM records WHERE id > (SELECT next FROM counters WHERE place = " +
      std::to_string(kRowsCounter) + ")");
}

Result<bool> LogReader::has_row(const TopicPartition& at, Offset offset) {
  return rows_.database()
      .query_number(
          "SELECT count(*) FROM records WHERE place = " + std::to_string(place_number(at)) +
          " AND \"offset\" = " + std::to_string(offset.value()))
      .map([](std::int64_t count) { return count > 0; });
}

std::optional<std::int64_t> LogReader::rows_witnessed() const {
  return HeadWitness::peek(dir_, description_.log_id);
}

Result<std::vector<RecordPtr>> LogReader::read(const TopicPartition& at, Offset from,
                                               ReadLimits limits) {
  return rows_.read(at, from, limits);
}

Result<std::vector<NumberedRecord>> LogReader::read_events(std::int64_t after_row,
                                                           ReadLimits limits) {
  events_.bind(1, after_row);
  events_.bind(2, static_cast<std::int64_t>(std::max<std::size_t>(limits.records_max, 1)));
  std::vector<NumberedRecord> records;
  std::optional<Error> failed;
  std::size_t bytes = 0;
  Result<bool> stepped = false;
  while (bytes < limits.bytes_max && (stepped = events_.step()) && *stepped) {
    const StoredRow row = row_of(events_);
    // As in visit_all.
    if (row.number <= (records.empty() ? after_row : records.back().row)) {
      failed = Error{Errc::corrupt, path_ + ": its rows do not lie in their order"};
      break;
    }
    const auto at = place_of(row.place, description_.partitions);
    RecordPtr record = at ? record_of(row, *at) : nullptr;
    if (!record) {
      failed = checksum_mismatch(at ? name_place(*at, row.offset) : "row of no partition");
      break;
    }
    bytes += size_bytes(*record);
    checks_.add(row);
    records.push_back({row.number, std::move(record)});
  }
  if (!stepped) failed = rows_.database().last_error("cannot read events of");
  // Lies before whatever ended the reading.
  if (const std::size_t whole = checks_.count_whole(); whole < records.size()) {
    failed =
        checksum_mismatch(name_place(records[whole].record->at, records[whole].record->offset));
    records.resize(whole);
  }
  events_.reset();
  if (failed && records.empty()) return tl::unexpected(std::move(*failed));
  return records;
}

Result<std::optional<std::int64_t>> LogReader::visit_all(SqliteStatement& rows, const Visit& visit,
                                                         bool by_number, std::int64_t after) {
  std::optional<std::int64_t> last;
  std::optional<Error> failed;
  Result<bool> stepped = false;
  while ((stepped = rows.step()) && *stepped) {
    const StoredRow row = row_of(rows);
    const std::int64_t place = by_number ? row.number : row.offset.value();
    // A damaged page may lead back: whoever reads on from the last one would never come to an end.
    if (place <= last.value_or(after)) {
      failed = Error{Errc::corrupt, path_ + ": its rows do not lie in their order"};
      break;
    }
    visit(row);
    last = place;
  }
  if (!stepped) failed = rows_.database().last_error("cannot read on in");
  rows.reset();
  if (failed) return tl::unexpected(std::move(*failed));
  return last;
}

Result<std::optional<std::int64_t>> LogReader::scan(std::int64_t after_row, std::int64_t last_row,
                                                    std::int64_t rows_max, const Visit& visit) {
  all_.bind(1, after_row);
  all_.bind(2, rows_max);
  all_.bind(3, last_row);
  return visit_all(all_, visit, true, after_row);
}

Result<std::optional<std::int64_t>> LogReader::scan(const TopicPartition& at, Offset from,
                                                    std::int64_t rows_max, const Visit& visit) {
  partition_.bind(1, place_number(at));
  partition_.bind(2, rows_max);
  partition_.bind(3, from.value());
  return visit_all(partition_, visit, false, from.value() - 1);
}

Result<std::unique_ptr<HistoryLog>> open_file_history(const std::string& dir) {
  auto opened = LogReader::open(dir);
  if (!opened) return tl::unexpected(opened.error());
  return std::make_unique<LogReader>(*std::move(opened));
}

}  // namespace signalbox::event_store
