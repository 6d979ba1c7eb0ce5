// What a file of revocations says, and what is no such file.
#include "gateway/revocations.hpp"

#include <gtest/gtest.h>

#include "event-store/model/timestamp.hpp"

namespace signalbox::gateway {
namespace {

Timestamp at(const char* time) { return *parse_timestamp(time); }
const UserId kAnn("ann");
const UserId kBob("bob");

TEST(Revocations, cover_tokens_by_id_and_users_as_a_whole_or_until_a_time) {
  const auto revocations = Revocations::parse(
      "# leaked on Tuesday\n\njti t-1\r\n  sub bob\nsub ann 2026-02-01T00:00:00Z\n"
      "sub ann 2026-01-01T00:00:00Z");
  ASSERT_TRUE(revocations) << revocations.error().message;
  EXPECT_EQ(revocations->size(), 3U);
  const UserId carl("carl");
  EXPECT_TRUE(revocations->covers(carl, "t-1", std::nullopt));
  EXPECT_FALSE(revocations->covers(carl, "t-2", std::nullopt));
  EXPECT_FALSE(revocations->covers(carl, "", std::nullopt));
  EXPECT_TRUE(revocations->covers(kBob, "", at("2030-01-01T00:00:00Z")));
  EXPECT_TRUE(revocations->covers(kAnn, "", at("2026-01-31T23:59:59Z")));
  EXPECT_TRUE(revocations->covers(kAnn, "", std::nullopt));
  EXPECT_FALSE(revocations->covers(kAnn, "", at("2026-02-01T00:00:00Z")));
}

TEST(Revocations, that_nobody_can_mean_are_refused_with_their_line) {
  for (const char* bad : {"revoke ann", "jti", "sub", "jti a b", "sub ann yesterday",
                          "sub ann 2026-01-01T00:00:00Z x", "{\"jti\":1}"}) {
    const auto revocations = Revocations::parse(std::string("# one\n") + bad + "\n");
    ASSERT_FALSE(revocations) << bad;
    EXPECT_EQ(revocations.error().code, Errc::bad_config);
    EXPECT_TRUE(revocations.error().message.starts_with("line 2: ")) << revocations.error().message;
  }
}

}  // namespace
}  // namespace signalbox::gateway
