#include "event-store/archive/audit_tables.hpp"

#include "event-store/archive/archive_format.hpp"
#include "event-store/contract/codec.hpp"

namespace signalbox::event_store {

Result<AuditTables> AuditTables::prepare(SqliteDatabase& file) {
  auto select_run = file.prepare(
      "SELECT thread, first_seq, last_seq, events, agent, status, started, ended, hash FROM runs"
      " WHERE user = ?1 AND run = ?2");
  if (!select_run) return tl::unexpected<Error>(select_run.error());
  auto replace_run = file.prepare(
      "INSERT OR REPLACE INTO runs VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
  if (!replace_run) return tl::unexpected<Error>(replace_run.error());
  auto insert_view = file.prepare("INSERT OR REPLACE INTO views VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  if (!insert_view) return tl::unexpected<Error>(insert_view.error());
  return AuditTables(*std::move(select_run), *std::move(replace_run), *std::move(insert_view));
}

Result<void> AuditTables::note(std::int64_t user, const std::string& name, Seq seq,
                               const Record& event) {
  if (const auto run = Uuid::parse(event.header("ce_runid").value_or("")))
    return note_run(user, name, RunId(*run), seq, event);
  if (event.header("ce_type") == "dev.signalbox.history_viewed") return note_view(user, seq, event);
  return {};
}

Result<void> AuditTables::note_run(std::int64_t user, const std::string& name, RunId id, Seq seq,
                                   const Record& event) {
  const RunKey key{user, as_bytes(id)};
  auto found = runs_.find(key);
  if (found == runs_.end()) {
    auto loaded = load_run(key, name, id);
    if (!loaded) return tl::unexpected<Error>(loaded.error());
    found = runs_.emplace(key, *std::move(loaded)).first;
  }
  note_event(found->second.summary, seq, event);
  return {};
}

Result<AuditTables::Run> AuditTables::load_run(const RunKey& key, const std::string& name,
                                               RunId id) {
  select_run_.bind(1, key.first);
  select_run_.bind_blob(2, key.second);
  const auto row = select_run_.step();
  Run run{name, RunSummary{id}};
  bool whole = true;
  if (row && *row) {
    run.summary = run_of_row(id, select_run_, 0);
    whole = select_run_.bytes(8) == as_bytes(run_hash(name, run.summary));
  }
  select_run_.reset();
  if (!row) return tl::unexpected<Error>(row.error());
  if (!whole)
    return failure(Errc::corrupt, "the archive's row of a run of user number " +
                                      std::to_string(key.first) + " (seq " +
                                      std::to_string(run.summary.first.value()) +
                                      ") does not match its SHA-256");
  return run;
}

Result<void> AuditTables::note_view(std::int64_t user, Seq seq, const Record& event) {
  const auto decoded = decode_event(event);
  const auto* view = decoded ? std::get_if<HistoryViewed>(&decoded->data) : nullptr;
  if (view == nullptr) return {};
  const std::int64_t time = decoded->time.time_since_epoch().count();
  const Hash hash = view_hash(view->subject, time, event.offset, user, seq);
  insert_view_.bind_text(1, view->subject);
  insert_view_.bind(2, time);
  insert_view_.bind(3, event.offset.value());
  insert_view_.bind(4, user);
  insert_view_.bind(5, seq.value());
  insert_view_.bind_blob(6, as_bytes(hash));
  return insert_view_.run();
}

Result<void> AuditTables::save() {
  for (const auto& [key, run] : runs_) {
    const RunSummary& summary = run.summary;
    if (summary.first == Seq(0)) continue;  // nobody sent the message it would be the answer to
    const Hash hash = run_hash(run.user_name, summary);
    replace_run_.bind(1, key.first);
    replace_run_.bind_blob(2, key.second);
    replace_run_.bind_text(3, summary.thread);
    replace_run_.bind(4, summary.first.value());
    replace_run_.bind(5, summary.last.value());
    replace_run_.bind(6, summary.events);
    replace_run_.bind_text(7, summary.agent);
    replace_run_.bind_text(8, summary.status);
    replace_run_.bind_text(9, summary.started);
    replace_run_.bind_text(10, summary.ended);
    replace_run_.bind_blob(11, as_bytes(hash));
    if (auto done = replace_run_.run(); !done) return done;
  }
  return {};
}

}  // namespace signalbox::event_store
