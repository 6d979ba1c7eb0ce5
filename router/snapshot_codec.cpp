#include "router/snapshot_codec.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

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

Uuid uuid_from(const Json& json) {
  const auto uuid = Uuid::parse(json.get<std::string>());
  if (!uuid) throw BadSnapshot("not a UUID");
  return *uuid;
}

std::int64_t microseconds_of(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp time_from(const Json& json) {
  return Timestamp(std::chrono::microseconds(json.get<std::int64_t>()));
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

Json encode(const Position& at) {
  Json json{{"offset", at.next_offset.value()},
            {"epoch", at.epoch.value()},
            {"ownerseq", at.owner_seq.value()}};
  put_optional(json, "claim_id", at.claim,
               [](const ClaimId& id) { return id.value().to_string(); });
  return json;
}

Position position_from(const Json& json) {
  return Position{.next_offset = Offset(json.at("offset").get<std::int64_t>()),
                  .epoch = Epoch(json.at("epoch").get<std::int64_t>()),
                  .claim = get_optional(json, "claim_id",
                                        [](const Json& id) { return ClaimId(uuid_from(id)); }),
                  .owner_seq = OwnerSeq(json.at("ownerseq").get<std::int64_t>())};
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
  return StoredText{
      .text = text == json.end() ? std::string() : text->get<std::string>(),
      .seq = Seq(json.at("seq").get<std::int64_t>()),
      .part = part,
      .offset = get_optional(json, "offset",
                             [](const Json& offset) { return Offset(offset.get<std::int64_t>()); }),
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
  if (kind == "call")
    return RecordedCall{.call_id = CallId(uuid_from(json.at("call_id"))),
                        .name = json.at("name"),
                        .arguments = text_from(json.at("arguments")),
                        .result = get_optional(json, "result", stored_text),
                        .error = get_optional(json, "error", [](const Json& error) {
                          return ToolError{error.at("code"), error.at("message")};
                        })};
  if (kind != "question") throw BadSnapshot("unknown kind of step");
  return RecordedQuestion{.request_id = RequestId(json.at("request_id").get<std::string>()),
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

OpenRun run_from(const Json& json) {
  OpenRun run{
      .run_id = RunId(uuid_from(json.at("run_id"))),
      .thread_id = ThreadId(json.at("thread_id").get<std::string>()),
      .message_id = MessageId(json.at("message_id").get<std::string>()),
      .agent = json.at("agent"),
      .content = text_from(json.at("content")),
      .websocket_client_id = WebsocketClientId(json.at("websocket_client_id").get<std::string>()),
      .inbound_offset = Offset(json.at("inbound_offset").get<std::int64_t>()),
      .causation_id = json.at("causation_id"),
      .traceparent = get_optional(json, "traceparent", as_text),
      .phase = static_cast<RunPhase>(json.at("phase").get<int>()),
      .attempt = Attempt(json.at("attempt").get<std::int32_t>()),
      .tries = json.at("tries").get<std::int32_t>()};
  run.stood_still = std::chrono::microseconds(json.at("stood_still").get<std::int64_t>());
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

RoutingState state_from(const Json& json) {
  const auto hash = event_store::parse_hash(json.at("chainhash").get<std::string>());
  if (!hash) throw BadSnapshot("not a chain hash");
  RoutingState state(UserId(json.at("user_id").get<std::string>()),
                     {.seq = Seq(json.at("seq").get<std::int64_t>()), .hash = *hash});
  state.last_time = time_from(json.at("last_time"));
  state.last_inbound = Offset(json.at("last_inbound").get<std::int64_t>());
  for (const Json& seen : json.at("seen")) {
    const MessageId id(seen.at(0).get<std::string>());
    state.seen.emplace(id, SeenMessage{half_hash_from(seen.at(1)), RunId(uuid_from(seen.at(2)))});
    state.seen_order.push_back(id);
  }
  for (const Json& item : json.at("runs")) {
    OpenRun run = run_from(item);
    const RunId id = run.run_id;
    state.runs.emplace(id, std::move(run));
  }
  for (const Json& item : json.at("threads")) {
    auto& queue = state.threads[ThreadId(item.at(0).get<std::string>())];
    for (const Json& run_id : item.at(1)) queue.push_back(RunId(uuid_from(run_id)));
  }
  for (const Json& item : json.at("memories"))
    state.memories.insert_or_assign(
        ThreadId(item.at(0).get<std::string>()),
        ThreadMemory{item.at(1).get<std::string>(), Seq(item.at(2).get<std::int64_t>())});
  state.damaged_at = get_optional(
      json, "damaged_at", [](const Json& offset) { return Offset(offset.get<std::int64_t>()); });
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
  return InboundResume{.next = Offset(json.at("next").get<std::int64_t>()),
                       .released = Epoch(json.at("released").get<std::int64_t>()),
                       .trying = get_optional(json, "trying", [](const Json& trying) {
                         return Trying{Offset(trying.at("offset").get<std::int64_t>()),
                                       trying.at("count").get<std::int32_t>()};
                       })};
}

template <class Decode>
auto decoded(std::string_view bytes, Decode decode) -> Result<decltype(decode(Json()))> {
  try {
    return decode(Json::parse(bytes));
  } catch (const Json::parse_error& error) {
    // Its own text quotes what was read last, and that may be what the user wrote.
    return failure(Errc::corrupt,
                   "a snapshot does not decode: no JSON at byte " + std::to_string(error.byte));
  } catch (const Json::exception& error) {
    return failure(Errc::corrupt, std::string("a snapshot does not decode: ") + error.what());
  } catch (const BadSnapshot& error) {
    return failure(Errc::corrupt, std::string("a snapshot does not decode: ") + error.what());
  }
}

}  // namespace

std::string encode_user_snapshot(const UserSnapshot& snapshot, std::size_t text_bytes_max) {
  return Json{{"log_id", snapshot.log_id.value().to_string()},
              {"partition", snapshot.partition.value()},
              {"at", encode(snapshot.at)},
              {"state", encode(snapshot.state, text_bytes_max)}}
      .dump();
}

Result<UserSnapshot> decode_user_snapshot(std::string_view bytes) {
  return decoded(bytes, [](const Json& json) {
    return UserSnapshot{.log_id = LogId(uuid_from(json.at("log_id"))),
                        .partition = Partition(json.at("partition").get<std::int32_t>()),
                        .at = position_from(json.at("at")),
                        .state = state_from(json.at("state"))};
  });
}

std::string encode_partition_snapshot(const PartitionSnapshot& snapshot) {
  Json json{{"log_id", snapshot.log_id.value().to_string()},
            {"partition", snapshot.partition.value()},
            {"at", encode(snapshot.at)},
            {"inbound", encode(snapshot.inbound)},
            {"open_users", Json::array()}};
  for (const UserId& user : snapshot.open_users) json["open_users"].push_back(user.value());
  return json.dump();
}

Result<PartitionSnapshot> decode_partition_snapshot(std::string_view bytes) {
  return decoded(bytes, [](const Json& json) {
    PartitionSnapshot snapshot{.log_id = LogId(uuid_from(json.at("log_id"))),
                               .partition = Partition(json.at("partition").get<std::int32_t>()),
                               .at = position_from(json.at("at")),
                               .inbound = inbound_from(json.at("inbound")),
                               .open_users = {}};
    for (const Json& user : json.at("open_users"))
      snapshot.open_users.push_back(UserId(user.get<std::string>()));
    return snapshot;
  });
}

}  // namespace signalbox::router
