#include "event-store/archive/archive_scan.hpp"

#include <filesystem>
#include <utility>

namespace signalbox::event_store {
namespace {

constexpr std::int64_t kRowsPerRead = 256;

Result<void> check_owner(SqliteDatabase& file, const std::string& path, const LogId& log) {
  const auto id = file.query_number("PRAGMA application_id");
  if (!id) return tl::unexpected<Error>(id.error());
  const auto version = file.query_number("PRAGMA user_version");
  if (!version) return tl::unexpected<Error>(version.error());
  if (*id != archive_format().application_id || *version != archive_format().version)
    return failure(Errc::corrupt, path + " is no archive of the format this version writes");
  auto owner = file.prepare("SELECT log_id FROM owner");
  if (!owner) return tl::unexpected<Error>(owner.error());
  const auto row = owner->step();
  if (!row) return tl::unexpected<Error>(row.error());
  const auto& bytes = log.value().bytes;
  if (!*row || owner->bytes(0) !=
                   std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()))
    return failure(Errc::corrupt, path + " is the archive of another log");
  return {};
}

ArchivedEvent event_of(const SqliteStatement& row) {
  ArchivedEvent event{
      .number = row.number(0),
      .user = std::string(row.bytes(1)),
      .seq = Seq(row.number(2)),
      .offset = Offset(row.number(3)),
      .appended_at = Timestamp(std::chrono::microseconds(row.number(4))),
      .thread = row.is_null(5) ? std::nullopt : std::optional<std::string>(row.bytes(5)),
      .headers = std::string(row.bytes(6)),
      .value = std::string(row.bytes(7)),
      .is_whole = false};
  event.is_whole =
      row.bytes(8) == as_bytes(row_hash({event.user, event.seq.value(), event.offset.value(),
                                         event.appended_at.time_since_epoch().count(),
                                         event.headers, event.value}));
  return event;
}

Result<SqliteDatabase> open_file(const std::string& path, const LogId& log) {
  auto file = SqliteDatabase::open(path, SqliteDatabase::Access::read_only);
  if (!file) return file;
  auto checked = check_owner(*file, path, log);
  std::error_code ignored;
  if (!checked && checked.error().code == Errc::io_error &&
      !std::filesystem::exists(path + "-wal", ignored)) {
    file = SqliteDatabase::open(path, SqliteDatabase::Access::immutable);
    if (!file) return file;
    checked = check_owner(*file, path, log);
  }
  if (!checked) return tl::unexpected<Error>(checked.error());
  return file;
}

}  // namespace

Result<ArchiveScan> ArchiveScan::open(const std::string& folder, Partition partition,
                                      const LogId& log) {
  std::string path = archive_path(folder, partition);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return failure(Errc::not_found, path + " is missing");
  auto file = open_file(path, log);
  if (!file) return tl::unexpected<Error>(file.error());
  const auto position = read_position(*file);
  if (!position) return tl::unexpected<Error>(position.error());
  auto select = file->prepare(
      "SELECT e.id, coalesce(u.name, ''), e.seq, e.place, e.appended_at, e.thread, e.headers,"
      " e.value, e.hash FROM events e LEFT JOIN users u ON u.id = e.user"
      " WHERE e.id > ?1 ORDER BY e.id LIMIT ?2");
  if (!select) return tl::unexpected<Error>(select.error());
  return ArchiveScan(std::move(path), std::move(*file), std::move(*select), *position);
}

Result<const ArchivedEvent*> ArchiveScan::peek() {
  if (batch_.empty() && !is_at_end_) {
    select_.bind(1, last_);
    select_.bind(2, kRowsPerRead);
    Result<bool> row = false;
    while ((row = select_.step()) && *row) {
      batch_.push_back(event_of(select_));
      last_ = batch_.back().number;
    }
    select_.reset();
    if (!row) return tl::unexpected<Error>(row.error());
    is_at_end_ = batch_.empty();
  }
  return batch_.empty() ? nullptr : &batch_.front();
}

}  // namespace signalbox::event_store
