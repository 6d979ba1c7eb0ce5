#include "event-store/archive/archive_file.hpp"

#include "event-store/archive/archive_format.hpp"
#include "event-store/sqlite/rebuildable_file.hpp"

namespace signalbox::event_store {

Result<ArchiveFile> ArchiveFile::open(const std::string& path, Partition partition) {
  const auto identity = identity_of(path);
  if (!identity) return failure(Errc::unavailable, path + ": there is no archive yet");
  auto database = open_beside_writer(path, SqliteDatabase::Access::read_only);
  if (!database) return tl::unexpected<Error>(database.error());
  auto user = database->prepare("SELECT id FROM users WHERE name = ?1");
  if (!user) return tl::unexpected<Error>(user.error());
  return ArchiveFile(path, partition, *identity, *std::move(database), *std::move(user));
}

Result<Position> ArchiveFile::in_transaction(const std::function<Result<void>()>& read_rows) {
  if (auto begun = database_.execute("BEGIN"); !begun) return tl::unexpected<Error>(begun.error());
  auto position = read_position(database_);
  const Result<void> read = position ? read_rows() : Result<void>();
  const auto ended = database_.execute("COMMIT");
  if (!read) return tl::unexpected<Error>(read.error());
  if (position && !ended) return tl::unexpected<Error>(ended.error());
  return position;
}

Result<void> ArchiveFile::for_each(SqliteStatement& statement,
                                   const std::function<Result<bool>()>& row) {
  Result<bool> going_on = true;
  while (going_on && *going_on) {
    going_on = statement.step();
    if (going_on && *going_on) going_on = row();
  }
  statement.reset();
  if (!going_on) return tl::unexpected<Error>(going_on.error());
  return {};
}

Result<std::optional<std::int64_t>> ArchiveFile::find_user(const UserId& user) {
  std::optional<std::int64_t> id;
  user_.bind_text(1, user.value());
  const auto found = for_each(user_, [&]() -> Result<bool> {
    id = user_.number(0);
    return false;
  });
  if (!found) return tl::unexpected<Error>(found.error());
  return id;
}

}  // namespace signalbox::event_store
