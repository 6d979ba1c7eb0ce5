// Streams of events as sessions get them: no gap, no repeat, whatever is in the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <tuple>

#include "event-store/contract/codec.hpp"
#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using testing::ElementsAre;
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
std::string cursor_of(const GatewayWorld::Client& client, std::size_t frame) {
  return client.link->frame(frame)["cursor"];
}
// Genesis, then the claim, then the first event: event n of the owner is at offset n + 1.
constexpr std::int64_t after_event(std::int64_t number) { return number + 2; }
std::string cursor_at(const GatewayWorld& world, const std::string& user, std::int64_t next,
                      std::int64_t epoch, std::int64_t owner_seq, std::int64_t seq = 0) {
  return event_store::encode_cursor({world.log->describe().log_id, Partition(0), Offset(next),
                                     Epoch(epoch), OwnerSeq(owner_seq), Seq(seq)},
                                    UserId(user));
}

// What the next build may write while this one still reads (contract 14): events 2 and 3 of ann.
const std::string kOfNobody = R"({ "thoughts" : [ 1.0, "so" ] })";
void state_what_nobody_knows(GatewayWorld& world) {
  world.state("ann");
  world.put(world.owner.event_of("ann", Offset(0), "agent_thinking", 99, kOfNobody));
  world.put(world.owner.event_of("ann", Offset(0), "agent_dreamt", 1, kOfNobody));
  world.state("ann");
  world.settle();
}
// Types of the frames that hold it to the byte.
Story passed_on(const FakeLink& link) {
  Story types;
  for (const FramePtr& frame : link.frames)
    if (frame->text().find("\"data\":" + kOfNobody + "}") != std::string_view::npos)
      types.push_back(nlohmann::json::parse(frame->text())["type"]);
  return types;
}

TEST(Feed, a_new_socket_starts_at_the_head_and_gets_what_comes) {
  GatewayWorld world;
  world.state("ann", 3);
  world.settle();
  auto client = world.connect("ann");
  EXPECT_EQ(cursor_of(client, 0), cursor_of(client, 1));
  world.state("ann", 2);
  world.state("bob", 2);
  world.settle();
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "caught_up"} + events(4, 5)));
  EXPECT_EQ(client.link->frame(2)["user_id"], "ann");
}

TEST(Feed, every_socket_of_a_user_gets_the_same_frame_object) {
  GatewayWorld world;
  auto one = world.connect("ann");
  auto two = world.connect("ann");
  world.state("ann");
  world.settle();
  EXPECT_EQ(one.link->frames.back(), two.link->frames.back());
}

TEST(Feed, the_cursor_of_any_frame_resumes_right_after_it) {
  GatewayWorld world;
  world.state("bob", 5);
  world.state("ann", 9);
  world.settle();
  auto whole = world.connect("ann", StreamFrom::start);
  ASSERT_EQ(whole.link->story(), (Story{"connection_ready"} + events(1, 9) + Story{"caught_up"}));
  for (int seen = 0; seen <= 9; ++seen) {
    const std::string cursor = cursor_of(whole, static_cast<std::size_t>(seen));
    auto again = world.connect("ann", StreamFrom::cursor, cursor);
    EXPECT_EQ(again.link->story(),
              (Story{"connection_ready"} + events(seen + 1, 9) + Story{"caught_up"}));
    EXPECT_EQ(cursor_of(again, 0), cursor);
    world.disconnect(again);
  }
}

TEST(Feed, resume_on_a_live_socket_sends_again_and_then_goes_on_live) {
  GatewayWorld world;
  auto client = world.connect("ann");
  const std::string cursor = cursor_of(client, 0);
  world.state("ann", 3);
  world.settle();
  client.link->frames.clear();
  client.say({{"type", "resume"}, {"cursor", cursor}});
  world.state("ann", 2);
  world.settle();
  const Story story = client.link->story();
  Story seen;
  for (const std::string& one : story)
    if (one != "caught_up") seen.push_back(one);
  EXPECT_EQ(seen, events(1, 5));
  EXPECT_EQ(story.size(), 6U);
}

TEST(Feed, a_socket_that_fell_behind_goes_on_from_what_it_kept_and_becomes_live_without_a_word) {
  GatewayWorld world;
  auto client = world.connect("amy");
  world.state("amy", 5);
  world.settle();
  ASSERT_EQ(client.link->frames.size(), 7U);  // connection_ready, caught_up and five events
  const StreamPlace second = client.link->frames[3]->place();
  EXPECT_EQ(second.seq, Seq(2));
  client.link->frames.resize(4);  // three are dropped
  client.session->on_lagging(second);
  world.state("amy");  // while it asks
  world.settle();
  world.state("amy");  // while it is live again
  world.settle();
  EXPECT_THAT(client.link->story(),
              testing::ElementsAre("connection_ready", "caught_up", "event 1", "event 2", "event 3",
                                   "event 4", "event 5", "event 6", "event 7"));
}

TEST(Feed, a_socket_that_fell_behind_and_asks_to_resume_gets_its_caught_up) {
  GatewayWorld world;
  auto client = world.connect("amy");
  world.state("amy", 2);
  world.settle();
  client.session->on_lagging(client.link->frames[2]->place());
  client.say({{"type", "resume"}, {"from", "start"}});
  world.settle();
  client.link->frames.erase(client.link->frames.begin(), client.link->frames.begin() + 4);
  EXPECT_THAT(client.link->story(), testing::ElementsAre("event 1", "event 2", "caught_up"));
}

TEST(Feed,
     a_socket_that_has_just_lost_events_is_told_no_cursor_beyond_them_when_the_gateway_stops) {
  GatewayWorld world;
  auto client = world.connect("amy");
  world.state("amy", 2);
  world.settle();
  client.link->frames.resize(3);  // event 2 is dropped, which nobody but the link knows yet
  client.link->lagging = true;
  client.session->drain(std::chrono::milliseconds(10));
  world.feed->tell_positions();
  world.settle();
  EXPECT_EQ(client.link->frames.size(), 3U);
  for (int i = 0; i < 2; ++i) client.session->on_tick();
  const auto told = client.link->frame(3);
  EXPECT_EQ(told["type"], "draining");
  EXPECT_FALSE(told.contains("cursor"));
}

TEST(Feed, events_that_do_not_count_reach_nobody) {
  GatewayWorld world;
  auto client = world.connect("ann");
  const NewRecord first = world.owner.event("ann", Offset(0));
  world.put(first);
  world.put(first);  // a repeat
  test_support::TestOwner next(world.log->describe().log_id, Epoch(2), world.random);
  next.continue_users_of(world.owner);
  world.put(next.owned());
  world.state("ann");  // of the old owner, too late
  world.put(next.event("ann", Offset(0)));
  world.settle();
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "caught_up"} + events(1, 2)));
  auto again = world.connect("ann", StreamFrom::cursor, cursor_of(client, 2));
  EXPECT_EQ(again.link->story(), (Story{"connection_ready", "event 2", "caught_up"}));
}

// Issue 6: one such record in `events` ended every gateway that read it.
TEST(Feed, a_valid_event_that_names_no_user_reaches_nobody_and_the_rest_goes_on) {
  GatewayWorld world;
  world.state("ann");
  world.settle();
  auto client = world.connect("ann");
  const auto put_of = [&](std::optional<std::string> key) {
    NewRecord foreign = world.owner.event("zoe", Offset(0));
    foreign.key = std::move(key);
    world.put(std::move(foreign));
  };
  put_of(std::nullopt);
  put_of("");
  put_of("a\nb");
  world.settle();
  auto late = world.connect("ann");  // who begins right behind them is no liar
  world.state("ann");
  world.settle();
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "caught_up", "event 2"}));
  EXPECT_EQ(late.link->story(), (Story{"connection_ready", "caught_up", "event 2"}));
  EXPECT_EQ(world.metrics.history_damaged.Value(), 3);
  auto again = world.connect("ann", StreamFrom::start);
  EXPECT_EQ(again.link->story(), (Story{"connection_ready"} + events(1, 2) + Story{"caught_up"}));
}

class FeedOlderThanWindow : public testing::TestWithParam<bool> {
 protected:
  static GatewayWorld::Setup setup() {
    GatewayLimits limits;
    limits.window_bytes_max = 8000;
    limits.page_bytes_max = 2000;
    return {.limits = limits, .with_history = GetParam()};
  }
};

TEST_P(FeedOlderThanWindow, a_stream_from_the_start_has_no_gap_and_no_repeat) {
  GatewayWorld world(setup());
  for (int i = 0; i < 60; ++i) {
    world.state("ann");
    world.state("bob", 2);
  }
  world.settle();
  // The archive lags behind: what it has not is in the log, between it and the window.
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)})) {
    if (record->offset == Offset(100)) break;
    if (!record->key) continue;
    world.history.events.push_back(record);
    world.history.complete_to = {record->offset.next(), Epoch(1), world.owner.claim(),
                                 OwnerSeq(*event_store::header_number(*record, "ce_ownerseq"))};
  }
  auto client = world.connect("ann", StreamFrom::start);
  EXPECT_EQ(client.link->story(), (Story{"connection_ready"} + events(1, 60) + Story{"caught_up"}));
  EXPECT_EQ(world.history.reads > 0, GetParam());
  for (const int seen : {1, 17, 33, 34, 59}) {
    const std::string cursor = cursor_of(client, static_cast<std::size_t>(seen));
    auto again = world.connect("ann", StreamFrom::cursor, cursor);
    EXPECT_EQ(again.link->story(),
              (Story{"connection_ready"} + events(seen + 1, 60) + Story{"caught_up"}));
  }
  world.state("ann");
  world.settle();
  EXPECT_EQ(client.link->story().back(), "event 61");
}

TEST_P(FeedOlderThanWindow, a_cursor_that_never_saw_an_event_gets_only_what_came_after_it) {
  GatewayWorld world(setup());
  world.state("ann", 5);
  world.settle();
  // As of a gateway that did not know the user's last seq.
  const std::string cursor = cursor_at(world, "ann", after_event(3), 1, 3);
  world.state("bob", 100);
  world.settle();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  world.history.complete_to = {Offset(after_event(105)), Epoch(1), world.owner.claim(),
                               OwnerSeq(105)};
  auto client = world.connect("ann", StreamFrom::cursor, cursor);
  EXPECT_EQ(client.link->story(), (Story{"connection_ready"} + events(4, 5) + Story{"caught_up"}));
}

TEST_P(FeedOlderThanWindow, pages_wait_for_a_socket_that_does_not_read) {
  GatewayWorld world(setup());
  world.state("ann", 200, std::string(100, 'x'));
  world.settle();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  world.history.complete_to = {Offset(after_event(200)), Epoch(1), world.owner.claim(),
                               OwnerSeq(200)};
  GatewayWorld::Client client;
  client.session = std::make_shared<Session>(
      *world.session_parts, SessionId(1000),
      Handshake{.subprotocol = "signalbox.v1",
                .dialect = event_store::WireDialect::v1,
                .token = std::nullopt,
                .from = StreamFrom::start,
                .cursor = {},
                .wanted_client = std::nullopt,
                .user_agent = {}},
      Identity{UserId("ann"), {}, world.scheduler.clock().now() + std::chrono::hours(1)});
  client.link->stalled = true;
  client.session->on_open(*client.link);
  world.settle();
  EXPECT_LT(client.link->buffered, 20'000U);
  EXPECT_LT(client.link->frames.size(), 60U);
  world.state("ann", 10);  // the world goes on
  for (int i = 0; i < 300; ++i) {
    client.link->buffered = 0;
    client.session->on_writable();
    world.settle();
  }
  EXPECT_EQ(client.link->story(),
            (Story{"connection_ready"} + events(1, 210) + Story{"caught_up"}));
}

INSTANTIATE_TEST_SUITE_P(LogAlone, FeedOlderThanWindow, testing::Values(false));
TEST_P(FeedOlderThanWindow, an_event_of_a_version_nobody_knows_is_passed_on_unchanged) {
  GatewayWorld world(setup());
  state_what_nobody_knows(world);
  world.state("bob", 100);
  world.settle();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  world.history.complete_to = {Offset(after_event(104)), Epoch(1), world.owner.claim(),
                               OwnerSeq(104)};
  const int log_reads = world.log->reads;
  auto client = world.connect("ann", StreamFrom::start);
  EXPECT_EQ(client.link->story(), (Story{"connection_ready"} + events(1, 4) + Story{"caught_up"}));
  EXPECT_EQ(passed_on(*client.link), (Story{"agent_thinking", "agent_dreamt"}));
  EXPECT_EQ(world.history.reads > 0, GetParam());
  EXPECT_TRUE(GetParam() || world.log->reads > log_reads);
}

INSTANTIATE_TEST_SUITE_P(WithHistory, FeedOlderThanWindow, testing::Values(true));

TEST(Feed, a_history_that_fails_is_replaced_by_the_log) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = true});
  world.history.fails = true;
  world.state("ann", 20);
  world.settle();
  auto client = world.connect("ann", StreamFrom::start);
  EXPECT_EQ(client.link->story(), (Story{"connection_ready"} + events(1, 20) + Story{"caught_up"}));
}

TEST(Feed, a_history_that_fails_under_way_is_followed_by_the_log_from_where_it_came_to) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  for (int answers = 1; answers <= 4; ++answers) {
    GatewayWorld world({.limits = limits, .with_history = true});
    world.state("ann", 20);
    world.state("bob", 3);
    world.settle();
    for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
      if (record->key) world.history.events.push_back(record);
    world.history.complete_to = {Offset(after_event(20)), Epoch(1), std::nullopt, OwnerSeq(20)};
    world.history.page_events = 5;
    world.history.fails_after = answers;
    auto client = world.connect("ann", StreamFrom::start);
    EXPECT_EQ(client.link->story(),
              (Story{"connection_ready"} + events(1, 20) + Story{"caught_up"}));
    EXPECT_GT(world.metrics.caught_up_from_history.Value(), 0);
    EXPECT_GT(world.metrics.caught_up_from_log.Value(), 0);
  }
}

TEST(Feed, a_history_that_has_read_further_than_the_gateway_repeats_nothing) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = true});
  world.state("ann", 20);
  world.read_partitions();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  // In the archive already, but not yet read by the gateway.
  std::vector<NewRecord> ahead;
  for (int i = 21; i <= 25; ++i) {
    ahead.push_back(world.owner.event("ann", Offset(0)));
    world.history.events.push_back(std::make_shared<const Record>(
        test_support::at_offset(ahead.back(), Offset(after_event(i) - 1))));
  }
  world.history.complete_to = {Offset(after_event(25)), Epoch(1), world.owner.claim(),
                               OwnerSeq(25)};
  world.history.page_events = 100;
  auto client = world.connect("ann", StreamFrom::start);
  for (NewRecord& record : ahead) world.put(std::move(record));
  world.settle();
  world.state("ann");
  world.settle();
  EXPECT_EQ(client.link->story(),
            (Story{"connection_ready"} + events(1, 25) + Story{"caught_up", "event 26"}));
}

TEST(Feed, what_was_on_its_way_live_when_a_socket_asked_anew_comes_once) {
  GatewayWorld world;
  auto client = world.connect("ann");
  const std::string cursor = cursor_of(client, 0);
  client.link->frames.clear();
  world.scheduler.pause(world.shard);
  world.state("ann", 3);
  world.settle();  // judged and posted, not yet with the socket
  client.say({{"type", "resume"}, {"cursor", cursor}});
  world.settle();
  world.scheduler.resume(world.shard);
  world.settle();
  EXPECT_EQ(client.link->story(), (events(1, 3) + Story{"caught_up"}));
}

TEST(Feed, a_resume_replaced_by_a_later_one_is_answered_by_an_error) {
  GatewayWorld world;
  world.state("ann", 3);
  world.settle();
  auto client = world.connect("ann");
  client.link->frames.clear();
  for (const char* const id : {"a", "b", "c"})
    client.say({{"type", "resume"}, {"from", "start"}, {"id", id}});
  world.settle();
  ASSERT_EQ(client.link->story(),
            (Story{"error overloaded", "error overloaded"} + events(1, 3) + Story{"caught_up"}));
  EXPECT_EQ(client.link->frame(0)["id"], "a");
  EXPECT_EQ(client.link->frame(1)["id"], "b");
  EXPECT_EQ(client.link->frame(1)["message"], "replaced by a later resume");
  client.link->frames.clear();
  client.say({{"type", "resume"}, {"from", "start"}});  // nothing is in progress any more
  world.settle();
  EXPECT_EQ(client.link->story(), (events(1, 3) + Story{"caught_up"}));
}

TEST(Feed, a_gateway_that_was_restarted_serves_cursors_of_before) {
  GatewayWorld world;
  world.state("ann", 10);
  world.settle();
  auto before = world.connect("ann", StreamFrom::start);
  const std::string cursor = cursor_of(before, 5);
  world.disconnect(before);
  const auto at = world.state("bob");
  world.put(world.owner.checkpoint(
      {at.next(), Epoch(1), world.owner.claim(), OwnerSeq(11), Offset(0)}, Offset(0)));
  world.restart_feed();
  auto after = world.connect("ann", StreamFrom::cursor, cursor);
  EXPECT_EQ(after.link->story(), (Story{"connection_ready"} + events(6, 10) + Story{"caught_up"}));
}

TEST(Feed, a_cursor_ahead_of_what_the_gateway_read_waits_for_it) {
  GatewayWorld world;
  world.state("ann", 2);
  world.settle();
  world.scheduler.pause(world.feed_thread);
  world.state("ann", 3);
  auto client =
      world.connect("ann", StreamFrom::cursor, cursor_at(world, "ann", after_event(4), 1, 4, 4));
  world.scheduler.resume(world.feed_thread);
  world.settle();
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "event 5", "caught_up"}));
}

struct CursorFaultCase {
  std::string name;
  std::string reason;
  std::function<std::string(const GatewayWorld&)> make;
  friend void PrintTo(const CursorFaultCase& fault, std::ostream* out) { *out << fault.name; }
};
class FeedCursorFaults : public testing::TestWithParam<CursorFaultCase> {};

TEST_P(FeedCursorFaults, are_told_and_nothing_flows_until_resume) {
  GatewayWorld world;
  world.state("ann", 4);
  world.settle();
  auto client = world.connect("ann", StreamFrom::cursor, GetParam().make(world));
  ASSERT_EQ(client.link->story(), (Story{"connection_ready", "error cursor_invalid"}));
  EXPECT_FALSE(client.link->frame(0).contains("cursor"));
  EXPECT_EQ(client.link->frame(1)["reason"], GetParam().reason);
  EXPECT_EQ(client.link->frame(1)["field"], "cursor");
  world.state("ann");
  world.settle();
  EXPECT_EQ(client.link->frames.size(), 2U);
  client.say({{"type", "resume"}, {"cursor", client.link->frame(1)["oldest_cursor"]}});
  world.settle();
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "error cursor_invalid"} +
                                   events(1, 5) + Story{"caught_up"}));
}

INSTANTIATE_TEST_SUITE_P(
    Each, FeedCursorFaults,
    testing::Values(CursorFaultCase{"garbage", "damaged", [](const GatewayWorld&) { return "!!"; }},
                    CursorFaultCase{"empty", "damaged", [](const GatewayWorld&) { return ""; }},
                    CursorFaultCase{"of_another_user", "other_user",
                                    [](const GatewayWorld& w) {
                                      return cursor_at(w, "bob", after_event(1), 1, 1);
                                    }},
                    CursorFaultCase{"of_another_log", "other_log",
                                    [](const GatewayWorld&) {
                                      return event_store::encode_cursor(
                                          {LogId(Uuid{}), Partition(0), Offset(2), Epoch(1),
                                           OwnerSeq(1), Seq(1)},
                                          UserId("ann"));
                                    }},
                    CursorFaultCase{"of_another_partition", "other_partition",
                                    [](const GatewayWorld& w) {
                                      return event_store::encode_cursor(
                                          {w.log->describe().log_id, Partition(7), Offset(2),
                                           Epoch(1), OwnerSeq(1), Seq(1)},
                                          UserId("ann"));
                                    }},
                    CursorFaultCase{"beyond_the_end", "beyond_end",
                                    [](const GatewayWorld& w) {
                                      return cursor_at(w, "ann", after_event(5), 1, 5);
                                    }},
                    CursorFaultCase{"of_another_epoch", "damaged",
                                    [](const GatewayWorld& w) {
                                      return cursor_at(w, "ann", after_event(2), 2, 2);
                                    }},
                    CursorFaultCase{"of_another_owner_seq", "damaged",
                                    [](const GatewayWorld& w) {
                                      return cursor_at(w, "ann", after_event(2), 1, 1);
                                    }}),
    [](const auto& param_info) { return param_info.param.name; });

TEST(Feed, a_false_position_older_than_the_window_is_damage_of_that_socket_alone) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits});
  world.state("ann", 10);
  world.settle();
  auto good = world.connect("ann");
  auto bad =
      world.connect("ann", StreamFrom::cursor, cursor_at(world, "ann", after_event(2), 0, 0));
  EXPECT_EQ(bad.link->story().back(), "error cursor_invalid");
  EXPECT_EQ(bad.link->frame(bad.link->frames.size() - 1)["reason"], "damaged");
  world.state("ann");
  world.settle();
  EXPECT_EQ(good.link->story().back(), "event 11");
}

TEST(Feed, a_false_cursor_older_than_the_window_is_found_out_by_the_history) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = true});
  world.state("ann", 3);
  world.state("bob", 2);
  world.state("ann", 7);
  world.settle();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  world.history.complete_to = {Offset(after_event(12)), Epoch(1), world.owner.claim(),
                               OwnerSeq(12)};
  struct Claim {
    std::int64_t next, epoch, owner_seq, seq;
    bool good;
  };
  for (const Claim& claim :
       {Claim{after_event(3), 1, 3, 3, true},
        Claim{after_event(5), 1, 5, 3, true},  // after the events of bob
        Claim{after_event(1), 1, 1, 1, true},
        Claim{after_event(2), 1, 2, 3, false},  // before its last event
        Claim{after_event(3), 0, 3, 3, false},  // before that epoch
        Claim{after_event(3), 2, 3, 3, false}, Claim{after_event(3), 1, 2, 3, false},
        Claim{after_event(5), 1, 5, 99, false}}) {
    auto client =
        world.connect("ann", StreamFrom::cursor,
                      cursor_at(world, "ann", claim.next, claim.epoch, claim.owner_seq, claim.seq));
    if (claim.good) {
      EXPECT_EQ(client.link->story(),
                (Story{"connection_ready"} + events(static_cast<int>(claim.seq) + 1, 10) +
                 Story{"caught_up"}));
    } else {
      EXPECT_EQ(client.link->story(), (Story{"connection_ready", "error cursor_invalid"}))
          << claim.next << " " << claim.epoch << " " << claim.owner_seq << " " << claim.seq;
      EXPECT_EQ(client.link->frame(client.link->frames.size() - 1)["reason"], "damaged");
    }
    world.disconnect(client);
  }
}

TEST(Feed, a_false_cursor_older_than_the_window_is_found_out_by_the_log_before_it_is_ready) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits});
  world.state("ann", 3);
  world.put(world.owner.checkpoint(
      {Offset(after_event(2)), Epoch(1), world.owner.claim(), OwnerSeq(2), Offset(0)}, Offset(0)));
  test_support::TestOwner second(world.log->describe().log_id, Epoch(2), world.random);
  second.continue_users_of(world.owner);
  const Offset claimed = world.put(second.owned());
  for (int i = 0; i < 7; ++i) world.put(second.event("ann", Offset(0)));
  world.settle();
  struct Claim {
    std::int64_t next, epoch, owner_seq, seq;
    int next_event;  // 0: damaged
  };
  const std::int64_t next = claimed.next().value();
  for (const Claim& claim :
       {Claim{after_event(3), 1, 3, 3, 4}, Claim{after_event(1), 1, 1, 1, 2},
        Claim{after_event(1), 1, 1, 0, 2}, Claim{next, 2, 0, 3, 4}, Claim{next + 2, 2, 2, 5, 6},
        Claim{0, 0, 0, 0, 1}, Claim{0, 1, 0, 0, 0}, Claim{after_event(1), 1, 2, 1, 0},
        Claim{after_event(3), 0, 3, 3, 0}, Claim{after_event(3), 9, 3, 3, 0},
        Claim{after_event(3), 1, 2, 3, 0}, Claim{next + 2, 1, 3, 5, 0},
        Claim{next + 2, 2, 9, 5, 0}}) {
    auto client =
        world.connect("ann", StreamFrom::cursor,
                      cursor_at(world, "ann", claim.next, claim.epoch, claim.owner_seq, claim.seq));
    const auto ready = client.link->frame(0);
    EXPECT_EQ(ready["type"], "connection_ready");
    EXPECT_EQ(ready.contains("cursor"), claim.next_event != 0);
    EXPECT_EQ(client.link->story(),
              claim.next_event == 0
                  ? (Story{"connection_ready", "error cursor_invalid"})
                  : (Story{"connection_ready"} + events(claim.next_event, 10) + Story{"caught_up"}))
        << claim.next << " " << claim.epoch << " " << claim.owner_seq << " " << claim.seq;
    world.disconnect(client);
  }
}

TEST(Feed, a_cursor_that_knows_no_seq_is_proven_from_a_checkpoint_and_not_from_the_beginning) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits});
  world.state("bob", 5000);
  world.put(world.owner.checkpoint(
      {Offset(after_event(5000)), Epoch(1), world.owner.claim(), OwnerSeq(5000), Offset(0)},
      Offset(0)));
  world.state("bob", 10);
  world.state("ann", 2);
  world.settle();
  world.log->reads = 0;
  auto client = world.connect("ann", StreamFrom::cursor,
                              cursor_at(world, "ann", after_event(5010) + 1, 1, 5010));
  EXPECT_EQ(client.link->story(), (Story{"connection_ready"} + events(1, 2) + Story{"caught_up"}));
  EXPECT_LE(world.log->reads, 5);
}

TEST(Feed, a_cursor_that_knows_no_seq_reads_little_of_a_long_history) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = true});
  world.state("ann", 5000);
  world.settle();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  world.history.complete_to = {Offset(after_event(5000)), Epoch(1), world.owner.claim(),
                               OwnerSeq(5000)};
  for (const int seen : {0, 1, 2500, 4990, 5000}) {
    const auto already = world.history.events_given;
    auto client = world.connect("ann", StreamFrom::cursor,
                                cursor_at(world, "ann", after_event(seen), 1, seen));
    const auto told = client.link->story();
    ASSERT_GE(told.size(), 2U);
    EXPECT_EQ(told.front(), "connection_ready");
    EXPECT_EQ(told.at(1), seen == 5000 ? "caught_up" : "event " + std::to_string(seen + 1));
    EXPECT_EQ(told.back(), "caught_up");
    EXPECT_EQ(told.size(), 5000U - static_cast<unsigned>(seen) + 2);
    // Those it gets, and of those it has one per halving.
    EXPECT_LE(world.history.events_given - already, 5000U - static_cast<unsigned>(seen) + 20);
    world.disconnect(client);
  }
  // What it says besides its seq is held against the event before it.
  auto false_one =
      world.connect("ann", StreamFrom::cursor, cursor_at(world, "ann", after_event(2500), 1, 2499));
  EXPECT_EQ(false_one.link->story(), (Story{"connection_ready", "error cursor_invalid"}));
  EXPECT_FALSE(false_one.link->frame(0).contains("cursor"));
}

TEST(Feed, a_history_that_has_not_come_to_the_cursor_says_nothing_about_it) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = true});
  world.state("ann", 10);
  world.settle();
  world.history.complete_to = {Offset(2), Epoch(1), world.owner.claim(), OwnerSeq(0)};
  auto client =
      world.connect("ann", StreamFrom::cursor, cursor_at(world, "ann", after_event(3), 1, 3, 3));
  EXPECT_EQ(client.link->story(), (Story{"connection_ready"} + events(4, 10) + Story{"caught_up"}));
}

TEST(Feed, a_record_that_fails_its_checksum_is_the_log_s_fault_and_not_the_cursor_s) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits});
  world.state("ann", 10);
  world.read_partitions();
  const std::string cursor = cursor_at(world, "ann", after_event(3), 1, 3, 3);
  world.log->read_error = Error{Errc::corrupt, "offset 7 fails its checksum"};
  auto client = world.connect("ann", StreamFrom::cursor, cursor);
  EXPECT_EQ(client.link->story(), (Story{"error log_unavailable"}));
  ASSERT_TRUE(client.link->ended);
  EXPECT_EQ(client.link->ended->first, CloseCode::log_unavailable);
  world.log->read_error.reset();
  auto again = world.connect("ann", StreamFrom::cursor, cursor);
  EXPECT_EQ(again.link->story(), (Story{"connection_ready"} + events(4, 10) + Story{"caught_up"}));
}

TEST(Feed, a_cursor_whose_place_is_in_no_log_and_no_archive_any_more_has_expired) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = true});
  world.state("ann", 10);
  world.read_partitions();
  const std::string cursor = cursor_at(world, "ann", after_event(3), 1, 3, 3);
  world.history.fails = true;
  world.log->read_error = Error{Errc::not_found, "the log begins at offset 9"};
  auto client = world.connect("ann", StreamFrom::cursor, cursor);
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "error cursor_invalid"}));
  EXPECT_EQ(client.link->frame(1)["reason"], "expired");
  EXPECT_FALSE(client.link->ended);
}

TEST(Feed, resumes_of_one_socket_leave_no_scans_behind) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits});
  world.state("ann", 3);
  world.settle();
  auto client = world.connect("ann");
  world.scheduler.pause(world.helper);
  for (int i = 0; i < 50; ++i) {
    client.say({{"type", "resume"}, {"from", "start"}});
    world.settle();
  }
  client.link->frames.clear();
  world.log->reads = 0;
  world.scheduler.resume(world.helper);
  world.settle();
  EXPECT_EQ(client.link->story(), (events(1, 3) + Story{"caught_up"}));
  EXPECT_LE(world.log->reads, 4);  // of the scan that had begun, and of the newest
}

TEST(Feed, resumes_of_one_socket_ask_the_history_one_at_a_time) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = true});
  world.state("ann", 3);
  world.settle();
  auto client = world.connect("ann");
  world.history.reads = 0;
  world.scheduler.pause(world.feed_thread);
  for (int i = 0; i < 50; ++i) {
    client.say({{"type", "resume"}, {"from", "start"}});
    world.settle();
  }
  client.link->frames.clear();
  world.scheduler.resume(world.feed_thread);
  world.settle();
  EXPECT_EQ(client.link->story(), (events(1, 3) + Story{"caught_up"}));
  EXPECT_LE(world.history.reads, 4);  // of the first resume, and of the newest
}

TEST(Feed, a_resume_that_comes_before_its_socket_hears_that_it_fell_behind_keeps_its_place) {
  GatewayWorld world;
  auto client = world.connect("amy");
  world.state("amy", 2);
  world.settle();
  const StreamPlace kept = client.link->frames[2]->place();
  client.link->frames.clear();
  client.say({{"type", "resume"}, {"from", "start"}});
  client.session->on_lagging(kept);
  world.settle();
  EXPECT_EQ(client.link->story(), (events(1, 2) + Story{"caught_up"}));
}

TEST(Feed, a_stream_too_many_that_waits_for_the_log_is_told_to_come_back) {
  GatewayLimits limits;
  limits.window_bytes_max = 1;
  limits.log_scans_waiting_max = 2;
  GatewayWorld world({.limits = limits});
  world.state("ann", 3);
  world.read_partitions();
  world.scheduler.pause(world.helper);
  std::vector<GatewayWorld::Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(world.connect("ann", StreamFrom::start));
  const auto& refused = *clients.back().link;
  EXPECT_EQ(refused.story(), (Story{"connection_ready", "error overloaded"}));
  EXPECT_TRUE(refused.frame(1).contains("retry_after_ms"));
  ASSERT_TRUE(refused.ended);
  EXPECT_EQ(refused.ended->first, CloseCode::overloaded);
  world.scheduler.resume(world.helper);
  world.settle();
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(clients[i].link->story(),
              (Story{"connection_ready"} + events(1, 3) + Story{"caught_up"}));
}

// A gateway whose window is empty, so that whoever begins before the head is served by scans.
struct ScanningWorld : GatewayWorld {
  explicit ScanningWorld(std::int32_t partitions = 1)
      : GatewayWorld({.partitions = partitions, .limits = without_window()}) {}
  static GatewayLimits without_window() {
    GatewayLimits limits;
    limits.window_bytes_max = 1;
    return limits;
  }
};

TEST(Feed, streams_of_one_partition_that_wait_for_the_log_share_one_reader) {
  const auto reads_of = [](int sockets) {
    ScanningWorld world;
    for (int i = 0; i < 20; ++i)
      for (const char* user : {"ann", "bob", "cid"}) world.state(user);
    auto live = world.connect("dan");
    const std::string kept = cursor_of(live, 0);
    for (int i = 0; i < 20; ++i)
      for (const char* user : {"ann", "bob", "cid", "dan"}) world.state(user);
    world.settle();
    world.scheduler.pause(world.feed_thread);
    std::vector<GatewayWorld::Client> clients;
    for (int i = 0; i < sockets; ++i)
      for (const char* user : {"ann", "bob", "cid"})
        clients.push_back(world.connect(user, StreamFrom::start));
    // One who joins where the others come by.
    clients.push_back(world.connect("dan", StreamFrom::cursor, kept));
    world.log->reads = 0;
    world.scheduler.resume(world.feed_thread);
    world.settle();
    EXPECT_EQ(clients.back().link->story(),
              (Story{"connection_ready"} + events(1, 20) + Story{"caught_up"}));
    clients.pop_back();
    for (const GatewayWorld::Client& client : clients)
      EXPECT_EQ(client.link->story(),
                (Story{"connection_ready"} + events(1, 40) + Story{"caught_up"}));
    return world.log->reads;
  };
  const int of_few = reads_of(1);
  EXPECT_LE(reads_of(8), of_few + 2) << "the log is not read for each of them";
}

TEST(Feed, a_false_cursor_that_joins_the_scan_of_another_is_damage_of_its_socket_alone) {
  ScanningWorld world;
  world.state("ann", 5);
  world.read_partitions();
  world.scheduler.pause(world.feed_thread);
  auto alone = world.connect("ann", StreamFrom::start);  // its scan begins at once
  auto ann = world.connect("ann", StreamFrom::start);
  auto liar =
      world.connect("ann", StreamFrom::cursor, cursor_at(world, "ann", after_event(2), 1, 1));
  auto honest =
      world.connect("ann", StreamFrom::cursor, cursor_at(world, "ann", after_event(2), 1, 2));
  world.scheduler.resume(world.feed_thread);
  world.settle();
  for (const auto& client : {alone, ann})
    EXPECT_EQ(client.link->story(),
              (Story{"connection_ready"} + events(1, 5) + Story{"caught_up"}));
  EXPECT_EQ(liar.link->story(), (Story{"connection_ready", "error cursor_invalid"}));
  EXPECT_EQ(honest.link->story(), (Story{"connection_ready"} + events(3, 5) + Story{"caught_up"}));
}

// There are two helpers, and whoever waits for the log to be read needs one of them.
TEST(Feed, a_partition_whose_broker_does_not_answer_holds_no_helper) {
  GatewayWorld world;
  const TopicPartition events_of_ann{Topic::events, Partition(0)};
  world.state("ann", 2);
  world.log->silent = {events_of_ann};
  auto first = world.connect("ann");
  EXPECT_EQ(first.link->story(), Story{});
  world.log->answer_all();
  world.settle();
  EXPECT_EQ(first.link->story(), (Story{"connection_ready", "caught_up"}));
  world.log->silent = {events_of_ann};
  const std::string beyond = cursor_at(world, "ann", after_event(5), 1, 5);
  auto asked = world.connect("ann", StreamFrom::cursor, beyond);
  auto coming = world.connect("ann", StreamFrom::cursor, beyond);
  world.state("ann", 3);  // for the one who comes now it is not beyond the end
  world.log->answer_all();
  world.settle();
  EXPECT_EQ(world.log->blocked, 0);
  EXPECT_EQ(asked.link->story(), (Story{"connection_ready", "error cursor_invalid"}));
  EXPECT_EQ(coming.link->story(), (Story{"connection_ready", "caught_up"}));
}

// A scan that takes its time, or a broker that does not answer, holds up nobody who is live.
TEST(Feed, while_the_log_is_scanned_for_one_socket_live_events_reach_the_others) {
  ScanningWorld world;
  world.state("ann", 3);
  auto bob = world.connect("bob");
  auto ann_too = world.connect("ann");
  world.scheduler.pause(world.helper);
  auto ann = world.connect("ann", StreamFrom::start);
  world.state("bob", 2);
  world.state("ann");
  world.settle();
  EXPECT_EQ(bob.link->story(), (Story{"connection_ready", "caught_up"} + events(1, 2)));
  EXPECT_EQ(ann_too.link->story(), (Story{"connection_ready", "caught_up", "event 4"}));
  EXPECT_EQ(ann.link->story(), Story{"connection_ready"}) << "the scan is still on";
  world.scheduler.resume(world.helper);
  world.settle();
  EXPECT_EQ(ann.link->story(), (Story{"connection_ready"} + events(1, 4) + Story{"caught_up"}));
}

NewRecord progress_piece(const std::string& run, std::size_t bytes) {
  return NewRecord{
      .key = "ann",
      .headers = {{"ce_specversion", "1.0"},
                  {"ce_id", "p"},
                  {"ce_type", "dev.signalbox.agent_responding"},
                  {"ce_time", "2026-11-20T09:30:00.000000Z"},
                  {"ce_subject", "ann"},
                  {"ce_threadid", "t"},
                  {"ce_runid", run},
                  {"ce_attempt", "1"}},
      .value =
          nlohmann::json{{"index", 0}, {"offset", 0}, {"content", std::string(bytes, 'p')}}.dump()};
}

TEST(Feed, pieces_of_open_runs_sent_on_catch_up_are_at_most_a_page_and_the_oldest_run_is_left_out) {
  GatewayLimits limits;
  limits.page_bytes_max = 10'000;
  GatewayWorld world({.limits = limits});
  const std::string older = "00000000-0000-4000-8000-000000000001";
  const std::string newer = "00000000-0000-4000-8000-000000000002";
  world.read_partitions();
  const auto put = [&](const std::string& run, int count) {
    for (int i = 0; i < count; ++i)
      world.simulated.put({Topic::progress, Partition(0)}, progress_piece(run, 1000));
    world.settle();
  };
  const auto pieces_by_run = [&] {
    auto client = world.connect("ann");
    std::map<std::string, int> count;
    std::size_t bytes = 0;
    for (const FramePtr& frame : client.link->frames) {
      const auto json = nlohmann::json::parse(frame->text());
      if (json["type"] != "agent_responding") continue;
      bytes += frame->text().size();
      ++count[json["run_id"]];
    }
    EXPECT_LE(bytes, limits.page_bytes_max);
    EXPECT_EQ(client.link->story().back(), "caught_up");
    return count;
  };
  put(older, 3);
  put(newer, 3);
  EXPECT_EQ(pieces_by_run(), (std::map<std::string, int>{{older, 3}, {newer, 3}}));
  put(newer, 3);
  EXPECT_EQ(pieces_by_run(), (std::map<std::string, int>{{newer, 6}}));
  put(newer, 100);  // more than a page by itself: its newest pieces
  const auto of_one = pieces_by_run();
  EXPECT_EQ(of_one.size(), 1U);
  EXPECT_GT(of_one.at(newer), 4);
}

TEST(Feed, a_user_s_broken_chain_is_told_to_his_sockets_once_and_he_gets_his_events_on) {
  GatewayWorld world;
  world.state("ann", 2);
  world.settle();
  auto ann = world.connect("ann");
  auto bob = world.connect("bob");
  world.owner.break_chain("ann");
  world.state("ann", 2);
  world.state("bob");
  world.settle();
  EXPECT_EQ(bob.link->story(), (Story{"connection_ready", "caught_up", "event 1"}));
  Story told = ann.link->story();
  EXPECT_EQ(std::count(told.begin(), told.end(), "error history_damaged"), 1);
  std::erase(told, "error history_damaged");
  EXPECT_EQ(told, (Story{"connection_ready", "caught_up"} + events(3, 4)));
}

TEST(Feed, an_event_of_a_version_nobody_knows_is_passed_on_unchanged_with_its_seq) {
  GatewayWorld world;
  auto live = world.connect("ann");
  state_what_nobody_knows(world);
  EXPECT_EQ(live.link->story(), (Story{"connection_ready", "caught_up"} + events(1, 4)));
  EXPECT_EQ(passed_on(*live.link), (Story{"agent_thinking", "agent_dreamt"}));
  auto from_memory = world.connect("ann", StreamFrom::start);
  EXPECT_EQ(from_memory.link->story(),
            (Story{"connection_ready"} + events(1, 4) + Story{"caught_up"}));
  EXPECT_EQ(passed_on(*from_memory.link), (Story{"agent_thinking", "agent_dreamt"}));
}

TEST(Feed, a_gap_in_seq_is_found_while_catching_up) {
  GatewayWorld world;
  world.state("ann", 2);
  world.owner.break_seq("ann", Seq(9));
  world.state("ann", 2);
  world.settle();
  auto client = world.connect("ann", StreamFrom::start);
  EXPECT_THAT(client.link->story(),
              ElementsAre("connection_ready", "error history_damaged", "event 1", "event 2",
                          "event 9", "event 10", "caught_up"));
}

// An event whose hash alone is wrong was sent without a word to whoever was not live.
class FeedBrokenHash : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(FeedBrokenHash, is_told_to_who_catches_up) {
  const auto [in_window, with_history] = GetParam();
  GatewayLimits limits;
  if (!in_window) limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = with_history});
  world.state("ann", 2);
  world.owner.break_chain("ann");
  world.state("ann", 2);
  world.state("bob", 2);
  world.settle();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  world.history.complete_to = {Offset(after_event(6)), Epoch(1), world.owner.claim(), OwnerSeq(6)};
  for (const int reader : {1, 2}) {
    const auto client = world.connect("ann", StreamFrom::start);
    Story told = client.link->story();
    EXPECT_EQ(std::count(told.begin(), told.end(), "error history_damaged"), 1);
    std::erase(told, "error history_damaged");
    EXPECT_EQ(told, (Story{"connection_ready"} + events(1, 4) + Story{"caught_up"}));
    EXPECT_EQ(world.metrics.history_damaged.Value(), reader);
  }
  const auto bob = world.connect("bob", StreamFrom::start);
  EXPECT_THAT(bob.link->story(), testing::Not(testing::Contains("error history_damaged")));
}

INSTANTIATE_TEST_SUITE_P(Feed, FeedBrokenHash, testing::Combine(testing::Bool(), testing::Bool()));

// 5,000 clients that came back at once kept everybody else's events for 200 to 500 ms.
TEST(Feed, new_events_come_between_the_catch_ups_of_many) {
  GatewayWorld world({.feed_per_look = std::chrono::microseconds(100)});
  world.state("ann", 20);
  auto bob = world.connect("bob");
  for (std::uint64_t i = 0; i < 100; ++i)
    world.feed->follow({Partition(0), 0, SessionId(1000 + i), 1},
                       {UserId("ann"), event_store::WireDialect::v1, StreamFrom::start});
  world.state("bob");
  ASSERT_TRUE(world.scheduler.run_until([&] { return bob.link->story().back() == "event 1"; }));
  EXPECT_LT(world.metrics.caught_up_from_window.Value(), 50);
  world.settle();
  EXPECT_EQ(world.metrics.caught_up_from_window.Value(), 100);
}

// Where the events around a cursor are when it comes: all in the window, those before it no longer,
// none any more.
enum class Around { in_window, from_cursor_on, older };
class FeedMadeUpSeq : public testing::TestWithParam<std::tuple<Around, bool>> {};

TEST_P(FeedMadeUpSeq, is_a_damaged_cursor_and_no_alarm_about_the_log) {
  const auto [around, with_history] = GetParam();
  GatewayLimits limits;
  if (around == Around::older) limits.window_bytes_max = 1;
  GatewayWorld world({.limits = limits, .with_history = with_history});
  world.state("ann", 3);
  if (around == Around::from_cursor_on) {
    world.put(world.owner.checkpoint(
        {Offset(after_event(3)), Epoch(1), world.owner.claim(), OwnerSeq(3), Offset(0)},
        Offset(0)));
    world.settle();
    world.restart_feed();
  }
  world.state("ann", 3);
  world.settle();
  for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
    if (record->key) world.history.events.push_back(record);
  world.history.complete_to = {Offset(after_event(6)), Epoch(1), world.owner.claim(), OwnerSeq(6)};
  const auto at_three = [&](std::int64_t seq) {
    return cursor_at(world, "ann", after_event(3), 1, 3, seq);
  };
  for (const std::int64_t seq : {1LL, 2LL, 4LL, 6LL, 99LL, std::numeric_limits<long long>::max()}) {
    auto client = world.connect("ann", StreamFrom::cursor, at_three(seq));
    EXPECT_EQ(client.link->story(), (Story{"connection_ready", "error cursor_invalid"})) << seq;
    EXPECT_EQ(client.link->frame(1)["reason"], "damaged");
    EXPECT_FALSE(client.link->frame(0).contains("cursor"));
    client.say({{"type", "resume"}, {"cursor", at_three(0)}});
    world.settle();
    EXPECT_EQ(client.link->story(), (Story{"connection_ready", "error cursor_invalid"} +
                                     events(4, 6) + Story{"caught_up"}));
    world.disconnect(client);
  }
  EXPECT_EQ(world.metrics.history_damaged.Value(), 0);
  auto honest = world.connect("ann", StreamFrom::cursor, at_three(3));
  EXPECT_EQ(honest.link->story(), (Story{"connection_ready"} + events(4, 6) + Story{"caught_up"}));
}

INSTANTIATE_TEST_SUITE_P(Each, FeedMadeUpSeq,
                         testing::Combine(testing::Values(Around::in_window, Around::from_cursor_on,
                                                          Around::older),
                                          testing::Bool()));

// The other way round: what the log says is damage, also to one who comes with an honest cursor.
TEST(Feed, a_gap_in_seq_right_after_a_cursor_is_told_where_the_event_before_it_can_be_asked) {
  for (const bool in_window : {true, false}) {
    GatewayLimits limits;
    if (!in_window) limits.window_bytes_max = 1;
    GatewayWorld world({.limits = limits, .with_history = true});
    world.state("ann", 2);
    world.owner.break_seq("ann", Seq(9));
    world.state("ann", 2);
    world.settle();
    for (const RecordPtr& record : world.simulated.records({Topic::events, Partition(0)}))
      if (record->key) world.history.events.push_back(record);
    world.history.complete_to = {Offset(after_event(4)), Epoch(1), world.owner.claim(),
                                 OwnerSeq(4)};
    auto client =
        world.connect("ann", StreamFrom::cursor, cursor_at(world, "ann", after_event(2), 1, 2, 2));
    EXPECT_THAT(client.link->story(), ElementsAre("connection_ready", "error history_damaged",
                                                  "event 9", "event 10", "caught_up"));
    EXPECT_EQ(world.metrics.history_damaged.Value(), 1);
  }
}

TEST(Feed, a_partition_that_cannot_be_read_closes_its_sockets_and_no_others) {
  GatewayWorld world({.partitions = 2});
  const Partition of_ann = event_store::partition_of_key("ann", 2);
  std::string other = "bob";
  while (event_store::partition_of_key(other, 2) == of_ann) other += "b";
  auto ann = world.connect("ann");
  auto bob = world.connect(other);
  test_support::TestOwner unclaimed(world.log->describe().log_id, Epoch(9), world.random);
  world.put(unclaimed.event("ann", Offset(0)), of_ann);
  world.settle();
  ASSERT_TRUE(ann.link->ended);
  EXPECT_EQ(ann.link->ended->first, CloseCode::log_unavailable);
  // What is in the log stays there, however often it is tried again.
  world.scheduler.advance(std::chrono::minutes(5));
  ASSERT_EQ(world.feed->stopped_partitions().size(), 1U);
  EXPECT_THAT(
      world.feed->stopped_partitions().front(),
      testing::StartsWith("partition " + std::to_string(of_ann.value()) + ": events partition"));
  EXPECT_EQ(world.metrics.partitions_unreadable.Value(), 1);
  EXPECT_EQ(world.metrics.partitions_stopped.Value(), 1);
  EXPECT_EQ(world.connect("ann").link->story(), Story{"error log_unavailable"});
  EXPECT_FALSE(bob.link->ended);
  world.state(other);
  world.settle();
  EXPECT_EQ(bob.link->story().back(), "event 1");
}

class FeedOverFailingTails : public testing::Test {
 protected:
  void fail_tails(unsigned percent) { world.simulated.set_lies({.tail_fails = percent}); }
  GatewayWorld world;
};

TEST_F(FeedOverFailingTails, a_partition_goes_on_where_it_stopped_once_it_can_be_read_again) {
  world.state("ann", 3);
  world.settle();
  auto before = world.connect("ann", StreamFrom::start);
  ASSERT_EQ(before.link->story(), (Story{"connection_ready"} + events(1, 3) + Story{"caught_up"}));
  fail_tails(100);
  world.state("ann", 2);
  world.settle();
  EXPECT_EQ(before.link->story().back(), "error log_unavailable");
  ASSERT_TRUE(before.link->ended);
  EXPECT_EQ(before.link->ended->first, CloseCode::log_unavailable);
  world.scheduler.advance(std::chrono::seconds(30));
  EXPECT_THAT(world.feed->stopped_partitions(), ElementsAre(testing::StartsWith("partition 0: ")));
  auto meanwhile = world.connect("ann", StreamFrom::cursor, cursor_of(before, 2));
  EXPECT_EQ(meanwhile.link->story(), (Story{"error log_unavailable"}));
  EXPECT_EQ(meanwhile.link->ended->first, CloseCode::log_unavailable);

  fail_tails(0);
  world.scheduler.advance(std::chrono::seconds(12));
  EXPECT_TRUE(world.feed->stopped_partitions().empty());
  EXPECT_EQ(world.metrics.partitions_unreadable.Value(), 0);
  auto after = world.connect("ann", StreamFrom::cursor, cursor_of(before, 2));
  world.state("ann");
  world.settle();
  EXPECT_EQ(after.link->story(),
            (Story{"connection_ready"} + events(3, 5) + Story{"caught_up", "event 6"}));
}

TEST_F(FeedOverFailingTails, it_is_tried_again_after_waits_that_grow_to_a_limit) {
  world.read_partitions();
  fail_tails(100);
  world.state("ann");
  world.settle();
  const auto tries_within = [&](std::chrono::seconds time) {
    const int before = world.log->tails;
    world.scheduler.advance(time);
    return world.log->tails - before;
  };
  EXPECT_GE(tries_within(std::chrono::seconds(2)), 2);
  tries_within(std::chrono::minutes(2));
  const int tries = tries_within(std::chrono::minutes(10));
  EXPECT_GE(tries, 60);   // never more than partition_retry_max apart
  EXPECT_LE(tries, 300);  // far from the 0.1 s it began with
}

// Whoever comes back with his cursor whenever he is closed gets every event once, in order.
TEST(Feed, under_a_tail_that_fails_and_repeats_a_returning_client_gets_every_event_once) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    GatewayWorld world({.seed = seed});
    world.simulated.set_lies(
        {.tail_delay_max = std::chrono::milliseconds(50), .tail_fails = 15, .tail_repeats = 10});
    Story seen;
    std::string cursor;
    int closes = 0;
    GatewayWorld::Client client = world.connect("ann", StreamFrom::start);
    const auto take_what_came = [&] {
      for (std::size_t i = 0; i < client.link->frames.size(); ++i) {
        const auto frame = client.link->frame(i);
        if (frame.contains("seq")) seen.push_back(client.link->story()[i]);
        if (frame.contains("cursor")) cursor = frame["cursor"];
      }
      client.link->frames.clear();
      if (!client.link->ended) return;
      ++closes;
      EXPECT_EQ(client.link->ended->first, CloseCode::log_unavailable);
      world.disconnect(client);
      client = cursor.empty() ? world.connect("ann", StreamFrom::start)
                              : world.connect("ann", StreamFrom::cursor, cursor);
    };
    for (int i = 0; i < 100; ++i) {
      world.state("ann");
      world.state("bob");
      world.scheduler.advance(std::chrono::milliseconds(300));
      take_what_came();
    }
    world.simulated.set_lies({});
    for (int i = 0; i < 5; ++i) {
      world.scheduler.advance(std::chrono::seconds(12));
      take_what_came();
    }
    EXPECT_EQ(seen, events(1, 100)) << "seed " << seed;
    EXPECT_GT(closes, 3) << "seed " << seed;
    EXPECT_TRUE(world.feed->stopped_partitions().empty());
  }
}

TEST_F(FeedOverFailingTails, pieces_of_answers_are_read_again_too_when_even_the_end_is_unknown) {
  auto client = world.connect("ann");
  world.log->bounds_error = Error{Errc::io_error, "the disk does not answer"};
  fail_tails(100);
  const auto put = [&] {
    world.simulated.put({Topic::progress, Partition(0)},
                        progress_piece("00000000-0000-4000-8000-000000000001", 10));
  };
  put();
  world.scheduler.advance(std::chrono::minutes(1));
  fail_tails(0);
  world.scheduler.advance(std::chrono::minutes(1));
  world.log->bounds_error.reset();
  world.scheduler.advance(std::chrono::minutes(1));
  put();
  world.settle();
  EXPECT_FALSE(client.link->ended);
  EXPECT_EQ(client.link->story(), (Story{"connection_ready", "caught_up", "agent_responding"}));
}

TEST(Feed, drain_tells_each_socket_where_it_stands) {
  GatewayWorld world;
  world.state("ann", 3);
  world.settle();
  auto client = world.connect("ann", StreamFrom::start);
  client.session->drain(std::chrono::milliseconds(1234));
  world.feed->tell_positions();
  world.settle();
  const auto draining = client.link->frame(client.link->frames.size() - 1);
  EXPECT_EQ(draining["type"], "draining");
  EXPECT_EQ(draining["reconnect_after_ms"], 1234);
  ASSERT_TRUE(client.link->ended);
  EXPECT_EQ(client.link->ended->first, CloseCode::draining);
  world.state("ann", 2);
  world.settle();
  auto again = world.connect("ann", StreamFrom::cursor, draining["cursor"]);
  EXPECT_EQ(again.link->story(), (Story{"connection_ready"} + events(4, 5) + Story{"caught_up"}));
}

TEST(Feed, after_a_socket_has_left_nothing_of_it_is_kept) {
  GatewayWorld world;
  const auto gauge_ticks = [&] {
    world.scheduler.advance(std::chrono::seconds(2));
    world.settle();
  };
  std::vector<GatewayWorld::Client> clients;
  for (int i = 0; i < 100; ++i) {
    world.state("user" + std::to_string(i / 2));
    clients.push_back(world.connect("user" + std::to_string(i / 2), StreamFrom::start));
  }
  gauge_ticks();
  EXPECT_EQ(world.hub.sessions(), 100U);
  EXPECT_EQ(world.clients.sockets(), 100U);
  EXPECT_EQ(world.metrics.streams.Value(), 100);
  EXPECT_EQ(world.metrics.followed_users.Value(), 50);

  for (auto& client : clients) {
    const std::weak_ptr<Session> session = client.session;
    const auto link = client.link;
    world.disconnect(client);
    EXPECT_TRUE(session.expired());
    const std::size_t had = link->frames.size();
    world.state("user0");
    world.settle();
    EXPECT_EQ(link->frames.size(), had);
  }
  gauge_ticks();
  EXPECT_EQ(world.hub.sessions(), 0U);
  EXPECT_EQ(world.clients.sockets(), 0U);
  EXPECT_EQ(world.metrics.streams.Value(), 0);
  EXPECT_EQ(world.metrics.followed_users.Value(), 0);
}

}  // namespace
}  // namespace signalbox::gateway
