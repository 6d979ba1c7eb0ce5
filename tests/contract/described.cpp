#include "tests/contract/described.hpp"

#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/command_contracts.hpp"
#include "event-store/contract/connection_contracts.hpp"
#include "event-store/contract/control_contracts.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/frame_contracts.hpp"
#include "event-store/contract/quarantine_contracts.hpp"
#include "event-store/contract/snapshot_contracts.hpp"
#include "tests/contract/samples.hpp"

namespace signalbox::event_store {
namespace {

using Json = nlohmann::ordered_json;

void describe_form(Json& schema, TextForm form) {
  switch (form) {
    case TextForm::any: return;
    case TextForm::opaque_id: schema["pattern"] = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"; return;
    case TextForm::client_id: schema["pattern"] = "^(ws|svc)_[A-Za-z0-9_]{1,60}$"; return;
    case TextForm::uuid: schema["format"] = "uuid"; return;
    case TextForm::timestamp: schema["format"] = "date-time"; return;
    case TextForm::sha256_hex: schema["pattern"] = "^[0-9a-f]{64}$"; return;
    case TextForm::base64: schema["contentEncoding"] = "base64"; return;
  }
}

// JSON Schema counts code points; the limit in bytes is our own word.
void describe_text(Json& schema, const Bounds& bounds) {
  schema["type"] = "string";
  if (!bounds.one_of.empty()) schema["enum"] = bounds.one_of;
  if (bounds.bytes_min > 0) schema["minLength"] = bounds.bytes_min;
  if (bounds.bytes_max != kNoBytesMax) {
    schema["maxLength"] = bounds.bytes_max;
    schema["x-bytes-max"] = bounds.bytes_max;
  }
  describe_form(schema, bounds.form);
}

void describe_integer(Json& schema, const Bounds& bounds) {
  using Limits = std::numeric_limits<std::int64_t>;
  schema["type"] = "integer";
  if (bounds.smallest != Limits::min()) schema["minimum"] = bounds.smallest;
  if (bounds.largest != Limits::max()) schema["maximum"] = bounds.largest;
}

void describe_object(Json& schema, const std::vector<FieldShape>& members);

Json describe(const FieldShape& shape) {
  Json schema = Json::object();
  switch (shape.kind) {
    case ShapeKind::text: describe_text(schema, shape.bounds); break;
    case ShapeKind::integer: describe_integer(schema, shape.bounds); break;
    case ShapeKind::object: describe_object(schema, shape.members); break;
    case ShapeKind::array:
      schema["type"] = "array";
      describe_object(schema["items"], shape.members);
      break;
    case ShapeKind::any: break;
  }
  return schema;
}

void describe_object(Json& schema, const std::vector<FieldShape>& members) {
  if (!schema.contains("type")) schema["type"] = "object";
  if (!schema.contains("properties")) schema["properties"] = Json::object();
  if (!schema.contains("required")) schema["required"] = Json::array();
  for (const FieldShape& member : members) {
    schema["properties"][std::string(member.name)] = describe(member);
    if (member.required) schema["required"].push_back(member.name);
  }
}

// `type` of every frame, and `id` of those a client sends.
void describe_frame(Json& schema, ContractKind kind, std::string_view name) {
  Json& properties = schema["properties"];
  properties["type"] =
      name == Contract<EventFrame>::name ? Json{{"type", "string"}} : Json{{"const", name}};
  schema["required"].push_back("type");
  if (kind == ContractKind::client_frame)
    describe_text(properties["id"], {.bytes_max = kFrameIdBytesMax});
}

template <class T>
DescribedContract described_as() {
  using Is = Contract<T>;
  const std::string version = std::to_string(Is::version);
  const std::string of_frame = std::string(to_text(Is::kind)) + ".";
  Json schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["$id"] = "urn:signalbox:contract:" + (is_frame(Is::kind) ? of_frame : std::string()) +
                  std::string(Is::name) + ":" + version;
  schema["title"] = Is::name;
  schema["description"] = Is::about;
  schema["type"] = "object";
  schema["properties"] = Json::object();
  schema["required"] = Json::array();
  if (is_frame(Is::kind)) describe_frame(schema, Is::kind, Is::name);
  describe_object(schema, shapes_of<T>());
  if constexpr (requires { Is::exactly_one_of; })
    for (const std::string_view name : Is::exactly_one_of)
      schema["oneOf"].push_back({{"required", {name}}});
  return DescribedContract{Is::kind, std::string(Is::name), Is::version, std::move(schema)};
}

template <class Variant>
struct DescribeAll;
template <class... T>
struct DescribeAll<std::variant<T...>> {
  static void to(std::vector<DescribedContract>& all) { (all.push_back(described_as<T>()), ...); }
};

std::string prefixed(std::string_view bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xffu);
  return out + std::string(bytes);
}

std::string take_prefixed(std::string_view& bytes) {
  std::size_t length = 0;
  if (bytes.size() < 4) throw std::runtime_error("a golden file is cut short");
  for (int i = 0; i < 4; ++i) {
    length = length << 8 | static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
  }
  if (length > bytes.size()) throw std::runtime_error("a golden file is cut short");
  std::string taken(bytes.substr(0, length));
  bytes.remove_prefix(length);
  return taken;
}

template <class Variant, class Encode>
void add_records(std::vector<Golden>& goldens, ContractKind kind, const std::vector<Variant>& data,
                 Encode encode) {
  for (const Variant& one : data) {
    const auto& entry = DataCodec<Variant>::entry_of(one);
    goldens.push_back({kind, std::string(entry.name), entry.version, golden_bytes(encode(one))});
  }
}

void add_record(std::vector<Golden>& goldens, ContractKind kind, std::string name,
                const NewRecord& record) {
  goldens.push_back({kind, std::move(name), 1, golden_bytes(record)});
}

void add_frame(std::vector<Golden>& goldens, ContractKind kind, std::string_view name,
               std::string_view text) {
  goldens.push_back({kind, std::string(name), 1, prefixed(text)});
}

void add_frames(std::vector<Golden>& goldens) {
  for (const ClientFrameData& frame : sample_client_frames()) {
    const std::string_view name = DataCodec<ClientFrameData>::entry_of(frame).name;
    const std::string members = DataCodec<ClientFrameData>::encode(frame).substr(1);
    add_frame(goldens, ContractKind::client_frame, name,
              "{\"type\":\"" + std::string(name) + "\",\"id\":\"7\"," + members);
  }
  for (const ServerFrame& frame : sample_server_frames())
    add_frame(goldens, ContractKind::server_frame, DataCodec<ServerFrame>::entry_of(frame).name,
              encode_server_frame(frame, WireDialect::v1));
  const Record event = stored(encode_event(sample_event(sample_event_data().front())));
  add_frame(goldens, ContractKind::server_frame, Contract<EventFrame>::name,
            encode_event_frame(event, "AQGS9aB8", WireDialect::v1));
  add_frame(goldens, ContractKind::server_frame, Contract<ProgressFrame>::name,
            encode_progress_frame(stored(encode_progress(sample_progress())), WireDialect::v1));
}

std::string path_of(std::string_view folder, ContractKind kind, std::string_view name, int version,
                    std::string_view extension) {
  return SIGNALBOX_SOURCE_DIR "/" + std::string(folder) + "/" + std::string(to_text(kind)) + "/" +
         std::string(name) + ".v" + std::to_string(version) + std::string(extension);
}

}  // namespace

std::vector<DescribedContract> described_contracts() {
  std::vector<DescribedContract> all;
  DescribeAll<EventData>::to(all);
  DescribeAll<CommandData>::to(all);
  DescribeAll<std::variant<AgentResponding>>::to(all);
  DescribeAll<ConnectionData>::to(all);
  DescribeAll<ControlData>::to(all);
  DescribeAll<std::variant<QuarantinedData, QuarantineResolvedData>>::to(all);
  DescribeAll<std::variant<SnapshotData>>::to(all);
  DescribeAll<ClientFrameData>::to(all);
  DescribeAll<ServerFrame>::to(all);
  DescribeAll<RecordFrame>::to(all);
  return all;
}

std::vector<Golden> current_goldens() {
  std::vector<Golden> goldens;
  add_records(goldens, ContractKind::event, sample_event_data(),
              [](const EventData& data) { return encode_event(sample_event(data)); });
  add_records(goldens, ContractKind::command, sample_command_data(),
              [](const CommandData& data) { return encode_command(sample_command(data)); });
  add_records(goldens, ContractKind::control, sample_control_data(),
              [](const ControlData& data) { return encode_control(sample_control(data)); });
  add_records(
      goldens, ContractKind::connection, sample_connection_data(),
      [](const ConnectionData& data) { return encode_connection(sample_connection(data)); });
  add_record(goldens, ContractKind::progress, "agent_responding",
             encode_progress(sample_progress()));
  add_record(goldens, ContractKind::quarantine, "quarantined",
             encode_quarantined(sample_quarantined()));
  add_record(goldens, ContractKind::quarantine, "quarantine_resolved",
             encode_quarantine_resolved(sample_quarantine_resolved()));
  add_record(goldens, ContractKind::snapshot, "snapshot",
             encode_snapshot_record(sample_snapshot_record()));
  add_frames(goldens);
  return goldens;
}

std::string golden_bytes(const NewRecord& record) {
  std::string bytes;
  for (const Header& header : record.headers)
    bytes += prefixed(header.name) + prefixed(header.value);
  return bytes + prefixed(record.value);
}

NewRecord parse_golden(std::string_view bytes) {
  NewRecord record;
  std::string first = take_prefixed(bytes);
  while (!bytes.empty()) {
    record.headers.add(first, take_prefixed(bytes));
    first = take_prefixed(bytes);
  }
  record.value = std::move(first);
  if (const auto subject = record.headers.find("ce_subject")) record.key = std::string(*subject);
  return record;
}

std::string to_golden_text(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
    if (i % 32 == 31 || i + 1 == bytes.size()) text += '\n';
  }
  return text;
}

std::string parse_golden_text(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != '\n') digits += c;
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string schema_path(ContractKind kind, std::string_view name, int version) {
  return path_of("event-store/contract/schemas", kind, name, version, ".json");
}

std::string golden_path(ContractKind kind, std::string_view name, int version) {
  return path_of("tests/contract/golden", kind, name, version, ".hex");
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace signalbox::event_store
