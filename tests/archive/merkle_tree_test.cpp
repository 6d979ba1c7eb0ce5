#include "event-store/archive/merkle_tree.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/contract/vectors.hpp"

namespace signalbox::event_store {
namespace {

Hash leaf_number(std::uint64_t i) { return leaf_hash(leaf_input({}, sha256(std::to_string(i)))); }

std::vector<Hash> leaves(std::uint64_t count) {
  std::vector<Hash> all;
  for (std::uint64_t i = 0; i < count; ++i) all.push_back(leaf_number(i));
  return all;
}

// RFC 6962, 2.1 and 2.1.1, word by word.
std::string text(const Hash& hash) { return {hash.begin(), hash.end()}; }

std::size_t split_of(std::size_t count) {
  std::size_t k = 1;
  while (2 * k < count) k *= 2;
  return k;
}

Hash naive_root(std::span<const Hash> all) {
  if (all.empty()) return sha256("");
  if (all.size() == 1) return all.front();
  const std::size_t k = split_of(all.size());
  return sha256("\1" + text(naive_root(all.first(k))) + text(naive_root(all.subspan(k))));
}

std::vector<Hash> naive_path(std::size_t index, std::span<const Hash> all) {
  if (all.size() <= 1) return {};
  const std::size_t k = split_of(all.size());
  const bool left = index < k;
  auto path = left ? naive_path(index, all.first(k)) : naive_path(index - k, all.subspan(k));
  path.push_back(naive_root(left ? all.subspan(k) : all.first(k)));
  return path;
}

TEST(MerkleTree, HasTheRootsOfTheVectors) {
  MerkleTree tree;
  for (const auto& event : vectors().at("chain").at("events")) {
    const ContentHash content =
        content_hash(vectors_headers(event), event.at("value").get<std::string>());
    const Hash chain = parse_hash(event.at("chainhash").get<std::string>()).value();
    tree.append(leaf_hash(leaf_input(content, chain)));
    EXPECT_EQ(to_hex(tree.root()), event.at("tree_root_after").get<std::string>());
  }
  EXPECT_EQ(tree.size(), 5u);
}

TEST(MerkleTree, WithoutLeavesIsTheHashOfNothing) {
  EXPECT_EQ(to_hex(MerkleTree().root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(MerkleTree, HasTheRootOfTheDefinitionAtEverySize) {
  const std::vector<Hash> all = leaves(300);
  MerkleTree tree;
  for (std::size_t size = 1; size <= all.size(); ++size) {
    tree.append(all[size - 1]);
    ASSERT_EQ(tree.root(), naive_root(std::span(all).first(size))) << size;
  }
}

TEST(MerkleTree, KnowsThePathOfEachLeafInEachLargerTree) {
  const std::vector<Hash> all = leaves(70);
  for (std::size_t index = 0; index < all.size(); ++index) {
    MerkleTree tree;
    for (std::size_t i = 0; i < all.size(); ++i) {
      i == index ? tree.append_tracked(all[i]) : tree.append(all[i]);
      if (i < index) continue;
      ASSERT_EQ(tree.tracked(), index);
      ASSERT_EQ(tree.path(), naive_path(index, std::span(all).first(i + 1))) << index << " " << i;
      ASSERT_TRUE(verify_inclusion(all[index], index, tree.size(), tree.path(), tree.root()));
    }
  }
}

TEST(MerkleTree, TracksTheNewestLeafThatWasToBeTracked) {
  std::mt19937_64 random(11);
  const std::vector<Hash> all = leaves(1000);
  MerkleTree tree;
  for (std::size_t i = 0; i < all.size(); ++i) {
    random() % 5 == 0 ? tree.append_tracked(all[i]) : tree.append(all[i]);
    const auto index = tree.tracked();
    if (!index) continue;
    ASSERT_TRUE(verify_inclusion(all[*index], *index, tree.size(), tree.path(), tree.root()));
  }
}

TEST(MerkleTree, GoesOnFromItsEdgeAsIfNothingHadBeen) {
  const std::vector<Hash> all = leaves(200);
  MerkleTree tree;
  for (const Hash& leaf : all) {
    tree.append(leaf);
    auto restored = MerkleTree::restore(tree.size(), tree.edge());
    ASSERT_TRUE(restored);
    EXPECT_EQ(restored->root(), tree.root());
    tree = *std::move(restored);
  }
  EXPECT_EQ(tree.root(), naive_root(all));
}

TEST(MerkleTree, IsNotRestoredFromAnEdgeOfAnotherSize) {
  EXPECT_FALSE(MerkleTree::restore(3, {Hash{}}));
  EXPECT_FALSE(MerkleTree::restore(4, {Hash{}, Hash{}}));
  EXPECT_TRUE(MerkleTree::restore(0, {}));
}

TEST(Inclusion, OfAnythingElseIsRefused) {
  constexpr std::size_t kSize = 13;
  const std::vector<Hash> all = leaves(kSize);
  const Hash root = naive_root(all);
  for (std::size_t index = 0; index < kSize; ++index) {
    const auto path = naive_path(index, all);
    for (std::size_t other = 0; other < kSize + 3; ++other) {
      EXPECT_EQ(verify_inclusion(all[index], other, kSize, path, root), other == index);
    }
    EXPECT_FALSE(verify_inclusion(leaf_number(99), index, kSize, path, root));
    for (std::size_t i = 0; i < path.size(); ++i) {
      auto changed = path;
      changed[i][7] ^= 1;
      EXPECT_FALSE(verify_inclusion(all[index], index, kSize, changed, root));
    }
    auto shorter = path;
    shorter.pop_back();
    EXPECT_FALSE(verify_inclusion(all[index], index, kSize, shorter, root));
    auto longer = path;
    longer.push_back(Hash{});
    EXPECT_FALSE(verify_inclusion(all[index], index, kSize, longer, root));
  }
}

TEST(Inclusion, OfTheOnlyLeafNeedsNoPath) {
  EXPECT_TRUE(verify_inclusion(leaf_number(0), 0, 1, {}, leaf_number(0)));
  EXPECT_FALSE(verify_inclusion(leaf_number(0), 0, 0, {}, leaf_number(0)));
}

}  // namespace
}  // namespace signalbox::event_store
