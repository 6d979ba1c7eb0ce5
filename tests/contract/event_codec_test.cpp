#include <gtest/gtest.h>

#include <algorithm>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "tests/contract/samples.hpp"
#include "tests/contract/vectors.hpp"

namespace signalbox::event_store {
namespace {

void expect_same(const Event& a, const Event& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.user_id, b.user_id);
  EXPECT_EQ(a.thread_id, b.thread_id);
  EXPECT_EQ(a.run_id, b.run_id);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.websocket_client_id, b.websocket_client_id);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.inbound_offset, b.inbound_offset);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.owner_seq, b.owner_seq);
  EXPECT_EQ(a.causation_id, b.causation_id);
  EXPECT_EQ(a.traceparent, b.traceparent);
  EXPECT_EQ(a.data, b.data) << event_name(a.data);
}

struct Refusal {
  Errc code;
  std::string field;
  friend bool operator==(const Refusal&, const Refusal&) = default;
  friend void PrintTo(const Refusal& refusal, std::ostream* out) {
    *out << to_text(refusal.code) << " of " << refusal.field;
  }
};

Refusal refusal_of(const Record& record) {
  const auto event = decode_event(record);
  if (event) return {Errc::not_found, "nothing was refused"};
  return {event.error().code, event.error().field};
}

Record vector_record(const OrderedJson& event) {
  return stored({vectors().at("chain").at("user_id").get<std::string>(), vectors_headers(event),
                 event.at("value").get<std::string>()});
}

TEST(EventCodec, EverySampleComesBackAsItWas) {
  const auto samples = sample_event_data();
  EXPECT_EQ(samples.size(), std::variant_size_v<EventData>);
  for (const EventData& data : samples) {
    const Event event = sample_event(data);
    const auto read = decode_event(stored(encode_event(event)));
    ASSERT_TRUE(read) << event_name(data) << ": " << read.error().field << " "
                      << read.error().message;
    expect_same(*read, event);
    EXPECT_EQ(encode_event(event).value, encode_event_value(data, event.websocket_client_id));
  }
}

TEST(EventCodec, WhatIsOptionalMayBeAbsent) {
  Event event = sample_event(MessageRejected{std::nullopt, RejectCode::malformed, "no message_id"});
  event.thread_id = std::nullopt;
  event.run_id = std::nullopt;
  event.attempt = std::nullopt;
  event.traceparent = std::nullopt;
  const NewRecord record = encode_event(event);
  for (const std::string_view name : {"ce_threadid", "ce_runid", "ce_attempt", "ce_traceparent"})
    EXPECT_FALSE(record.headers.find(name)) << name;
  EXPECT_EQ(record.value, R"({"code":"malformed","message":"no message_id"})");
  const auto read = decode_event(stored(record));
  ASSERT_TRUE(read);
  expect_same(*read, event);
}

TEST(EventCodec, TheEventsOfTheVectorsAreWrittenByteForByte) {
  for (const auto& row : vectors().at("chain").at("events")) {
    const Record given = vector_record(row);
    const auto event = decode_event(given);
    ASSERT_TRUE(event) << event.error().field << " " << event.error().message;
    NewRecord written = encode_event(*event);
    EXPECT_EQ(written.value, given.value);
    EXPECT_EQ(written.key, given.key);
    EXPECT_EQ(to_hex(content_hash(written.headers, written.value)),
              row.at("content_hash").get<std::string>());
    add_chain_hash(written, parse_hash(row.at("chainhash").get<std::string>()).value());
    Headers expected = given.headers;
    expected.erase_if([](const Header& header) { return header.name == "x-mirror"; });
    EXPECT_EQ(written.headers, expected);
  }
}

TEST(EventCodec, VersionOneOfARunEventIsReadThroughItsUpcaster) {
  NewRecord record = encode_event(sample_event(AgentThinking{Step(1), "hm"}));
  record.headers.set("ce_dataschema", "urn:signalbox:contract:agent_thinking:1");
  record.value = R"({"step":1,"content":"hm","websocket_connection_id":"ws_old"})";
  const auto read = decode_event(stored(record));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->data, EventData(AgentThinking{Step(1), "hm", WebsocketClientId("ws_old")}));
}

TEST(EventCodec, JsonWithinDataKeepsItsBytes) {
  const std::string raw = R"({ "n": 123456789012345678901234567890.10, "s": "\u00e4" })";
  const Event event =
      sample_event(ToolCompleted{Step(1), CallId(uuid_of("727f8994-54af-5948-ab06-6717f64e711f")),
                                 "t", JsonText(raw), std::nullopt});
  const auto read = decode_event(stored(encode_event(event)));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<ToolCompleted>(read->data).result, JsonText(raw));
}

struct EventRefusals : testing::Test {
  NewRecord record = encode_event(sample_event(sample_event_data()[2]));  // tool_executing

  Refusal with_header(std::string_view name, std::string value) {
    NewRecord changed = record;
    changed.headers.set(name, value);
    return refusal_of(stored(changed));
  }
  Refusal without_header(std::string_view name) {
    NewRecord changed = record;
    changed.headers.erase_if([&](const Header& header) { return header.name == name; });
    return refusal_of(stored(changed));
  }
  Refusal with_value(std::string value) {
    NewRecord changed = record;
    changed.value = std::move(value);
    return refusal_of(stored(changed));
  }
  Refusal malformed(std::string field) { return {Errc::malformed, std::move(field)}; }
};

TEST_F(EventRefusals, AMissingHeaderIsNamed) {
  for (const std::string name :
       {"ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_wsclientid", "ce_userseq",
        "ce_inboundoffset", "ce_ownerepoch", "ce_ownerseq", "ce_causationid"})
    EXPECT_EQ(without_header(name), malformed(name));
}

TEST_F(EventRefusals, AWrongHeaderIsNamed) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"ce_id", "b3ff"},
      {"ce_time", "today"},
      {"ce_wsclientid", "browser"},
      {"ce_threadid", ""},
      {"ce_runid", "run-1"},
      {"ce_attempt", "0"},
      {"ce_userseq", "-1"},
      {"ce_userseq", "+1"},
      {"ce_userseq", "1.0"},
      {"ce_userseq", " 1"},
      {"ce_ownerepoch", "0x1"},
      {"ce_ownerseq", ""},
      {"ce_inboundoffset", "99999999999999999999"},
      {"ce_dataschema", "tool_executing"},
      {"ce_dataschema", "urn:signalbox:contract:tool_completed:2"},
      {"ce_dataschema", "urn:signalbox:contract:tool_executing:x"},
      {"ce_type", "dev.elsewhere.tool_executing"},
  };
  for (const auto& [name, value] : wrong) EXPECT_EQ(with_header(name, value), malformed(name));
}

TEST_F(EventRefusals, AnotherSubjectThanTheKeyIsAMismatch) {
  EXPECT_EQ(with_header("ce_subject", "u"), (Refusal{Errc::key_mismatch, "ce_subject"}));
  record.key = std::nullopt;
  EXPECT_EQ(refusal_of(stored(record)), malformed("key"));
}

TEST_F(EventRefusals, WhatALaterBuildWroteIsUnsupported) {
  EXPECT_EQ(with_header("ce_dataschema", "urn:signalbox:contract:tool_executing:3"),
            (Refusal{Errc::unsupported_version, "ce_dataschema"}));
  EXPECT_EQ(with_header("ce_dataschema", "urn:signalbox:contract:tool_executing:0"),
            (Refusal{Errc::unsupported_version, "ce_dataschema"}));
  EXPECT_EQ(with_header("content-type", "application/vnd.signalbox.sealed"),
            (Refusal{Errc::unsupported_version, "content-type"}));
  record.headers.set("ce_dataschema", "urn:signalbox:contract:tool_dreaming:1");
  EXPECT_EQ(with_header("ce_type", "dev.signalbox.tool_dreaming"),
            (Refusal{Errc::unsupported_version, "ce_type"}));
}

TEST_F(EventRefusals, AWrongFieldOfDataIsNamedWithItsWholePath) {
  EXPECT_EQ(with_value("{"), malformed("data"));
  EXPECT_EQ(with_value("[]"), malformed("data"));
  EXPECT_EQ(with_value(R"({"step":2})"), malformed("data.call_id"));
  const std::string call = R"("call_id":"727f8994-54af-5948-ab06-6717f64e711f")";
  const std::string rest = R"(,"name":"n","arguments":{}})";
  EXPECT_EQ(with_value("{\"step\":0," + call + rest), malformed("data.step"));
  EXPECT_EQ(with_value("{\"step\":\"2\"," + call + rest), malformed("data.step"));
  EXPECT_EQ(with_value("{\"step\":2.0," + call + rest), malformed("data.step"));
  EXPECT_EQ(with_value("{\"step\":2147483648," + call + rest), malformed("data.step"));
  EXPECT_EQ(with_value("{\"step\":2,\"call_id\":null" + rest), malformed("data.call_id"));
  EXPECT_EQ(with_value("{\"step\":2," + call + ",\"name\":7,\"arguments\":{}}"),
            malformed("data.name"));
  EXPECT_EQ(with_value("{\"step\":2," + call + ",\"name\":\"\\ud800\",\"arguments\":{}}"),
            malformed("data.name"));
  EXPECT_EQ(with_value("{\"step\":2," + call + ",\"name\":\"n\",\"arguments\":[\"\\ud800\"]}"),
            malformed("data.arguments"));
  EXPECT_EQ(with_value("{\"step\":2," + call + ",\"step\":2" + rest), malformed("data"));
}

TEST_F(EventRefusals, AFieldWithinAFieldIsNamedWithItsWholePath) {
  const std::string call = R"("call_id":"727f8994-54af-5948-ab06-6717f64e711f")";
  record = encode_event(sample_event(sample_event_data()[3]));  // tool_completed
  EXPECT_EQ(with_value("{\"step\":2," + call + R"(,"name":"n","error":{"code":"c"}})"),
            malformed("data.error.message"));
  EXPECT_EQ(with_value("{\"step\":2," + call + R"(,"name":"n","error":"c"})"),
            malformed("data.error"));
}

TEST_F(EventRefusals, AToolHasEitherAResultOrAnError) {
  record = encode_event(sample_event(sample_event_data()[3]));  // tool_completed
  const std::string head =
      R"({"step":2,"call_id":"727f8994-54af-5948-ab06-6717f64e711f","name":"n")";
  EXPECT_EQ(with_value(head + "}"), malformed("data.result"));
  EXPECT_EQ(with_value(head + R"(,"result":1,"error":{"code":"c","message":"m"}})"),
            malformed("data.error"));
  EXPECT_EQ(with_value(head + R"(,"result":null})"),
            (Refusal{Errc::not_found, "nothing was refused"}));
}

TEST_F(EventRefusals, FieldsOfALaterBuildAreNoReasonToRefuse) {
  record.value.back() = ',';
  record.value += R"("later":{"a":[1]}})";
  EXPECT_TRUE(decode_event(stored(record)));
}

TEST(EventCodec, MemoryHasItsLimit) {
  NewRecord record = encode_event(sample_event(AgentCompleted{"a", std::string(256, 'm')}));
  EXPECT_TRUE(decode_event(stored(record)));
  record = encode_event(sample_event(AgentCompleted{"a", std::string(257, 'm')}));
  EXPECT_EQ(refusal_of(stored(record)), (Refusal{Errc::malformed, "data.memory"}));
}

TEST(EventCodec, NumbersOfHeadersArePlainDecimals) {
  Record record = stored({std::nullopt, {{"a", "17"}, {"b", "-1"}, {"c", "1 "}, {"d", ""}}, ""});
  EXPECT_EQ(header_number(record, "a"), 17);
  for (const std::string_view name : {"b", "c", "d", "e"})
    EXPECT_FALSE(header_number(record, name)) << name;
}

}  // namespace
}  // namespace signalbox::event_store
