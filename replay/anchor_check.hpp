// AnchorCheck: the log against every anchor of its partitions, while the log is verified. The tree
// over the valid events is made once, and each note compared where the tree reaches its size; so is
// the tree that the archive keeps.
//
// What anchors cannot show: what was removed or changed before the note was signed, what came after
// the newest one, and anything at all where one hand writes the log and the notes with their
// anchor.pub, unless the key is known from elsewhere. That is said, where it applies, by
// to_text(AnchorSummary).
// Memory: a tree's edge per partition, eight bytes per note. Thread: one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/archive/archive_format.hpp"
#include "event-store/archive/merkle_tree.hpp"
#include "event-store/log/event_log.hpp"
#include "replay/anchor_notes.hpp"
#include "replay/verify.hpp"

namespace signalbox::replay {

inline constexpr std::string_view kUnanchored = "unanchored: a removed tail cannot be seen";

struct AnchorSummary {
  std::int64_t notes = 0;    // that agreed with the log
  std::int64_t events = 0;   // valid ones; of one user: his
  std::int64_t covered = 0;  // of them, by a note that agreed
  std::string missing{};     // why there is no anchor to compare with, where there is none
  bool is_key_from_elsewhere = false;  // the notes were checked with a key kept elsewhere

  // Every event that was asked for is covered.
  [[nodiscard]] bool is_anchored() const { return notes > 0 && covered == events; }
};
// A line or more for people.
[[nodiscard]] std::string to_text(const AnchorSummary& summary);
// Of it, what a verification could not show: a sentence each.
[[nodiscard]] std::vector<std::string> cannot_show(const AnchorSummary& summary);

class AnchorCheck final : public ValidEventObserver {
 public:
  // Looks what notes there are, which must happen before the log is read: then none can state more
  // than the log will have. `user`: only his partition. Folders: of the anchors, of the archive.
  // `known`: the key the notes must be signed with; none: whatever their anchor.pub says.
  AnchorCheck(const std::string& anchor_dir, const std::string& archive_folder,
              const event_store::LogDescription& log, std::optional<UserId> user,
              std::optional<KnownAnchorKey> known = std::nullopt);

  void on_valid(const SeenEvent& event, Findings& findings) override;
  void on_cut(const LogCut& cut) override;
  void on_end(const std::vector<event_store::Position>& ends, Findings& findings) override;

  [[nodiscard]] const AnchorSummary& summary() const { return summary_; }

 private:
  // A note whose tree is the log's, and the position behind the newest event of that tree.
  struct Agreed {
    AnchorNote note;
    event_store::Position after;
    Offset offset;  // of the event
  };
  struct Place {
    std::optional<AnchorNotes> notes{};
    std::optional<event_store::MerkleTree> archived{};  // as far as the archive had it
    event_store::MerkleTree tree{};
    Offset agreed_to{0};             // offset up to which the newest note that agreed speaks
    std::optional<Agreed> agreed{};  // that note, until what follows its tree was met
    std::int64_t counted = 0;        // events that are asked for
    std::int64_t covered = 0;
    bool disagrees = false;  // one note did: so must all larger ones, which is not told again
  };

  void open(const std::string& anchor_dir, const std::string& archive_folder, const LogId& log,
            Partition partition);
  // anchor.pub is the key that is known.
  void compare_key(const std::string& anchor_dir, const LogId& log);
  // What was wrong before the first event was read.
  void tell_unreadable(Findings& findings);
  void compare(Place& place, const SeenEvent& event, Findings& findings);
  // The position that the note before states is one that a reader came to: behind its newest event,
  // not behind the next one or the end, which is `next`; its epoch as then, or claimed since.
  static void compare_position(Place& place, Partition partition, const event_store::Position& next,
                               Findings& findings);
  void compare_archive(Place& place, const SeenEvent& event, Findings& findings) const;

  const std::optional<UserId> user_;
  const std::optional<KnownAnchorKey> known_;
  std::vector<Finding> unreadable_;  // when they were opened
  std::map<Partition, Place> places_;
  AnchorSummary summary_;
};

}  // namespace signalbox::replay
