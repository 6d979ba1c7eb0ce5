#include "router/snapshot_codec.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "tests/contract/described.hpp"
#include "tests/router/user_story.hpp"

namespace signalbox::router {
namespace {

using event_store::Position;
using Json = nlohmann::json;

const LogId kLog(*Uuid::parse("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"));

// A user with everything a state can hold.
UserStory busy_user() {
  UserStory user;
  user.says("m1", "t1", "hello");
  user.says("m2", "t2", "x", "ask");
  user.says("m3", "t3");
  user.starts_what_may();
  user.says("m4", "t1", "queued");
  user.run_states("m1", AgentThinking{.step = Step(1), .content = "\xe2\x80\x9cso\xe2\x80\x9d"});
  user.run_states("m1", ToolExecuting{.step = Step(2),
                                      .call_id = CallId(Uuid{}),
                                      .name = "a",
                                      .arguments = JsonText(R"({"n":12345678901234567890})")});
  user.run_states("m1", ToolCompleted{.step = Step(2),
                                      .call_id = CallId(Uuid{}),
                                      .name = "a",
                                      .result = std::nullopt,
                                      .error = ToolError{"c", "m"}});
  user.run_states(
      "m1",
      ToolExecuting{
          .step = Step(3), .call_id = CallId(Uuid{}), .name = "b", .arguments = JsonText("{}")});
  user.run_states("m1", ModelCompleted{.step = Step(4),
                                       .model = "m",
                                       .request_sha256 = std::string(64, '0'),
                                       .output = JsonText("[]")});
  user.run_states("m2", InputRequested{.step = Step(1),
                                       .request_id = RequestId("q"),
                                       .prompt = "p",
                                       .schema = JsonText("{}"),
                                       .expires = Timestamp{}});
  user.run_states("m3", AgentCompleted{.content = "done", .memory = "memo"});
  user.is_taken_over(ResumeReason::owner_lost);
  user.cancels("m1");
  return user;
}

TEST(SnapshotCodec, AStateComesBackAsItWas) {
  const UserStory user = busy_user();
  const UserSnapshot snapshot{.log_id = kLog,
                              .partition = Partition(3),
                              .at = {.next_offset = Offset(9),
                                     .epoch = Epoch(2),
                                     .claim = ClaimId(Uuid{}),
                                     .owner_seq = OwnerSeq(4)},
                              .state = user.state()};
  const auto back = decode_user_snapshot(encode_user_snapshot(snapshot));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->at, snapshot.at);
  EXPECT_TRUE(back->state == user.state());
}

TEST(SnapshotCodec, ADamagedUserStaysDamaged) {
  UserStory user = busy_user();
  freeze(user.state(), Offset(41));
  const auto back = decode_user_snapshot(encode_user_snapshot(
      {.log_id = kLog, .partition = Partition(3), .at = {}, .state = user.state()}));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->state.damaged_at, Offset(41));
  EXPECT_TRUE(back->state == user.state());
}

// The bytes on disk, held fast. When they have to change, kFoldVersion does, and there is a new
// file.
std::string golden(const std::string& name) {
  return event_store::read_file(SIGNALBOX_SOURCE_DIR "/tests/router/golden/" + name + "_" +
                                std::to_string(kFoldVersion) + ".json");
}

StoredText text(const std::string& words, std::int64_t seq, TextPart part = TextPart::main) {
  return {.text = words, .seq = Seq(seq), .part = part};
}

CallId call_of(std::uint8_t number) { return CallId(Uuid{{number}}); }

// One of every kind of step, with and without what may be absent.
std::vector<RecordedStep> every_step() {
  StoredText in_the_log = text("", 6);
  in_the_log.offset = Offset(77);
  in_the_log.loaded = false;
  return {
      RecordedThought{text("\xe2\x80\x9cso\xe2\x80\x9d", 5)},
      RecordedModel{"m-1", std::string(64, 'a'), in_the_log},
      RecordedCall{call_of(1), "found", text(R"({"n":1})", 7), text("[1]", 8), std::nullopt},
      RecordedCall{call_of(2), "failed", text("{}", 9), std::nullopt, ToolError{"c", "m"}},
      RecordedCall{call_of(3), "in flight", text("{}", 11), std::nullopt, std::nullopt},
      RecordedQuestion{RequestId("q-1"), text("sure?", 12), text("{}", 12, TextPart::schema),
                       Timestamp(std::chrono::microseconds(1'795'000'000'000'001)),
                       text("true", 13)},
      RecordedQuestion{RequestId("q-2"), text("really?", 14), text("{}", 14, TextPart::schema),
                       Timestamp(std::chrono::microseconds(1'795'000'000'000'002)), std::nullopt}};
}

OpenRun every_run(RunId id) {
  const auto at = [](std::int64_t second) { return Timestamp(std::chrono::seconds(second)); };
  OpenRun run{.run_id = id,
              .thread_id = ThreadId("t-1"),
              .message_id = MessageId("m-1"),
              .agent = "assistant",
              .content = text("what is 17 * 23?", 1),
              .websocket_client_id = WebsocketClientId("ws_1"),
              .inbound_offset = Offset(17),
              .causation_id = "cause",
              .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
              .phase = RunPhase::waiting_for_input,
              .attempt = Attempt(2),
              .tries = 3,
              .steps = every_step()};
  run.started_at = at(1'795'000'001);
  run.last_event_at = at(1'795'000'002);
  run.waiting_since = at(1'795'000'003);
  run.stood_still = std::chrono::microseconds(4);
  run.cancelled_by = "ws_2";
  return run;
}

const Position kAt{.next_offset = Offset(9),
                   .epoch = Epoch(2),
                   .claim = ClaimId(*Uuid::parse("432c6fc5-cafd-5f5b-b6ef-304a30ec63ba")),
                   .owner_seq = OwnerSeq(4)};

UserSnapshot every_snapshot() {
  const RunId run(Uuid{{0xa1}});
  const RunId queued(Uuid{{0xa2}});
  RoutingState state(UserId("105945141827451681156"), {Seq(15), event_store::Hash{0xcd}});
  state.last_time = Timestamp(std::chrono::microseconds(1'795'000'000'000'005));
  state.last_inbound = Offset(18);
  for (const auto& [message, id] : {std::pair{"m-1", run}, {"m-2", queued}}) {
    state.seen.emplace(MessageId(message), SeenMessage{{0xef}, id});
    state.seen_order.emplace_back(message);
  }
  state.runs.emplace(run, every_run(run));
  state.runs.emplace(queued, OpenRun{.run_id = queued,
                                     .thread_id = ThreadId("t-1"),
                                     .message_id = MessageId("m-2"),
                                     .agent = "ask",
                                     .content = text("and 4?", 2),
                                     .websocket_client_id = WebsocketClientId("ws_1"),
                                     .inbound_offset = Offset(18),
                                     .causation_id = "cause 2"});
  state.threads[ThreadId("t-1")] = {run, queued};
  state.memories.emplace(ThreadId("t-0"), ThreadMemory{"memo", Seq(3)});
  state.damaged_at = Offset(8);
  return {.log_id = kLog, .partition = Partition(3), .at = kAt, .state = std::move(state)};
}

TEST(SnapshotCodec, AUsersSnapshotIsTheGoldenFileAndTheFileIsRead) {
  const UserSnapshot snapshot = every_snapshot();
  const std::string encoded = encode_user_snapshot(snapshot);
  EXPECT_EQ(Json::parse(encoded).dump(2) + "\n", golden("user_snapshot"));
  const auto back = decode_user_snapshot(golden("user_snapshot"));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->log_id, snapshot.log_id);
  EXPECT_EQ(back->partition, snapshot.partition);
  EXPECT_EQ(back->at, snapshot.at);
  EXPECT_TRUE(back->state == snapshot.state);
}

TEST(SnapshotCodec, APartitionsSnapshotIsTheGoldenFileAndTheFileIsRead) {
  const PartitionSnapshot snapshot{
      .log_id = kLog,
      .partition = Partition(3),
      .at = kAt,
      .inbound = {.next = Offset(5), .released = Epoch(1), .trying = Trying{Offset(5), 2}},
      .open_users = {UserId("a"), UserId("105945141827451681156")}};
  EXPECT_EQ(Json::parse(encode_partition_snapshot(snapshot)).dump(2) + "\n",
            golden("partition_snapshot"));
  const auto back = decode_partition_snapshot(golden("partition_snapshot"));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->at, snapshot.at);
  EXPECT_EQ(back->inbound, snapshot.inbound);
  EXPECT_EQ(back->open_users, snapshot.open_users);
}

TEST(SnapshotCodec, ReplayedHistoryGivesTheStateOfTheSnapshot) {
  const UserStory user = busy_user();
  RoutingState replayed(user.state().user_id,
                        event_store::start_of_chain(LogId(Uuid{}), user.state().user_id));
  for (const Event& event : user.history()) {
    replayed.chain.seq = event.seq;
    apply(replayed, event, user.rules().limits);
  }
  EXPECT_TRUE(replayed == user.state());
}

TEST(SnapshotCodec, ReplayedBytesGiveTheStateOfTheSnapshot) {
  const UserStory user = busy_user();
  RoutingState replayed(user.state().user_id,
                        event_store::start_of_chain(LogId(Uuid{}), user.state().user_id));
  for (const Event& event : user.history()) {
    NewRecord written = event_store::encode_event(event);
    event_store::add_chain_hash(written, event_store::Hash{});
    const auto read = event_store::decode_event(Record{{Topic::events, Partition(0)},
                                                       Offset(event.seq.value()),
                                                       event.time,
                                                       written.key,
                                                       written.headers,
                                                       written.value});
    ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
    replayed.chain.seq = read->seq;
    apply(replayed, *read, user.rules().limits);
  }
  EXPECT_TRUE(replayed == user.state());
}

TEST(SnapshotCodec, LongTextsStayInTheLogOnceTheirPlaceIsKnown) {
  UserStory user;
  user.says("m1", "t", std::string(5000, 'x'));
  const auto encode = [&] {
    return encode_user_snapshot(
        {.log_id = kLog, .partition = Partition(3), .at = {}, .state = user.state()});
  };
  EXPECT_GT(encode().size(), 5000u) << "its place is not known yet";
  note_offset(user.state(), user.run_of("m1"), Seq(1), Offset(77));
  EXPECT_LT(encode().size(), 2000u);
  const auto back = decode_user_snapshot(encode());
  ASSERT_TRUE(back);
  const StoredText& content = back->state.runs.begin()->second.content;
  EXPECT_FALSE(content.loaded);
  EXPECT_EQ(content.offset, Offset(77));
}

TEST(SnapshotCodec, WhatIsNoSnapshotIsRefusedNotBelieved) {
  for (const char* bytes : {"", "{}", "[]", "null", "{\"log_id\":5}"}) {
    EXPECT_FALSE(decode_user_snapshot(bytes)) << bytes;
    EXPECT_FALSE(decode_partition_snapshot(bytes)) << bytes;
  }
  const std::string whole = encode_user_snapshot(
      {.log_id = kLog, .partition = Partition(3), .at = {}, .state = busy_user().state()});
  for (std::size_t cut = 0; cut < whole.size(); cut += 97)
    EXPECT_FALSE(decode_user_snapshot(whole.substr(0, cut)));
}

TEST(SnapshotCodec, WhatIsWrongIsSaidWithoutAWordOfTheUser) {
  UserStory user;
  user.says("m1", "t", "what he wrote");
  const std::string whole = encode_user_snapshot(
      {.log_id = kLog, .partition = Partition(3), .at = {}, .state = user.state()});
  const std::size_t content = whole.find("what he wrote");
  ASSERT_NE(content, std::string::npos);
  const auto cut = decode_user_snapshot(whole.substr(0, content + 9));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().message.find("what he"), std::string::npos) << cut.error().message;
  EXPECT_NE(cut.error().message.find(std::to_string(content + 10)), std::string::npos)
      << "but the place: " << cut.error().message;
}

// The golden snapshot of a user with one thing changed.
Json changed(const char* place, const Json& value) {
  Json json = Json::parse(golden("user_snapshot"));
  json[Json::json_pointer(place)] = value;
  return json;
}

// Each was taken: as another number, as a text that is nowhere, as runs nobody would end.
TEST(SnapshotCodec, WhatNoEncoderWritesIsRefused) {
  const Json most = std::numeric_limits<std::int64_t>::max();
  const Json run = Json::parse(golden("user_snapshot"))["state"]["runs"][0];
  const std::pair<const char*, Json> changes[] = {
      {"/state/runs/0/phase", 3},
      {"/state/runs/0/phase", -1},
      {"/state/runs/0/phase", 0.5},
      {"/state/runs/0/attempt", 0},
      {"/state/runs/0/attempt", 4294967298},
      {"/state/runs/0/tries", -1},
      {"/state/runs/0/started_at", most},
      {"/state/runs/0/content", Json{{"seq", 1}}},
      {"/state/runs/0/thread_id", "t-2"},
      {"/state/runs/0/message_id", ""},
      {"/state/runs/0/run_id", "A1000000-0000-0000-0000-000000000000"},
      {"/state/runs/2", run},
      {"/state/threads/0/1/2", "a2000000-0000-0000-0000-000000000000"},
      {"/state/threads/0/1", Json::array()},
      {"/state/threads/1", Json{"t-9", Json::array()}},
      {"/state/seen/2", Json{"m-1", std::string(32, '0'), "a1000000-0000-0000-0000-000000000000"}},
      {"/state/seen/0/1", std::string(34, '0')},
      {"/state/seen/0/3", "more"},
      {"/state/chainhash", std::string(64, 'A')},
      {"/state/seq", most},
      {"/state/seq", 15.0},
      {"/state/seq", 1e300},
      {"/state/last_time", most},
      {"/state/last_inbound", -2},
      {"/state/user_id", "a\nb"},
      {"/state/more", 1},
      {"/at/offset", -1},
      {"/at/ownerseq", "4"},
      {"/partition", 4294967299}};
  for (const auto& [place, value] : changes) {
    const auto read = decode_user_snapshot(changed(place, value).dump());
    ASSERT_FALSE(read) << place << " = " << value;
    EXPECT_EQ(read.error().code, Errc::corrupt);
  }
  EXPECT_TRUE(decode_user_snapshot(changed("/state/seq", 16).dump()));
  // A member that nobody reads, and a number that a tree of JSON cannot hold.
  std::string beyond = Json::parse(golden("user_snapshot")).dump();
  EXPECT_FALSE(decode_user_snapshot(beyond.insert(1, R"("a":1e999,)")));
}

// Byte for byte they are nobody's, but they say the same.
TEST(SnapshotCodec, WhiteSpaceAndTheOrderOfMembersDoNotMatter) {
  const std::string written = Json::parse(golden("user_snapshot")).dump();
  ASSERT_TRUE(written.starts_with(R"({"at":)"));
  std::string other = written;
  other.erase(other.find(R"("partition":3,)"), 14);
  other.insert(1, " \"partition\" : 3,\n");
  const auto read = decode_user_snapshot(other);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(encode_user_snapshot(*read), written);
}

TEST(SnapshotCodec, AMemberTwiceOrBeyondAllDepthIsRefused) {
  std::string twice = Json::parse(golden("user_snapshot")).dump();
  ASSERT_EQ(twice.front(), '{');
  twice.insert(1, R"("partition":4,)");
  EXPECT_FALSE(decode_user_snapshot(twice));
  const std::size_t deep = 100'000;
  EXPECT_FALSE(decode_user_snapshot(std::string(deep, '[') + std::string(deep, ']')));
}

TEST(SnapshotCodec, APartitionsSnapshotComesBackAsItWas) {
  const PartitionSnapshot snapshot{
      .log_id = kLog,
      .partition = Partition(3),
      .at = {.next_offset = Offset(9),
             .epoch = Epoch(2),
             .claim = std::nullopt,
             .owner_seq = OwnerSeq(4)},
      .inbound = {.next = Offset(5), .released = Epoch(1), .trying = Trying{Offset(5), 2}},
      .open_users = {UserId("a"), UserId("b")}};
  const auto back = decode_partition_snapshot(encode_partition_snapshot(snapshot));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->at, snapshot.at);
  EXPECT_EQ(back->inbound, snapshot.inbound);
  EXPECT_EQ(back->open_users, snapshot.open_users);
}

TEST(SnapshotCodec, NoUserCanTakeTheKeyOfAPartition) {
  EXPECT_NE(user_snapshot_key(UserId("!partition/3")), partition_snapshot_key(Partition(3)));
  EXPECT_NE(user_snapshot_key(UserId("!partition/3")), user_snapshot_key(UserId("!!partition/3")));
}

}  // namespace
}  // namespace signalbox::router
