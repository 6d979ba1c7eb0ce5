// AuditTables: the writing side of what an archive file knows for auditors: each user's runs, and
// who looked at whom (archive_format.hpp). Inside the transaction of its owner. Memory: the runs of
// one transaction. Thread: one. Errors: as SqliteDatabase; corrupt (a row does not match its hash).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "event-store/archive/run_summary.hpp"
#include "event-store/model/result.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

class AuditTables {
 public:
  [[nodiscard]] static Result<AuditTables> prepare(SqliteDatabase& file);

  // The user's next valid event: `user` is his number in the file, `seq` what the event states.
  [[nodiscard]] Result<void> note(std::int64_t user, const std::string& name, Seq seq,
                                  const Record& event);
  // Before the transaction ends.
  [[nodiscard]] Result<void> save();
  // It has ended, either way.
  void forget() { runs_.clear(); }

 private:
  struct Run {
    std::string user_name;
    RunSummary summary;
  };
  using RunKey = std::pair<std::int64_t, std::string>;  // user and bytes of the run's id

  AuditTables(SqliteStatement select_run, SqliteStatement replace_run, SqliteStatement insert_view)
      : select_run_(std::move(select_run)),
        replace_run_(std::move(replace_run)),
        insert_view_(std::move(insert_view)) {}
  [[nodiscard]] Result<void> note_run(std::int64_t user, const std::string& name, RunId id, Seq seq,
                                      const Record& event);
  [[nodiscard]] Result<void> note_view(std::int64_t user, Seq seq, const Record& event);
  [[nodiscard]] Result<Run> load_run(const RunKey& key, const std::string& name, RunId id);

  SqliteStatement select_run_;
  SqliteStatement replace_run_;
  SqliteStatement insert_view_;
  std::map<RunKey, Run> runs_;
};

}  // namespace signalbox::event_store
