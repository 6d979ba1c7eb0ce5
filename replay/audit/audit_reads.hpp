// AuditReads: the answers to an auditor's questions, read from archive and log. Each call blocks on
// the disk and keeps a page in memory, whatever the history's length; but of a state, which is as
// large as the user's history, at most state_bytes_max.
//
// An answer has everything that was in the log when it was asked for: where the archive is behind
// with events that belong into it there is none yet (nullopt), and the call is to be made again;
// once it is said to be `at_once`, the answer has what there is and says how far that goes.
// Thread: one. Lifetime: the log outlives it.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event-store/archive/archive_index.hpp"
#include "event-store/archive/archive_reader.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/log/history_log.hpp"
#include "event-store/model/http.hpp"
#include "replay/anchor_notes.hpp"
#include "replay/audit/audit_query.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

struct AuditSources {
  event_store::EventLog& log;
  event_store::OpenHistory open_history;  // of the same log, for what replay reads in it
  std::string archive_folder;             // of the same log
  std::string anchor_folder;
  std::string snapshots;                                    // the file; it may be missing
  std::optional<KnownAnchorKey> anchor_key = std::nullopt;  // that of whoever signs; none: theirs
  std::set<Partition> kept = {};                            // by the archive; none named: all
  // A row or file of the archive was found damaged; called on the reading thread.
  std::function<void(Partition, const Error&)> on_damage = [](Partition, const Error&) {};
};

struct AuditReadLimits {
  std::size_t page_bytes_max = 1 << 20;
  // Of a page with filters: it ends after so many, however few of them it shows.
  std::size_t events_looked_at_max = 10'000;
  std::size_t bytes_looked_at_max = 16 << 20;
  // How much of the log may be looked through for events that are not in the archive yet.
  std::size_t scan_bytes_max = 8 << 20;
  std::size_t state_bytes_max = 64 << 20;
  std::size_t export_bytes_max = 16 << 20;  // of the records of one part
  std::size_t run_bytes_max = 16 << 20;     // of a run's events, as a tree
  std::size_t answer_bytes_max = 16 << 20;  // of a state as JSON
};

// What an answer must hold, and how long it may take.
struct Wanted {
  std::vector<Offset> ends{};  // of each partition when it was asked, by its number
  bool at_once = false;
  std::function<bool()> is_late{};
};

class AuditReads {
 public:
  using Answer = std::optional<HttpResponse>;

  // Reading ends soon with 503 once `stopping` is true.
  AuditReads(AuditSources sources, AuditReadLimits limits, const std::atomic<bool>& stopping);

  [[nodiscard]] Answer events(const HttpRequest& request, const EventsQuery& query,
                              const Wanted& wanted);
  [[nodiscard]] Answer state(const StateQuery& query, const Wanted& wanted);
  [[nodiscard]] Answer users(const event_store::UserSearch& search, const Wanted& wanted);
  [[nodiscard]] Answer runs(const HttpRequest& request, const event_store::RunQuery& query,
                            const Wanted& wanted);
  [[nodiscard]] Answer run(const RunTreeQuery& query, const Wanted& wanted);
  [[nodiscard]] Answer export_part(const ExportQuery& query, const Wanted& wanted);
  [[nodiscard]] Answer views(const HttpRequest& request, const ViewsQuery& query,
                             const Wanted& wanted);

  // Whether nothing can be written into his history any more, as far as the archive knows.
  [[nodiscard]] bool is_frozen(const UserId& user);

 private:
  void note_damage(Partition partition, const Error& error);
  [[nodiscard]] HttpResponse damaged(const UserId& user, const Error& error);
  [[nodiscard]] Result<std::vector<RecordPtr>> events_of(const UserId& user,
                                                         const event_store::RunSummary& run);
  [[nodiscard]] bool must_wait(const UserId& user, const event_store::Position& complete_to,
                               const Wanted& wanted);
  // What a list over all users lacks; nullopt: it is to be waited for. Of the kept partitions those
  // that may lack an event that `concerns` the list, and those that are damaged, whose archive is
  // not there sooner than anybody waits; and all that are not kept here. Notes in the page as
  // damaged what is made anew, too.
  template <class Item>
  [[nodiscard]] std::optional<std::set<Partition>> lacking(
      event_store::IndexPage<Item>& page, const Wanted& wanted,
      const std::function<bool(const Record&)>& concerns);
  [[nodiscard]] Watch watch(const Wanted& wanted) const;
  // What a long reading ended with: 413 where it had no more time, else 503.
  [[nodiscard]] HttpResponse ended(const Error& error, std::string_view command) const;
  [[nodiscard]] Result<KnownState> read_one_state(const UserId& user, const Instant& at,
                                                  const Wanted& wanted);

  const AuditSources sources_;
  const AuditReadLimits limits_;
  const event_store::LogDescription description_;
  const std::atomic<bool>& stopping_;
  event_store::ArchiveReader archive_;
  event_store::ArchiveIndex index_;
  // Where the archive of a partition ends that was found damaged, once it is made anew.
  std::map<Partition, Offset> made_anew_to_;
};

}  // namespace signalbox::replay
