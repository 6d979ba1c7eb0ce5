#include "event-store/log/stored_log.hpp"

#include <algorithm>

namespace signalbox::event_store {
namespace {

constexpr std::int64_t kApplicationId = 0x53424c47;  // "SBLG"
constexpr std::int64_t kFormat = 1;                  // PRAGMA user_version

constexpr const char* kSchema = R"(
CREATE TABLE records(
  id INTEGER PRIMARY KEY,
  place INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  appended_at INTEGER NOT NULL,
  key BLOB,
  headers BLOB NOT NULL,
  value BLOB NOT NULL,
  sha256 BLOB NOT NULL,
  UNIQUE(place, "offset")
) STRICT;
CREATE TABLE counters(place INTEGER PRIMARY KEY, next INTEGER NOT NULL) STRICT;
CREATE TABLE meta(log_id BLOB NOT NULL, partitions INTEGER NOT NULL) STRICT;
)";

// The rows of one partition end where its counter stands, if there are any.
Result<LogTails::Start> load_start(SqliteRowReader& reader, SqliteStatement& newest,
                                   const TopicPartition& at, const std::string& path) {
  const auto bounds = reader.bounds(at);
  if (!bounds) return tl::unexpected(bounds.error());
  newest.bind(1, place_number(at));
  const auto row = newest.step();
  const bool empty = !row || newest.is_null(0);
  const Offset end = empty ? bounds->end : Offset(newest.number(0) + 1);
  newest.reset();
  if (!row) return tl::unexpected(row.error());
  const bool never_deleted = at.topic == Topic::events;
  if (end != bounds->end || (never_deleted && bounds->first != Offset(0)))
    return failure(Errc::corrupt, path + ": " + name_place(at, std::min(end, bounds->end)) +
                                      ": rows are missing or too many; the counter says " +
                                      std::to_string(bounds->end.value()) + ", the rows are " +
                                      std::to_string(bounds->first.value()) + " to " +
                                      std::to_string(end.value()) + " (exclusive)");
  return LogTails::Start{at, *bounds};
}

}  // namespace

Result<LogDescription> load_description(SqliteDatabase& database, const std::string& path) {
  auto statement = database.prepare("SELECT log_id, partitions FROM meta");
  if (!statement) return tl::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  if (!*row) return failure(Errc::corrupt, path + " does not say which log it is");
  Uuid id;
  const std::string_view bytes = statement->bytes(0);
  const std::int64_t partitions = statement->number(1);
  if (bytes.size() != id.bytes.size() || partitions < 1)
    return failure(Errc::corrupt, path + " does not say which log it is");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return LogDescription{LogId(id), static_cast<std::int32_t>(partitions)};
}

Result<bool> check_format(SqliteDatabase& database, const std::string& path) {
  const auto application = database.query_number("PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  const auto version = database.query_number("PRAGMA user_version");
  if (!version) return tl::unexpected(version.error());
  const auto tables = database.query_number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  if (*application == 0 && *version == 0 && *tables == 0) return false;
  if (*application != kApplicationId)
    return failure(Errc::bad_config, path + " is a database of another program");
  if (*version != kFormat)
    return failure(Errc::bad_config, path + " has format " + std::to_string(*version) +
                                         "; this version knows " + std::to_string(kFormat));
  return true;
}

Result<std::int64_t> load_rows_written(SqliteDatabase& database) {
  return database.query_number("SELECT next FROM counters WHERE place = " +
                               std::to_string(kRowsCounter));
}

Result<void> create_schema(SqliteDatabase& database, const LogDescription& description) {
  const std::string format = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                             "; PRAGMA user_version=" + std::to_string(kFormat) + ";";
  if (auto done = database.execute(std::string(kSchema) + format); !done) return done;
  auto meta = database.prepare("INSERT INTO meta(log_id, partitions) VALUES(?1, ?2)");
  if (!meta) return tl::unexpected(meta.error());
  const Uuid& id = description.log_id.value();
  meta->bind_blob(1, {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  meta->bind(2, description.partitions);
  if (auto done = meta->run(); !done) return done;
  auto counter = database.prepare("INSERT INTO counters(place, next) VALUES(?1, 0)");
  if (!counter) return tl::unexpected(counter.error());
  std::vector<std::int64_t> places{kRowsCounter};
  for (const Topic topic : kStoredTopics)
    for (std::int32_t p = 0; p < description.partitions; ++p)
      places.push_back(place_number({topic, Partition(p)}));
  for (const std::int64_t place : places) {
    counter->bind(1, place);
    if (auto done = counter->run(); !done) return done;
  }
  return {};
}

Result<StoredLog> load_stored_log(SqliteRowReader& reader, const std::string& path) {
  SqliteDatabase& database = reader.database();
  auto description = load_description(database, path);
  if (!description) return tl::unexpected(description.error());
  const auto rows = database.query_number("SELECT next FROM counters WHERE place = -1");
  if (!rows) return tl::unexpected(rows.error());
  StoredLog stored{*description, {}, *rows};
  auto newest = database.prepare("SELECT max(\"offset\") FROM records WHERE place = ?1");
  if (!newest) return tl::unexpected(newest.error());
  for (const Topic topic : kStoredTopics) {
    for (std::int32_t p = 0; p < description->partitions; ++p) {
      auto start = load_start(reader, *newest, {topic, Partition(p)}, path);
      if (!start) return tl::unexpected(start.error());
      stored.starts.push_back(*start);
    }
  }
  return stored;
}

}  // namespace signalbox::event_store
