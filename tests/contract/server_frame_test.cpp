#include <gtest/gtest.h>

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/frame_contracts.hpp"
#include "tests/contract/samples.hpp"
#include "tests/contract/vectors.hpp"

namespace signalbox::event_store {
namespace {

constexpr auto kV1 = WireDialect::v1;
constexpr auto kLegacy = WireDialect::v1_legacy;

Record record_of(EventData data) { return stored(encode_event(sample_event(std::move(data)))); }

void set_header(Record& record, std::string_view name, std::string value) {
  record.headers.set(name, value);
}

TEST(ServerFrame, EachIsWrittenAsTheContractSays) {
  const auto frames = sample_server_frames();
  const std::vector<std::string> texts = {
      R"({"type":"connection_ready","websocket_client_id":"ws_10594514_1757335346_19513def",)"
      R"("user_id":"105945141827451681156","cursor":"AQGS9aB8","heartbeat_seconds":25,)"
      R"("frame_bytes_max":262144,"shard":10})",
      R"({"type":"ack","id":"1","message_id":"m-1","run_id":"901cbb7a-8437-5342-9037-e89c728abfdc"})",
      R"({"type":"caught_up","cursor":"AQGS9aB8"})",
      R"({"type":"draining","reconnect_after_ms":1500,"cursor":"AQGS9aB8"})",
      R"({"type":"error","id":"2","code":"cursor_invalid","message":"is of another log",)"
      R"("field":"cursor","hint":"resume from latest","message_id":"m-1","retry_after_ms":250,)"
      R"("reason":"other_log","oldest_cursor":"AQGS9aB9"})",
      R"({"type":"pong","id":"3","nonce":"n-1"})",
  };
  ASSERT_EQ(frames.size(), texts.size());
  for (std::size_t i = 0; i < frames.size(); ++i)
    EXPECT_EQ(encode_server_frame(frames[i], kV1), texts[i]);
}

TEST(ServerFrame, WhatIsAbsentIsLeftOut) {
  EXPECT_EQ(encode_server_frame(AckFrame{}, kV1), R"({"type":"ack"})");
  EXPECT_EQ(encode_server_frame(PongFrame{}, kV1), R"({"type":"pong"})");
}

TEST(ServerFrame, TheOldNameIsAReadOnlyAliasWhereNegotiated) {
  const std::string ready = encode_server_frame(sample_server_frames()[0], kLegacy);
  EXPECT_NE(ready.find(R"("websocket_connection_id":"ws_10594514_1757335346_19513def")"),
            std::string::npos);
  EXPECT_EQ(encode_server_frame(PongFrame{}, kLegacy), R"({"type":"pong"})");
}

TEST(EventFrame, IsSplicedFromHeadersAndValue) {
  const Record event = record_of(AgentThinking{Step(1), "“hm”"});
  EXPECT_EQ(
      encode_event_frame(event, "AQ", kV1),
      R"({"type":"agent_thinking","seq":5,"cursor":"AQ","time":"2026-11-20T09:30:01.000000Z",)"
      R"("user_id":"105945141827451681156","thread_id":"thread-1",)"
      R"("run_id":"901cbb7a-8437-5342-9037-e89c728abfdc",)"
      R"("websocket_client_id":"ws_10594514_1757335346_19513def","attempt":1,)"
      R"("data":{"step":1,"content":"“hm”"}})");
}

TEST(EventFrame, HasTheAliasWhereNegotiated) {
  const Record event = record_of(AgentThinking{Step(1), "hm"});
  const std::string frame = encode_event_frame(event, "AQ", kLegacy);
  EXPECT_NE(frame.find(R"("websocket_client_id":"ws_10594514_1757335346_19513def",)"
                       R"("websocket_connection_id":"ws_10594514_1757335346_19513def",)"),
            std::string::npos);
}

// The splice and the description of the frame say the same.
TEST(EventFrame, EveryEventReadsAsItsDescriptionSays) {
  for (const EventData& data : sample_event_data()) {
    const std::string text = encode_event_frame(record_of(data), "AQ", kV1);
    const auto frame = decode_object<EventFrame>(text, 1);
    ASSERT_TRUE(frame) << frame.error().field << " of " << text;
    const std::string head = "{\"type\":\"" + std::string(event_name(data)) + "\",";
    EXPECT_EQ(text, head + encode_object(*frame).substr(1));
  }
}

TEST(EventFrame, WhatHasNoHeaderIsLeftOut) {
  Event event = sample_event(CancelRejected{RunId(uuid_of("901cbb7a-8437-5342-9037-e89c728abfdc")),
                                            CancelRejectCode::unknown_run});
  event.thread_id = std::nullopt;
  event.run_id = std::nullopt;
  event.attempt = std::nullopt;
  const std::string frame = encode_event_frame(stored(encode_event(event)), "AQ", kV1);
  EXPECT_EQ(frame.find("thread_id"), std::string::npos);
  EXPECT_EQ(frame.find("attempt"), std::string::npos);
}

TEST(EventFrame, MemoryNeverLeavesTheHouse) {
  const auto shown = [](std::string content, std::optional<std::string> memory) {
    const std::string frame = encode_event_frame(
        record_of(AgentCompleted{std::move(content), std::move(memory)}), "AQ", kV1);
    return frame.substr(frame.find("\"data\":"));
  };
  EXPECT_EQ(shown("391", "dialogue=7"), R"("data":{"content":"391"}})");
  EXPECT_EQ(shown("\"memory\":1", "secret"), R"("data":{"content":"\"memory\":1"}})");
  EXPECT_EQ(shown("\"memory\"", std::nullopt), R"("data":{"content":"\"memory\""}})");
  EXPECT_EQ(shown("\\\"memory\"", "s"), R"("data":{"content":"\\\"memory\""}})");
}

TEST(EventFrame, MemoryOfALaterVersionStaysToo) {
  Record event = record_of(AgentCompleted{"391", "secret"});
  set_header(event, "ce_dataschema", "urn:signalbox:contract:agent_completed:9");
  EXPECT_EQ(encode_event_frame(event, "AQ", kV1).find("secret"), std::string::npos);
  event.value = R"({"content":"391","memory":"secret")";
  EXPECT_EQ(encode_event_frame(event, "AQ", kV1).find("secret"), std::string::npos);
}

TEST(EventFrame, VersionOneIsShownAsTheCurrentOne) {
  Record event = record_of(AgentThinking{Step(1), "hm"});
  set_header(event, "ce_dataschema", "urn:signalbox:contract:agent_thinking:1");
  event.value = R"({"step":1,"content":"hm","websocket_connection_id":"ws_old"})";
  const std::string frame = encode_event_frame(event, "AQ", kV1);
  EXPECT_NE(frame.find(R"("data":{"step":1,"content":"hm","websocket_client_id":"ws_old"}})"),
            std::string::npos);
}

TEST(EventFrame, AVersionNobodyKnowsIsPassedOnUnchanged) {
  Record event = record_of(AgentThinking{Step(1), "hm"});
  set_header(event, "ce_dataschema", "urn:signalbox:contract:agent_thinking:12");
  event.value = R"({ "thoughts" : [ ] })";
  const std::string frame = encode_event_frame(event, "AQ", kV1);
  EXPECT_NE(frame.find(R"("data":{ "thoughts" : [ ] }})"), std::string::npos);
  EXPECT_NE(frame.find(R"("seq":5,)"), std::string::npos);
}

TEST(EventFrame, ASealedValueIsNotShown) {
  Record event = record_of(AgentThinking{Step(1), "hm"});
  set_header(event, "content-type", "application/vnd.signalbox.sealed");
  event.value = "\xff\xfe";
  EXPECT_EQ(encode_event_frame(event, "AQ", kV1).find("\"data\""), std::string::npos);
}

TEST(ProgressFrame, HasNeitherSeqNorCursor) {
  const Record progress = stored(encode_progress(sample_progress()), Topic::progress);
  const std::string text = encode_progress_frame(progress, kV1);
  EXPECT_EQ(text, R"({"type":"agent_responding","time":"2026-11-20T09:30:04.000000Z",)"
                  R"("user_id":"105945141827451681156","thread_id":"thread-1",)"
                  R"("run_id":"901cbb7a-8437-5342-9037-e89c728abfdc",)"
                  R"("websocket_client_id":"ws_10594514_1757335346_19513def","attempt":2,)"
                  R"("data":{"index":3,"offset":120,"content":"The answer "}})");
  const auto frame = decode_object<ProgressFrame>(text, 1);
  ASSERT_TRUE(frame) << frame.error().field;
  EXPECT_EQ(frame->data, sample_progress().data);
  EXPECT_NE(encode_progress_frame(progress, kLegacy).find("websocket_connection_id"),
            std::string::npos);
}

TEST(ServerFrame, EverySampleIsReadAsItWasWritten) {
  using Codec = DataCodec<ServerFrame>;
  const auto frames = sample_server_frames();
  EXPECT_EQ(frames.size(), std::variant_size_v<ServerFrame>);
  for (const ServerFrame& frame : frames) {
    const std::string text = encode_server_frame(frame, kV1);
    const auto read = Codec::entry_of(frame).decode(text, 1);
    ASSERT_TRUE(read) << read.error().field << " of " << text;
    EXPECT_EQ(encode_server_frame(*read, kV1), text);
  }
}

}  // namespace
}  // namespace signalbox::event_store
