// ArchiveCheck: the archive beside the log, event by event, while the log is verified. The archive
// may be behind; what it says it is complete to must be there, and nothing else.
// Memory: one batch per partition.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/archive_scan.hpp"
#include "replay/verify.hpp"

namespace signalbox::replay {

class ArchiveCheck final : public ValidEventObserver {
 public:
  // Opens what there is, which must happen before the log is read: then nothing can be archived
  // that it does not meet. `folder`: of the archive; `user`: only his events.
  ArchiveCheck(const std::string& folder, const event_store::LogDescription& log,
               std::optional<UserId> user);

  void on_valid(const SeenEvent& event, Findings& findings) override;
  void on_cut(const LogCut& cut) override;
  void on_end(const std::vector<event_store::Position>& ends, Findings& findings) override;

  [[nodiscard]] std::int64_t compared() const { return compared_; }
  [[nodiscard]] int files_missing() const { return files_missing_; }

 private:
  using File = std::optional<event_store::ArchiveScan>;  // none: missing or unreadable
  [[nodiscard]] bool is_of_interest(std::string_view user) const;
  // The archived event at this offset, if the next ones lead to it; those before it are named.
  const event_store::ArchivedEvent* find(File& file, Partition partition, Offset offset,
                                         Findings& findings);
  void name_extra(const event_store::ArchivedEvent& event, Partition partition,
                  Findings& findings) const;

  const std::optional<UserId> user_;
  std::vector<Finding> unreadable_;  // when they were opened
  std::map<Partition, File> files_;
  std::map<Partition, Offset> cuts_;  // what is before is the archive's alone
  std::int64_t compared_ = 0;
  int files_missing_ = 0;
};

}  // namespace signalbox::replay
