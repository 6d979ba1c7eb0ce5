// Who writes and who reads each field of each contract, as declared in contract_map.cpp. A test
// holds the declaration against the schemas, so no field is without writer and reader.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/contract/registry.hpp"

namespace signalbox::event_store {

// A line of the declaration: the uses of one field, of all fields of a contract (no field), or of
// all contracts of a kind (no name). The last line that fits counts.
struct FieldUse {
  ContractKind kind;
  std::string_view name;
  std::string_view field;
  std::string_view writers;  // separated by spaces; "-" for nobody any more
  std::string_view readers;
};
[[nodiscard]] std::span<const FieldUse> field_uses();

// One field of a contract's current version.
struct MappedField {
  ContractKind kind;
  std::string_view name;
  std::string field;
  std::string_view writers;
  std::string_view readers;
};
// Ordered like the registry, fields as in the schema.
[[nodiscard]] std::vector<MappedField> contract_map();

}  // namespace signalbox::event_store
