// ArchiveIndex: what auditors look for across the archive files: users by the beginning of their
// id, a user's runs, and who looked at whom; through read-only connections of its own, each page
// by an index. Thread: one; reads block on the disk. Every row is checked against its SHA-256.
// Errors: unavailable (a file is not there yet), corrupt (named with file and place), io_error. A
// list over all partitions is made of those whose files can be read; it is an error only where none
// can.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event-store/archive/archive_files.hpp"
#include "event-store/archive/run_summary.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct UserSearch {
  std::string prefix;  // of the ids, byte by byte; empty: all
  std::string after;   // ids greater than this one
  std::size_t users_max = 100;
};
struct UserSummary {
  std::string id;
  Partition partition;
  Seq newest;        // of his newest event
  std::string time;  // its ce_time
};

// A list over all partitions, in its order.
template <class Item>
struct IndexPage {
  std::vector<Item> items;
  bool more;
  // By partition; of one that is not kept, or whose file cannot be read: the beginning.
  std::vector<Position> complete_to;
  std::set<Partition> damaged;  // their files were found corrupt: nothing of them is here
};

struct RunQuery {
  UserId user;
  Seq before;  // runs whose message has a smaller seq, newest first
  std::optional<ThreadId> thread{};
  std::size_t runs_max = 100;
};
struct RunPage {
  std::vector<RunSummary> runs;
  bool more;
  Position complete_to;  // of the user's partition
};

// Where a view stands among all views of a subject.
struct ViewPlace {
  std::int64_t time;  // ce_time of its event, in microseconds
  Partition partition;
  Offset offset;
  friend auto operator<=>(const ViewPlace&, const ViewPlace&) = default;
};
struct ViewQuery {
  std::string subject;
  std::optional<ViewPlace> before{};  // none: from the newest on
  std::size_t views_max = 100;
};
struct View {
  ViewPlace place;
  RecordPtr event;  // history_viewed, in the history of the one who looked
};

class ArchiveIndex {
 public:
  using OnDamage = std::function<void(Partition, const Error&)>;
  // `partitions`: of every topic of the log; `kept`: those that lists are made of, none named: all.
  // `on_damage` is called where corrupt is answered.
  ArchiveIndex(std::string folder, std::int32_t partitions, const std::set<Partition>& kept,
               OnDamage on_damage);
  ~ArchiveIndex();
  ArchiveIndex(const ArchiveIndex&) = delete;
  ArchiveIndex& operator=(const ArchiveIndex&) = delete;

  // By id.
  [[nodiscard]] Result<IndexPage<UserSummary>> find_users(const UserSearch& search);
  [[nodiscard]] Result<RunPage> runs(const RunQuery& query);
  // A run, and how far the archive was complete when it was looked for.
  struct FoundRun {
    std::optional<RunSummary> run;
    Position complete_to;
  };
  [[nodiscard]] Result<FoundRun> run(const UserId& user, const RunId& id);
  // Newest first.
  [[nodiscard]] Result<IndexPage<View>> views(const ViewQuery& query);
  // Whether his history was found damaged when it was archived.
  [[nodiscard]] Result<bool> is_damaged(const UserId& user);

 private:
  class File;
  // Asks the file of a partition; on_damage is called where that is corrupt.
  template <class Answer, class Ask>
  [[nodiscard]] Result<Answer> ask(Partition partition, const Ask& question);
  // The first `items_max` of every kept partition whose file can be read, in the order of
  // `is_before`.
  template <class Item, class Ask, class Order>
  [[nodiscard]] Result<IndexPage<Item>> ask_each(std::size_t items_max, const Ask& question,
                                                 const Order& is_before);

  const std::int32_t partitions_;
  std::vector<Partition> kept_;
  const OnDamage on_damage_;
  ArchiveFiles<File> files_;
};

}  // namespace signalbox::event_store
