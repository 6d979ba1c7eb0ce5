#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/frame_contracts.hpp"

namespace signalbox::event_store {
namespace {

using EventCodec = DataCodec<EventData>;
using ServerFrameCodec = DataCodec<ServerFrame>;

// What a frame of a record needs beside its value, so that writing one allocates once.
constexpr std::size_t kFrameOverheadBytes = 768;

void write_alias(JsonWriter& writer, std::string_view client_id, WireDialect dialect) {
  if (dialect != WireDialect::v1_legacy) return;
  writer.key("websocket_connection_id");
  writer.string(client_id);
}

void write_text(JsonWriter& writer, std::string_view name, const Record& record,
                std::string_view header) {
  const auto value = record.header(header);
  if (!value) return;
  writer.key(name);
  writer.string(*value);
}

void write_number(JsonWriter& writer, std::string_view name, const Record& record,
                  std::string_view header) {
  const auto value = header_number(record, header);
  if (!value) return;
  writer.key(name);
  writer.integer(*value);
}

// The fields that frames of events and of progress share, in the order of the contract.
void write_context(JsonWriter& writer, const Record& record, WireDialect dialect) {
  write_text(writer, "time", record, "ce_time");
  write_text(writer, "user_id", record, "ce_subject");
  write_text(writer, "thread_id", record, "ce_threadid");
  write_text(writer, "run_id", record, "ce_runid");
  write_text(writer, "websocket_client_id", record, "ce_wsclientid");
  if (const auto client_id = record.header("ce_wsclientid"))
    write_alias(writer, *client_id, dialect);
  write_number(writer, "attempt", record, "ce_attempt");
}

std::string_view bare_name(const Record& record) {
  std::string_view name = record.header("ce_type").value_or("");
  if (name.starts_with(kEventTypePrefix)) name.remove_prefix(kEventTypePrefix.size());
  return name;
}

constexpr std::string_view kMemory = "memory";

// Nothing where the data cannot be read: then not to know what is in it means not to send it.
std::optional<std::string> without_hidden(std::string_view name, std::string_view data) {
  const auto members = read_json_object(data);
  if (!members) return std::nullopt;
  JsonWriter writer;
  writer.begin_object();
  for (const JsonMember& member : *members) {
    if (!is_on_wire(name, member.key)) continue;
    writer.key(member.key);
    writer.raw(member.raw);
  }
  writer.end_object();
  return writer.take();
}

bool may_hold_hidden(std::string_view name, std::string_view data) {
  return name == Contract<AgentCompleted>::name &&
         data.find("\"" + std::string(kMemory) + "\"") != std::string_view::npos;
}

// Almost always the stored value as it is; what must be changed first is written to `changed`.
std::optional<std::string_view> wire_data(const Record& event, std::string_view name,
                                          std::string& changed) {
  std::string_view data = event.value;
  if (event.header("content-type") == kSealedContentType) return std::nullopt;
  const auto* const entry = EventCodec::find(name);
  const auto version = version_of_schema(event.header("ce_dataschema").value_or(""));
  if (entry && version && *version > 0 && *version < entry->version) {
    auto current = entry->upcast(data, *version);
    if (!current) return std::nullopt;
    data = changed = std::move(*current);
  }
  if (!may_hold_hidden(name, data)) return data;
  auto shown = without_hidden(name, data);
  if (!shown) return std::nullopt;
  changed = std::move(*shown);
  return changed;
}

}  // namespace

bool is_on_wire(std::string_view event, std::string_view member) {
  return event != Contract<AgentCompleted>::name || member != kMemory;
}

std::string encode_server_frame(const ServerFrame& frame, WireDialect dialect) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("type");
  writer.string(ServerFrameCodec::entry_of(frame).name);
  std::visit([&](const auto& data) { write_members(writer, data); }, frame);
  if (const auto* const ready = std::get_if<ConnectionReadyFrame>(&frame))
    write_alias(writer, ready->websocket_client_id.value(), dialect);
  writer.end_object();
  return writer.take();
}

std::string encode_event_frame(const Record& event, std::string_view cursor, WireDialect dialect) {
  const std::string_view name = bare_name(event);
  JsonWriter writer;
  writer.reserve(event.value.size() + kFrameOverheadBytes);
  writer.begin_object();
  writer.key("type");
  writer.string(name);
  write_number(writer, "seq", event, "ce_userseq");
  writer.key("cursor");
  writer.string(cursor);
  write_context(writer, event, dialect);
  std::string changed;
  if (const auto data = wire_data(event, name, changed)) {
    writer.key("data");
    writer.raw(*data);
  }
  writer.end_object();
  return writer.take();
}

std::string encode_progress_frame(const Record& progress, WireDialect dialect) {
  JsonWriter writer;
  writer.reserve(progress.value.size() + kFrameOverheadBytes);
  writer.begin_object();
  writer.key("type");
  writer.string(bare_name(progress));
  write_context(writer, progress, dialect);
  writer.key("data");
  writer.raw(progress.value);
  writer.end_object();
  return writer.take();
}

}  // namespace signalbox::event_store
