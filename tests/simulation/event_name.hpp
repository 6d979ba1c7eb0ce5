// What those who look at records from outside the product ask of an event's type. Pure.
#pragma once

#include <algorithm>
#include <string_view>

#include "event-store/contract/envelope.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::simulation {

// `message_received` of `dev.signalbox.message_received`; empty where there is no type.
inline std::string_view name_of(const Record& record) {
  const auto type = record.header("ce_type").value_or("");
  return type.substr(std::min(event_store::kEventTypePrefix.size(), type.size()));
}

// It answers a command (contract 4).
inline bool is_outcome(std::string_view name) {
  return name.starts_with("message_") || name.starts_with("cancel_") ||
         name.starts_with("run_input_");
}

}  // namespace signalbox::simulation
