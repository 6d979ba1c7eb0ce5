#include "router/snapshot_codec.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "event-store/contract/json_reader.hpp"
#include "event-store/model/timestamp.hpp"

namespace signalbox::router {
namespace {

using Json = nlohmann::json;
using event_store::InboundResume;
using event_store::Position;

// Decoding throws on whatever is not as encoded; the two decode functions turn that into one error.
struct BadSnapshot : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// No snapshot is deeper; what is copied and compared goes down a level at a time.
constexpr std::size_t kDepthMax = 16;

// A whole number of that range: nlohmann's own conversion would cut any number to fit.
template <std::signed_integral N>
N number_from(const Json& json, std::int64_t smallest, std::int64_t largest) {
  const bool fits =
      json.is_number_integer() &&
      (!json.is_number_unsigned() || std::in_range<std::int64_t>(json.get<std::uint64_t>()));
  const std::int64_t number = fits ? json.get<std::int64_t>() : 0;
  if (!fits || number < smallest || number > largest)
    throw BadSnapshot("not a number of its range");
  return static_cast<N>(number);
}

template <class Count>
Count count_from(const Json& json, typename Count::value_type smallest = 0) {
  using N = typename Count::value_type;
  return Count(number_from<N>(json, smallest, kCountMax<N>));
}

template <class Id>
Id id_from(const Json& json) {
  auto id = parse_id<Id>(json.get_ref<const std::string&>(), "");
  if (!id) throw BadSnapshot("not an id");
  return *std::move(id);
}

Uuid uuid_from(const Json& json) {
  const auto uuid = Uuid::parse(json.get<std::string>());
  if (!uuid) throw BadSnapshot("not a UUID");
  return *uuid;
}

std::int64_t microseconds_of(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp time_from(const Json& json) {
  return Timestamp(std::chrono::microseconds(number_from<std::int64_t>(
      json, microseconds_of(kTimestampMin), microseconds_of(kTimestampMax))));
}

template <class Value, class Convert>
void put_optional(Json& json, const char* name, const std::optional<Value>& value,
                  Convert convert) {
  if (value) json[name] = convert(*value);
}

template <class Convert>
auto get_optional(const Json& json, const char* name, Convert convert)
    -> std::optional<decltype(convert(json))> {
  const auto found = json.find(name);
  if (found == json.end()) return std::nullopt;
  return convert(*found);
}

const auto as_text = [](const Json& json) { return json.get<std::string>(); };
const auto offset_of = [](const Json& json) { return count_from<Offset>(json); };

Json encode(const Position& at) {
  Json json{{"offset", at.next_offset.value()},
            {"epoch", at.epoch.value()},
            {"ownerseq", at.owner_seq.value()}};
  put_optional(json, "claim_id", at.claim,
               [](const ClaimId& id) { return id.value().to_string(); });
  return json;
}

Position position_from(const Json& json) {
  return Position{.next_offset = count_from<Offset>(json.at("offset")),
                  .epoch = count_from<Epoch>(json.at("epoch")),
                  .claim = get_optional(json, "claim_id",
                                        [](const Json& id) { return ClaimId(uuid_from(id)); }),
                  .owner_seq = count_from<OwnerSeq>(json.at("ownerseq"))};
}

Json encode(const StoredText& text, std::size_t bytes_max) {
  Json json{{"seq", text.seq.value()}};
  put_optional(json, "offset", text.offset, [](Offset offset) { return offset.value(); });
  const bool stays_in_log = text.offset && (!text.loaded || text.text.size() > bytes_max);
  if (!stays_in_log) json["text"] = text.text;
  return json;
}

StoredText text_from(const Json& json, TextPart part = TextPart::main) {
  const auto text = json.find("text");
  if (text == json.end() && !json.contains("offset")) throw BadSnapshot("a text that is nowhere");
  return StoredText{.text = text == json.end() ? std::string() : text->get<std::string>(),
                    .seq = count_from<Seq>(json.at("seq")),
                    .part = part,
                    .offset = get_optional(json, "offset", offset_of),
                    .loaded = text != json.end()};
}

const auto stored_text = [](const Json& json) { return text_from(json); };

Json encode(const RecordedStep& step, std::size_t bytes_max) {
  if (const auto* thought = std::get_if<RecordedThought>(&step))
    return {{"kind", "thought"}, {"content", encode(thought->content, bytes_max)}};
  if (const auto* model = std::get_if<RecordedModel>(&step))
    return {{"kind", "model"},
            {"model", model->model},
            {"request_sha256", model->request_sha256},
            {"output", encode(model->output, bytes_max)}};
  if (const auto* call = std::get_if<RecordedCall>(&step)) {
    Json json{{"kind", "call"},
              {"call_id", call->call_id.value().to_string()},
              {"name", call->name},
              {"arguments", encode(call->arguments, bytes_max)}};
    if (call->result) json["result"] = encode(*call->result, bytes_max);
    if (call->error)
      json["error"] = {{"code", call->error->code}, {"message", call->error->message}};
    return json;
  }
  const auto& question = std::get<RecordedQuestion>(step);
  Json json{{"kind", "question"},
            {"request_id", question.request_id.value()},
            {"prompt", encode(question.prompt, bytes_max)},
            {"schema", encode(question.schema, bytes_max)},
            {"expires", microseconds_of(question.expires)}};
  if (question.answer) json["answer"] = encode(*question.answer, bytes_max);
  return json;
}

RecordedStep step_from(const Json& json) {
  const auto kind = json.at("kind").get<std::string>();
  if (kind == "thought") return RecordedThought{text_from(json.at("content"))};
  if (kind == "model")
    return RecordedModel{json.at("model"), json.at("request_sha256"), text_from(json.at("output"))};
  if (kind == "call" && json.contains("result") && json.contains("error"))
    throw BadSnapshot("a call with two ends");
  if (kind == "call")
    return RecordedCall{.call_id = CallId(uuid_from(json.at("call_id"))),
                        .name = json.at("name"),
                        .arguments = text_from(json.at("arguments")),
                        .result = get_optional(json, "result", stored_text),
                        .error = get_optional(json, "error", [](const Json& error) {
                          return ToolError{error.at("code"), error.at("message")};
                        })};
  if (kind != "question") throw BadSnapshot("unknown kind of step");
  return RecordedQuestion{.request_id = id_from<RequestId>(json.at("request_id")),
                          .prompt = text_from(json.at("prompt")),
                          .schema = text_from(json.at("schema"), TextPart::schema),
                          .expires = time_from(json.at("expires")),
                          .answer = get_optional(json, "answer", stored_text)};
}

Json encode(const OpenRun& run, std::size_t bytes_max) {
  Json json{{"run_id", run.run_id.value().to_string()},
            {"thread_id", run.thread_id.value()},
            {"message_id", run.message_id.value()},
            {"agent", run.agent},
            {"content", encode(run.content, bytes_max)},
            {"websocket_client_id", run.websocket_client_id.value()},
            {"inbound_offset", run.inbound_offset.value()},
            {"causation_id", run.causation_id},
            {"phase", static_cast<int>(run.phase)},
            {"attempt", run.attempt.value()},
            {"tries", run.tries},
            {"stood_still", run.stood_still.count()},
            {"steps", Json::array()}};
  for (const RecordedStep& step : run.steps) json["steps"].push_back(encode(step, bytes_max));
  put_optional(json, "traceparent", run.traceparent, std::identity{});
  put_optional(json, "started_at", run.started_at, microseconds_of);
  put_optional(json, "last_event_at", run.last_event_at, microseconds_of);
  put_optional(json, "waiting_since", run.waiting_since, microseconds_of);
  put_optional(json, "cancelled_by", run.cancelled_by, std::identity{});
  return json;
}

RunPhase phase_from(const Json& json) {
  return static_cast<RunPhase>(
      number_from<int>(json, 0, static_cast<int>(RunPhase::waiting_for_input)));
}

OpenRun run_from(const Json& json) {
  OpenRun run{.run_id = RunId(uuid_from(json.at("run_id"))),
              .thread_id = id_from<ThreadId>(json.at("thread_id")),
              .message_id = id_from<MessageId>(json.at("message_id")),
              .agent = json.at("agent"),
              .content = text_from(json.at("content")),
              .websocket_client_id = id_from<WebsocketClientId>(json.at("websocket_client_id")),
              .inbound_offset = count_from<Offset>(json.at("inbound_offset")),
              .causation_id = json.at("causation_id"),
              .traceparent = get_optional(json, "traceparent", as_text),
              .phase = phase_from(json.at("phase")),
              .attempt = count_from<Attempt>(json.at("attempt"), 1),
              .tries = number_from<std::int32_t>(json.at("tries"), 0, kCountMax<std::int32_t>)};
  run.stood_still = std::chrono::microseconds(number_from<std::int64_t>(
      json.at("stood_still"), -kCountMax<std::int64_t>, kCountMax<std::int64_t>));
  for (const Json& step : json.at("steps")) run.steps.push_back(step_from(step));
  run.started_at = get_optional(json, "started_at", time_from);
  run.last_event_at = get_optional(json, "last_event_at", time_from);
  run.waiting_since = get_optional(json, "waiting_since", time_from);
  run.cancelled_by = get_optional(json, "cancelled_by", as_text);
  return run;
}

Json encode(const RoutingState& state, std::size_t bytes_max) {
  Json json{{"user_id", state.user_id.value()},
            {"seq", state.chain.seq.value()},
            {"chainhash", event_store::to_hex(state.chain.hash)},
            {"last_time", microseconds_of(state.last_time)},
            {"last_inbound", state.last_inbound.value()},
            {"seen", Json::array()},
            {"runs", Json::array()},
            {"threads", Json::array()},
            {"memories", Json::array()}};
  for (const MessageId& id : state.seen_order) {
    const SeenMessage& seen = state.seen.at(id);
    json["seen"].push_back(
        {id.value(), event_store::to_hex(seen.content_hash), seen.run_id.value().to_string()});
  }
  for (const auto& [id, run] : state.runs) json["runs"].push_back(encode(run, bytes_max));
  for (const auto& [id, run_ids] : state.threads) {
    Json queue = Json::array();
    for (const RunId& run_id : run_ids) queue.push_back(run_id.value().to_string());
    json["threads"].push_back({id.value(), std::move(queue)});
  }
  for (const auto& [id, memory] : state.memories)
    json["memories"].push_back({id.value(), memory.memory, memory.last_used.value()});
  put_optional(json, "damaged_at", state.damaged_at, [](Offset offset) { return offset.value(); });
  return json;
}

std::array<std::uint8_t, 16> half_hash_from(const Json& json) {
  // parse_hash reads whole hashes only; a half is one with the other half filled up.
  const auto hash = event_store::parse_hash(json.get<std::string>() + std::string(32, '0'));
  if (!hash) throw BadSnapshot("not a content hash");
  std::array<std::uint8_t, 16> half{};
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

RoutingState state_from(const Json& json) {
  const auto hash = event_store::parse_hash(json.at("chainhash").get<std::string>());
  if (!hash) throw BadSnapshot("not a chain hash");
  RoutingState state(id_from<UserId>(json.at("user_id")),
                     {.seq = count_from<Seq>(json.at("seq")), .hash = *hash});
  state.last_time = time_from(json.at("last_time"));
  state.last_inbound = count_from<Offset>(json.at("last_inbound"), -1);
  for (const Json& seen : json.at("seen")) {
    const auto id = id_from<MessageId>(seen.at(0));
    const SeenMessage message{half_hash_from(seen.at(1)), RunId(uuid_from(seen.at(2)))};
    if (!state.seen.emplace(id, message).second) throw BadSnapshot("a message seen twice");
    state.seen_order.push_back(id);
  }
  for (const Json& item : json.at("runs")) {
    OpenRun run = run_from(item);
    const RunId id = run.run_id;
    state.runs.emplace(id, std::move(run));
  }
  for (const Json& item : json.at("threads")) {
    auto& queue = state.threads[id_from<ThreadId>(item.at(0))];
    for (const Json& run_id : item.at(1)) queue.push_back(RunId(uuid_from(run_id)));
  }
  check_queues(state);
  for (const Json& item : json.at("memories"))
    state.memories.insert_or_assign(
        id_from<ThreadId>(item.at(0)),
        ThreadMemory{item.at(1).get<std::string>(), count_from<Seq>(item.at(2))});
  state.damaged_at = get_optional(json, "damaged_at", offset_of);
  return state;
}

Json encode(const InboundResume& inbound) {
  Json json{{"next", inbound.next.value()}, {"released", inbound.released.value()}};
  put_optional(json, "trying", inbound.trying, [](const Trying& trying) {
    return Json{{"offset", trying.offset.value()}, {"count", trying.count}};
  });
  return json;
}

InboundResume inbound_from(const Json& json) {
  return InboundResume{
      .next = count_from<Offset>(json.at("next")),
      .released = count_from<Epoch>(json.at("released")),
      .trying = get_optional(json, "trying", [](const Json& trying) {
        return Trying{count_from<Offset>(trying.at("offset")),
                      number_from<std::int32_t>(trying.at("count"), 0, kCountMax<std::int32_t>)};
      })};
}

Json encode(const UserSnapshot& snapshot, std::size_t text_bytes_max) {
  return Json{{"log_id", snapshot.log_id.value().to_string()},
              {"partition", snapshot.partition.value()},
              {"at", encode(snapshot.at)},
              {"state", encode(snapshot.state, text_bytes_max)}};
}

UserSnapshot user_snapshot_from(const Json& json) {
  return UserSnapshot{.log_id = LogId(uuid_from(json.at("log_id"))),
                      .partition = count_from<Partition>(json.at("partition")),
                      .at = position_from(json.at("at")),
                      .state = state_from(json.at("state"))};
}

Json encode(const PartitionSnapshot& snapshot) {
  Json json{{"log_id", snapshot.log_id.value().to_string()},
            {"partition", snapshot.partition.value()},
            {"at", encode(snapshot.at)},
            {"inbound", encode(snapshot.inbound)},
            {"open_users", Json::array()}};
  for (const UserId& user : snapshot.open_users) json["open_users"].push_back(user.value());
  return json;
}

PartitionSnapshot partition_snapshot_from(const Json& json) {
  PartitionSnapshot snapshot{.log_id = LogId(uuid_from(json.at("log_id"))),
                             .partition = count_from<Partition>(json.at("partition")),
                             .at = position_from(json.at("at")),
                             .inbound = inbound_from(json.at("inbound")),
                             .open_users = {}};
  for (const Json& user : json.at("open_users"))
    snapshot.open_users.push_back(id_from<UserId>(user));
  return snapshot;
}

// Nothing is a snapshot that its encoder would not have written but for white space: no member
// twice, none that nobody reads, nothing in another order or form. So whoever decodes one has all
// that it says.
template <class Decode, class Encode>
auto decoded(std::string_view bytes, Decode decode, Encode encode_again)
    -> Result<decltype(decode(Json()))> {
  const auto refused = [](const std::string& why) {
    return failure(Errc::corrupt, "a snapshot does not decode: " + why);
  };
  try {
    const Json json = Json::parse(bytes);
    const auto read =
        event_store::read_json_object(bytes, kDepthMax, event_store::NestedNames::unique);
    if (!read) return refused("it is no object of members with names of their own");
    auto snapshot = decode(json);
    if (encode_again(snapshot) != json) return refused("it is not as it would be written");
    return snapshot;
  } catch (const Json::parse_error& error) {
    // Its own text quotes what was read last, and that may be what the user wrote.
    return refused("no JSON at byte " + std::to_string(error.byte));
  } catch (const Json::exception& error) {
    return refused(error.what());
  } catch (const BadSnapshot& error) {
    return refused(error.what());
  }
}

}  // namespace

std::string encode_user_snapshot(const UserSnapshot& snapshot, std::size_t text_bytes_max) {
  return encode(snapshot, text_bytes_max).dump();
}

Result<UserSnapshot> decode_user_snapshot(std::string_view bytes) {
  return decoded(bytes, user_snapshot_from, [](const UserSnapshot& snapshot) {
    return encode(snapshot, std::numeric_limits<std::size_t>::max());
  });
}

std::string encode_partition_snapshot(const PartitionSnapshot& snapshot) {
  return encode(snapshot).dump();
}

Result<PartitionSnapshot> decode_partition_snapshot(std::string_view bytes) {
  return decoded(bytes, partition_snapshot_from,
                 [](const PartitionSnapshot& snapshot) { return encode(snapshot); });
}

}  // namespace signalbox::router
