// Compares the schemas of this build with those of a release, both ways: whether this build reads
// what a released one wrote (backward) and the other way round (forward). Pure but for
// read_schema_folder; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct SchemaFile {
  std::string kind;  // name of its folder
  std::string name;
  int version;
  std::string text;
};

enum class Direction { backward, forward, both };
[[nodiscard]] std::string_view to_text(Direction direction);

struct ContractFinding {
  std::string contract;  // `event/agent_started:2`
  std::string field;     // whole path, `data.message_id`; empty: the contract itself
  Direction direction;   // in which way it is incompatible
  std::string what;      // a sentence
};

// The schemas built into this program: those it was compiled with, and those of the last release.
[[nodiscard]] std::vector<SchemaFile> current_schemas();
[[nodiscard]] std::vector<SchemaFile> released_schemas();
// A folder like event-store/contract/released. Errors: not_found, io_error, malformed (with the
// path as field).
[[nodiscard]] Result<std::vector<SchemaFile>> read_schema_folder(const std::string& folder);

// What makes `current` incompatible with `released`, by contract and field; empty: nothing does.
// New contracts, new versions and new optional fields are no findings. Errors: malformed, with the
// contract as field, where a schema cannot be read.
[[nodiscard]] Result<std::vector<ContractFinding>> compare_schemas(
    std::span<const SchemaFile> current, std::span<const SchemaFile> released);

}  // namespace signalbox::event_store
