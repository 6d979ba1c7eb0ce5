#include "router/snapshot_codec.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "event-store/contract/sha256.hpp"
#include "router/snapshot_json.hpp"

namespace signalbox::router {
namespace {

using event_store::InboundResume;
using event_store::Position;
using snapshot_json::array_from;
using snapshot_json::at;
using snapshot_json::BadSnapshot;
using snapshot_json::count_from;
using snapshot_json::get_optional;
using snapshot_json::id_from;
using snapshot_json::JsonMember;
using snapshot_json::JsonMembers;
using snapshot_json::JsonWriter;
using snapshot_json::kDepthMax;
using snapshot_json::microseconds_of;
using snapshot_json::number_from;
using snapshot_json::object_from;
using snapshot_json::offset_from;
using snapshot_json::string_from;
using snapshot_json::time_from;
using snapshot_json::uuid_from;
using snapshot_json::view_of;
using snapshot_json::write;

// What is written has its members in the order of their names: the same state is the same bytes.

void write(JsonWriter& json, std::string_view name, const Position& position) {
  json.key(name);
  json.begin_object();
  if (position.claim) write(json, "claim_id", position.claim->value());
  write(json, "epoch", position.epoch.value());
  write(json, "offset", position.next_offset.value());
  write(json, "ownerseq", position.owner_seq.value());
  json.end_object();
}

Position position_from(const JsonMember& member) {
  const JsonMembers json = object_from(member);
  return Position{
      .next_offset = offset_from(at(json, "offset")),
      .epoch = count_from<Epoch>(at(json, "epoch")),
      .claim = get_optional(json, "claim_id",
                            [](const JsonMember& id) { return ClaimId(uuid_from(id)); }),
      .owner_seq = count_from<OwnerSeq>(at(json, "ownerseq"))};
}

void write(JsonWriter& json, std::string_view name, const StoredText& text, std::size_t bytes_max) {
  json.key(name);
  json.begin_object();
  write(json, "offset", text.offset);
  write(json, "seq", text.seq.value());
  const bool stays_in_log = text.offset && (!text.loaded || text.text.size() > bytes_max);
  if (!stays_in_log) write(json, "text", std::string_view(text.text));
  json.end_object();
}

StoredText text_from(const JsonMember& member, TextPart part = TextPart::main) {
  const JsonMembers json = object_from(member);
  auto text = get_optional(json, "text", string_from);
  const auto offset = get_optional(json, "offset", offset_from);
  if (!text && !offset) throw BadSnapshot("a text that is nowhere");
  const bool is_loaded = text.has_value();
  return StoredText{.text = std::move(text).value_or(std::string()),
                    .seq = count_from<Seq>(at(json, "seq")),
                    .part = part,
                    .offset = offset,
                    .loaded = is_loaded};
}

StoredText main_text_from(const JsonMember& member) { return text_from(member); }

void write(JsonWriter& json, const RecordedThought& thought, std::size_t bytes_max) {
  write(json, "content", thought.content, bytes_max);
  write(json, "kind", std::string_view("thought"));
}

void write(JsonWriter& json, const RecordedModel& model, std::size_t bytes_max) {
  write(json, "kind", std::string_view("model"));
  write(json, "model", std::string_view(model.model));
  write(json, "output", model.output, bytes_max);
  write(json, "request_sha256", std::string_view(model.request_sha256));
}

void write(JsonWriter& json, const RecordedCall& call, std::size_t bytes_max) {
  write(json, "arguments", call.arguments, bytes_max);
  write(json, "call_id", call.call_id.value());
  if (call.error) {
    json.key("error");
    json.begin_object();
    write(json, "code", std::string_view(call.error->code));
    write(json, "message", std::string_view(call.error->message));
    json.end_object();
  }
  write(json, "kind", std::string_view("call"));
  write(json, "name", std::string_view(call.name));
  if (call.result) write(json, "result", *call.result, bytes_max);
}

void write(JsonWriter& json, const RecordedQuestion& question, std::size_t bytes_max) {
  if (question.answer) write(json, "answer", *question.answer, bytes_max);
  write(json, "expires", microseconds_of(question.expires));
  write(json, "kind", std::string_view("question"));
  write(json, "prompt", question.prompt, bytes_max);
  write(json, "request_id", std::string_view(question.request_id.value()));
  write(json, "schema", question.schema, bytes_max);
}

RecordedStep step_from(const JsonMember& member) {
  const JsonMembers json = object_from(member);
  const std::string_view kind = view_of(at(json, "kind"));
  if (kind == "thought") return RecordedThought{text_from(at(json, "content"))};
  if (kind == "model")
    return RecordedModel{string_from(at(json, "model")), string_from(at(json, "request_sha256")),
                         text_from(at(json, "output"))};
  if (kind == "call" && find_member(json, "result") && find_member(json, "error"))
    throw BadSnapshot("a call with two ends");
  if (kind == "call")
    return RecordedCall{
        .call_id = CallId(uuid_from(at(json, "call_id"))),
        .name = string_from(at(json, "name")),
        .arguments = text_from(at(json, "arguments")),
        .result = get_optional(json, "result", main_text_from),
        .error = get_optional(json, "error", [](const JsonMember& error) {
          const JsonMembers said = object_from(error);
          return ToolError{string_from(at(said, "code")), string_from(at(said, "message"))};
        })};
  if (kind != "question") throw BadSnapshot("unknown kind of step");
  return RecordedQuestion{.request_id = id_from<RequestId>(at(json, "request_id")),
                          .prompt = text_from(at(json, "prompt")),
                          .schema = text_from(at(json, "schema"), TextPart::schema),
                          .expires = time_from(at(json, "expires")),
                          .answer = get_optional(json, "answer", main_text_from)};
}

void write(JsonWriter& json, const OpenRun& run, std::size_t bytes_max) {
  json.begin_object();
  write(json, "agent", std::string_view(run.agent));
  write(json, "attempt", run.attempt.value());
  write(json, "cancelled_by", run.cancelled_by);
  write(json, "causation_id", std::string_view(run.causation_id));
  write(json, "content", run.content, bytes_max);
  write(json, "inbound_offset", run.inbound_offset.value());
  write(json, "last_event_at", run.last_event_at);
  write(json, "message_id", std::string_view(run.message_id.value()));
  write(json, "phase", static_cast<std::int64_t>(run.phase));
  write(json, "run_id", run.run_id.value());
  write(json, "started_at", run.started_at);
  json.key("steps");
  json.begin_array();
  for (const RecordedStep& step : run.steps) {
    json.begin_object();
    std::visit([&](const auto& recorded) { write(json, recorded, bytes_max); }, step);
    json.end_object();
  }
  json.end_array();
  write(json, "stood_still", run.stood_still.count());
  write(json, "thread_id", std::string_view(run.thread_id.value()));
  write(json, "traceparent", run.traceparent);
  write(json, "tries", run.tries);
  write(json, "waiting_since", run.waiting_since);
  write(json, "websocket_client_id", std::string_view(run.websocket_client_id.value()));
  json.end_object();
}

RunPhase phase_from(const JsonMember& member) {
  return static_cast<RunPhase>(
      number_from<int>(member, 0, static_cast<int>(RunPhase::waiting_for_input)));
}

OpenRun run_from(const JsonMember& member) {
  const JsonMembers json = object_from(member);
  OpenRun run{.run_id = RunId(uuid_from(at(json, "run_id"))),
              .thread_id = id_from<ThreadId>(at(json, "thread_id")),
              .message_id = id_from<MessageId>(at(json, "message_id")),
              .agent = string_from(at(json, "agent")),
              .content = text_from(at(json, "content")),
              .websocket_client_id = id_from<WebsocketClientId>(at(json, "websocket_client_id")),
              .inbound_offset = offset_from(at(json, "inbound_offset")),
              .causation_id = string_from(at(json, "causation_id")),
              .traceparent = get_optional(json, "traceparent", string_from),
              .phase = phase_from(at(json, "phase")),
              .attempt = count_from<Attempt>(at(json, "attempt"), 1),
              .tries = number_from<std::int32_t>(at(json, "tries"), 0, kCountMax<std::int32_t>)};
  run.stood_still = std::chrono::microseconds(number_from<std::int64_t>(
      at(json, "stood_still"), -kCountMax<std::int64_t>, kCountMax<std::int64_t>));
  for (const JsonMember& step : array_from(at(json, "steps"))) run.steps.push_back(step_from(step));
  run.started_at = get_optional(json, "started_at", time_from);
  run.last_event_at = get_optional(json, "last_event_at", time_from);
  run.waiting_since = get_optional(json, "waiting_since", time_from);
  run.cancelled_by = get_optional(json, "cancelled_by", string_from);
  return run;
}

void write_lists(JsonWriter& json, const RoutingState& state, std::size_t bytes_max) {
  json.key("memories");
  json.begin_array();
  for (const auto& [id, memory] : state.memories) {
    json.begin_array();
    json.string(id.value());
    json.string(memory.memory);
    json.integer(memory.last_used.value());
    json.end_array();
  }
  json.end_array();
  json.key("runs");
  json.begin_array();
  for (const auto& [id, run] : state.runs) write(json, run, bytes_max);
  json.end_array();
  json.key("seen");
  json.begin_array();
  for (const MessageId& id : state.seen_order) {
    const SeenMessage& seen = state.seen.at(id);
    json.begin_array();
    json.string(id.value());
    json.string(event_store::to_hex(seen.content_hash));
    json.string(seen.run_id.value().to_string());
    json.end_array();
  }
  json.end_array();
}

void write(JsonWriter& json, std::string_view name, const RoutingState& state,
           std::size_t bytes_max) {
  json.key(name);
  json.begin_object();
  write(json, "chainhash", std::string_view(event_store::to_hex(state.chain.hash)));
  write(json, "damaged_at", state.damaged_at);
  write(json, "last_inbound", state.last_inbound.value());
  write(json, "last_time", microseconds_of(state.last_time));
  write_lists(json, state, bytes_max);
  write(json, "seq", state.chain.seq.value());
  json.key("threads");
  json.begin_array();
  for (const auto& [id, run_ids] : state.threads) {
    json.begin_array();
    json.string(id.value());
    json.begin_array();
    for (const RunId& run_id : run_ids) json.string(run_id.value().to_string());
    json.end_array();
    json.end_array();
  }
  json.end_array();
  write(json, "user_id", std::string_view(state.user_id.value()));
  json.end_object();
}

using HalfHash = decltype(SeenMessage::content_hash);

HalfHash half_hash_from(const JsonMember& member) {
  // parse_hash reads whole hashes only; a half is one with the other half filled up.
  constexpr std::size_t kDigits = 2 * HalfHash().size();
  const std::string_view text = view_of(member);
  std::array<char, 2 * kDigits> filled_up;
  filled_up.fill('0');
  if (text.size() == kDigits) std::ranges::copy(text, filled_up.begin());
  const auto hash = text.size() == kDigits
                        ? event_store::parse_hash({filled_up.data(), filled_up.size()})
                        : std::nullopt;
  if (!hash) throw BadSnapshot("not a content hash");
  HalfHash half{};
  std::copy_n(hash->begin(), half.size(), half.begin());
  return half;
}

// Every open run waits in the queue of its thread, once, and nothing else does.
void check_queues(const RoutingState& state) {
  std::set<RunId> queued;
  for (const auto& [thread, run_ids] : state.threads) {
    if (run_ids.empty()) throw BadSnapshot("an empty queue");
    for (const RunId& id : run_ids) {
      const auto run = state.runs.find(id);
      if (run == state.runs.end() || run->second.thread_id != thread || !queued.insert(id).second)
        throw BadSnapshot("a queue of runs that are not its own");
    }
  }
  if (queued.size() != state.runs.size()) throw BadSnapshot("a run without a queue");
}

RoutingState state_from(const JsonMember& member) {
  const JsonMembers json = object_from(member);
  const auto hash = event_store::parse_hash(view_of(at(json, "chainhash")));
  if (!hash) throw BadSnapshot("not a chain hash");
  RoutingState state(id_from<UserId>(at(json, "user_id")),
                     {.seq = count_from<Seq>(at(json, "seq")), .hash = *hash});
  state.last_time = time_from(at(json, "last_time"));
  state.last_inbound = count_from<Offset>(at(json, "last_inbound"), -1);
  for (const JsonMember& item : array_from(at(json, "seen"))) {
    const JsonMembers seen = array_from(item);
    auto id = id_from<MessageId>(at(seen, 0));
    const SeenMessage message{half_hash_from(at(seen, 1)), RunId(uuid_from(at(seen, 2)))};
    if (!state.seen.emplace(id, message).second) throw BadSnapshot("a message seen twice");
    state.seen_order.push_back(std::move(id));
  }
  for (const JsonMember& item : array_from(at(json, "runs"))) {
    OpenRun run = run_from(item);
    const RunId id = run.run_id;
    state.runs.emplace(id, std::move(run));
  }
  for (const JsonMember& item : array_from(at(json, "threads"))) {
    const JsonMembers thread = array_from(item);
    auto& queue = state.threads[id_from<ThreadId>(at(thread, 0))];
    for (const JsonMember& run_id : array_from(at(thread, 1)))
      queue.push_back(RunId(uuid_from(run_id)));
  }
  check_queues(state);
  for (const JsonMember& item : array_from(at(json, "memories"))) {
    const JsonMembers memory = array_from(item);
    state.memories.insert_or_assign(
        id_from<ThreadId>(at(memory, 0)),
        ThreadMemory{string_from(at(memory, 1)), count_from<Seq>(at(memory, 2))});
  }
  state.damaged_at = get_optional(json, "damaged_at", offset_from);
  return state;
}

void write(JsonWriter& json, std::string_view name, const InboundResume& inbound) {
  json.key(name);
  json.begin_object();
  write(json, "next", inbound.next.value());
  write(json, "released", inbound.released.value());
  if (inbound.trying) {
    json.key("trying");
    json.begin_object();
    write(json, "count", inbound.trying->count);
    write(json, "offset", inbound.trying->offset.value());
    json.end_object();
  }
  json.end_object();
}

InboundResume inbound_from(const JsonMember& member) {
  const JsonMembers json = object_from(member);
  return InboundResume{
      .next = offset_from(at(json, "next")),
      .released = count_from<Epoch>(at(json, "released")),
      .trying = get_optional(json, "trying", [](const JsonMember& trying) {
        const JsonMembers said = object_from(trying);
        return Trying{offset_from(at(said, "offset")),
                      number_from<std::int32_t>(at(said, "count"), 0, kCountMax<std::int32_t>)};
      })};
}

UserSnapshot user_snapshot_from(const JsonMembers& json) {
  return UserSnapshot{.log_id = LogId(uuid_from(at(json, "log_id"))),
                      .partition = count_from<Partition>(at(json, "partition")),
                      .at = position_from(at(json, "at")),
                      .state = state_from(at(json, "state"))};
}

PartitionSnapshot partition_snapshot_from(const JsonMembers& json) {
  PartitionSnapshot snapshot{.log_id = LogId(uuid_from(at(json, "log_id"))),
                             .partition = count_from<Partition>(at(json, "partition")),
                             .at = position_from(at(json, "at")),
                             .inbound = inbound_from(at(json, "inbound")),
                             .open_users = {}};
  for (const JsonMember& user : array_from(at(json, "open_users")))
    snapshot.open_users.push_back(id_from<UserId>(user));
  return snapshot;
}

tl::unexpected<Error> refused(const std::string& why) {
  return failure(Errc::corrupt, "a snapshot does not decode: " + why);
}

// Where bytes that are no snapshot's stop to be JSON. What stands there is not quoted: that may be
// what the user wrote.
std::string fault_of(std::string_view bytes) {
  try {
    [[maybe_unused]] const auto json = nlohmann::json::parse(bytes);
    return "it is no object of members with names of their own";
  } catch (const nlohmann::json::parse_error& error) {
    return "no JSON at byte " + std::to_string(error.byte);
  } catch (const nlohmann::json::exception&) {
    return "a number is beyond all range";
  }
}

// Nothing is a snapshot that its encoder would not have written but for white space: no member
// twice, none that nobody reads, nothing in another order or form. So whoever decodes one has all
// that it says. Nearly all are what it writes byte for byte.
template <class Decode, class Encode>
auto decoded(std::string_view bytes, Decode decode, Encode encode_again)
    -> Result<decltype(decode(JsonMembers()))> {
  const auto members =
      event_store::read_json_object(bytes, kDepthMax, event_store::NestedNames::unique);
  if (!members) return refused(fault_of(bytes));
  try {
    auto snapshot = decode(*members);
    const std::string again = encode_again(snapshot);
    if (again != bytes && nlohmann::json::parse(again) != nlohmann::json::parse(bytes))
      return refused("it is not as it would be written");
    return snapshot;
  } catch (const nlohmann::json::exception&) {
    return refused(fault_of(bytes));
  } catch (const BadSnapshot& error) {
    return refused(error.what());
  }
}

}  // namespace

std::string encode_user_snapshot(const UserSnapshot& snapshot, std::size_t text_bytes_max) {
  JsonWriter json;
  json.begin_object();
  write(json, "at", snapshot.at);
  write(json, "log_id", snapshot.log_id.value());
  write(json, "partition", snapshot.partition.value());
  write(json, "state", snapshot.state, text_bytes_max);
  json.end_object();
  return json.take();
}

Result<UserSnapshot> decode_user_snapshot(std::string_view bytes) {
  return decoded(bytes, user_snapshot_from, [](const UserSnapshot& snapshot) {
    return encode_user_snapshot(snapshot, std::numeric_limits<std::size_t>::max());
  });
}

std::string encode_partition_snapshot(const PartitionSnapshot& snapshot) {
  JsonWriter json;
  json.begin_object();
  write(json, "at", snapshot.at);
  write(json, "inbound", snapshot.inbound);
  write(json, "log_id", snapshot.log_id.value());
  json.key("open_users");
  json.begin_array();
  for (const UserId& user : snapshot.open_users) json.string(user.value());
  json.end_array();
  write(json, "partition", snapshot.partition.value());
  json.end_object();
  return json.take();
}

Result<PartitionSnapshot> decode_partition_snapshot(std::string_view bytes) {
  return decoded(bytes, partition_snapshot_from, encode_partition_snapshot);
}

}  // namespace signalbox::router
