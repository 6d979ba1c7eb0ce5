// MerkleTree: the RFC 6962 tree (SHA-256) over the valid events of a partition in log order
// (contract 7). Pure; one thread.
//
// Only the right edge is kept: one hash per bit of the size, in the partition's archive file beside
// the position it belongs to, so that a restart goes on with the same tree. What an inclusion path
// needs is stored nowhere: whoever wants one reads the log from its begin once and lets the tree
// note the path of one leaf on the way. Exports are rare and read the log anyway, while stored
// inner nodes would cost every event two more hashes on disk and could be damaged like everything
// else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "event-store/contract/chain.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

// content || h, 96 bytes: what a leaf is the hash of.
using LeafInput = std::array<std::uint8_t, 96>;
// `stated_chain`: the event's ce_chainhash; zero bytes where a damaged event states none. The
// stated one, so that no part of an event can change without changing the tree.
[[nodiscard]] LeafInput leaf_input(const ContentHash& content, const Hash& stated_chain);
[[nodiscard]] LeafInput leaf_input(const Record& valid_event, const ContentHash& content);
[[nodiscard]] Hash leaf_hash(std::span<const std::uint8_t> input);  // SHA-256(0x00 || input)

class MerkleTree {
 public:
  MerkleTree() = default;  // empty
  // `edge` as edge() gave it; none where it is not that of a tree of this size.
  [[nodiscard]] static std::optional<MerkleTree> restore(std::uint64_t size,
                                                         std::vector<Hash> edge);

  void append(const Hash& leaf);
  // The same, and path() tells of this leaf from now on.
  void append_tracked(const Hash& leaf);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Hash root() const;
  // The roots of the complete subtrees the tree consists of, the largest (and oldest) first.
  [[nodiscard]] const std::vector<Hash>& edge() const { return edge_; }

  [[nodiscard]] std::optional<std::uint64_t> tracked() const;
  // From the tracked leaf to today's root; there is a tracked leaf.
  [[nodiscard]] std::vector<Hash> path() const;

 private:
  struct Tracked {
    std::uint64_t index;
    std::vector<Hash> path;  // to the root of the complete subtree it is in
  };

  std::uint64_t size_ = 0;
  std::vector<Hash> edge_;
  std::optional<Tracked> tracked_;
};

// Whether `leaf` is number `index` of the `size` leaves below `root`.
[[nodiscard]] bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                                    std::span<const Hash> path, const Hash& root);

}  // namespace signalbox::event_store
