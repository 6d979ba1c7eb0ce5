// How an export is made of a partition's valid events (export.hpp): which of them are in it, and
// its manifest, with the path of the newest of them inside each anchor. Thread: one.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/merkle_tree.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/log/history_log.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/log/validity_fold.hpp"
#include "replay/anchor_notes.hpp"
#include "replay/export.hpp"

namespace signalbox::replay {

// A record as it stands in an export.
[[nodiscard]] std::string record_line(const Record& event);

// Records of a partition that can be read without those before them.
struct Stretch {
  event_store::Position from{};
  Offset end;
};

// Where some of a partition's records lie: what is between two of them and worth it is passed over
// when they are read again. Memory: kStretchesMax.
class Stretches {
 public:
  static constexpr std::int64_t kPassedOverMin = 1000;  // records; fewer cost less than a seek
  static constexpr std::size_t kStretchesMax = 10'000;  // then the last one goes on

  // One more, behind the last; `before`: as of the reader that has come to it.
  void add(const event_store::Position& before, Offset offset);
  [[nodiscard]] const std::vector<Stretch>& all() const { return all_; }

 private:
  std::vector<Stretch> all_;
};

// The valid events of a partition before `end`, in order. Errors: those of the log or of `visit`.
class PartitionPass {
 public:
  PartitionPass(event_store::HistoryLog& log, const TopicPartition& at, Offset end,
                const Watch& watch)
      : log_(log), at_(at), end_(end), watch_(watch) {}

  // `before`: where the reader was when it came to this record. False: enough.
  using Visit =
      std::function<Result<bool>(const event_store::Position& before, const Record& record)>;
  // `passed`: records of earlier passes, `passes`: of how many, for the progress.
  [[nodiscard]] Result<void> run(std::int64_t passed, std::int64_t passes, const Visit& visit) {
    return run({.end = end_}, passed, passes, visit);
  }
  [[nodiscard]] Result<void> run(const Stretch& stretch, std::int64_t passed, std::int64_t passes,
                                 const Visit& visit);

 private:
  event_store::HistoryLog& log_;
  const TopicPartition at_;
  const Offset end_;
  const Watch& watch_;
};

// Which of a user's events are in an export: from `first` on, as many as their lines have room in
// bytes_max, at least one.
struct ExportRange {
  Seq first{1};
  std::size_t bytes_max = std::numeric_limits<std::size_t>::max();
};

// Takes the valid events of the user's partition, all of them and in order, and keeps of the
// anchors kExportAnchorsMax.
class ManifestMaker {
 public:
  using Line = std::function<Result<void>(std::string)>;
  // `line` gets each record of the export as it stands there; none: the range has no end.
  ManifestMaker(const event_store::HistoryLog& log, const UserId& user, Partition partition,
                std::optional<AnchorNotes> notes, ExportRange range, Line line);

  // Errors: io_error, those of `line`.
  [[nodiscard]] Result<void> add(const Record& event);
  // All was taken, or enough: what anchors state beyond all the events there are.
  [[nodiscard]] Result<void> finish();
  // The range has ended before the user's events did, and an anchor covers the last one of it.
  [[nodiscard]] bool is_enough() const { return next_ && anchored_to_end_; }

  [[nodiscard]] std::string manifest() const;
  [[nodiscard]] ExportReport& report() { return report_; }
  // The user's first event behind the range; none where it goes to the end of what was taken.
  [[nodiscard]] std::optional<Seq> next() const { return next_; }

 private:
  struct Entry {
    std::string note;
    std::uint64_t leaf_index;
    Seq seq;
    std::vector<event_store::Hash> proof;
    std::string contradiction;  // empty: it agrees with the log
  };
  // Whether the user's next event is in the export.
  [[nodiscard]] Result<bool> take(const Record& event, const event_store::Hash& chain_before);
  [[nodiscard]] Result<void> take_note();
  void keep(Entry entry);
  static void write(const Entry& entry, event_store::JsonWriter& json);

  const LogId log_;
  const UserId user_;
  const Partition partition_;
  std::optional<AnchorNotes> notes_;
  const ExportRange range_;
  const Line line_;
  event_store::MerkleTree tree_;
  event_store::UserChain chain_;
  event_store::Hash chain_before_{};  // the export's first event
  std::size_t bytes_ = 0;
  std::optional<Seq> next_{};
  bool anchored_to_end_ = false;
  std::deque<Entry> entries_;
  std::optional<Entry> newest_;  // covers no more than the last of entries_
  ExportReport report_;
};

}  // namespace signalbox::replay
