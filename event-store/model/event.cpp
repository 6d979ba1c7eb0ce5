#include "event-store/model/event.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox {

std::string_view to_text(FailureCode code) {
  switch (code) {
    case FailureCode::agent_error: return "agent_error";
    case FailureCode::deadline: return "deadline";
    case FailureCode::attempts_exhausted: return "attempts_exhausted";
    case FailureCode::agent_diverged: return "agent_diverged";
    case FailureCode::output_too_large: return "output_too_large";
  }
  SIGNALBOX_ASSERT(false && "a FailureCode outside its enum");
  return "";
}

std::string_view to_text(RejectCode code) {
  switch (code) {
    case RejectCode::message_id_conflict: return "message_id_conflict";
    case RejectCode::queue_full: return "queue_full";
    case RejectCode::unknown_agent: return "unknown_agent";
    case RejectCode::unsupported_version: return "unsupported_version";
    case RejectCode::malformed: return "malformed";
    case RejectCode::poison: return "poison";
    case RejectCode::history_damaged: return "history_damaged";
  }
  SIGNALBOX_ASSERT(false && "a RejectCode outside its enum");
  return "";
}

std::string_view to_text(CancelRejectCode code) {
  switch (code) {
    case CancelRejectCode::run_ended: return "run_ended";
    case CancelRejectCode::unknown_run: return "unknown_run";
  }
  SIGNALBOX_ASSERT(false && "a CancelRejectCode outside its enum");
  return "";
}

std::string_view to_text(InputRejectCode code) {
  switch (code) {
    case InputRejectCode::unknown_run: return "unknown_run";
    case InputRejectCode::run_ended: return "run_ended";
    case InputRejectCode::unknown_request: return "unknown_request";
    case InputRejectCode::already_answered: return "already_answered";
    case InputRejectCode::bad_input: return "bad_input";
  }
  SIGNALBOX_ASSERT(false && "an InputRejectCode outside its enum");
  return "";
}

std::string_view to_text(ResumeReason reason) {
  switch (reason) {
    case ResumeReason::owner_lost: return "owner_lost";
    case ResumeReason::released: return "released";
  }
  SIGNALBOX_ASSERT(false && "a ResumeReason outside its enum");
  return "";
}

bool is_terminal(const EventData& data) {
  return std::holds_alternative<AgentCompleted>(data) ||
         std::holds_alternative<AgentFailed>(data) || std::holds_alternative<AgentCancelled>(data);
}

}  // namespace signalbox
