#include "gateway/client_address.hpp"

#include <gtest/gtest.h>

namespace signalbox::gateway {
namespace {

std::string client(const std::string& peer, std::optional<std::string_view> forwarded) {
  static const auto trusted = *parse_ranges({"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"});
  return client_address(peer, forwarded, trusted);
}

TEST(ClientAddress, is_the_peer_where_that_is_no_trusted_proxy) {
  EXPECT_EQ(client("203.0.113.5", std::nullopt), "203.0.113.5");
  EXPECT_EQ(client("203.0.113.5", "10.0.0.1"), "203.0.113.5");
  EXPECT_EQ(client("203.0.113.5", "198.51.100.1, 10.0.0.1"), "203.0.113.5");
  EXPECT_EQ(client("192.0.2.8", "198.51.100.1"), "192.0.2.8");
  EXPECT_EQ(client_address("10.0.0.1", "198.51.100.1", {}), "10.0.0.1");
}

TEST(ClientAddress, is_the_last_one_that_is_no_proxy_of_ours) {
  EXPECT_EQ(client("10.0.0.1", "198.51.100.1"), "198.51.100.1");
  // What a client wrote itself stands before what a proxy saw.
  EXPECT_EQ(client("10.0.0.1", "127.0.0.1, 198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(client("10.0.0.1", "10.9.9.9, 198.51.100.1,192.0.2.7 , 10.0.0.2"), "198.51.100.1");
  EXPECT_EQ(client("::1", "2001:dead::1, 2001:db8::5"), "2001:dead::1");
  EXPECT_EQ(client("::ffff:10.0.0.1", "198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(client("10.0.0.1", "::ffff:10.0.0.2"), "::ffff:10.0.0.2");
  EXPECT_EQ(client("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
}

TEST(ClientAddress, comes_without_port) {
  EXPECT_EQ(client("10.0.0.1", "198.51.100.1:4711"), "198.51.100.1");
  EXPECT_EQ(client("10.0.0.1", "[2001:dead::1]:4711"), "2001:dead::1");
  EXPECT_EQ(client("10.0.0.1", "[2001:dead::1]"), "2001:dead::1");
}

TEST(ClientAddress, is_that_of_the_proxy_that_passed_on_what_is_no_address) {
  for (const char* const bad : {"", " ", "unknown", "_hidden", "198.51.100.1,", "198.51.100.1, x",
                                "198.51.100.1;", "[::1", "1.2.3", "1.2.3.4.5", "evil.example"})
    EXPECT_EQ(client("10.0.0.1", bad), "10.0.0.1") << bad;
  EXPECT_EQ(client("10.0.0.1", "198.51.100.1, unknown, 10.0.0.2"), "10.0.0.2");
}

}  // namespace
}  // namespace signalbox::gateway
