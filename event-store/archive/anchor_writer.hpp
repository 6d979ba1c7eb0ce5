// AnchorWriter: states a partition's tree elsewhere, as a signed note per tree size (contract 7):
// after `events` events, or `interval` after the first one that no note covers yet.
//
// Two notes of one key must never contradict each other. So a note is written only by a tree that
// was seen to pass through the newest note there is: the archive keeps beside its tree the size and
// root of that note (Anchored), and a tree that is made again from the log is compared when it
// reaches that size. Where log and notes do not agree (the log was put back to an earlier state,
// its history was changed, the notes are another log's) that is damage: it is warned of, counted
// (AnchorStatus::contradicts), and no further note is written for this partition until somebody
// moved its notes aside. It does not make the service unready: the log is what people talk through,
// and to turn them away would not bring an event back. What exactly is wrong, `replay verify` says.
//
// Thread: that of its executor. Memory: constant. A note that cannot be written is tried again; the
// log and the archive are never held up by it, but a slow `folder` slows the archive's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/checkpoint.hpp"
#include "event-store/archive/merkle_tree.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/model/clock.hpp"

namespace signalbox::event_store {

struct AnchorOptions {
  std::string folder;  // best on another disk or host
  std::chrono::milliseconds interval{60'000};
  std::uint64_t events = 10'000;
  std::chrono::milliseconds retry_delay{10'000};  // after a note could not be written
};

// What all partitions of a log share.
struct Anchoring {
  SigningKey key;
  AnchorOptions options;

  // Makes the folder, the key where there is none, and `<folder>/anchor.pub`. Errors: bad_config
  // (the folder's anchor.pub is of another key or log), disk_full, io_error.
  [[nodiscard]] static Result<Anchoring> open(const std::string& key_path, const LogId& log,
                                              AnchorOptions options);
};

// The newest note the tree beside it was seen to pass through; size 0: none.
struct Anchored {
  std::uint64_t size = 0;
  Hash root{};
  friend bool operator==(const Anchored&, const Anchored&) = default;
};

struct AnchorStatus {
  std::uint64_t written = 0;   // since start
  std::uint64_t failures = 0;  // notes that could not be written, since start
  std::uint64_t newest = 0;    // tree size of the newest note
  std::optional<Timestamp> newest_at{};
  std::optional<MonotonicTime> uncovered_since{};  // of the oldest event without a note
  bool contradicts = false;
};

class AnchorWriter {
 public:
  struct Parts {
    const Anchoring& anchoring;
    Executor& executor;
    const Clock& clock;
    LogId log;
    Partition partition;
    std::function<void(const std::string&)> warn;
    std::function<void()> due;  // time for write(); never called inside a call
  };
  explicit AnchorWriter(Parts parts);
  ~AnchorWriter();
  AnchorWriter(const AnchorWriter&) = delete;
  AnchorWriter& operator=(const AnchorWriter&) = delete;

  // Looks at the notes there are, for a tree that goes on from here; again when the archive was
  // opened again. Errors: io_error.
  [[nodiscard]] Result<void> open(const MerkleTree& tree, const Anchored& anchored);
  // The tree has grown by one event.
  void on_event(const MerkleTree& tree);
  // The tree has everything that was in the log.
  void on_caught_up(const MerkleTree& tree);

  [[nodiscard]] bool is_due() const;
  // Whether a note may be written: something is uncovered, and nothing contradicts.
  [[nodiscard]] bool may_write(const MerkleTree& tree) const;
  // Writes the note of this tree, durably. Its archive says `Anchored{size, root}` already, so that
  // after a crash in between the note is known for its own.
  void write(const MerkleTree& tree, const Position& position);

  // The newest note this tree was seen to pass through.
  [[nodiscard]] const Anchored& anchored() const { return anchored_; }
  [[nodiscard]] const AnchorStatus& status() const { return status_; }

 private:
  [[nodiscard]] std::string path_of(std::uint64_t size) const;
  void compare(const MerkleTree& tree);
  void contradict(const std::string& what);
  void cover(std::uint64_t size);
  void call_due_in(std::chrono::milliseconds delay);
  void cancel_timer();

  Parts parts_;
  Anchored anchored_;
  std::optional<Checkpoint> awaited_;  // a note the tree has not grown to yet
  std::uint64_t uncovered_ = 0;        // events without a note
  bool failing_ = false;
  TimerId timer_ = TimerId::none;
  AnchorStatus status_;
};

// Tree sizes of the notes in a partition's folder, smallest first; none where there is no folder.
// Errors: io_error.
[[nodiscard]] Result<std::vector<std::uint64_t>> list_anchors(const std::string& folder,
                                                              Partition partition);

}  // namespace signalbox::event_store
