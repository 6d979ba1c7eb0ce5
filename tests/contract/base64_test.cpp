#include "event-store/contract/base64.hpp"

#include <gtest/gtest.h>

namespace signalbox::event_store {
namespace {

TEST(Base64, TheExamplesOfRfc4648) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_base64url("\xfb\xff"), "-_8");
  EXPECT_EQ(to_base64("\xfb\xff"), "+/8=");
}

TEST(Base64, EveryByteComesBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    EXPECT_EQ(parse_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(parse_base64url(to_base64url(bytes)), bytes);
  }
}

TEST(Base64, OnlyCanonicalTextIsTaken) {
  EXPECT_FALSE(parse_base64("Zg="));
  EXPECT_FALSE(parse_base64("Zg"));
  EXPECT_FALSE(parse_base64("Zh=="));  // stray bits
  EXPECT_FALSE(parse_base64("Z==="));
  EXPECT_FALSE(parse_base64("Zg==\n"));
  EXPECT_FALSE(parse_base64("-_8="));
  EXPECT_FALSE(parse_base64url("Zg=="));
  EXPECT_FALSE(parse_base64url("Z"));
  EXPECT_FALSE(parse_base64url("Zh"));
  EXPECT_FALSE(parse_base64url("+/8"));
}

}  // namespace
}  // namespace signalbox::event_store
