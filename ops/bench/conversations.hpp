// Recorded dialogues, read for playing them against a service: JSON Lines, plain or gzip, of the
// form {"conversation_id", "turns": [{"user", "tools": [{"name", "arguments", "result"}],
// "assistant"}]}; further fields are ignored.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "event-store/model/result.hpp"

namespace signalbox::bench {

struct ExpectedCall {
  std::string name;
  nlohmann::json arguments;
  nlohmann::json result;
};
struct Turn {
  std::string user;
  std::vector<ExpectedCall> calls;
  std::string assistant;
};
struct Conversation {
  std::string id;
  std::vector<Turn> turns;
};

// Errors: not_found, io_error, bad_config (with file and line).
[[nodiscard]] Result<std::vector<Conversation>> load_conversations(const std::string& path);

}  // namespace signalbox::bench
