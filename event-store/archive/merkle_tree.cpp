#include "event-store/archive/merkle_tree.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

// Leaves and nodes begin with different bytes, so that neither passes for the other.
constexpr std::string_view kLeafPrefix("\0", 1);
constexpr std::string_view kNodePrefix("\1", 1);

Sha256& thread_hasher() {
  thread_local Sha256 hasher;
  return hasher;
}

Hash node_hash(const Hash& left, const Hash& right) {
  Sha256& hasher = thread_hasher();
  hasher.update(kNodePrefix);
  hasher.update(left);
  hasher.update(right);
  return hasher.finish();
}

// The root of subtrees side by side; there is at least one.
Hash join(std::span<const Hash> subtrees) {
  Hash joined = subtrees.back();
  for (std::size_t i = subtrees.size() - 1; i > 0; --i) joined = node_hash(subtrees[i - 1], joined);
  return joined;
}

}  // namespace

LeafInput leaf_input(const ContentHash& content, const Hash& stated_chain) {
  LeafInput input;
  std::ranges::copy(content, input.begin());
  std::ranges::copy(stated_chain, input.begin() + content.size());
  return input;
}

LeafInput leaf_input(const Record& valid_event, const ContentHash& content) {
  const auto text = valid_event.header("ce_chainhash");
  const auto stated = text ? parse_hash(*text) : std::nullopt;
  return leaf_input(content, stated.value_or(Hash{}));
}

Hash leaf_hash(std::span<const std::uint8_t> input) {
  Sha256& hasher = thread_hasher();
  hasher.update(kLeafPrefix);
  hasher.update(input);
  return hasher.finish();
}

std::optional<MerkleTree> MerkleTree::restore(std::uint64_t size, std::vector<Hash> edge) {
  if (edge.size() != static_cast<std::size_t>(std::popcount(size))) return std::nullopt;
  MerkleTree tree;
  tree.size_ = size;
  tree.edge_ = std::move(edge);
  return tree;
}

void MerkleTree::append(const Hash& leaf) {
  Hash carry = leaf;
  // As adding one to a binary number: each subtree that has a twin becomes one with it.
  std::uint64_t node = size_;  // number of `carry` among the nodes of its level
  for (unsigned level = 0; (node & 1) != 0; ++level, node >>= 1) {
    if (tracked_) {
      const std::uint64_t tracked = tracked_->index >> level;
      if (tracked == node)
        tracked_->path.push_back(edge_.back());
      else if (tracked + 1 == node)
        tracked_->path.push_back(carry);
    }
    carry = node_hash(edge_.back(), carry);
    edge_.pop_back();
  }
  edge_.push_back(carry);
  ++size_;
}

void MerkleTree::append_tracked(const Hash& leaf) {
  tracked_ = Tracked{size_, {}};
  append(leaf);
}

Hash MerkleTree::root() const { return edge_.empty() ? sha256("") : join(edge_); }

std::optional<std::uint64_t> MerkleTree::tracked() const {
  return tracked_ ? std::optional(tracked_->index) : std::nullopt;
}

std::vector<Hash> MerkleTree::path() const {
  SIGNALBOX_ASSERT(tracked_);
  std::vector<Hash> path = tracked_->path;
  // The complete subtree with the leaf is as high as its path there is long; what is larger lies to
  // its left, what is smaller to its right.
  const auto height = static_cast<unsigned>(path.size());
  const auto left = static_cast<std::size_t>(std::popcount(size_ >> height)) - 1;
  const std::span<const Hash> edge(edge_);
  if (left + 1 < edge.size()) path.push_back(join(edge.subspan(left + 1)));
  for (std::size_t i = left; i > 0; --i) path.push_back(edge[i - 1]);
  return path;
}

bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> path, const Hash& root) {
  if (index >= size) return false;
  // `node` climbs from the leaf, `last` from the last leaf beside it.
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : path) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(sibling, hash);
      // A last node without a twin is its own parent.
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

}  // namespace signalbox::event_store
