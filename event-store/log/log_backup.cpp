#include "event-store/log/log_backup.hpp"

#include "event-store/log/head_witness.hpp"
#include "event-store/log/log_reader.hpp"
#include "event-store/log/stored_log.hpp"

namespace signalbox::event_store {

Result<LogBackup> back_up_log(const std::string& from, const std::string& to,
                              const CopyWatch& watch) {
  const auto reader = LogReader::open(from);
  if (!reader) return tl::unexpected(reader.error());
  // Before the copy begins: what the writer commits from now on may be in it or not.
  const auto witnessed = reader->rows_witnessed();
  LogBackup backup{reader->describe(), 0, 0};
  const auto bytes = copy_database(reader->path(), to + "/log.db", watch,
                                   [&](SqliteDatabase& log) -> Result<void> {
                                     const auto rows = load_rows_written(log);
                                     if (!rows) return tl::unexpected(rows.error());
                                     backup.rows = *rows;
                                     return {};
                                   });
  if (!bytes) return tl::unexpected(bytes.error());
  backup.bytes = *bytes;
  if (witnessed && backup.rows < *witnessed)
    return failure(Errc::corrupt, from + "/head says that " + std::to_string(*witnessed) +
                                      " rows were committed, and " + reader->path() + " has " +
                                      std::to_string(backup.rows) + ": its end is lost");
  const auto head =
      HeadWitness::open(to, backup.description.log_id, static_cast<std::uint64_t>(backup.rows));
  if (!head) return tl::unexpected(head.error());
  return backup;
}

}  // namespace signalbox::event_store
