#include "ops/cli/setting.hpp"

#include <gtest/gtest.h>

namespace signalbox::cli {
namespace {

using std::chrono::milliseconds;

TEST(Setting, DurationsHaveAUnit) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("15m"), milliseconds(900'000));
  EXPECT_EQ(parse_duration("24h"), milliseconds(86'400'000));
  EXPECT_EQ(parse_duration("30d"), milliseconds(2'592'000'000));
  for (const char* wrong :
       {"", "5", "s", "-5s", "5 s", "1.5s", "5w", "99999999999999999999s", "9223372036854775807d"})
    EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
}

TEST(Setting, DurationsAreShownAsTheyMayBeWritten) {
  for (const char* text : {"250ms", "30s", "15m", "23h", "30d", "1500ms"})
    EXPECT_EQ(to_text(*parse_duration(text)), text);
  EXPECT_EQ(to_text(milliseconds(86'400'000)), "1d");
  EXPECT_EQ(to_text(milliseconds(0)), "0s");
}

TEST(Setting, AddressesAreNumericOrLocalhost) {
  for (const char* right : {"127.0.0.1:8080", "localhost:0", "[::1]:65535", "0.0.0.0:1"})
    EXPECT_TRUE(is_host_port(right)) << right;
  for (const char* wrong :
       {"", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
        "example.org:80", "127.0.0.1:80x", "[127.0.0.1:80", "[127.0.0.1]:80"})
    EXPECT_FALSE(is_host_port(wrong)) << wrong;
}

TEST(Setting, ARefusedValueChangesNothing) {
  int threads = 4;
  const Setting setting = integer_setting("gateway.io_threads", "", threads, 1, 64);
  EXPECT_FALSE(setting.set({"65"}));
  EXPECT_FALSE(setting.set({"0"}));
  EXPECT_FALSE(setting.set({"4x"}));
  EXPECT_EQ(threads, 4);
  EXPECT_TRUE(setting.set({"64"}));
  EXPECT_EQ(threads, 64);
  EXPECT_EQ(setting.show(), "64");
}

TEST(Setting, ADurationFinerThanItsFieldIsRefused) {
  std::chrono::seconds heartbeat(25);
  const Setting setting =
      duration_setting("gateway.heartbeat", "", heartbeat, milliseconds(1), std::chrono::hours(1));
  EXPECT_FALSE(setting.set({"1500ms"}));
  EXPECT_TRUE(setting.set({"2000ms"}));
  EXPECT_EQ(heartbeat, std::chrono::seconds(2));
  EXPECT_EQ(setting.show(), "\"2s\"");
}

}  // namespace
}  // namespace signalbox::cli
