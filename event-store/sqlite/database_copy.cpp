#include "event-store/sqlite/database_copy.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <memory>

#include "event-store/sqlite/durable_file.hpp"
#include "event-store/sqlite/private_file.hpp"

namespace signalbox::event_store {
namespace {

constexpr int kPagesPerStep = 512;

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const noexcept { sqlite3_backup_finish(backup); }
};

Result<std::int64_t> copy_pages(SqliteDatabase& source, SqliteDatabase& target,
                                const CopyWatch& watch) {
  const auto page_bytes = source.query_number("PRAGMA page_size");
  if (!page_bytes) return page_bytes;
  std::unique_ptr<sqlite3_backup, FinishBackup> backup(
      sqlite3_backup_init(target.get(), "main", source.get(), "main"));
  if (!backup) return tl::unexpected(target.last_error("cannot copy to"));
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    code = sqlite3_backup_step(backup.get(), kPagesPerStep);
    const std::int64_t total = sqlite3_backup_pagecount(backup.get());
    const std::int64_t done = total - sqlite3_backup_remaining(backup.get());
    if (code == SQLITE_OK && !watch({done * *page_bytes, total * *page_bytes}))
      return failure(Errc::stopped, "stopped");
  }
  const std::int64_t bytes = sqlite3_backup_pagecount(backup.get()) * *page_bytes;
  backup.reset();  // which makes what went wrong the target's last error
  if (code != SQLITE_DONE) return tl::unexpected(target.last_error("cannot copy to"));
  return bytes;
}

}  // namespace

Result<std::int64_t> copy_database(const std::string& from, const std::string& to,
                                   const CopyWatch& watch, const CopyLook& look) {
  std::error_code error;
  if (!std::filesystem::exists(from, error)) return failure(Errc::not_found, from + " is missing");
  auto source = SqliteDatabase::open(from, SqliteDatabase::Access::read_only);
  if (!source) return tl::unexpected(source.error());
  // Held until the last page: otherwise each commit of the writer would begin the copy anew.
  if (auto begun = source->execute("BEGIN"); !begun) return tl::unexpected(begun.error());
  if (auto seen = source->query_number("SELECT count(*) FROM sqlite_schema"); !seen) return seen;
  if (auto looked = look(*source); !looked) return tl::unexpected(looked.error());
  if (auto made = make_private_file(to); !made) return tl::unexpected(made.error());
  auto target = SqliteDatabase::open(to, SqliteDatabase::Access::read_write);
  if (!target) return tl::unexpected(target.error());
  auto copied = copy_pages(*source, *target, watch);
  if (!copied) return copied;
  if (auto synced = sync_folder_of(to); !synced) return tl::unexpected(synced.error());
  return copied;
}

}  // namespace signalbox::event_store
