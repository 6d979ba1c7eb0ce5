#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/frame_contracts.hpp"

namespace signalbox::event_store {
namespace {

using EventCodec = DataCodec<EventData>;
using ServerFrameCodec = DataCodec<ServerFrame>;

using HeaderList = std::span<const Header>;

// Beside the texts that differ: names of members, numbers, punctuation.
constexpr std::size_t kFrameRestBytes = 160;

// The texts that frames of events and of progress share, with their headers, in the order of the
// contract.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kContextTexts{
    {{"time", "ce_time"},
     {"user_id", "ce_subject"},
     {"thread_id", "ce_threadid"},
     {"run_id", "ce_runid"},
     {"websocket_client_id", "ce_wsclientid"}}};
constexpr std::size_t kClientIdText = kContextTexts.size() - 1;

// What a record has of them.
using ContextTexts = std::array<std::optional<std::string_view>, kContextTexts.size()>;

ContextTexts context_texts(HeaderList headers) {
  ContextTexts texts;
  for (std::size_t i = 0; i < texts.size(); ++i)
    texts[i] = find_header(headers, kContextTexts[i].second);
  return texts;
}

void write_alias(JsonWriter& writer, std::string_view client_id, WireDialect dialect) {
  if (dialect != WireDialect::v1_legacy) return;
  writer.key("websocket_connection_id");
  writer.string(client_id);
}

void write_number(JsonWriter& writer, std::string_view name, HeaderList headers,
                  std::string_view header) {
  const auto value = header_number(headers, header);
  if (!value) return;
  writer.key(name);
  writer.integer(*value);
}

// The fields that frames of events and of progress share.
void write_context(JsonWriter& writer, const ContextTexts& texts, HeaderList headers,
                   WireDialect dialect) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i]) continue;
    writer.key(kContextTexts[i].first);
    writer.string(*texts[i]);
  }
  if (texts[kClientIdText]) write_alias(writer, *texts[kClientIdText], dialect);
  write_number(writer, "attempt", headers, "ce_attempt");
}

// Room for the whole frame and little more: frames of events stay in memory.
std::size_t frame_bytes(const Record& record, const ContextTexts& texts, std::string_view cursor,
                        WireDialect dialect) {
  std::size_t bytes = kFrameRestBytes + record.value.size() + cursor.size();
  for (const auto& text : texts) bytes += text.value_or("").size();
  if (dialect == WireDialect::v1_legacy) bytes += 32 + texts[kClientIdText].value_or("").size();
  return bytes;
}

std::string_view bare_name(HeaderList headers) {
  std::string_view name = find_header(headers, "ce_type").value_or("");
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
std::optional<std::string_view> wire_data(std::string_view data, HeaderList headers,
                                          std::string_view name, std::string& changed) {
  if (find_header(headers, "content-type") == kSealedContentType) return std::nullopt;
  const auto* const entry = EventCodec::find(name);
  const auto version = version_of_schema(find_header(headers, "ce_dataschema").value_or(""));
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
  thread_local std::vector<Header> headers;  // of every event: allocated once
  event.headers.split_into(headers);
  const std::string_view name = bare_name(headers);
  const ContextTexts context = context_texts(headers);
  JsonWriter writer;
  writer.reserve(frame_bytes(event, context, cursor, dialect));
  writer.begin_object();
  writer.key("type");
  writer.string(name);
  write_number(writer, "seq", headers, "ce_userseq");
  writer.key("cursor");
  writer.string(cursor);
  write_context(writer, context, headers, dialect);
  std::string changed;
  if (const auto data = wire_data(event.value, headers, name, changed)) {
    writer.key("data");
    writer.raw(*data);
  }
  writer.end_object();
  return writer.take();
}

std::string encode_progress_frame(const Record& progress, WireDialect dialect) {
  const std::vector<Header> headers = progress.headers.split();
  const ContextTexts context = context_texts(headers);
  JsonWriter writer;
  writer.reserve(frame_bytes(progress, context, "", dialect));
  writer.begin_object();
  writer.key("type");
  writer.string(bare_name(headers));
  write_context(writer, context, headers, dialect);
  writer.key("data");
  writer.raw(progress.value);
  writer.end_object();
  return writer.take();
}

}  // namespace signalbox::event_store
