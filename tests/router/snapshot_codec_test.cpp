#include "router/snapshot_codec.hpp"

#include <gtest/gtest.h>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "tests/router/user_story.hpp"

namespace signalbox::router {
namespace {

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
