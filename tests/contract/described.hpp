// Every contract at its current version, as its description in C++ has it: the schema that follows
// from it, and its golden bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "event-store/contract/registry.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

struct DescribedContract {
  ContractKind kind;
  std::string name;
  int version;
  nlohmann::ordered_json schema;
};
[[nodiscard]] std::vector<DescribedContract> described_contracts();

// One encoded sample of a contract. Records as lp(name) lp(value) of every header, then lp(value);
// frames as lp(text). lp as in contract 1.
struct Golden {
  ContractKind kind;
  std::string name;
  int version;
  std::string bytes;
};
[[nodiscard]] std::vector<Golden> current_goldens();

[[nodiscard]] std::string golden_bytes(const NewRecord& record);
// The headers and the value (a frame: its text as the value) that golden bytes hold.
[[nodiscard]] NewRecord parse_golden(std::string_view bytes);

// Hexadecimal in lines of 64 digits, as golden files have it.
[[nodiscard]] std::string to_golden_text(std::string_view bytes);
[[nodiscard]] std::string parse_golden_text(std::string_view text);

// Of the source tree.
[[nodiscard]] std::string schema_path(ContractKind kind, std::string_view name, int version);
[[nodiscard]] std::string golden_path(ContractKind kind, std::string_view name, int version);
// Throws where there is no such file.
[[nodiscard]] std::string read_file(const std::string& path);

}  // namespace signalbox::event_store
