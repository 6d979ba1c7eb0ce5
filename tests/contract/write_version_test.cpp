#include "event-store/contract/write_version.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "tests/contract/described.hpp"
#include "tests/contract/samples.hpp"
#include "tests/contract/schema_violation.hpp"

namespace signalbox::event_store {

// A reader of before: all it knows of agent_started is version 1.
struct OldAgentStarted {
  std::string agent;
  std::string agent_version;
  MessageId message_id;
  WebsocketClientId websocket_connection_id;
};
template <>
struct Contract<OldAgentStarted> {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr std::string_view name = "agent_started";
  static constexpr int version = 1;
  static constexpr auto fields =
      std::tuple(field("agent", &OldAgentStarted::agent),
                 field("agent_version", &OldAgentStarted::agent_version),
                 field("message_id", &OldAgentStarted::message_id),
                 field("websocket_connection_id", &OldAgentStarted::websocket_connection_id));
  static constexpr std::array<Upcaster, 0> upcasters{};
};

// Version 3 of a type whose version 2 can be told from it, and whose version 1 cannot.
struct Note {
  std::string text;
};
Result<std::string> as_it_is(std::string_view data) { return std::string(data); }
std::string marked(std::string_view, const WebsocketClientId& client) {
  return "{\"by\":\"" + client.value() + "\"}";
}
template <>
struct Contract<Note> {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr std::string_view name = "note";
  static constexpr int version = 3;
  static constexpr auto fields = std::tuple(field("text", &Note::text));
  static constexpr std::array<Upcaster, 2> upcasters{as_it_is, as_it_is};
  static constexpr std::array<Downcaster, 2> downcasters{nullptr, marked};
};

namespace {

using EventCodec = DataCodec<EventData>;
constexpr WriteVersion kOld{1};

std::string text_of(const NewRecord& record) { return to_golden_text(golden_bytes(record)); }

std::string golden_text(std::string_view name, int version) {
  return read_file(golden_path(ContractKind::event, name, version));
}

TEST(WriteVersion, EveryEventToldToBeOldHasTheBytesOfThen) {
  for (const EventData& data : sample_event_data())
    EXPECT_EQ(text_of(encode_event(sample_event(data), kOld)), golden_text(event_name(data), 1))
        << event_name(data);
}

TEST(WriteVersion, ToldNothingEveryEventIsWrittenInItsNewestVersion) {
  EXPECT_EQ(kWriteVersionDefault, newest_write_version());
  for (const EventData& data : sample_event_data())
    EXPECT_EQ(text_of(encode_event(sample_event(data))),
              golden_text(event_name(data), EventCodec::entry_of(data).version))
        << event_name(data);
}

TEST(WriteVersion, OnlyTheOldValueMeetsTheOldSchema) {
  const NewRecord record = encode_event(sample_event(sample_event_data()[0]), kOld);
  const auto value = nlohmann::json::parse(record.value);
  const auto schema = [](int version) {
    return nlohmann::json::parse(
        read_file(schema_path(ContractKind::event, "agent_started", version)));
  };
  EXPECT_EQ(schema_violation(schema(1), value), "");
  const NewRecord newer = encode_event(sample_event(sample_event_data()[0]));
  EXPECT_EQ(schema_violation(schema(1), nlohmann::json::parse(newer.value)), "required");
}

TEST(WriteVersion, AReaderOfTheOlderContractReadsIt) {
  const Event event = sample_event(sample_event_data()[0]);
  const auto read = decode_object<OldAgentStarted>(encode_event(event, kOld).value, 1);
  ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
  const auto& meant = std::get<AgentStarted>(event.data);
  EXPECT_EQ(read->agent, meant.agent);
  EXPECT_EQ(read->message_id, meant.message_id);
  EXPECT_EQ(read->websocket_connection_id, event.websocket_client_id);
  EXPECT_FALSE(decode_object<OldAgentStarted>(encode_event(event).value, 1));
}

TEST(WriteVersion, ReadersOfTodayTakeItForTheSameEvent) {
  for (const EventData& data : sample_event_data()) {
    const Event event = sample_event(data);
    const auto old = decode_event(stored(encode_event(event, kOld)));
    ASSERT_TRUE(old) << event_name(data) << ": " << old.error().field << " " << old.error().message;
    // Beside the client id, which version 1 has twice, nothing differs.
    Event expected = event;
    std::visit(
        [&](auto& each) {
          if constexpr (requires { each.websocket_client_id; })
            each.websocket_client_id = event.websocket_client_id;
        },
        expected.data);
    EXPECT_EQ(old->data, expected.data) << event_name(data);
    EXPECT_EQ(encode_event_value(data, event.websocket_client_id, kOld),
              encode_event(event, kOld).value);
  }
}

TEST(WriteVersion, AnIdThatWasReadFromAnOldEventIsNotWrittenTwice) {
  Event event = sample_event(sample_event_data()[0]);
  std::get<AgentStarted>(event.data).websocket_client_id = WebsocketClientId("ws_other");
  const std::string value = encode_event(event, kOld).value;
  EXPECT_EQ(value.find("websocket_client_id"), std::string::npos) << value;
  EXPECT_TRUE(decode_object<OldAgentStarted>(value, 1));
}

TEST(WriteVersion, EveryVersionOfThisTreeCanBeWritten) {
  EXPECT_EQ(newest_write_version(), 2);
  for (int number = 1; number <= newest_write_version(); ++number)
    EXPECT_TRUE(check_write_version({number})) << number;
}

TEST(WriteVersion, WhatAnOlderVersionCannotSayIsRefusedByName) {
  using NoteCodec = DataCodec<std::variant<Note>>;
  EXPECT_TRUE(NoteCodec::check_write_version({3}));
  EXPECT_TRUE(NoteCodec::check_write_version({2}));
  const auto refused = NoteCodec::check_write_version({1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::bad_config);
  EXPECT_EQ(refused.error().message.rfind("note cannot be written as version 1", 0), 0u)
      << refused.error().message;
  const WebsocketClientId client("ws_a");
  EXPECT_EQ(NoteCodec::encode(Note{"x"}, {2}, client), "{\"by\":\"ws_a\"}");
  EXPECT_EQ(NoteCodec::encode(Note{"x"}, {9}, client), "{\"text\":\"x\"}");
}

}  // namespace
}  // namespace signalbox::event_store
