// Copies a SQLite file while another process writes it: one read transaction from the first page to
// the last, so the copy is what was committed when it began, whole, and nobody who writes waits for
// it. The writer's write-ahead log grows meanwhile.
// Blocks on the disk; any thread. The copy has mode 0600 and is synced, as is its folder.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

struct CopyProgress {
  std::int64_t done;  // bytes
  std::int64_t total;
};
// Called every few hundred pages. False: stop; the copying ends with Errc::stopped.
using CopyWatch = std::function<bool(const CopyProgress&)>;
// Asked inside the transaction, by who must know what it is that is copied.
using CopyLook = std::function<Result<void>(SqliteDatabase& source)>;

// Bytes copied. Nothing is at `to`; what is there after an error is no copy. Errors: not_found,
// stopped, else as SqliteDatabase.
[[nodiscard]] Result<std::int64_t> copy_database(
    const std::string& from, const std::string& to, const CopyWatch& watch,
    const CopyLook& look = [](SqliteDatabase&) { return Result<void>(); });

}  // namespace signalbox::event_store
