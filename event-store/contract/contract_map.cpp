#include "event-store/contract/contract_map.hpp"

#include <array>

#include "event-store/contract/json_reader.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

using enum ContractKind;

// "client" is whoever talks to a gateway, "producer" a program of somebody else that writes to
// inbound, "operator" a person with the command line, "auditor" one with the role.
constexpr std::array kUses = {
    FieldUse{event, "", "", "router", "router gateway event-store client"},
    FieldUse{event, "agent_started", "websocket_client_id", "-", "client"},
    FieldUse{event, "agent_thinking", "websocket_client_id", "-", "client"},
    FieldUse{event, "tool_executing", "websocket_client_id", "-", "client"},
    FieldUse{event, "tool_completed", "websocket_client_id", "-", "client"},
    FieldUse{event, "agent_completed", "websocket_client_id", "-", "client"},
    FieldUse{event, "agent_failed", "websocket_client_id", "-", "client"},
    FieldUse{event, "agent_cancelled", "websocket_client_id", "-", "client"},
    FieldUse{event, "run_resumed", "websocket_client_id", "-", "client"},
    FieldUse{event, "model_completed", "websocket_client_id", "-", "client"},
    FieldUse{event, "input_requested", "websocket_client_id", "-", "client"},
    FieldUse{event, "agent_completed", "memory", "router", "router"},
    FieldUse{event, "history_viewed", "", "router", "event-store client auditor"},
    FieldUse{command, "", "", "gateway producer", "router"},
    FieldUse{command, "view_history", "", "event-store", "router"},
    FieldUse{progress, "", "", "router", "gateway client"},
    FieldUse{connection, "", "", "gateway", "operator"},
    FieldUse{control, "", "", "router", "router gateway event-store"},
    FieldUse{control, "log_genesis", "", "router operator", "router gateway event-store"},
    FieldUse{control, "partition_owned", "router_id", "router", "operator"},
    FieldUse{control, "partition_owned", "inbound_next", "router", "router"},
    FieldUse{control, "partition_checkpoint", "inbound_next", "router", "router"},
    FieldUse{control, "partition_checkpoint", "trying", "router", "router"},
    FieldUse{control, "partition_released", "", "router", "router"},
    FieldUse{quarantine, "quarantined", "", "router", "operator"},
    FieldUse{quarantine, "quarantine_resolved", "", "operator", "operator"},
    FieldUse{snapshot, "", "", "router", "router"},
    FieldUse{client_frame, "", "", "client", "gateway"},
    FieldUse{server_frame, "", "", "gateway", "client"},
};

bool fits(const FieldUse& use, const ContractVersion& contract, std::string_view field) {
  return use.kind == contract.kind && (use.name.empty() || use.name == contract.name) &&
         (use.field.empty() || use.field == field);
}

void add_fields(std::vector<MappedField>& map, const ContractVersion& contract) {
  auto schema = read_json_object(contract.schema);
  SIGNALBOX_ASSERT(schema.has_value());
  const JsonMember* const properties = find_member(*schema, "properties");
  const auto fields = properties ? read_json_object(properties->raw) : JsonMembers();
  SIGNALBOX_ASSERT(fields.has_value());
  for (const JsonMember& field : *fields) {
    MappedField mapped{contract.kind, contract.name, std::string(field.key), "", ""};
    for (const FieldUse& use : kUses) {
      if (!fits(use, contract, field.key)) continue;
      mapped.writers = use.writers;
      mapped.readers = use.readers;
    }
    map.push_back(std::move(mapped));
  }
}

}  // namespace

std::span<const FieldUse> field_uses() { return kUses; }

std::vector<MappedField> contract_map() {
  std::vector<MappedField> map;
  for (const ContractVersion& contract : contract_versions())
    if (contract.current) add_fields(map, contract);
  return map;
}

}  // namespace signalbox::event_store
