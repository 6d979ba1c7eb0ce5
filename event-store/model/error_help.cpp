#include "event-store/model/error_help.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox {
namespace {

constexpr ErrorHelp kNone{"", ""};

}  // namespace

ErrorHelp help_of(Errc code) {
  switch (code) {
    case Errc::bad_json:
      return {"it is no JSON object, or is nested too deeply", "send one JSON object"};
    case Errc::unknown_type:
      return {"`type` is none that a client may send", "`signalbox contract list` names them all"};
    case Errc::missing_field:
      return {"a field that must be there is not", "send what `field` names"};
    case Errc::bad_field: return {"a value is not allowed", "the message says what `field` may be"};
    case Errc::deprecated_field:
      return {"a field has its name of earlier versions", "send it under that in `hint`"};
    case Errc::too_large:
      return {"what was sent, or asked for, is larger than its limit",
              "send it in parts; the limits are in `serve --print-config`"};
    case Errc::unknown_agent:
      return {"there is no such agent here", "name one of `gateway.agents`, or none"};
    case Errc::cursor_invalid:
      return {"the cursor is of another user, log or partition, or is none at all",
              "connect without it; the stream begins anew"};
    case Errc::token_invalid:
      return {"the token is none, has ended, was revoked, or is signed with another key",
              "get a new token; `signalbox token` makes one for `--dev`"};
    case Errc::forbidden:
      return {"this user, role, Host or Origin may not do that",
              "use a token with the role that is named, or add the page to `gateway.origins`"};
    case Errc::rate_limited:
      return {"more was sent in a second than is allowed",
              "wait `retry_after_ms`, then send again"};
    case Errc::overloaded:
      return {"too much waits already, here or for the router", "send the same again later"};
    case Errc::log_unavailable:
      return {"the log cannot be written or read at the moment",
              "send the same again later; the operator: `signalbox doctor`"};
    case Errc::history_damaged:
      return {"the user's record was changed on the disk",
              "the operator: `signalbox replay verify` names it, a backup mends it"};
    case Errc::malformed: return {"bytes are not what they should be", "copy what is named anew"};
    case Errc::unsupported_version: return {"it is of a newer version", "run that version"};
    case Errc::wrong_partition:
      return {"a record lies in another partition than its key's",
              "mend the producer: it must use the partitioner `murmur2-java`"};
    case Errc::key_mismatch:
      return {"key and `ce_subject` of a record name different users",
              "mend the producer: both are the user's id"};
    case Errc::not_found: return {"there is no such thing", "look at its name"};
    case Errc::corrupt:
      return {"what was stored does not match its checksum, or rows are missing",
              "`signalbox replay verify` names the damage; restore a backup"};
    case Errc::already_running:
      return {"another process writes in this data folder",
              "stop it (its pid is named), or name another folder with `--data`"};
    case Errc::disk_full:
      return {"the disk has no room left", "make room; the service goes on without a restart"};
    case Errc::io_error:
      return {"the system refused to read or write", "the message has its reason and the path"};
    case Errc::stopped: return {"it was ended before it was done", "start it again"};
    case Errc::not_owner: return {"another router owns the partition", "nothing"};
    case Errc::unavailable: return {"what is needed does not answer", "try it again"};
    case Errc::bad_config:
      return {"a setting or a file it names is not good",
              "the message has file and line, or the variable, and what is allowed; `signalbox "
              "doctor` lists all of them"};
  }
  SIGNALBOX_ASSERT(false && "an Errc outside its enum");
  return kNone;
}

ErrorHelp help_of(FailureCode code) {
  switch (code) {
    case FailureCode::agent_error:
      return {"the agent gave up or made a mistake", "ask again; its steps are in the timeline"};
    case FailureCode::deadline:
      return {"the run, or an answer it waited for, took too long",
              "ask for less at once, or answer in time"};
    case FailureCode::attempts_exhausted:
      return {"the service ended several times in the same step of the run",
              "ask again; the operator: the service's log says why it ended"};
    case FailureCode::agent_diverged:
      return {"the agent's code of today does other steps than those it had recorded",
              "ask again; `signalbox replay rerun` names the step and field"};
    case FailureCode::output_too_large:
      return {"the answer is larger than an event may be", "ask for a shorter one"};
  }
  SIGNALBOX_ASSERT(false && "a FailureCode outside its enum");
  return kNone;
}

ErrorHelp help_of(RejectCode code) {
  switch (code) {
    case RejectCode::message_id_conflict:
      return {"the same `message_id` was used for another message", "send it with a new id"};
    case RejectCode::queue_full:
      return {"too many runs of the thread or user wait already",
              "wait until one has ended, or cancel one"};
    case RejectCode::unknown_agent:
      return {"the router has no agent of that name", "name another one, or none"};
    case RejectCode::unsupported_version:
      return {"the command is of a version this router does not know",
              "send a version that `signalbox contract list` has"};
    case RejectCode::malformed:
      return {"the command cannot be taken apart",
              "mend the producer; the contract has its fields"};
    case RejectCode::poison:
      return {"the command ended the router each time it was tried",
              "do not send it again; it is kept in the topic `quarantine`"};
    case RejectCode::history_damaged:
      return {"the user's record was changed on the disk",
              "the operator: `signalbox replay verify` names it, a backup mends it"};
  }
  SIGNALBOX_ASSERT(false && "a RejectCode outside its enum");
  return kNone;
}

ErrorHelp help_of(CancelRejectCode code) {
  switch (code) {
    case CancelRejectCode::run_ended: return {"the run had ended before", "nothing"};
    case CancelRejectCode::unknown_run:
      return {"the user has no such run", "take `run_id` from `ack` or an event"};
  }
  SIGNALBOX_ASSERT(false && "a CancelRejectCode outside its enum");
  return kNone;
}

ErrorHelp help_of(InputRejectCode code) {
  switch (code) {
    case InputRejectCode::unknown_run:
      return {"the user has no such run", "take `run_id` from `input_requested`"};
    case InputRejectCode::run_ended: return {"the run had ended before", "nothing"};
    case InputRejectCode::unknown_request:
      return {"the run did not ask that", "take `request_id` from `input_requested`"};
    case InputRejectCode::already_answered:
      return {"it was answered before, perhaps on another device", "nothing"};
    case InputRejectCode::bad_input:
      return {"the answer does not match the question's schema",
              "answer again as `schema` of `input_requested` wants it"};
  }
  SIGNALBOX_ASSERT(false && "an InputRejectCode outside its enum");
  return kNone;
}

}  // namespace signalbox
