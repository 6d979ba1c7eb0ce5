#include "replay/archive_check.hpp"

#include <utility>

#include "event-store/contract/identity.hpp"

namespace signalbox::replay {
namespace {

using event_store::ArchivedEvent;

Finding finding_at(DamageKind kind, Partition partition, Offset offset, std::string user, Seq seq,
                   std::string what) {
  return {.kind = kind,
          .at = TopicPartition{Topic::events, partition},
          .offset = offset,
          .user = std::move(user),
          .seq = seq,
          .what = std::move(what)};
}

// The field in which the archived event is not the log's; empty: none.
std::string differing_field(const ArchivedEvent& archived, const SeenEvent& seen) {
  const Record& record = seen.record;
  if (archived.user != record.key) return "user";
  if (archived.seq != seen.seq) return "seq";
  if (archived.headers != record.headers.bytes()) return "headers";
  if (archived.value != record.value) return "value";
  if (archived.appended_at != record.appended_at) return "appended_at";
  if (archived.thread != record.header("ce_threadid")) return "thread";
  return archived.is_whole ? "" : "SHA-256";
}

Finding unreadable(const Error& error) {
  return {.kind = DamageKind::archive_unreadable,
          .what = error.message + "; remove the file, the service makes it again from the log"};
}

}  // namespace

ArchiveCheck::ArchiveCheck(const std::string& folder, const event_store::LogDescription& log,
                           std::optional<UserId> user)
    : user_(std::move(user)) {
  for (std::int32_t number = 0; number < log.partitions; ++number) {
    const Partition partition(number);
    if (user_ && event_store::partition_of(*user_, log.partitions) != partition) continue;
    auto scan = event_store::ArchiveScan::open(folder, partition, log.log_id);
    if (scan) {
      files_[partition].emplace(std::move(*scan));
    } else if (scan.error().code == Errc::not_found) {
      ++files_missing_;
    } else {
      unreadable_.push_back(unreadable(scan.error()));
    }
  }
}

bool ArchiveCheck::is_of_interest(std::string_view user) const {
  return !user_ || user == user_->value();
}

void ArchiveCheck::name_extra(const ArchivedEvent& event, Partition partition,
                              Findings& findings) const {
  if (!is_of_interest(event.user)) return;
  if (const auto cut = cuts_.find(partition); cut != cuts_.end() && event.offset < cut->second)
    return;
  findings.add(finding_at(DamageKind::archive_has_more, partition, event.offset, event.user,
                          event.seq,
                          "the archive has an event that the log has not: one of them was changed, "
                          "or rows of the log were removed"));
}

const ArchivedEvent* ArchiveCheck::find(File& file, Partition partition, Offset offset,
                                        Findings& findings) {
  while (file) {
    const auto next = file->peek();
    if (!next) {
      findings.add(unreadable(next.error()));
      file.reset();
      return nullptr;
    }
    if (*next == nullptr || (*next)->offset > offset) return nullptr;
    if ((*next)->offset == offset) return *next;
    name_extra(**next, partition, findings);
    file->drop();
  }
  return nullptr;
}

void ArchiveCheck::on_valid(const SeenEvent& event, Findings& findings) {
  const Partition partition = event.record.at.partition;
  const Offset offset = event.record.offset;
  File& file = files_[partition];
  if (!file || offset >= file->complete_to().next_offset) return;
  const ArchivedEvent* const archived = find(file, partition, offset, findings);
  if (!file) return;
  const std::string& user = *event.record.key;
  if (archived == nullptr) {
    if (is_of_interest(user))
      findings.add(finding_at(DamageKind::archive_lacks_event, partition, offset, user, event.seq,
                              file->path() + " says it is complete to offset " +
                                  std::to_string(file->complete_to().next_offset.value()) +
                                  " and has not this event"));
    return;
  }
  if (is_of_interest(user)) {
    ++compared_;
    if (const std::string field = differing_field(*archived, event); !field.empty())
      findings.add(
          finding_at(DamageKind::archive_changed, partition, offset, user, event.seq,
                     "log and archive disagree: " + field + " is another in " + file->path()));
  }
  file->drop();
}

void ArchiveCheck::on_cut(const LogCut& cut) { cuts_.emplace(cut.at.partition, cut.first); }

void ArchiveCheck::on_end(const std::vector<event_store::Position>& ends, Findings& findings) {
  for (const Finding& finding : unreadable_) findings.add(finding);
  for (std::size_t number = 0; number < ends.size(); ++number) {
    const Partition partition(static_cast<std::int32_t>(number));
    File& file = files_[partition];
    if (!file) continue;
    const event_store::Position complete_to = file->complete_to();
    // Names what is left of those before it.
    static_cast<void>(find(file, partition, complete_to.next_offset, findings));
    if (file && complete_to.next_offset > ends[number].next_offset)
      findings.add({.kind = DamageKind::archive_ahead,
                    .at = TopicPartition{Topic::events, partition},
                    .offset = ends[number].next_offset,
                    .what = "the log ends here, and the archive has read it up to offset " +
                            std::to_string(complete_to.next_offset.value()) +
                            ": the log has lost its newest records, or is an older copy"});
  }
}

}  // namespace signalbox::replay
