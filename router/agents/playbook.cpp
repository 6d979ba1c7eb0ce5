#include "router/agents/playbook.hpp"

#include <zlib.h>

#include <simdjson.h>
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "event-store/model/ids.hpp"

namespace signalbox::router {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kLineBytesMax = std::size_t{1} << 20;
constexpr unsigned kReadBytes = 64 * 1024;

struct CloseGzip {
  void operator()(gzFile file) const noexcept { gzclose(file); }
};

// Lines of a file; zlib looks at the first bytes and passes a plain file through.
class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path) : file_(gzopen(path.c_str(), "rb")) {}

  [[nodiscard]] bool is_open() const { return file_ != nullptr; }
  // The next line without its end; nothing at the end of the file.
  Result<std::optional<std::string>> next() {
    while (true) {
      if (const auto end = buffer_.find('\n', searched_); end != std::string::npos)
        return take(end, 1);
      searched_ = buffer_.size();
      if (buffer_.size() > kLineBytesMax)
        return failure(Errc::bad_config, "a line is longer than 1 MiB");
      if (ended_) {
        if (buffer_.empty()) return std::nullopt;
        return take(buffer_.size(), 0);
      }
      if (auto filled = fill(); !filled) return tl::unexpected(filled.error());
    }
  }

 private:
  std::optional<std::string> take(std::size_t bytes, std::size_t line_end) {
    std::string line = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes + line_end);
    searched_ = 0;
    return line;
  }

  Result<void> fill() {
    const std::size_t before = buffer_.size();
    buffer_.resize(before + kReadBytes);
    const int bytes = gzread(file_.get(), buffer_.data() + before, kReadBytes);
    buffer_.resize(before + static_cast<std::size_t>(std::max(bytes, 0)));
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    // Z_BUF_ERROR at the end of the file: a gzip stream that was cut off.
    if (bytes < 0 || code != Z_OK) return failure(Errc::io_error, message);
    ended_ = bytes == 0;
    return {};
  }

  std::unique_ptr<gzFile_s, CloseGzip> file_;
  std::string buffer_;
  std::size_t searched_ = 0;
  bool ended_ = false;
};

tl::unexpected<Error> wrong(std::string field, std::string message) {
  return failure(Errc::bad_config, std::move(message), std::move(field));
}

Result<dom::element> member(const dom::object& object, const char* name, const std::string& path) {
  dom::element value;
  if (object.at_key(name).get(value) == simdjson::SUCCESS) return value;
  return wrong(path + name, "is required");
}

Result<std::string> text_member(const dom::object& object, const char* name,
                                const std::string& path) {
  auto value = member(object, name, path);
  if (!value) return tl::unexpected(value.error());
  std::string_view text;
  if (value->get(text) != simdjson::SUCCESS) return wrong(path + name, "must be a text");
  return std::string(text);
}

Result<dom::array> array_member(const dom::object& object, const char* name,
                                const std::string& path) {
  auto value = member(object, name, path);
  if (!value) return tl::unexpected(value.error());
  dom::array array;
  if (value->get(array) != simdjson::SUCCESS) return wrong(path + name, "must be a list");
  return array;
}

// The value as it stands in the file but for white space between tokens.
Result<JsonText> json_member(const dom::object& object, const char* name, const std::string& path) {
  auto value = member(object, name, path);
  if (!value) return tl::unexpected(value.error());
  return JsonText(simdjson::minify(*value));
}

std::string element_path(const std::string& list, std::size_t index) {
  return list + "[" + std::to_string(index) + "]";
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_letter_or_digit(char c) {
  // Bytes of other scripts count as letters: only ASCII punctuation is cut off.
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
}

}  // namespace

// Builds a Playbook line by line.
class PlaybookReader {
 public:
  Result<void> add_line(const std::string& line) {
    dom::element root;
    if (const auto error = parser_.parse(line).get(root); error != simdjson::SUCCESS)
      return wrong("", std::string("is no JSON: ") + simdjson::error_message(error));
    dom::object object;
    if (root.get(object) != simdjson::SUCCESS) return wrong("", "must be a JSON object");
    auto dialogue = read_dialogue(object);
    if (!dialogue) return tl::unexpected(dialogue.error());
    return add(std::move(*dialogue));
  }

  [[nodiscard]] Playbook& playbook() { return playbook_; }

 private:
  Result<Playbook::Dialogue> read_dialogue(const dom::object& object) {
    auto id = text_member(object, "conversation_id", "");
    if (!id) return tl::unexpected(id.error());
    if (!is_opaque_id(*id))
      return wrong("conversation_id", "must be 1 to 128 bytes without control characters");
    auto scenario = text_member(object, "scenario", "");
    if (!scenario) return tl::unexpected(scenario.error());
    auto turns = array_member(object, "turns", "");
    if (!turns) return tl::unexpected(turns.error());
    Playbook::Dialogue dialogue{std::move(*id), std::move(*scenario), {}};
    for (const dom::element element : *turns) {
      const std::string path = element_path("turns", dialogue.turns.size());
      auto turn = read_turn(element, path);
      if (!turn) return tl::unexpected(turn.error());
      dialogue.turns.push_back(std::move(*turn));
    }
    if (dialogue.turns.empty()) return wrong("turns", "must hold at least one turn");
    return dialogue;
  }

  Result<Playbook::Turn> read_turn(const dom::element& element, const std::string& path) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return wrong(path, "must be an object");
    auto user = text_member(object, "user", path + ".");
    if (!user) return tl::unexpected(user.error());
    auto assistant = text_member(object, "assistant", path + ".");
    if (!assistant) return tl::unexpected(assistant.error());
    auto tools = array_member(object, "tools", path + ".");
    if (!tools) return tl::unexpected(tools.error());
    Playbook::Turn turn{std::move(*user), {}, std::move(*assistant)};
    for (const dom::element tool : *tools) {
      auto call = read_call(tool, element_path(path + ".tools", turn.calls.size()));
      if (!call) return tl::unexpected(call.error());
      turn.calls.push_back(std::move(*call));
    }
    return turn;
  }

  Result<Playbook::Call> read_call(const dom::element& element, const std::string& path) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return wrong(path, "must be an object");
    auto name = text_member(object, "name", path + ".");
    if (!name) return tl::unexpected(name.error());
    if (name->empty()) return wrong(path + ".name", "must not be empty");
    auto arguments = json_member(object, "arguments", path + ".");
    if (!arguments) return tl::unexpected(arguments.error());
    auto result = json_member(object, "result", path + ".");
    if (!result) return tl::unexpected(result.error());
    return Playbook::Call{tool_index(*name), std::move(*arguments), std::move(*result)};
  }

  std::uint32_t tool_index(const std::string& name) {
    auto& names = playbook_.tool_names_;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return static_cast<std::uint32_t>(found - names.begin());
    names.push_back(name);
    return static_cast<std::uint32_t>(names.size() - 1);
  }

  Result<void> add(Playbook::Dialogue dialogue) {
    const std::size_t index = playbook_.dialogues_.size();
    if (!playbook_.by_id_.emplace(dialogue.id, index).second)
      return wrong("conversation_id", "is that of an earlier line: " + dialogue.id);
    // emplace keeps the first dialogue that opens with these words.
    playbook_.by_opening_.emplace(words_of(dialogue.turns.front().user), index);
    playbook_.dialogues_.push_back(std::move(dialogue));
    return {};
  }

  dom::parser parser_;
  Playbook playbook_;
};

Result<Playbook> Playbook::load(const std::filesystem::path& path) {
  LineReader lines(path);
  if (!lines.is_open() || std::filesystem::is_directory(path))
    return failure(Errc::not_found, path.string() +
                                        ": is no file that can be read; a playbook is "
                                        "JSON Lines, plain or gzip");
  PlaybookReader reader;
  for (std::size_t number = 1;; ++number) {
    const std::string where = path.string() + ":" + std::to_string(number) + ": ";
    auto line = lines.next();
    if (!line) return failure(line.error().code, where + line.error().message);
    if (!*line) break;
    if (std::all_of((*line)->begin(), (*line)->end(), is_space)) continue;
    if (auto added = reader.add_line(**line); !added) {
      const Error& error = added.error();
      const std::string field = error.field.empty() ? "the line" : error.field;
      return failure(error.code, where + field + " " + error.message, error.field);
    }
  }
  if (reader.playbook().dialogues().empty())
    return failure(Errc::bad_config, path.string() + ": holds no dialogue");
  return std::move(reader.playbook());
}

const Playbook::Dialogue* Playbook::find(std::string_view id) const {
  const auto found = by_id_.find(std::string(id));
  return found == by_id_.end() ? nullptr : &dialogues_[found->second];
}

const Playbook::Dialogue* Playbook::find_opening(std::string_view words) const {
  const auto found = by_opening_.find(words_of(words));
  return found == by_opening_.end() ? nullptr : &dialogues_[found->second];
}

std::string words_of(std::string_view text) {
  std::string words;
  for (const char c : text) {
    if (is_space(c)) {
      if (!words.empty() && words.back() != ' ') words.push_back(' ');
    } else {
      words.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
  }
  const auto first = std::find_if(words.begin(), words.end(), is_letter_or_digit);
  const auto last = std::find_if(words.rbegin(), words.rend(), is_letter_or_digit).base();
  // Nothing but punctuation is compared as it is.
  return first < last ? std::string(first, last) : words;
}

}  // namespace signalbox::router
