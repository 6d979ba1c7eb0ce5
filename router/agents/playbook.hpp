// Playbook: recorded dialogues with their tool calls, read once from a JSON Lines file, plain or
// gzip, then constant. One object a line:
//   {"conversation_id": text, "scenario": text,
//    "turns": [{"user": text, "tools": [{"name": text, "arguments": any, "result": any}],
//               "assistant": text}]}
// Further fields are ignored. Constant after load(), so any thread may read it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event-store/model/json_text.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::router {

class Playbook {
 public:
  struct Call {
    std::uint32_t tool;  // index into tool_names()
    JsonText arguments;
    JsonText result;
  };
  struct Turn {
    std::string user;
    std::vector<Call> calls;
    std::string assistant;
  };
  struct Dialogue {
    std::string id;  // a valid thread id
    std::string scenario;
    std::vector<Turn> turns;  // at least one
  };

  // Errors: not_found or io_error with the file, bad_config with file, line and field
  // (`conversations.jsonl:12: turns[1].tools[0].name must be a text`).
  [[nodiscard]] static Result<Playbook> load(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<Dialogue>& dialogues() const { return dialogues_; }
  [[nodiscard]] const std::vector<std::string>& tool_names() const { return tool_names_; }
  // The dialogue with this conversation_id.
  [[nodiscard]] const Dialogue* find(std::string_view id) const;
  // The first dialogue whose first user turn has the same words.
  [[nodiscard]] const Dialogue* find_opening(std::string_view words) const;

 private:
  friend class PlaybookReader;

  std::vector<Dialogue> dialogues_;
  std::vector<std::string> tool_names_;
  std::unordered_map<std::string, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_opening_;
};

// What a user turn is compared by: ASCII letters in lower case, white space as single blanks,
// without punctuation at either end.
[[nodiscard]] std::string words_of(std::string_view text);

}  // namespace signalbox::router
