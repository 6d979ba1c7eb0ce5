#include "event-store/contract/sha256.hpp"

#include <gtest/gtest.h>

namespace signalbox::event_store {
namespace {

constexpr std::string_view kOfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, TheExamplesOfFips180) {
  EXPECT_EQ(to_hex(sha256("abc")), kOfAbc);
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, PiecesHashLikeTheWholeAndFinishStartsAnew) {
  Sha256 hasher;
  hasher.update("a");
  hasher.update("bc");
  EXPECT_EQ(to_hex(hasher.finish()), kOfAbc);
  hasher.update("abc");
  EXPECT_EQ(to_hex(hasher.finish()), kOfAbc);
}

TEST(Sha256, PrefixIsTheLengthAsBigEndianWord) {
  Sha256 hasher;
  hasher.update_prefixed("abc");
  EXPECT_EQ(hasher.finish(), sha256(std::string_view("\0\0\0\3abc", 7)));
}

TEST(Sha256, HexIsReadBackAndNothingElse) {
  const Hash hash = sha256("abc");
  EXPECT_EQ(parse_hash(kOfAbc), hash);
  EXPECT_FALSE(parse_hash(kOfAbc.substr(1)));
  EXPECT_FALSE(parse_hash("BA" + std::string(kOfAbc.substr(2))));
  EXPECT_FALSE(parse_hash("zz" + std::string(kOfAbc.substr(2))));
}

}  // namespace
}  // namespace signalbox::event_store
