#include "tests/contract/samples.hpp"

#include "event-store/model/timestamp.hpp"

namespace signalbox::event_store {
namespace {

const std::string kSource = "/signalbox/0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15/router/r-1";
const UserId kUser("105945141827451681156");
const WebsocketClientId kClient("ws_10594514_1757335346_19513def");

RunId run_id() { return RunId(uuid_of("901cbb7a-8437-5342-9037-e89c728abfdc")); }
CallId call_id() { return CallId(uuid_of("727f8994-54af-5948-ab06-6717f64e711f")); }
LogId log_id() { return LogId(uuid_of("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15")); }
ClaimId claim_id() { return ClaimId(uuid_of("6e0f7f0c-33a5-4c38-9b52-d7a6f5e3f1c2")); }
Timestamp noon() { return time_of("2026-11-20T12:00:00.250000Z"); }

}  // namespace

Uuid uuid_of(std::string_view text) { return Uuid::parse(text).value(); }

Timestamp time_of(std::string_view text) { return parse_timestamp(text).value(); }

std::vector<EventData> sample_event_data() {
  return {
      AgentStarted{"assistant", "1.4", MessageId("m-1")},
      AgentThinking{Step(1), "A product: “17 × 23”.\n"},
      ToolExecuting{Step(2), call_id(), "calculator",
                    JsonText(R"({"expression":"17 * 23","exact":105945141827451681156})")},
      ToolCompleted{Step(2), call_id(), "calculator", JsonText("391"), std::nullopt},
      AgentCompleted{"391", "dialogue=7;turn=2"},
      AgentFailed{FailureCode::output_too_large, "the answer is longer than 512 KiB"},
      AgentCancelled{"asked by the user", "105945141827451681156"},
      RunResumed{ResumeReason::owner_lost},
      ModelCompleted{Step(3), "offline-1",
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                     JsonText(R"({"text":"391","score":0.5})")},
      InputRequested{Step(4), RequestId("request-1"), "Which size?",
                     JsonText(R"({"type":"string","enum":["small","large"]})"), noon()},
      MessageReceived{MessageId("m-1"), "what is 17 * 23?", "assistant"},
      MessageDuplicate{MessageId("m-1"), run_id()},
      MessageRejected{MessageId("m-2"), RejectCode::queue_full, "16 messages are waiting"},
      CancelRequested{run_id(), "105945141827451681156"},
      CancelRejected{run_id(), CancelRejectCode::unknown_run},
      RunInputReceived{run_id(), RequestId("request-1"), JsonText(R"("large")")},
      RunInputRejected{run_id(), RequestId("request-2"), InputRejectCode::already_answered},
      HistoryViewed{"user-00042", JsonText(R"({"limit":20})")},
  };
}

std::vector<CommandData> sample_command_data() {
  return {
      UserMessage{MessageId("m-1"), ThreadId("thread-1"), "what is 17 * 23?", "assistant"},
      CancelRun{run_id()},
      RunInput{run_id(), RequestId("request-1"), JsonText(R"({"size":"large"})")},
      ViewHistory{"user-00042", JsonText(R"({"limit":20})")},
  };
}

std::vector<ControlData> sample_control_data() {
  return {
      LogGenesis{log_id(), 12, "murmur2-java"},
      PartitionOwned{log_id(), Epoch(3), claim_id(), "r-1", Offset(17)},
      PartitionCheckpoint{
          log_id(), Epoch(3), claim_id(), Offset(18),
          FoldPoint{Offset(40), Epoch(2), ClaimId(call_id().value()), OwnerSeq(41), Offset(16)},
          Trying{Offset(19), 2}},
      PartitionReleased{Epoch(3), claim_id()},
  };
}

std::vector<ConnectionData> sample_connection_data() {
  return {
      ClientConnected{"signalbox.js/1", "gateway-1"},
      ClientDisconnected{1001, "going away"},
      AuthAccepted{},
      AuthRefused{"expired"},
      AuthRefreshed{noon()},
      AuthExpired{},
      GatewayStarted{"gateway-1", "2b1e0c52"},
  };
}

std::vector<ClientFrameData> sample_client_frames() {
  return {
      AuthenticateFrame{"aaa.bbb.ccc"},
      UserMessageFrame{MessageId("m-1"), ThreadId("thread-1"), "what is 17 * 23?", "assistant",
                       "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
      CancelRunFrame{run_id()},
      RunInputFrame{run_id(), RequestId("request-1"), JsonText(R"({"size":"large"})")},
      ResumeFrame{"AQGS9aB8", std::nullopt},
      RefreshTokenFrame{"ddd.eee.fff"},
      PingFrame{"n-1"},
  };
}

std::vector<ServerFrame> sample_server_frames() {
  return {
      ConnectionReadyFrame{kClient, kUser, "AQGS9aB8", 25, 262144, 10},
      AckFrame{"1", MessageId("m-1"), run_id()},
      CaughtUpFrame{"AQGS9aB8"},
      DrainingFrame{1500, "AQGS9aB8"},
      ErrorFrame{"2", Errc::cursor_invalid, "is of another log", "cursor", "resume from latest",
                 MessageId("m-1"), 250, "other_log", "AQGS9aB9"},
      PongFrame{"3", "n-1"},
  };
}

Event sample_event(EventData data) {
  return Event{EventId(uuid_of("b3ff7b23-e6c8-5f27-af43-1c684cd7c495")),
               kSource,
               time_of("2026-11-20T09:30:01Z"),
               kUser,
               ThreadId("thread-1"),
               run_id(),
               Attempt(1),
               kClient,
               Seq(5),
               Offset(17),
               Epoch(3),
               OwnerSeq(41),
               "32c6cfc5-cafd-5f5b-b6ef-304a307ec3ba",
               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
               std::move(data)};
}

Command sample_command(CommandData data) {
  return Command{"32c6cfc5-cafd-5f5b-b6ef-304a307ec3ba",
                 "/signalbox/0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15/gateway/g-1",
                 time_of("2026-11-20T09:30:00Z"),
                 kUser,
                 kClient,
                 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                 std::move(data)};
}

ControlRecord sample_control(ControlData data) {
  return ControlRecord{"d0cf6f1e-5a9b-4c8f-8a41-6e0a4f6c2f11", kSource,
                       time_of("2026-11-20T09:29:59Z"), std::move(data)};
}

ConnectionRecord sample_connection(ConnectionData data) {
  const bool of_nobody = std::holds_alternative<GatewayStarted>(data);
  return ConnectionRecord{"a3f5d1c7-0b1e-4f38-9c53-2d1f6d0b7e55",
                          "/signalbox/0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15/gateway/g-1",
                          time_of("2026-11-20T09:29:58Z"),
                          of_nobody ? std::nullopt : std::optional(kUser),
                          of_nobody ? std::nullopt : std::optional(kClient),
                          std::move(data)};
}

Progress sample_progress() {
  return Progress{"7c1d2e3f-4a5b-4c6d-8e7f-9a0b1c2d3e4f",
                  kSource,
                  time_of("2026-11-20T09:30:04Z"),
                  UserExecutionContext{kUser, ThreadId("thread-1"), run_id(), kClient},
                  Attempt(2),
                  AgentResponding{3, 120, "The answer "}};
}

Quarantined sample_quarantined() {
  return Quarantined{"941da0c4-33b9-5660-b5c3-43f551525f11",
                     kSource,
                     time_of("2026-11-20T09:30:05Z"),
                     "malformed",
                     TopicPartition{Topic::inbound, Partition(4)},
                     Offset(17),
                     kUser.value(),
                     {{"ce_type", "dev.signalbox.command.user_message"}, {"x", "\xff"}},
                     std::string("{\"content\":\0", 12)};
}

QuarantineResolved sample_quarantine_resolved() {
  return QuarantineResolved{"5e4d3c2b-1a09-4f8e-9d7c-6b5a49382716", kSource,
                            time_of("2026-11-20T10:00:00Z"), "941da0c4-33b9-5660-b5c3-43f551525f11",
                            "drop"};
}

SnapshotRecord sample_snapshot_record() {
  return SnapshotRecord{"1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b",
                        kSource,
                        time_of("2026-11-20T09:31:00Z"),
                        kUser.value(),
                        kUser,
                        LogId(uuid_of("7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2918")),
                        200,
                        4,
                        std::string("\x28\xb5\x2f\xfd\0", 5),
                        std::string(64, 'a')};
}

Record stored(NewRecord record, Topic topic) {
  return Record{TopicPartition{topic, Partition(10)},
                Offset(7),
                time_of("2026-11-20T09:30:02Z"),
                std::move(record.key),
                std::move(record.headers),
                std::move(record.value)};
}

}  // namespace signalbox::event_store
