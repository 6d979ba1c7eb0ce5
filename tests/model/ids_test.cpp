#include "event-store/model/ids.hpp"

#include <gtest/gtest.h>

#include "event-store/model/utf8.hpp"

namespace signalbox {
namespace {

TEST(Ids, APlatformUserIdIsAStringThatFitsNoInteger) {
  const auto user = parse_id<UserId>("105945141827451681156", "user_id");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->value(), "105945141827451681156");
}

TEST(Ids, RefusedIdNamesItsWholeField) {
  const auto user = parse_id<UserId>("a\nb", "data.user_id");
  ASSERT_FALSE(user);
  EXPECT_EQ(user.error().code, Errc::bad_field);
  EXPECT_EQ(user.error().field, "data.user_id");
}

TEST(Ids, OpaqueIdsAreOneTo128BytesOfUtf8WithoutControls) {
  EXPECT_FALSE(is_opaque_id(""));
  EXPECT_TRUE(is_opaque_id(std::string(128, 'x')));
  EXPECT_FALSE(is_opaque_id(std::string(129, 'x')));
  EXPECT_TRUE(is_opaque_id("änne"));
  EXPECT_TRUE(is_opaque_id("用户"));
  EXPECT_FALSE(is_opaque_id("\x7f"));
  // Eight characters are looked at together.
  for (int c = 0; c < 0x80; ++c)
    for (std::size_t size = 1; size < 20; ++size)
      for (std::size_t at = 0; at < size; ++at) {
        std::string id(size, '~');
        id[at] = static_cast<char>(c);
        ASSERT_EQ(is_opaque_id(id), c >= 0x20 && c < 0x7f) << c << " at " << at << " of " << size;
      }
  EXPECT_FALSE(is_opaque_id("a\xc2\x85"));     // C1 control
  EXPECT_FALSE(is_opaque_id("\xc0\x80"));      // overlong NUL
  EXPECT_FALSE(is_opaque_id("\xed\xa0\x80"));  // surrogate
  EXPECT_FALSE(is_opaque_id("a\xc3"));         // cut short
}

// Wherever it stands: texts are looked through several bytes at a time.
TEST(Ids, OneByteThatIsNotAllowedSpoilsAnOpaqueId) {
  const std::string allowed = "a plain id of 24 bytes ~";
  ASSERT_TRUE(is_opaque_id(allowed));
  for (std::size_t at = 0; at < allowed.size(); ++at) {
    for (const char byte : {'\0', '\x1f', '\x7f', '\x80', '\xff'}) {
      std::string spoiled = allowed;
      spoiled[at] = byte;
      EXPECT_FALSE(is_opaque_id(spoiled)) << at;
      EXPECT_EQ(is_utf8(spoiled), byte >= 0) << at;
    }
    std::string with_letter = allowed;
    with_letter.replace(at, 1, "ä");
    EXPECT_TRUE(is_opaque_id(with_letter)) << at;
    EXPECT_TRUE(is_utf8(with_letter)) << at;
  }
}

TEST(Ids, ClientIdsHaveTheirShape) {
  EXPECT_TRUE(is_websocket_client_id("ws_10594514_1757335346_19513def"));
  EXPECT_FALSE(is_websocket_client_id("ws_"));
  EXPECT_FALSE(is_websocket_client_id("ws_a-b"));
  EXPECT_FALSE(is_websocket_client_id("ws_" + std::string(61, 'a')));
  EXPECT_FALSE(is_websocket_client_id("svc_router"));
  EXPECT_TRUE(is_service_client_id("svc_router"));
}

TEST(Ids, CountersMoveButDoNotMix) {
  Seq seq(1);
  ++seq;
  EXPECT_EQ(seq, Seq(2));
  EXPECT_EQ(seq.next() - Seq(1), 2);
  static_assert(!std::is_convertible_v<Seq, Epoch>);
  static_assert(!std::is_constructible_v<UserId, ThreadId>);
  static_assert(!std::is_default_constructible_v<UserId>);
}

TEST(Uuid, TextFormRoundTripsAndOtherTextsAreRefused) {
  const auto uuid = Uuid::parse("901CBB7A-8437-5342-9037-e89c728abfdc");
  ASSERT_TRUE(uuid);
  EXPECT_EQ(uuid->to_string(), "901cbb7a-8437-5342-9037-e89c728abfdc");
  EXPECT_FALSE(Uuid::parse("901cbb7a84375342-9037-e89c728abfdc-"));
  EXPECT_FALSE(Uuid::parse("901cbb7a-8437-5342-9037-e89c728abfd"));
  for (std::size_t at = 0; at < 36; ++at) {
    std::string spoiled = uuid->to_string();
    spoiled[at] = spoiled[at] == '-' ? '0' : 'g';
    EXPECT_FALSE(Uuid::parse(spoiled)) << at;
  }
}

}  // namespace
}  // namespace signalbox
