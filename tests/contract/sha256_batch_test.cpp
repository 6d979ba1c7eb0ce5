#include "event-store/contract/sha256_batch.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace signalbox::event_store {
namespace {

using Kernel = Sha256Batch::Kernel;

// Those that this processor cannot run are named as skipped.
class Sha256BatchTest : public testing::TestWithParam<Kernel> {
 protected:
  void SetUp() override {
    if (!Sha256Batch::can_use(GetParam()))
      GTEST_SKIP() << "this processor has no such instructions";
    batch_.emplace(GetParam());
  }
  // Against the library, one by one.
  void expect_right(const std::vector<std::string>& messages) {
    for (const std::string& message : messages) {
      batch_->update(message);
      batch_->end();
    }
    const std::span<const Hash> hashes = batch_->finish();
    ASSERT_EQ(hashes.size(), messages.size());
    for (std::size_t i = 0; i < messages.size(); ++i)
      EXPECT_EQ(hashes[i], sha256(messages[i]))
          << "message " << i << " of " << messages.size() << ", " << messages[i].size() << " bytes";
  }

  std::optional<Sha256Batch> batch_;
  std::mt19937 random_{1};
};

std::string text_of(std::mt19937& random, std::size_t bytes) {
  std::string text(bytes, ' ');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

TEST_P(Sha256BatchTest, HashesEachLengthRoundTheEdgesOfItsBlocks) {
  std::vector<std::string> messages;
  for (std::size_t bytes = 0; bytes <= 260; ++bytes) messages.push_back(text_of(random_, bytes));
  expect_right(messages);
}

TEST_P(Sha256BatchTest, HashesAsManyAsThereAreWhetherLanesStayEmptyOrNot) {
  for (std::size_t count = 0; count <= 40; ++count) {
    std::vector<std::string> messages;
    for (std::size_t i = 0; i < count; ++i) messages.push_back(text_of(random_, random_() % 300));
    expect_right(messages);
  }
}

TEST_P(Sha256BatchTest, OneThatIsMuchLongerThanTheOthersIsHashedToItsEnd) {
  for (const std::size_t place : {0, 7, 30}) {
    std::vector<std::string> messages;
    for (std::size_t i = 0; i < 31; ++i)
      messages.push_back(text_of(random_, i == place ? 100'000 : random_() % 200));
    expect_right(messages);
  }
}

TEST_P(Sha256BatchTest, PiecesAndPrefixesHashLikeThoseOfOne) {
  Sha256 one;
  for (std::size_t i = 0; i < 20; ++i) {
    batch_->update("a");
    batch_->update_prefixed("bc");
    batch_->update(Hash{});
    batch_->end();
  }
  one.update("a");
  one.update_prefixed("bc");
  one.update(Hash{});
  const Hash expected = one.finish();
  for (const Hash& hash : batch_->finish()) EXPECT_EQ(hash, expected);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Sha256BatchTest,
                         testing::Values(Kernel::avx512, Kernel::avx2, Kernel::library),
                         [](const auto& kernel) -> std::string {
                           switch (kernel.param) {
                             case Kernel::avx512: return "Avx512";
                             case Kernel::avx2: return "Avx2";
                             case Kernel::library: break;
                           }
                           return "Library";
                         });

TEST(Sha256BatchKernel, TheFastestCanBeUsed) {
  EXPECT_TRUE(Sha256Batch::can_use(Sha256Batch::fastest()));
}

}  // namespace
}  // namespace signalbox::event_store
