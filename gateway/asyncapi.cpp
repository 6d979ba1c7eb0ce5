#include "gateway/asyncapi.hpp"

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/registry.hpp"

namespace signalbox::gateway {
namespace {

using event_store::ContractKind;
using event_store::ContractVersion;
using Json = nlohmann::ordered_json;

// The frame every event comes in, whose schema the messages of events refine.
constexpr std::string_view kEventFrame = "event";

Json reference(const std::string& path) { return {{"$ref", "#/" + path}}; }

// A schema as a part of the document: it takes identity and dialect from there.
Json schema_of(const ContractVersion& contract) {
  Json schema = Json::parse(contract.schema);
  schema.erase("$schema");
  schema.erase("$id");
  return schema;
}

class Document {
 public:
  void add(const ContractVersion& contract);
  [[nodiscard]] std::string text() const;

 private:
  void add_frame(const ContractVersion& contract, Json& operation);
  void add_event(const ContractVersion& contract);
  void add_message(const std::string& name, const Json& about, const std::string& schema,
                   Json& operation);

  Json schemas_ = Json::object();
  Json messages_ = Json::object();
  Json of_channel_ = Json::object();
  Json receives_ = Json::array();  // what the gateway gets
  Json sends_ = Json::array();
};

void Document::add(const ContractVersion& contract) {
  if (!contract.current) return;
  if (contract.kind == ContractKind::client_frame) add_frame(contract, receives_);
  if (contract.kind == ContractKind::server_frame) add_frame(contract, sends_);
  if (contract.kind == ContractKind::event) add_event(contract);
}

void Document::add_frame(const ContractVersion& contract, Json& operation) {
  const std::string name(contract.name);
  const Json schema = schema_of(contract);
  schemas_[name] = schema;
  if (name != kEventFrame) add_message(name, schema["description"], name, operation);
}

void Document::add_event(const ContractVersion& contract) {
  const std::string name(contract.name);
  Json data = schema_of(contract);
  std::vector<std::string> hidden;
  for (const auto& [member, shape] : data["properties"].items())
    if (!event_store::is_on_wire(name, member)) hidden.push_back(member);
  for (const std::string& member : hidden) data["properties"].erase(member);
  schemas_[name + ".data"] = data;
  schemas_[name] = {{"title", name},
                    {"description", data["description"]},
                    {"allOf",
                     {reference("components/schemas/" + std::string(kEventFrame)),
                      {{"type", "object"},
                       {"properties",
                        {{"type", {{"const", name}}},
                         {"data", reference("components/schemas/" + name + ".data")}}},
                       {"required", {"type", "data"}}}}}};
  add_message(name, data["description"], name, sends_);
}

void Document::add_message(const std::string& name, const Json& about, const std::string& schema,
                           Json& operation) {
  messages_[name] = {{"name", name},
                     {"title", name},
                     {"summary", about},
                     {"contentType", "application/json"},
                     {"payload", reference("components/schemas/" + schema)}};
  of_channel_[name] = reference("components/messages/" + name);
  operation.push_back(reference("channels/socket/messages/" + name));
}

Json query_of_socket() {
  const auto text = [](const char* about) {
    return Json{{"type", "string"}, {"description", about}};
  };
  Json from = text("Where the stream starts without a cursor; latest where it is absent.");
  from["enum"] = {"latest", "start"};
  return {{"type", "object"},
          {"properties",
           {{"cursor", text("The stream starts after it.")},
            {"from", from},
            {"client", text("The websocket_client_id that is asked for.")},
            {"shard", text("For load balancers.")}}}};
}

std::string Document::text() const {
  const Json channel{
      {"address", "/ws"},
      {"title", "One socket of one user"},
      {"description",
       "Text frames of one JSON object each. The token comes as `Authorization: Bearer`, as the "
       "second offered subprotocol `bearer.<token>`, or in a first frame `authenticate`."},
      {"messages", of_channel_},
      {"bindings",
       {{"ws", {{"method", "GET"}, {"query", query_of_socket()}, {"bindingVersion", "0.1.0"}}}}}};
  const auto operation = [](const char* action, const char* about, const Json& messages) {
    return Json{{"action", action},
                {"summary", about},
                {"channel", reference("channels/socket")},
                {"messages", messages}};
  };
  const Json document{
      {"asyncapi", "3.0.0"},
      {"info",
       {{"title", "signalbox.v1"},
        {"version", "1.0.0"},
        {"description",
         "The WebSocket subprotocol signalbox.v1. Frames may get more members, and none fewer."}}},
      {"defaultContentType", "application/json"},
      {"channels", {{"socket", channel}}},
      {"operations",
       {{"receive", operation("receive", "What a client may send.", receives_)},
        {"send", operation("send", "What a client gets.", sends_)}}},
      {"components", {{"messages", messages_}, {"schemas", schemas_}}}};
  return document.dump(1) + "\n";
}

}  // namespace

std::string make_asyncapi_document() {
  Document document;
  for (const ContractVersion& contract : event_store::contract_versions()) document.add(contract);
  return document.text();
}

}  // namespace signalbox::gateway
