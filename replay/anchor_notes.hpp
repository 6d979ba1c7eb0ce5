// AnchorNotes: the anchors of one partition as they lie in their folder, smallest tree first, each
// read when its turn comes. Memory: eight bytes per note. Thread: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/checkpoint.hpp"

namespace signalbox::replay {

// The key that the anchors are signed with, as something else says than the anchor.pub beside them:
// whoever can write that file can sign all notes anew.
struct KnownAnchorKey {
  event_store::VerifierKey key;
  std::string source;              // who says so: words for people
  bool is_from_elsewhere = false;  // it was kept where nobody who writes log and anchors comes
};

struct AnchorNote {
  std::string path;
  std::string text;
  // Or why it is none of this log and partition, signed with its key.
  Result<event_store::Checkpoint> checkpoint;
};

class AnchorNotes {
 public:
  // Those in `folder` (audit.anchor_dir), to be checked with `known`; with none, with the key in
  // its anchor.pub. Errors: not_found (there is no such key), malformed (it is none, or of another
  // log), io_error.
  [[nodiscard]] static Result<AnchorNotes> open(
      const std::string& folder, const LogId& log, Partition partition,
      const std::optional<event_store::VerifierKey>& known = std::nullopt);

  // Tree size of the next one.
  [[nodiscard]] std::optional<std::uint64_t> next_size() const;
  // Of all there are; 0 where there is none.
  [[nodiscard]] std::uint64_t newest_size() const { return sizes_.empty() ? 0 : sizes_.back(); }
  // The next one; there is one. Errors: io_error.
  [[nodiscard]] Result<AnchorNote> take();

 private:
  AnchorNotes(std::string folder, const LogId& log, Partition partition,
              const event_store::PublicKey& key, std::vector<std::uint64_t> sizes);

  std::string folder_;  // of the partition
  LogId log_;
  Partition partition_;
  event_store::PublicKey key_;
  std::vector<std::uint64_t> sizes_;
  std::size_t next_ = 0;
};

// The key of <folder>/anchor.pub, or of any file with one. Errors: not_found, malformed, io_error.
[[nodiscard]] Result<event_store::VerifierKey> read_verifier_key(const std::string& path);

}  // namespace signalbox::replay
