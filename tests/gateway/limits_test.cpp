// What is granted to users, addresses and partitions, in virtual time (contract 11).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/address_limit.hpp"
#include "gateway/inbound_lag.hpp"
#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const MonotonicTime kStart{seconds(1000)};

TEST(TokenBucket, gives_its_burst_at_once_and_then_its_rate) {
  TokenBucket bucket({.per_second = 20, .burst = 100}, kStart);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(bucket.take(kStart));
  EXPECT_FALSE(bucket.take(kStart));
  EXPECT_EQ(bucket.wait(kStart), milliseconds(50));
  EXPECT_FALSE(bucket.take(kStart + milliseconds(49)));
  EXPECT_TRUE(bucket.take(kStart + milliseconds(50)));
  EXPECT_FALSE(bucket.is_full(kStart + seconds(4)));
  EXPECT_TRUE(bucket.is_full(kStart + seconds(6)));
}

TEST(TokenBucket, with_another_rate_keeps_what_it_has_as_far_as_the_burst_reaches) {
  TokenBucket bucket({.per_second = 20, .burst = 100}, kStart);
  bucket.replace_rate({.per_second = 1, .burst = 3}, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(kStart));
  EXPECT_EQ(bucket.wait(kStart), seconds(1));
  bucket.replace_rate({.per_second = 2, .burst = 50}, kStart);
  EXPECT_EQ(bucket.wait(kStart), milliseconds(500)) << "a new burst is not a gift";
}

TEST(AddressRange, holds_what_is_in_it) {
  const auto in = [](const std::string& range, const std::string& address) {
    return AddressRange::parse(range)->contains(*parse_address(address));
  };
  EXPECT_TRUE(in("127.0.0.0/8", "127.9.8.7"));
  EXPECT_FALSE(in("127.0.0.0/8", "128.0.0.1"));
  EXPECT_TRUE(in("10.0.0.0/9", "10.127.255.255"));
  EXPECT_FALSE(in("10.0.0.0/9", "10.128.0.0"));
  EXPECT_TRUE(in("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(in("192.0.2.7", "192.0.2.6"));
  EXPECT_TRUE(in("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(in("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(in("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(in("2001:db8::/32", "2001:db9::1"));
  EXPECT_TRUE(in("127.0.0.1", "::ffff:127.0.0.1"));
  for (const char* const bad : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129",
                                "10.0.0.0/-1", "1.2.3"})
    EXPECT_FALSE(AddressRange::parse(bad)) << bad;
}

class AddressLimitTest : public testing::Test {
 protected:
  AddressLimit limit{
      {.per_second = 2, .burst = 3}, *parse_ranges({"127.0.0.0/8"}), /*addresses_max=*/100};
  bool refused(const std::string& address, MonotonicTime now = kStart) {
    return limit.refuse(address, now).has_value();
  }
};

TEST_F(AddressLimitTest, counts_each_address_for_itself) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(refused("192.0.2.1"));
  EXPECT_TRUE(refused("192.0.2.1"));
  EXPECT_FALSE(refused("192.0.2.2"));
  EXPECT_EQ(limit.refuse("192.0.2.1", kStart), milliseconds(500));
  EXPECT_FALSE(refused("192.0.2.1", kStart + milliseconds(500)));
}

TEST_F(AddressLimitTest, another_rate_is_of_addresses_that_are_known_too) {
  EXPECT_FALSE(refused("192.0.2.1"));
  limit.replace_rate({.per_second = 10, .burst = 1}, kStart);
  EXPECT_FALSE(refused("192.0.2.1"));
  EXPECT_EQ(limit.refuse("192.0.2.1", kStart), milliseconds(100));
}

TEST_F(AddressLimitTest, takes_a_network_of_ipv6_for_one_address) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(refused("2001:db8::" + std::to_string(i + 1)));
  EXPECT_TRUE(refused("2001:db8::ffff"));
  EXPECT_FALSE(refused("2001:db8:0:1::1"));
}

TEST_F(AddressLimitTest, lets_the_exempt_in) {
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(refused("127.0.0.1"));
  EXPECT_EQ(limit.addresses(), 0U);
}

TEST_F(AddressLimitTest, forgets_the_address_seen_longest_ago_when_it_is_full) {
  for (int i = 0; i < 4; ++i) refused("192.0.2.1");
  for (int i = 0; i < 99; ++i) refused("198.51.100." + std::to_string(i));
  EXPECT_TRUE(refused("192.0.2.1"));
  for (int i = 100; i < 200; ++i) refused("198.51.100." + std::to_string(i));
  EXPECT_EQ(limit.addresses(), 100U);
  EXPECT_FALSE(refused("192.0.2.1"));
}

class InboundLagTest : public testing::Test {
 protected:
  InboundLagTest() {
    lag.judge_from(kFirst, Offset(100));
    lag.judge_from(kSecond, Offset(0));
  }
  InboundLag lag{{.records_max = 10, .age_max = seconds(30)}, 3};
  static constexpr Partition kFirst{0};
  static constexpr Partition kSecond{1};
  static constexpr Partition kUnread{2};
  void ack(std::int64_t from, std::int64_t to, MonotonicTime now = kStart) {
    for (std::int64_t i = from; i <= to; ++i) EXPECT_TRUE(lag.note_acked(kFirst, Offset(i), now));
  }
};

TEST_F(InboundLagTest, is_the_distance_between_what_was_acked_and_what_was_decided) {
  EXPECT_EQ(lag.lag(kFirst, kStart).records, 0);
  ack(100, 108);
  EXPECT_EQ(lag.lag(kFirst, kStart).records, 9);
  EXPECT_FALSE(lag.is_overloaded(kFirst, kStart));
  ack(109, 109);
  EXPECT_TRUE(lag.is_overloaded(kFirst, kStart));
  EXPECT_FALSE(lag.is_overloaded(kSecond, kStart));
  EXPECT_THAT(lag.reasons(kStart),
              testing::ElementsAre("partition 0: overloaded, the router is 10 records and 0 ms "
                                   "behind"));
}

TEST_F(InboundLagTest, is_judged_by_the_limits_of_now) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(lag.note_acked(Partition(1), Offset(i), kStart));
  EXPECT_FALSE(lag.is_overloaded(Partition(1), kStart));
  lag.replace_limits({.records_max = 5, .age_max = seconds(30)});
  EXPECT_TRUE(lag.is_overloaded(Partition(1), kStart));
  lag.replace_limits({.records_max = 100, .age_max = seconds(1)});
  EXPECT_FALSE(lag.is_overloaded(Partition(1), kStart));
  EXPECT_TRUE(lag.is_overloaded(Partition(1), kStart + seconds(1)));
}

TEST_F(InboundLagTest, lets_messages_in_again_below_half) {
  ack(100, 109);
  EXPECT_TRUE(lag.is_overloaded(kFirst, kStart));
  lag.note_covered(kFirst, Offset(104));
  EXPECT_TRUE(lag.is_overloaded(kFirst, kStart));
  lag.note_covered(kFirst, Offset(105));
  EXPECT_FALSE(lag.is_overloaded(kFirst, kStart));
}

TEST_F(InboundLagTest, has_an_age_from_the_oldest_record_that_waits) {
  ack(100, 100);
  ack(101, 101, kStart + seconds(20));
  EXPECT_FALSE(lag.is_overloaded(kFirst, kStart + seconds(29)));
  EXPECT_TRUE(lag.is_overloaded(kFirst, kStart + seconds(30)));
  lag.note_covered(kFirst, Offset(100));
  EXPECT_EQ(lag.lag(kFirst, kStart + seconds(30)).age, seconds(10));
  EXPECT_FALSE(lag.is_overloaded(kFirst, kStart + seconds(30)));
}

TEST_F(InboundLagTest, learns_what_was_behind_at_its_start_from_the_first_event) {
  lag.note_covered(kFirst, Offset(50));
  EXPECT_EQ(lag.lag(kFirst, kStart).records, 49);
  EXPECT_TRUE(lag.is_overloaded(kFirst, kStart));
  lag.note_covered(kFirst, Offset(20));  // of an older cause
  EXPECT_EQ(lag.lag(kFirst, kStart).records, 49);
}

TEST_F(InboundLagTest, of_another_gateway_s_messages_is_no_less_than_nothing) {
  lag.note_covered(kFirst, Offset(150));
  EXPECT_EQ(lag.worst(kStart).records, 0);
}

TEST_F(InboundLagTest, of_a_partition_nobody_reads_is_not_judged) {
  for (std::int64_t i = 0; i < 20; ++i) EXPECT_FALSE(lag.note_acked(kUnread, Offset(i), kStart));
  const MonotonicTime later = kStart + seconds(60);
  EXPECT_FALSE(lag.is_overloaded(kUnread, later));
  EXPECT_EQ(lag.worst(later).records, 0);
  EXPECT_THAT(lag.reasons(later), testing::IsEmpty());
}

TEST_F(InboundLagTest, counts_anew_from_where_inbound_ended_when_the_reading_began) {
  for (std::int64_t i = 0; i < 20; ++i) EXPECT_FALSE(lag.note_acked(kUnread, Offset(i), kStart));
  lag.judge_from(kUnread, Offset(15));  // asked before the last five were acknowledged
  EXPECT_EQ(lag.lag(kUnread, kStart).records, 5);
  EXPECT_TRUE(lag.note_acked(kUnread, Offset(20), kStart + seconds(1)));
  EXPECT_EQ(lag.lag(kUnread, kStart + seconds(3)).records, 6);
  EXPECT_EQ(lag.lag(kUnread, kStart + seconds(3)).age, seconds(2));
  lag.forget(kUnread);
  EXPECT_EQ(lag.worst(kStart + seconds(60)).records, 0);
  lag.judge_from(kUnread, Offset(30));
  EXPECT_EQ(lag.worst(kStart + seconds(60)).records, 0);
  lag.note_covered(kUnread, Offset(10));  // the first event tells less than what was assumed
  EXPECT_EQ(lag.lag(kUnread, kStart).records, 19);
}

// ---- what clients see of it

nlohmann::json message(int i) {
  return {{"type", "user_message"},
          {"message_id", "m-" + std::to_string(i)},
          {"thread_id", "t"},
          {"content", "hello"}};
}

TEST(RateLimit, is_the_user_s_over_all_his_sockets_and_names_the_wait) {
  GatewayWorld world({.limits = {.messages = {.per_second = 20, .burst = 100}}});
  const auto one = world.connect("amy");
  const auto other = world.connect("amy");
  const auto stranger = world.connect("bob");
  for (int i = 0; i < 50; ++i) {
    one.say(message(2 * i));
    other.say(message(2 * i + 1));
    world.settle();
  }
  one.link->frames.clear();
  one.say(message(1000));
  const auto refused = one.link->frame(0);
  EXPECT_EQ(refused["code"], "rate_limited");
  EXPECT_EQ(refused["message_id"], "m-1000");
  EXPECT_GT(refused["retry_after_ms"], 0);
  EXPECT_LE(refused["retry_after_ms"], 50);
  stranger.link->frames.clear();
  stranger.say(message(0));
  world.settle();
  EXPECT_THAT(stranger.link->story(), testing::ElementsAre("ack"));
}

TEST(RateLimit, new_tokens_beyond_it_are_taken_and_no_fact_is_kept_of_them) {
  GatewayWorld world({.limits = {.messages = {.per_second = 1, .burst = 2}}});
  const auto client = world.connect("amy");
  client.link->frames.clear();
  const std::string token =
      sign_token(world.key, {UserId("amy"), {}}, world.scheduler.clock().now());
  const double dropped = world.metrics.connection_records_dropped.Value();
  for (int i = 0; i < 5; ++i) client.say({{"type", "refresh_token"}, {"token", token}});
  client.say({{"type", "refresh_token"}, {"token", "x"}});
  client.say(message(0));
  world.settle();
  EXPECT_THAT(client.link->story(), testing::ElementsAre("ack", "ack", "ack", "ack", "ack",
                                                         "error token_invalid", "ack"));
  EXPECT_EQ(world.metrics.connection_records_dropped.Value() - dropped, 4);
}

TEST(RateLimit, is_not_new_for_who_leaves_and_comes_back) {
  GatewayWorld world({.limits = {.messages = {.per_second = 1, .burst = 2}}});
  auto client = world.connect("amy");
  for (int i = 0; i < 2; ++i) client.say(message(i));
  world.settle();
  world.disconnect(client);
  client = world.connect("amy");
  client.link->frames.clear();
  client.say(message(3));
  EXPECT_THAT(client.link->story(), testing::ElementsAre("error rate_limited"));
}

TEST(RateLimit, ends_the_socket_of_who_does_not_stop_for_ten_seconds) {
  GatewayWorld world({.limits = {.messages = {.per_second = 1, .burst = 1}}});
  const auto client = world.connect("amy");
  const auto patient = world.connect("bob");
  for (int i = 0; i < 101; ++i) {  // the first refusal is that of 1
    client.say(message(i));
    ASSERT_FALSE(client.link->ended) << i;
    // Refused every other time, but never for long.
    if (i % 20 < 2) patient.say(message(i));
    world.scheduler.advance(milliseconds(100));
  }
  client.say(message(101));
  ASSERT_TRUE(client.link->ended);
  EXPECT_EQ(client.link->ended->first, CloseCode::rate_limited);
  EXPECT_FALSE(patient.link->ended);
}

TEST(Overload, refuses_messages_of_a_partition_whose_router_is_behind_and_nothing_else) {
  GatewayWorld world({.limits = {.inbound_lag = {.records_max = 3, .age_max = seconds(30)}}});
  const auto client = world.connect("amy");
  for (int i = 0; i < 3; ++i) client.say(message(i));
  world.settle();
  client.link->frames.clear();
  client.say(message(3));
  const auto refused = client.link->frame(0);
  EXPECT_EQ(refused["code"], "overloaded");
  EXPECT_EQ(refused["message_id"], "m-3");
  EXPECT_GE(refused["retry_after_ms"], 1000);
  client.say({{"type", "cancel_run"}, {"run_id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}});
  world.settle();
  EXPECT_EQ(client.link->story().back(), "ack");

  world.put(world.owner.event("amy", Offset(3), "decided"));
  world.settle();
  client.say(message(4));
  world.settle();
  EXPECT_EQ(client.link->story().back(), "ack");
}

// Who got the events that decide his messages was refused the next one all the same: the frames
// were handed to the shards before the lag took notice.
TEST(Overload, is_over_before_anybody_gets_the_events_that_end_it) {
  GatewayWorld world({.limits = {.inbound_lag = {.records_max = 3, .age_max = seconds(30)}}});
  const auto client = world.connect("amy");
  for (int i = 0; i < 3; ++i) client.say(message(i));
  world.settle();
  const auto is_overloaded = [&] {
    return world.inbound_lag.is_overloaded(Partition(0), world.scheduler.clock().monotonic());
  };
  ASSERT_TRUE(is_overloaded());
  std::vector<bool> seen;
  world.shard_of_feed.on_post = [&] { seen.push_back(is_overloaded()); };
  world.put(world.owner.event("amy", Offset(3), "decided"));
  world.settle();
  EXPECT_EQ(client.link->story().back(), "event 1");
  EXPECT_THAT(seen, testing::ElementsAre(false));
}

}  // namespace
}  // namespace signalbox::gateway
