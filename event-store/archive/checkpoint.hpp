// Checkpoint: how long a partition's tree was and what it hashed to, as the signed note that an
// anchor is (c2sp.org/tlog-checkpoint, contract 7). Pure; any thread. Lines of its text:
//   signalbox/<log_id>/<partition>        origin, and the name of the key that signs
//   <tree size>                           valid events of the partition
//   <base64 of the root>
//   <next offset> <epoch> <ownerseq>      the position the tree belongs to
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/archive/signed_note.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/ids.hpp"

namespace signalbox::event_store {

struct Checkpoint {
  LogId log;
  Partition partition;
  std::uint64_t size;
  Hash root;
  Offset next_offset;
  Epoch epoch;
  OwnerSeq owner_seq;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

[[nodiscard]] std::string checkpoint_origin(const LogId& log, Partition partition);
[[nodiscard]] std::string sign_checkpoint(const Checkpoint& checkpoint, const SigningKey& key);
// Errors: malformed (no checkpoint of ours), forbidden (not signed with this key).
[[nodiscard]] Result<Checkpoint> open_checkpoint(std::string_view note, const PublicKey& key);

// The name under which the public key lies in anchor.pub: that of the log, as one key signs for all
// its partitions.
[[nodiscard]] std::string anchor_key_name(const LogId& log);
// `<folder>/<partition>`, and in it `<tree size, 20 digits>.note`.
[[nodiscard]] std::string anchor_folder(const std::string& folder, Partition partition);
[[nodiscard]] std::string anchor_name(std::uint64_t size);
// Of a file of that name the tree size; none for any other name.
[[nodiscard]] std::optional<std::uint64_t> anchor_size(std::string_view name);

inline constexpr std::size_t kNoteBytesMax = 64 * 1024;

}  // namespace signalbox::event_store
