// Every contract there is, for `signalbox contract`, for /contract/asyncapi.json and for the tests
// that hold schemas, codecs, golden files and released versions against each other.
#pragma once

#include <span>
#include <string_view>

namespace signalbox::event_store {

enum class ContractKind {
  event,
  command,
  progress,
  connection,
  control,
  quarantine,
  snapshot,
  client_frame,
  server_frame
};

// Also the name of the folder that holds the schemas of the kind. "" for none of the above.
[[nodiscard]] constexpr std::string_view to_text(ContractKind kind) {
  switch (kind) {
    case ContractKind::event: return "event";
    case ContractKind::command: return "command";
    case ContractKind::progress: return "progress";
    case ContractKind::connection: return "connection";
    case ContractKind::control: return "control";
    case ContractKind::quarantine: return "quarantine";
    case ContractKind::snapshot: return "snapshot";
    case ContractKind::client_frame: return "client_frame";
    case ContractKind::server_frame: return "server_frame";
  }
  return "";
}

// Frames are no records: they are on the wire only, and signalbox.v1 has their one version.
[[nodiscard]] constexpr bool is_frame(ContractKind kind) {
  return kind == ContractKind::client_frame || kind == ContractKind::server_frame;
}

struct ContractVersion {
  ContractKind kind;
  std::string_view name;    // `agent_started`
  int version;              // 1, 2, ...
  bool current;             // the newest: what the struct in C++ has
  std::string_view schema;  // JSON Schema 2020-12 of `data` (frames: of the whole frame)
};

// Ordered by kind, name, version.
[[nodiscard]] std::span<const ContractVersion> contract_versions();

}  // namespace signalbox::event_store
