// AuditReads: the answers to an auditor's questions, read from archive and log. Each call blocks on
// the disk and keeps a page in memory, whatever the history's length; but of a state, which is as
// large as the user's history, at most state_bytes_max.
//
// An answer has everything that was in the log when it was asked for: where the archive is behind
// with events that belong into it there is none yet (nullopt), and the call is to be made again.
// Thread: one. Lifetime: the log outlives it.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/archive_index.hpp"
#include "event-store/archive/archive_reader.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/model/http.hpp"
#include "replay/audit/audit_query.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

struct AuditSources {
  event_store::EventLog& log;
  std::string data;            // folder of the log, for what replay reads in it
  std::string archive_folder;  // of the same log
  std::string anchor_folder;
  // A row or file of the archive was found damaged; called on the reading thread.
  std::function<void(Partition, const Error&)> on_damage = [](Partition, const Error&) {};
};

struct AuditReadLimits {
  std::size_t page_bytes_max = 1 << 20;
  // Of a page with filters: it ends after so many, however few of them it shows.
  std::size_t events_looked_at_max = 10'000;
  // How much of the log may be looked through for events that are not in the archive yet.
  std::size_t scan_bytes_max = 8 << 20;
  std::size_t state_bytes_max = 64 << 20;
  std::size_t export_bytes_max = 16 << 20;  // of the records of one part
  std::size_t run_bytes_max = 16 << 20;     // of a run's events, as a tree
};

class AuditReads {
 public:
  using Answer = std::optional<HttpResponse>;

  // Reading ends soon with 503 once `stopping` is true.
  AuditReads(AuditSources sources, AuditReadLimits limits, const std::atomic<bool>& stopping);

  // `until`: the end of the user's partition when it was asked.
  [[nodiscard]] Answer events(const HttpRequest& request, const EventsQuery& query, Offset until);
  [[nodiscard]] Answer state(const StateQuery& query);
  // `until`: the ends of all partitions, by partition.
  [[nodiscard]] Answer users(const event_store::UserSearch& search,
                             const std::vector<Offset>& until);
  [[nodiscard]] Answer runs(const HttpRequest& request, const event_store::RunQuery& query,
                            Offset until);
  [[nodiscard]] Answer run(const RunTreeQuery& query, Offset until);
  [[nodiscard]] Answer export_part(const ExportQuery& query);
  [[nodiscard]] Answer views(const HttpRequest& request, const ViewsQuery& query,
                             const std::vector<Offset>& until);

 private:
  [[nodiscard]] HttpResponse damaged(const UserId& user, const Error& error);
  [[nodiscard]] Result<std::vector<RecordPtr>> events_of(const UserId& user,
                                                         const event_store::RunSummary& run);
  [[nodiscard]] bool is_behind(const UserId& user, const event_store::Position& complete_to,
                               Offset until);
  // The same of all partitions: whether an event that `concerns` the answer may be missing.
  [[nodiscard]] bool is_behind(const std::vector<event_store::Position>& complete_to,
                               const std::vector<Offset>& until,
                               const std::function<bool(const Record&)>& concerns);
  [[nodiscard]] Watch watch() const;
  [[nodiscard]] Result<KnownState> read_one_state(const UserId& user, const Instant& at);

  const AuditSources sources_;
  const AuditReadLimits limits_;
  const event_store::LogDescription description_;
  const std::atomic<bool>& stopping_;
  event_store::ArchiveReader archive_;
  event_store::ArchiveIndex index_;
};

// 503 with Retry-After.
[[nodiscard]] HttpResponse come_back(std::string_view code, std::string_view message);

}  // namespace signalbox::replay
