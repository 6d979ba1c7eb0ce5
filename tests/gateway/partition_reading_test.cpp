// Which partitions a gateway reads: those of the users that are here, and what they get when the
// reading begins under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/partition_start.hpp"
#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using Story = std::vector<std::string>;

Story events(int from, int to) {
  Story told;
  for (int i = from; i <= to; ++i) told.push_back("event " + std::to_string(i));
  return told;
}
Story operator+(Story a, const Story& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::int32_t partition_of(const std::string& user, std::int32_t partitions) {
  return event_store::partition_of_key(user, partitions).value();
}
// A name in that partition.
std::string user_in(std::int32_t partition, std::int32_t partitions,
                    const std::string& name = "user") {
  for (int i = 0;; ++i)
    if (const std::string user = name + std::to_string(i);
        partition_of(user, partitions) == partition)
      return user;
}

class PartitionReading : public testing::Test {
 protected:
  static GatewayWorld::Setup setup() {
    GatewayLimits limits;
    limits.partition_idle_max = minutes(10);
    limits.inbound_lag.records_max = 3;
    return {.partitions = 12, .limits = limits};
  }
  std::set<std::int32_t> events_read() { return world.log->tailed(Topic::events); }
  std::set<std::int32_t> progress_read() { return world.log->tailed(Topic::progress); }
  // The log cannot be asked: neither where to start nor what is older.
  void break_log() { world.log->bounds_error = Error{Errc::io_error, "it does not answer"}; }
  void mend_log() { world.log->bounds_error.reset(); }
  static void say_something(const GatewayWorld::Client& client, int number) {
    client.say({{"type", "user_message"},
                {"message_id", "m-" + std::to_string(number)},
                {"thread_id", "t"},
                {"content", "hello"}});
  }

  GatewayWorld world{setup()};
};

TEST_F(PartitionReading, is_of_the_partitions_whose_users_are_here) {
  EXPECT_THAT(events_read(), IsEmpty());
  const auto three = world.connect(user_in(3, 12));
  EXPECT_THAT(events_read(), ElementsAre(3));
  EXPECT_THAT(progress_read(), ElementsAre(3));
  const auto seven = world.connect(user_in(7, 12));
  const auto three_again = world.connect(user_in(3, 12, "other"));
  EXPECT_THAT(events_read(), ElementsAre(3, 7));
  EXPECT_THAT(progress_read(), ElementsAre(3, 7));
  EXPECT_EQ(world.log->tails, 4);  // one of each topic, however many come
  world.scheduler.advance(seconds(2));
  EXPECT_EQ(world.metrics.partitions_read.Value(), 2);
}

TEST_F(PartitionReading, counts_the_bytes_of_what_is_read_and_nothing_else_is) {
  const std::string here = user_in(3, 12);
  const auto client = world.connect(here);
  const double before = world.metrics.log_bytes_read.Value();
  world.state(user_in(7, 12), 50);
  world.settle();
  EXPECT_EQ(world.metrics.log_bytes_read.Value(), before);
  const Offset last = world.state(here, 5);
  world.settle();
  double bytes = 0;
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(3)}))
    if (record->offset > last + -5) bytes += static_cast<double>(size_bytes(*record));
  EXPECT_EQ(world.metrics.log_bytes_read.Value() - before, bytes);
}

TEST_F(PartitionReading, ends_a_while_after_the_last_has_gone) {
  auto one = world.connect(user_in(3, 12));
  auto other = world.connect(user_in(3, 12, "other"));
  world.disconnect(one);
  world.scheduler.advance(minutes(20));
  EXPECT_THAT(events_read(), ElementsAre(3));
  world.disconnect(other);
  world.scheduler.advance(minutes(10) - seconds(2));
  EXPECT_THAT(events_read(), ElementsAre(3));
  world.scheduler.advance(seconds(4));
  EXPECT_THAT(events_read(), IsEmpty());
  EXPECT_THAT(progress_read(), IsEmpty());
  EXPECT_EQ(world.metrics.partitions_read.Value(), 0);
  EXPECT_EQ(world.metrics.window_events.Value(), 0);
  one = world.connect(user_in(3, 12));
  EXPECT_THAT(one.link->story(), ElementsAre("connection_ready", "caught_up"));
  EXPECT_THAT(events_read(), ElementsAre(3));
}

TEST_F(PartitionReading, finds_the_window_for_who_comes_back_in_time) {
  const std::string user = user_in(3, 12);
  auto client = world.connect(user);
  world.state(user, 3);
  world.settle();
  const std::string cursor = client.link->frame(3)["cursor"];
  world.disconnect(client);
  world.state(user, 2);
  world.scheduler.advance(minutes(9));
  world.log->reads = 0;
  client = world.connect(user, StreamFrom::cursor, cursor);
  EXPECT_EQ(client.link->story(), (Story{"connection_ready"} + events(3, 5) + Story{"caught_up"}));
  EXPECT_EQ(world.log->reads, 0);
  EXPECT_EQ(world.metrics.caught_up_from_window.Value(), 1);
}

TEST_F(PartitionReading, goes_on_from_the_log_for_who_comes_back_late) {
  const std::string user = user_in(3, 12);
  auto client = world.connect(user);
  world.state(user, 3);
  world.settle();
  const std::string cursor = client.link->frame(3)["cursor"];
  world.disconnect(client);
  const Offset last = world.state(user, 2);
  world.put(world.owner.checkpoint(
                {last.next(), Epoch(1), world.owner.claim(), OwnerSeq(5), Offset(0)}, Offset(0)),
            Partition(3));
  world.scheduler.advance(minutes(11));
  ASSERT_THAT(events_read(), IsEmpty());
  client = world.connect(user, StreamFrom::cursor, cursor);
  world.state(user);
  world.settle();
  EXPECT_EQ(client.link->story(),
            (Story{"connection_ready"} + events(3, 5) + Story{"caught_up", "event 6"}));
  EXPECT_EQ(world.metrics.caught_up_from_log.Value(), 1);
}

TEST_F(PartitionReading, begins_at_what_was_there_and_not_before_for_who_wants_the_latest) {
  const std::string user = user_in(3, 12);
  world.state(user, 600);  // more than a batch of the tail
  // The tail brings what was before while the partition is opened.
  world.simulated.set_lies({.tail_delay_max = std::chrono::milliseconds(50)});
  const auto client = world.connect(user);
  EXPECT_THAT(client.link->frames, IsEmpty());
  world.scheduler.advance(seconds(1));
  world.state(user, 2);
  world.scheduler.advance(seconds(1));
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "caught_up"} + events(601, 602)));
}

// Whoever comes while it opens, from wherever, has no gap and no repeat.
TEST_F(PartitionReading, that_opens_while_events_flow_gives_everybody_a_whole_stream) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    auto with_seed = setup();
    with_seed.seed = seed;
    GatewayWorld flowing(with_seed);
    const std::string user = user_in(3, 12);
    const std::string other = user_in(3, 12, "other");
    flowing.state(user, 30);
    flowing.state(other, 30);
    flowing.simulated.set_lies({.tail_delay_max = std::chrono::milliseconds(20)});
    flowing.scheduler.pause(flowing.helper);
    auto first = flowing.connect(user, StreamFrom::start);
    auto second = flowing.connect(other);
    auto third = flowing.connect(user, StreamFrom::start);
    EXPECT_THAT(first.link->frames, IsEmpty());
    flowing.state(user, 5);
    flowing.scheduler.resume(flowing.helper);
    for (int i = 0; i < 20; ++i) {
      flowing.state(user);
      flowing.state(other);
      flowing.scheduler.advance(std::chrono::milliseconds(5));
    }
    flowing.scheduler.advance(seconds(1));
    for (const auto* const client : {&first, &third}) {
      Story story = client->link->story();
      std::erase(story, "caught_up");
      EXPECT_EQ(story, (Story{"connection_ready"} + events(1, 55))) << "seed " << seed;
    }
    Story story = second.link->story();
    std::erase(story, "caught_up");
    ASSERT_GE(story.size(), 2U) << "seed " << seed;
    const int from = 51 - static_cast<int>(story.size()) + 1;
    EXPECT_EQ(story, (Story{"connection_ready"} + events(from, 50))) << "seed " << seed;
    EXPECT_GT(from, 30) << "seed " << seed;
  }
}

TEST_F(PartitionReading, is_asked_for_on_a_helper_and_others_are_served_meanwhile) {
  const std::string here = user_in(7, 12);
  const auto served = world.connect(here);
  world.scheduler.pause(world.helper);
  const auto waits = world.connect(user_in(3, 12));
  world.state(here);
  world.settle();
  EXPECT_EQ(served.link->story().back(), "event 1");
  EXPECT_THAT(waits.link->frames, IsEmpty());
  world.scheduler.resume(world.helper);
  world.settle();
  EXPECT_THAT(waits.link->story(), ElementsAre("connection_ready", "caught_up"));
}

TEST_F(PartitionReading, that_cannot_begin_is_tried_again_and_who_comes_back_is_served) {
  const std::string user = user_in(3, 12);
  const auto good = world.connect(user_in(7, 12));
  break_log();
  auto client = world.connect(user);
  EXPECT_THAT(client.link->story(), ElementsAre("error log_unavailable"));
  ASSERT_TRUE(client.link->ended);
  EXPECT_EQ(client.link->ended->first, CloseCode::log_unavailable);
  world.scheduler.advance(seconds(30));
  EXPECT_THAT(world.feed->stopped_partitions(), ElementsAre(testing::StartsWith("partition 3: ")));
  EXPECT_THAT(world.connect(user).link->story(), ElementsAre("error log_unavailable"));
  mend_log();
  world.scheduler.advance(seconds(12));
  EXPECT_THAT(world.feed->stopped_partitions(), IsEmpty());
  client = world.connect(user);
  world.state(user);
  world.settle();
  EXPECT_THAT(client.link->story(), ElementsAre("connection_ready", "caught_up", "event 1"));
  EXPECT_FALSE(good.link->ended);
}

TEST_F(PartitionReading, that_cannot_begin_is_given_up_when_nobody_wants_it_any_more) {
  break_log();
  auto client = world.connect(user_in(3, 12));
  world.disconnect(client);
  world.scheduler.advance(minutes(11));
  EXPECT_THAT(world.feed->stopped_partitions(), IsEmpty());
  EXPECT_EQ(world.metrics.partitions_read.Value(), 0);
}

TEST_F(PartitionReading, who_leaves_while_it_opens_is_forgotten) {
  world.scheduler.pause(world.helper);
  auto gone = world.connect(user_in(3, 12));
  const auto link = gone.link;
  world.disconnect(gone);
  world.scheduler.resume(world.helper);
  world.settle();
  EXPECT_THAT(link->frames, IsEmpty());
  world.scheduler.advance(minutes(11));
  EXPECT_THAT(events_read(), IsEmpty());
}

TEST_F(PartitionReading, that_ends_while_it_is_asked_where_to_begin_begins_no_more) {
  world.scheduler.pause(world.helper);
  auto gone = world.connect(user_in(3, 12));
  world.disconnect(gone);
  world.scheduler.advance(minutes(11));
  world.scheduler.resume(world.helper);
  world.settle();
  EXPECT_THAT(events_read(), IsEmpty());
}

TEST_F(PartitionReading, tells_no_position_to_a_socket_that_stands_nowhere_yet) {
  world.scheduler.pause(world.helper);
  auto client = world.connect(user_in(3, 12));
  client.session->drain(std::chrono::milliseconds(10));
  world.feed->tell_positions();
  world.settle();
  for (const auto& frame : client.link->frames)
    EXPECT_FALSE(nlohmann::json::parse(frame->text()).contains("cursor"));
}

TEST_F(PartitionReading, a_message_of_a_socket_without_a_stream_lets_its_partition_be_read) {
  const std::string user = user_in(3, 12);
  auto client = world.connect(user, StreamFrom::cursor, "nonsense");
  ASSERT_THAT(client.link->story(), ElementsAre("connection_ready", "error cursor_invalid"));
  world.scheduler.advance(minutes(11));
  ASSERT_THAT(events_read(), IsEmpty());
  say_something(client, 0);
  world.settle();
  EXPECT_EQ(client.link->story().back(), "ack");
  EXPECT_THAT(events_read(), ElementsAre(3));
  // From here on its lag is judged.
  for (int i = 1; i <= 3; ++i) say_something(client, i);
  world.settle();
  say_something(client, 4);
  world.settle();
  EXPECT_EQ(client.link->story().back(), "error overloaded");
  EXPECT_EQ(world.inbound_lag.reasons(world.scheduler.clock().monotonic()).size(), 1U);
  // Nor is it judged any more when it is not read any more.
  world.scheduler.advance(minutes(11));
  EXPECT_THAT(events_read(), IsEmpty());
  EXPECT_THAT(world.inbound_lag.reasons(world.scheduler.clock().monotonic()), IsEmpty());
}

TEST_F(PartitionReading,
       starts_at_what_a_checkpoint_states_and_over_a_damaged_row_at_the_beginning) {
  const std::string user = user_in(3, 12);
  const Offset last = world.state(user, 3);
  world.put(world.owner.checkpoint(
                {last.next(), Epoch(1), world.owner.claim(), OwnerSeq(3), Offset(0)}, Offset(0)),
            Partition(3));
  const Offset end = last.next().next();
  const auto start = find_readable_start(*world.log, Partition(3), end);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->next_offset, last.next());
  world.log->read_error = Error{Errc::corrupt, "offset 4 fails its checksum"};
  EXPECT_EQ(find_readable_start(*world.log, Partition(3), end), event_store::Position{});
  world.log->read_error = Error{Errc::io_error, "the disk does not answer"};
  EXPECT_FALSE(find_readable_start(*world.log, Partition(3), end));
}

}  // namespace
}  // namespace signalbox::gateway
