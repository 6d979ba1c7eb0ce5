#include "replay/anchor_notes.hpp"

#include <utility>

#include "event-store/archive/anchor_writer.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/sqlite/durable_file.hpp"

namespace signalbox::replay {

using event_store::Checkpoint;
using event_store::VerifierKey;

Result<VerifierKey> read_verifier_key(const std::string& path) {
  const auto text = event_store::read_small_file(path, event_store::kNoteBytesMax);
  if (!text) return tl::unexpected(text.error());
  auto key = event_store::parse_verifier_key(*text);
  if (!key) return failure(key.error().code, path + ": " + key.error().message);
  return key;
}

AnchorNotes::AnchorNotes(std::string folder, const LogId& log, Partition partition,
                         const event_store::PublicKey& key, std::vector<std::uint64_t> sizes)
    : folder_(std::move(folder)),
      log_(log),
      partition_(partition),
      key_(key),
      sizes_(std::move(sizes)) {}

Result<AnchorNotes> AnchorNotes::open(const std::string& folder, const LogId& log,
                                      Partition partition,
                                      const std::optional<VerifierKey>& known) {
  auto sizes = event_store::list_anchors(folder, partition);
  if (!sizes) return tl::unexpected(sizes.error());
  const auto beside = read_verifier_key(folder + "/anchor.pub");
  if (beside && beside->name != event_store::anchor_key_name(log))
    return failure(Errc::malformed,
                   folder + "/anchor.pub is the key of another log: " + beside->name);
  // Where only anchor.pub is gone, the notes can be checked all the same.
  if (!beside && (beside.error().code != Errc::not_found || !known || sizes->empty()))
    return tl::unexpected(beside.error());
  const VerifierKey& key = known ? *known : *beside;
  return AnchorNotes(event_store::anchor_folder(folder, partition), log, partition, key.key,
                     *std::move(sizes));
}

std::optional<std::uint64_t> AnchorNotes::next_size() const {
  return next_ < sizes_.size() ? std::optional(sizes_[next_]) : std::nullopt;
}

Result<AnchorNote> AnchorNotes::take() {
  SIGNALBOX_ASSERT(next_ < sizes_.size());
  const std::uint64_t size = sizes_[next_++];
  const std::string path = folder_ + '/' + event_store::anchor_name(size);
  auto text = event_store::read_small_file(path, event_store::kNoteBytesMax);
  if (!text) return tl::unexpected(text.error());
  auto read = event_store::open_checkpoint(*text, key_);
  if (read && (read->log != log_ || read->partition != partition_ || read->size != size))
    read = failure(Errc::malformed, "it is the note of another log, partition or tree size");
  return AnchorNote{path, *std::move(text), std::move(read)};
}

}  // namespace signalbox::replay
