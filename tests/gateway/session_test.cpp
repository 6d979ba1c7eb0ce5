// One client's protocol: sign-in, one answer to every send, limits, and how a socket ends.
#include "gateway/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event-store/contract/codec.hpp"
#include "event-store/model/error_help.hpp"
#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using nlohmann::json;
using test_support::AppendFate;
using testing::ElementsAre;

json message(const std::string& id, const std::string& content = "hello") {
  return {{"type", "user_message"}, {"message_id", id}, {"thread_id", "t"}, {"content", content}};
}
std::vector<RecordPtr> inbound(const GatewayWorld& world, std::int32_t partition = 0) {
  return world.simulated.records({Topic::inbound, Partition(partition)});
}
json last(const GatewayWorld::Client& client) {
  return client.link->frame(client.link->frames.size() - 1);
}

TEST(Session, a_message_is_a_command_in_the_user_s_partition_and_acked_only_when_durable) {
  GatewayWorld world({.partitions = 4});
  auto client = world.connect("105945141827451681156");
  const auto partition = event_store::partition_of_key("105945141827451681156", 4);
  client.session->on_text(message("m1").dump());
  EXPECT_EQ(client.link->frames.size(), 2U);  // no ack before the log has answered
  world.settle();
  const json ack = last(client);
  EXPECT_EQ(ack["type"], "ack");
  EXPECT_EQ(ack["message_id"], "m1");
  const RunId run = event_store::run_id_of(UserId("105945141827451681156"), MessageId("m1"));
  EXPECT_EQ(ack["run_id"], run.value().to_string());
  const auto records = inbound(world, partition.value());
  ASSERT_EQ(records.size(), 1U);
  const auto command = event_store::decode_command(*records[0]);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->user_id, UserId("105945141827451681156"));
  EXPECT_EQ(command->websocket_client_id.value(), client.link->frame(0)["websocket_client_id"]);
  EXPECT_EQ(std::get<UserMessage>(command->data).content, "hello");
}

TEST(Session, the_seed_s_client_id_stands_in_the_command) {
  GatewayWorld world;
  Handshake handshake = plain_handshake();
  handshake.wanted_client = "ws_10594514_1757335346_19513def";
  auto client = world.connect(std::move(handshake),
                              Identity{UserId("105945141827451681156"),
                                       {},
                                       world.scheduler.clock().now() + std::chrono::hours(1)});
  client.say(message("m1"));
  world.settle();
  EXPECT_EQ(inbound(world)[0]->header("ce_wsclientid"), "ws_10594514_1757335346_19513def");
  EXPECT_EQ(inbound(world)[0]->key, "105945141827451681156");
}

TEST(Session, a_client_id_that_is_taken_or_malformed_is_replaced) {
  GatewayWorld world;
  const auto connect = [&](const std::string& wanted) {
    Handshake handshake = plain_handshake();
    handshake.wanted_client = wanted;
    return world.connect(
        std::move(handshake),
        Identity{UserId("ann"), {}, world.scheduler.clock().now() + std::chrono::hours(1)});
  };
  auto first = connect("ws_mine");
  auto second = connect("ws_mine");
  EXPECT_EQ(first.link->frame(0)["websocket_client_id"], "ws_mine");
  EXPECT_NE(second.link->frame(0)["websocket_client_id"], "ws_mine");
  for (const char* const bad : {"mine", "ws_", "ws_a-b", "svc_router"}) {
    auto other = connect(bad);
    EXPECT_NE(other.link->frame(0)["websocket_client_id"], bad);
  }
  world.disconnect(first);
  auto third = connect("ws_mine");
  EXPECT_EQ(third.link->frame(0)["websocket_client_id"], "ws_mine");
}

TEST(Session, an_append_that_fails_is_an_error_with_its_message_id_and_no_ack) {
  GatewayWorld world;
  auto client = world.connect("ann");
  world.simulated.set_fate([](const TopicPartition& at, const NewRecord&) {
    return at.topic == Topic::inbound
               ? std::optional(AppendFate{.copies = 0, .report = AppendFate::Report::truth})
               : std::nullopt;
  });
  json frame = message("m1");
  frame["id"] = "x";
  client.say(frame);
  world.settle();
  const json error = last(client);
  EXPECT_EQ(error["type"], "error");
  EXPECT_EQ(error["code"], "log_unavailable");
  EXPECT_EQ(error["message_id"], "m1");
  EXPECT_EQ(error["id"], "x");
  EXPECT_EQ(client.link->frames.size(), 3U);
}

TEST(Session, a_log_that_has_too_much_to_do_is_overloaded_and_says_when_to_come_back) {
  GatewayWorld world;
  auto client = world.connect("ann");
  world.log->append_error = Error{Errc::overloaded, "too many records wait"};
  client.say(message("m1"));
  world.settle();
  const json error = last(client);
  EXPECT_EQ(error["type"], "error");
  EXPECT_EQ(error["code"], "overloaded");
  EXPECT_EQ(error["message_id"], "m1");
  EXPECT_TRUE(error.contains("retry_after_ms"));
  EXPECT_FALSE(client.link->ended);
}

TEST(Session, sends_beyond_the_limit_without_ack_are_overloaded_and_the_others_answered) {
  GatewayLimits limits;
  limits.sends_without_ack_max = 5;
  GatewayWorld world({.limits = limits});
  auto client = world.connect("ann");
  for (int i = 0; i < 8; ++i) client.session->on_text(message("m" + std::to_string(i)).dump());
  world.settle();
  int acks = 0;
  int overloaded = 0;
  for (std::size_t i = 2; i < client.link->frames.size(); ++i) {
    const json frame = client.link->frame(i);
    acks += frame["type"] == "ack";
    if (frame["type"] == "error") {
      EXPECT_EQ(frame["code"], "overloaded");
      EXPECT_TRUE(frame.contains("retry_after_ms"));
      EXPECT_TRUE(frame.contains("message_id"));
      ++overloaded;
    }
  }
  EXPECT_EQ(acks, 5);
  EXPECT_EQ(overloaded, 3);
  client.say(message("later"));
  world.settle();
  EXPECT_EQ(last(client)["type"], "ack");
}

TEST(Session, pipelined_messages_are_in_the_log_in_the_order_they_came) {
  GatewayWorld world;
  auto client = world.connect("ann");
  for (int i = 0; i < 50; ++i) client.session->on_text(message("m" + std::to_string(i)).dump());
  world.settle();
  const auto records = inbound(world);
  ASSERT_EQ(records.size(), 50U);
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(std::get<UserMessage>(
                  event_store::decode_command(*records[static_cast<std::size_t>(i)])->data)
                  .message_id.value(),
              "m" + std::to_string(i));
}

struct BadFrame {
  const char* name;
  std::string text;
  const char* code;
  const char* field;
};
class BadFrames : public testing::TestWithParam<BadFrame> {};

TEST_P(BadFrames, get_one_error_and_the_socket_lives) {
  GatewayWorld world;
  auto client = world.connect("ann");
  client.session->on_text(GetParam().text);
  world.settle();
  ASSERT_EQ(client.link->frames.size(), 3U);
  EXPECT_EQ(last(client)["code"], GetParam().code);
  if (*GetParam().field != 0) {
    EXPECT_EQ(last(client)["field"], GetParam().field);
  }
  EXPECT_TRUE(inbound(world).empty());
  EXPECT_FALSE(client.link->ended);
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadFrames,
    testing::Values(
        BadFrame{"garbage", "{", "bad_json", ""}, BadFrame{"empty", "", "bad_json", ""},
        BadFrame{"unknown_type", R"({"type":"x"})", "unknown_type", "type"},
        BadFrame{"server_frame", R"({"type":"ack"})", "unknown_type", "type"},
        BadFrame{"second_authenticate", R"({"type":"authenticate","token":"x"})", "unknown_type",
                 "type"},
        BadFrame{"old_name", R"({"type":"ping","nonce":"n","websocket_connection_id":"x"})",
                 "deprecated_field", "websocket_connection_id"},
        BadFrame{
            "unknown_agent",
            R"({"type":"user_message","message_id":"m","thread_id":"t","content":"c","agent":"z"})",
            "unknown_agent", "agent"},
        BadFrame{"no_thread", R"({"type":"user_message","message_id":"m","content":"c"})",
                 "missing_field", "thread_id"},
        BadFrame{"run_id_is_no_uuid", R"({"type":"cancel_run","run_id":"r"})", "bad_field",
                 "run_id"},
        BadFrame{"content_too_large",
                 R"({"type":"user_message","message_id":"m","thread_id":"t","content":")" +
                     std::string(32769, 'x') + "\"}",
                 "too_large", "content"}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(Session, the_deprecated_name_is_answered_with_the_right_one) {
  GatewayWorld world;
  auto client = world.connect("ann");
  client.say({{"type", "ping"}, {"websocket_connection_id", "ws_1"}});
  EXPECT_EQ(last(client)["hint"], "use websocket_client_id");
}

// Audit of issue 5: most refusals said what was wrong, and not what to do.
TEST(Session, a_refusal_says_what_to_do) {
  GatewayWorld world;
  auto client = world.connect("ann");
  client.say({{"type", "cancel_run"}, {"run_id", "r"}});
  EXPECT_EQ(last(client)["hint"], help_of(Errc::bad_field).to_do);
}

TEST(Session, nothing_comes_before_connection_ready) {
  GatewayWorld world;
  Handshake handshake = plain_handshake();
  GatewayWorld::Client client;
  client.session = std::make_shared<Session>(
      *world.session_parts, SessionId(500), std::move(handshake),
      Identity{UserId("ann"), {}, world.scheduler.clock().now() + std::chrono::hours(1)});
  client.session->on_open(*client.link);
  client.session->on_text("{");
  client.say(message("m1"));
  EXPECT_TRUE(client.link->frames.empty());
  world.settle();
  EXPECT_EQ(client.link->story()[0], "connection_ready");
  EXPECT_EQ(client.link->story()[1], "error bad_json");
  EXPECT_THAT(client.link->story(), testing::Contains("ack"));
}

TEST(Session, signs_in_with_its_first_frame_or_not_at_all) {
  GatewayWorld world;
  const std::string good =
      sign_token(world.key, {UserId("ann"), {}}, world.scheduler.clock().now());
  auto first = world.connect(plain_handshake(), std::nullopt);
  first.say({{"type", "authenticate"}, {"token", good}});
  world.settle();
  EXPECT_THAT(first.link->story(), ElementsAre("connection_ready", "caught_up"));

  for (const json& frame : {json{{"type", "authenticate"}, {"token", good + "x"}}, message("m"),
                            json{{"type", "ping"}}}) {
    auto refused = world.connect(plain_handshake(), std::nullopt);
    refused.say(frame);
    world.settle();
    ASSERT_TRUE(refused.link->ended) << frame;
    EXPECT_EQ(refused.link->ended->first, CloseCode::not_authenticated);
    EXPECT_EQ(refused.link->story().front(), "error token_invalid");
    refused.say(message("m2"));
    world.settle();
    EXPECT_TRUE(inbound(world).empty());
  }
}

TEST(Session, without_a_token_in_time_it_is_closed_4408) {
  GatewayWorld world;
  auto client = world.connect(plain_handshake(), std::nullopt);
  world.scheduler.advance(std::chrono::milliseconds(4999));
  client.session->on_tick();
  EXPECT_FALSE(client.link->ended);
  world.scheduler.advance(std::chrono::milliseconds(1));
  client.session->on_tick();
  ASSERT_TRUE(client.link->ended);
  EXPECT_EQ(client.link->ended->first, CloseCode::authentication_timeout);
}

TEST(Session, pings_every_25_seconds_and_gives_up_after_60_without_a_sign_of_life) {
  GatewayWorld world;
  auto client = world.connect("ann");
  int second = 0;
  std::vector<int> pinged;
  const auto pass_until = [&](int end) {
    while (second < end && !client.link->ended) {
      const int before = client.link->pings;
      world.scheduler.advance(std::chrono::seconds(1));
      client.session->on_tick();
      ++second;
      if (client.link->pings > before) pinged.push_back(second);
      EXPECT_LE(client.link->pings, before + 1);
    }
  };
  pass_until(50);
  client.session->on_alive();  // a pong
  pass_until(105);
  client.say({{"type", "ping"}, {"nonce", "n"}});  // any frame is a sign of life
  pass_until(1000);
  EXPECT_THAT(pinged, testing::ElementsAre(25, 50, 75, 100, 125, 150));
  ASSERT_TRUE(client.link->ended);
  EXPECT_EQ(client.link->ended->first, CloseCode::heartbeat_lost);
  EXPECT_EQ(second, 165);
}

TEST(Session, ends_with_its_token_unless_that_was_refreshed_for_the_same_user) {
  GatewayWorld world;
  const auto refresh = [&](const std::string& user) {
    return json{
        {"type", "refresh_token"},
        {"token", sign_token(world.key, {UserId(user), {}}, world.scheduler.clock().now())}};
  };
  auto ends = world.connect("ann");
  auto stays = world.connect("ann");
  world.scheduler.advance(std::chrono::minutes(59));
  ends.session->on_alive();
  ends.say(refresh("bob"));
  EXPECT_EQ(last(ends)["code"], "token_invalid");
  stays.say(refresh("ann"));
  EXPECT_EQ(last(stays)["type"], "ack");
  world.scheduler.advance(std::chrono::minutes(1) + std::chrono::seconds(30));
  for (auto* client : {&ends, &stays}) {
    client->session->on_alive();
    client->session->on_tick();
  }
  ASSERT_TRUE(ends.link->ended);
  EXPECT_EQ(ends.link->ended->first, CloseCode::not_authenticated);
  EXPECT_FALSE(stays.link->ended);
}

TEST(Session, a_user_s_sockets_are_limited_and_places_come_back) {
  GatewayLimits limits;
  limits.sockets_per_user_max = 2;
  GatewayWorld world({.limits = limits});
  auto one = world.connect("ann");
  auto two = world.connect("ann");
  auto three = world.connect("ann");
  auto other = world.connect("bob");
  ASSERT_TRUE(three.link->ended);
  EXPECT_EQ(three.link->ended->first, CloseCode::too_many_connections);
  EXPECT_FALSE(other.link->ended);
  world.disconnect(three);
  world.disconnect(one);
  auto again = world.connect("ann");
  EXPECT_FALSE(again.link->ended);
}

TEST(Session, while_draining_sends_are_answered_but_not_taken) {
  GatewayWorld world;
  auto client = world.connect("ann");
  client.session->on_text(message("m1").dump());
  client.session->drain(std::chrono::milliseconds(500));
  client.session->on_text(message("m2").dump());
  world.feed->tell_positions();
  world.settle();
  EXPECT_EQ(inbound(world).size(), 1U);
  const auto story = client.link->story();
  EXPECT_THAT(story, testing::Contains("ack"));
  EXPECT_THAT(story, testing::Contains("error overloaded"));
  EXPECT_THAT(story, testing::Contains("draining"));
  ASSERT_TRUE(client.link->ended);
  EXPECT_EQ(client.link->ended->first, CloseCode::draining);
}

// A client that was told a cursor never reads what it covers again: a slow socket may not lose that
// and keep the cursor.
TEST(Session, what_is_sent_before_a_cursor_goes_out_before_it) {
  GatewayWorld world;
  auto client = world.connect("ann");
  client.session->drain(std::chrono::milliseconds(500));
  world.feed->tell_positions();
  world.settle();
  std::vector<std::string> stating;
  for (std::size_t i = 0; i < client.link->frames.size(); ++i)
    if (client.link->frames[i]->kind() == FrameKind::cursor)
      stating.push_back(client.link->frame(i)["type"]);
  EXPECT_THAT(stating, testing::ElementsAre("caught_up", "draining"));
}

TEST(Session, an_answer_that_comes_after_the_socket_is_gone_harms_nobody) {
  GatewayWorld world;
  auto client = world.connect("ann");
  client.session->on_text(message("m1").dump());
  world.kept.clear();
  client.session->on_closed(CloseCode::abnormal, "");
  client.session.reset();
  world.settle();
  EXPECT_EQ(inbound(world).size(), 1U);
  EXPECT_EQ(world.callbacks.pending(), 0U);
}

TEST(Session, the_alias_stands_in_frames_only_where_it_was_negotiated) {
  GatewayWorld world;
  auto now = world.connect("ann");
  auto old = world.connect("ann", StreamFrom::latest, {}, event_store::WireDialect::v1_legacy);
  EXPECT_FALSE(now.link->frame(0).contains("websocket_connection_id"));
  EXPECT_EQ(old.link->frame(0)["websocket_connection_id"],
            old.link->frame(0)["websocket_client_id"]);
}

TEST(Session, connection_records_are_written_together_a_second_later) {
  GatewayWorld world;
  auto client = world.connect("ann");
  world.disconnect(client);
  EXPECT_TRUE(world.simulated.records({Topic::connections, Partition(0)}).empty());
  world.scheduler.advance(std::chrono::milliseconds(1100));
  std::vector<std::string> types;
  for (const RecordPtr& record : world.simulated.records({Topic::connections, Partition(0)})) {
    EXPECT_TRUE(event_store::decode_connection(*record));
    EXPECT_EQ(record->key, "ann");
    types.emplace_back(*record->header("ce_type"));
  }
  ASSERT_EQ(types.size(), 3U);
  EXPECT_TRUE(types[0].ends_with("client_connected"));
  EXPECT_TRUE(types[1].ends_with("auth_accepted"));
  EXPECT_TRUE(types[2].ends_with("client_disconnected"));
}

TEST(ConnectionJournal, a_start_is_noted_in_every_partition_without_a_user) {
  GatewayWorld world({.partitions = 3});
  world.journal->note_start("g1", "boot");
  world.scheduler.advance(std::chrono::seconds(2));
  for (std::int32_t i = 0; i < 3; ++i) {
    const auto records = world.simulated.records({Topic::connections, Partition(i)});
    ASSERT_EQ(records.size(), 1U);
    EXPECT_FALSE(records[0]->key);
    const auto noted = event_store::decode_connection(*records[0]);
    ASSERT_TRUE(noted);
    EXPECT_EQ(std::get<GatewayStarted>(noted->data), (GatewayStarted{"g1", "boot"}));
  }
}

TEST(ConnectionJournal, drops_and_counts_what_exceeds_its_bound) {
  GatewayWorld world;
  ConnectionJournal journal(*world.log, world.shard, world.scheduler.clock(), world.random,
                            world.callbacks, {.source = "/s", .partitions = 1, .records_max = 2});
  AuthEmitter emitter = create_auth_emitter({UserId("ann"), WebsocketClientId("ws_1")}, journal);
  EXPECT_TRUE(emitter.emit(AuthAccepted{}));
  EXPECT_TRUE(emitter.emit(AuthAccepted{}));
  EXPECT_EQ(emitter.emit(AuthAccepted{}).error().code, Errc::unavailable);
  EXPECT_EQ(journal.dropped(), 1U);
  world.scheduler.advance(std::chrono::seconds(2));
  EXPECT_EQ(world.simulated.records({Topic::connections, Partition(0)}).size(), 2U);
  EXPECT_TRUE(emitter.emit(AuthExpired{}));
}

}  // namespace
}  // namespace signalbox::gateway
