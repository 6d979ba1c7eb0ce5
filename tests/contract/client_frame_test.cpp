#include <gtest/gtest.h>

#include "event-store/contract/frame_codec.hpp"
#include "tests/contract/samples.hpp"

namespace signalbox::event_store {
namespace {

tl::expected<ClientFrame, ErrorFrame> read(std::string_view text) {
  return decode_client_frame(text, FrameLimits{});
}

template <class Data>
Data data_of(std::string_view text) {
  auto frame = read(text);
  if (!frame) throw std::runtime_error(frame.error().message);
  return std::get<Data>(frame->data);
}

struct Refused {
  Errc code;
  std::string field;
  friend bool operator==(const Refused&, const Refused&) = default;
  friend void PrintTo(const Refused& refused, std::ostream* out) {
    *out << to_text(refused.code) << " of '" << refused.field << "'";
  }
};

Refused refused(std::string_view text) {
  const auto frame = read(text);
  if (frame) return {Errc::not_found, "nothing was refused"};
  return {frame.error().code, frame.error().field.value_or("")};
}

constexpr std::string_view kRun = "901cbb7a-8437-5342-9037-e89c728abfdc";

TEST(ClientFrame, UserMessageIsRead) {
  const auto frame = read(
      R"({"type":"user_message","id":"7","message_id":"m-1","thread_id":"thread-1",)"
      R"("content":"grüß \"dich\"\n","agent":"assistant","traceparent":"00-a-b-01","more":[1]})");
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->id, "7");
  const auto& message = std::get<UserMessageFrame>(frame->data);
  EXPECT_EQ(message.message_id, MessageId("m-1"));
  EXPECT_EQ(message.thread_id, ThreadId("thread-1"));
  EXPECT_EQ(message.content, "grüß \"dich\"\n");
  EXPECT_EQ(message.agent, "assistant");
  EXPECT_EQ(message.traceparent, "00-a-b-01");
}

TEST(ClientFrame, WhatIsOptionalMayBeAbsent) {
  const auto frame =
      read(R"({"content":"","thread_id":"t","message_id":"m","type":"user_message"})");
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->id, std::nullopt);
  EXPECT_EQ(std::get<UserMessageFrame>(frame->data).agent, std::nullopt);
  EXPECT_EQ(data_of<PingFrame>(R"({"type":"ping"})").nonce, std::nullopt);
}

TEST(ClientFrame, TheOtherTypesAreRead) {
  const std::string run(kRun);
  EXPECT_EQ(data_of<AuthenticateFrame>(R"({"type":"authenticate","token":"a.b.c"})").token,
            "a.b.c");
  EXPECT_EQ(data_of<RefreshTokenFrame>(R"({"type":"refresh_token","token":"d"})").token, "d");
  EXPECT_EQ(data_of<CancelRunFrame>(R"({"type":"cancel_run","run_id":")" + run + "\"}").run_id,
            RunId(uuid_of(kRun)));
  EXPECT_EQ(data_of<ResumeFrame>(R"({"type":"resume","cursor":"AQ"})").cursor, "AQ");
  EXPECT_EQ(data_of<ResumeFrame>(R"({"type":"resume","from":"start"})").from, "start");
  EXPECT_EQ(data_of<PingFrame>(R"({"type":"ping","nonce":"n"})").nonce, "n");
}

TEST(ClientFrame, InputMayBeAnyJsonAndKeepsItsBytes) {
  const std::string head =
      R"({"type":"run_input","run_id":")" + std::string(kRun) + R"(","request_id":"r","data":)";
  for (const std::string data :
       {"105945141827451681156", "null", "\"a\\u0041\"", "[ 1,{} ]", R"({"n": 1.0e400})", "false"})
    EXPECT_EQ(data_of<RunInputFrame>(head + data + " }").data, JsonText(data));
}

TEST(ClientFrame, WhatIsNoObjectIsBadJson) {
  for (const std::string_view text :
       {"", "x", "[]", "\"a\"", "{\"type\":\"ping\"", "{\"type\":\"ping\",}",
        "{\"type\":\"ping\",\"a\":1,\"a\":2}", "{\"type\":\"ping\"}x",
        "{\"type\":\"ping\",\"a\":\"\xff\"}", "{\"type\":\"ping\",\"a\":01}"})
    EXPECT_EQ(refused(text), (Refused{Errc::bad_json, ""})) << text;
}

TEST(ClientFrame, AMemberNamedTwiceIsBadJsonHoweverDeep) {
  const auto input = [](const std::string& data) {
    return R"({"type":"run_input","run_id":")" + std::string(kRun) +
           R"(","request_id":"r","data":)" + data + "}";
  };
  for (const char* const data : {R"({"a":1,"a":1})", R"([{"a":{"b":1,"c":2,"b":3}}])",
                                 R"({"a":1,"\u0061":2})", R"({"":1,"x":{},"":1})"})
    EXPECT_EQ(refused(input(data)), (Refused{Errc::bad_json, ""})) << data;
  EXPECT_EQ(read(input(R"({"a":{"a":1},"b":{"a":1},"c":[{"a":1},{"a":1}]})")).has_value(), true);
}

// Each was once compared with each: seconds for a frame of 256 KiB, in which its shard served
// nobody. So many that it would not end in the time a test has.
TEST(ClientFrame, ManyMembersAreReadOnceEach) {
  std::string many;
  for (int i = 0; many.size() < 8'000'000; ++i) many += ",\"" + std::to_string(i) + "\":1";
  const std::string top = R"({"type":"ping")" + many + "}";
  const std::string nested = R"({"type":"ping","x":{"y":1)" + many + "}}";
  EXPECT_TRUE(read(top));
  EXPECT_TRUE(read(nested));
  EXPECT_EQ(refused(R"({"type":"ping")" + many + R"(,"0":1})"), (Refused{Errc::bad_json, ""}));
  EXPECT_EQ(refused(R"({"type":"ping","x":{"y":1)" + many + R"(,"0":1}})"),
            (Refused{Errc::bad_json, ""}));
}

TEST(ClientFrame, DeeperThanTheLimitIsBadJson) {
  const auto nested = [](std::size_t depth) {
    return R"({"type":"ping","a":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') +
           "}";
  };
  EXPECT_TRUE(read(nested(64)));
  EXPECT_EQ(refused(nested(65)), (Refused{Errc::bad_json, ""}));
  EXPECT_EQ(refused(nested(100000)), (Refused{Errc::bad_json, ""}));
}

TEST(ClientFrame, ATypeNobodyKnowsIsNamed) {
  EXPECT_EQ(refused(R"({"type":"make_coffee"})"), (Refused{Errc::unknown_type, "type"}));
  EXPECT_EQ(refused(R"({"type":"ack"})"), (Refused{Errc::unknown_type, "type"}));
  EXPECT_EQ(refused(R"({"type":1})"), (Refused{Errc::bad_field, "type"}));
  EXPECT_EQ(refused(R"({})"), (Refused{Errc::missing_field, "type"}));
}

TEST(ClientFrame, AMissingFieldIsNamed) {
  EXPECT_EQ(refused(R"({"type":"user_message","thread_id":"t","content":"c"})"),
            (Refused{Errc::missing_field, "message_id"}));
  EXPECT_EQ(refused(R"({"type":"user_message","message_id":"m","thread_id":"t"})"),
            (Refused{Errc::missing_field, "content"}));
  EXPECT_EQ(refused(R"({"type":"cancel_run"})"), (Refused{Errc::missing_field, "run_id"}));
  EXPECT_EQ(refused(R"({"type":"authenticate"})"), (Refused{Errc::missing_field, "token"}));
  EXPECT_EQ(refused(R"({"type":"resume"})"), (Refused{Errc::missing_field, "cursor"}));
}

TEST(ClientFrame, AWrongFieldIsNamed) {
  const auto bad = [](std::string field) { return Refused{Errc::bad_field, std::move(field)}; };
  EXPECT_EQ(refused(R"({"type":"user_message","message_id":1,"thread_id":"t","content":"c"})"),
            bad("message_id"));
  EXPECT_EQ(refused(R"({"type":"user_message","message_id":"","thread_id":"t","content":"c"})"),
            bad("message_id"));
  EXPECT_EQ(refused(R"({"type":"user_message","message_id":"m","thread_id":"a\nb","content":"c"})"),
            bad("thread_id"));
  EXPECT_EQ(refused(R"({"type":"user_message","message_id":"m","thread_id":"t","content":null})"),
            bad("content"));
  EXPECT_EQ(
      refused(
          R"({"type":"user_message","message_id":"m","thread_id":"t","content":"c","agent":""})"),
      bad("agent"));
  EXPECT_EQ(refused(R"({"type":"cancel_run","run_id":"run-1"})"), bad("run_id"));
  EXPECT_EQ(refused(R"({"type":"resume","from":"yesterday"})"), bad("from"));
  EXPECT_EQ(refused(R"({"type":"resume","from":"start","cursor":"AQ"})"), bad("from"));
  EXPECT_EQ(refused(R"({"type":"ping","nonce":{}})"), bad("nonce"));
  EXPECT_EQ(refused(R"({"type":"ping","id":7})"), bad("id"));
  EXPECT_EQ(refused(R"({"type":"ping","id":")" + std::string(65, 'i') + "\"}"), bad("id"));
  EXPECT_TRUE(read(R"({"type":"ping","id":")" + std::string(64, 'i') + "\"}"));
}

TEST(ClientFrame, HalfACodePointIsABadFieldOfTheFieldThatHoldsIt) {
  const std::string_view content =
      R"({"type":"user_message","message_id":"m","thread_id":"t","content":"a\ud800b"})";
  EXPECT_EQ(refused(content), (Refused{Errc::bad_field, "content"}));
  const auto error = read(content).error();
  EXPECT_EQ(error.message_id, MessageId("m"));
  const std::string input = R"({"type":"run_input","run_id":")" + std::string(kRun) +
                            R"(","request_id":"r","data":{"a":["\udc00"]}})";
  EXPECT_EQ(refused(input), (Refused{Errc::bad_field, "data"}));
  EXPECT_EQ(refused(R"({"type":"ping","id":"\ud800"})"), (Refused{Errc::bad_field, "id"}));
  EXPECT_EQ(refused(R"({"type":"\ud800"})"), (Refused{Errc::bad_field, "type"}));
}

TEST(ClientFrame, TheOldNameIsRefusedWithTheWholeFieldNameAndTheRightOne) {
  const auto frame =
      read(R"({"type":"user_message","id":"7","message_id":"m-1","thread_id":"t","content":"c",)"
           R"("websocket_connection_id":"ws_10594514_1757335346_19513def"})");
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, Errc::deprecated_field);
  EXPECT_EQ(frame.error().field, "websocket_connection_id");
  EXPECT_EQ(frame.error().hint, "use websocket_client_id");
  EXPECT_EQ(frame.error().id, "7");
  EXPECT_EQ(frame.error().message_id, MessageId("m-1"));
  EXPECT_EQ(refused(R"({"type":"ping","websocket_connection_id":null})"),
            (Refused{Errc::deprecated_field, "websocket_connection_id"}));
  EXPECT_TRUE(read(R"({"type":"ping","nonce":"websocket_connection_id"})"));
}

TEST(ClientFrame, ContentHasItsLimitAfterDecoding) {
  const auto message = [](const std::string& content) {
    return R"({"type":"user_message","message_id":"m","thread_id":"t","content":")" + content +
           "\"}";
  };
  std::string escaped;
  for (int i = 0; i < 32768; ++i) escaped += "\\u0041";
  EXPECT_TRUE(read(message(escaped)));
  EXPECT_EQ(refused(message(escaped + "A")), (Refused{Errc::too_large, "content"}));
  EXPECT_EQ(read(message(escaped + "A")).error().message_id, MessageId("m"));
}

TEST(ClientFrame, AnErrorRepeatsOnlyWhatCouldBeRead) {
  const auto frame = read(R"({"type":"user_message","id":"7","message_id":"\u0000"})");
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().id, "7");
  EXPECT_EQ(frame.error().message_id, std::nullopt);
  EXPECT_NE(frame.error().message.find("message_id"), std::string::npos);
}

}  // namespace
}  // namespace signalbox::event_store
