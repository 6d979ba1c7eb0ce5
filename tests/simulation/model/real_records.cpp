#include "tests/simulation/model/real_records.hpp"

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::ownership_model {
namespace {

constexpr const char* kSource = "/simulation/model";

EventData data_of(const LogRecord& record, const RunId& run, const MessageId& message) {
  const Step step(static_cast<std::int32_t>(record.step) + 1);
  const CallId call = event_store::call_id_of(run, step);
  switch (record.kind) {
    case kReceived: return MessageReceived{message, "hello", "count"};
    case kDuplicate: return MessageDuplicate{message, run};
    case kStarted:
      return AgentStarted{.agent = "count", .agent_version = "1", .message_id = message};
    case kExecuting: return ToolExecuting{step, call, "count", JsonText("{}")};
    case kToolDone: return ToolCompleted{step, call, "count", JsonText("{}"), std::nullopt};
    case kResumed: return RunResumed{ResumeReason::owner_lost};
    case kCancelled: return AgentCancelled{"cancelled", "ws_a"};
    default: return AgentCompleted{"hello", std::nullopt};
  }
}

}  // namespace

ClaimId RealRecords::claim_id(int claim) {
  Uuid id;
  id.bytes[0] = static_cast<std::uint8_t>(claim);
  return ClaimId(id);
}

NewRecord RealRecords::of(const LogRecord& record) const {
  const Epoch epoch(static_cast<std::int64_t>(record.epoch));
  const Offset inbound(static_cast<std::int64_t>(record.io));
  if (record.kind == kOwned)
    return event_store::encode_control(
        {.id = "claim",
         .source = kSource,
         .time = Timestamp{},
         .data = PartitionOwned{.log_id = log_,
                                .epoch = epoch,
                                .claim_id = claim_id(static_cast<int>(record.claim)),
                                .router_id = "model",
                                .inbound_next = inbound}});
  const UserId user("user-" + std::to_string(record.user));
  const MessageId message("m" + std::to_string(record.run));
  const RunId run = event_store::run_id_of(user, message);
  const Seq seq(static_cast<std::int64_t>(record.seq));
  NewRecord real = event_store::encode_event(
      {.id = event_store::event_id_of(log_, Partition(0), epoch, user, seq),
       .source = kSource,
       .time = Timestamp{},
       .user_id = user,
       .thread_id = ThreadId("t"),
       .run_id = run,
       .attempt = std::nullopt,
       .websocket_client_id = WebsocketClientId("ws_a"),
       .seq = seq,
       .inbound_offset = inbound,
       .epoch = epoch,
       .owner_seq = OwnerSeq(static_cast<std::int64_t>(record.ord) + 1),
       .causation_id = "c",
       .traceparent = std::nullopt,
       .data = data_of(record, run, message)});
  event_store::add_chain_hash(real, event_store::Hash{});
  return real;
}

NewRecord RealRecords::checkpoint_of(const LogRecord& repeat) const {
  const Epoch epoch(static_cast<std::int64_t>(repeat.epoch));
  const ClaimId claim = claim_id(static_cast<int>(repeat.claim));
  const Offset inbound(static_cast<std::int64_t>(repeat.io));
  return event_store::encode_control(
      {.id = "checkpoint",
       .source = kSource,
       .time = Timestamp{},
       .data = PartitionCheckpoint{.log_id = log_,
                                   .epoch = epoch,
                                   .claim_id = claim,
                                   .inbound_next = inbound,
                                   .fold_at = {Offset(0), Epoch(0), claim, OwnerSeq(0), Offset(0)},
                                   .trying = std::nullopt}});
}

}  // namespace signalbox::ownership_model
