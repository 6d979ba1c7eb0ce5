#include "event-store/contract/json_reader.hpp"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <span>

#include "event-store/model/utf8.hpp"

namespace signalbox::event_store {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kMembersUsual = 8;  // of an object: then there is one allocation for them

std::string_view without_trailing_space(std::string_view raw) {
  const std::size_t last = raw.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view() : raw.substr(0, last + 1);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes one digit or more off the front.
bool take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto count = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(count);
  return count > 0;
}

// The grammar of RFC 8259, without any limit of size.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool leading_zero = text.starts_with('0');
  const std::size_t before = text.size();
  if (!take_digits(text) || (leading_zero && before - text.size() > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  return text.empty();
}

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Whether every escape of a string has the form of one, so that only its meaning can be wrong.
bool has_well_formed_escapes(std::string_view raw) {
  for (std::size_t at = raw.find('\\'); at != std::string_view::npos; at = raw.find('\\', at)) {
    if (at + 1 >= raw.size()) return false;
    const char kind = raw[at + 1];
    if (kind == 'u') {
      const std::string_view digits = raw.substr(at + 2, 4);
      if (digits.size() != 4 || !std::ranges::all_of(digits, is_hex_digit)) return false;
    } else if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
      return false;
    }
    at += 2;
  }
  return true;
}

// Walks one document. simdjson finds the structure and checks UTF-8; on demand it leaves unread
// what nobody asks for, so the walk asks for everything. nullopt: the text is no JSON, or see
// reason().
class Walk {
 public:
  struct Rules {
    std::size_t depth_max = kRecordDepthMax;
    NestedNames nested = NestedNames::any;
    bool is_checked = false;  // the text was, so that what is in a member may be left unread
  };
  Walk(std::string_view text, const char* padded, ondemand::document& document, const Rules& rules)
      : text_(text), padded_(padded), document_(document), rules_(rules) {
    names_.clear();
  }

  std::optional<JsonMembers> members_of(ondemand::object object) {
    JsonMembers members;
    members.reserve(kMembersUsual);
    for (auto field : object) {
      JsonMember& member = members.add();
      const auto key = key_of(field);
      if (!key) return std::nullopt;
      member.key = key->is_escaped ? members.keep(key->unescaped) : key->unescaped;
      names_.push_back(member.key);
      if (!read_member(field.value(), members, member)) return std::nullopt;
    }
    if (!take_unique_names(0)) return std::nullopt;
    return members;
  }

  std::optional<JsonMembers> members_of(ondemand::array array) {
    JsonMembers members;
    members.reserve(kMembersUsual);
    for (auto element : array)
      if (!read_member(element, members, members.add())) return std::nullopt;
    return members;
  }

  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  using MaybeField = simdjson::simdjson_result<ondemand::field>;
  using MaybeValue = simdjson::simdjson_result<ondemand::value>;
  // Where what a string says can be kept, if it is asked for.
  struct Said {
    JsonMembers& members;
    std::string_view& text;
  };

  // The same place in the text that was given.
  std::string_view in_text(const char* from, std::size_t size) const {
    return text_.substr(static_cast<std::size_t>(from - padded_), size);
  }

  struct Key {
    std::string_view
        unescaped;  // in the text or, if it stands escaped there, in the parser's memory
    bool is_escaped;
  };
  std::optional<Key> key_of(MaybeField& field) const {
    ondemand::raw_json_string quoted;
    if (field.key().get(quoted)) return std::nullopt;
    const char* end = quoted.raw();
    while (*end != '"' && *end != '\\') ++end;
    if (*end == '"')
      return Key{in_text(quoted.raw(), static_cast<std::size_t>(end - quoted.raw())), false};
    std::string_view unescaped;
    if (field.unescaped_key().get(unescaped) || !is_utf8(unescaped)) return std::nullopt;
    return Key{unescaped, true};
  }

  bool read_member(MaybeValue found, JsonMembers& members, JsonMember& member) {
    ondemand::value value;
    if (std::move(found).get(value)) return false;
    const std::string_view token = value.raw_json_token();
    Said said{members, member.text};
    const auto type = check(value, 2, member.lone_surrogate, &said);
    if (!type) return false;
    member.type = *type;
    const char* end = token.data() + token.size();
    const bool container = *type == JsonType::object || *type == JsonType::array;
    if (container && document_.current_location().get(end)) return false;
    member.raw =
        without_trailing_space(in_text(token.data(), static_cast<std::size_t>(end - token.data())));
    return true;
  }

  // Checks a value and all below it.
  std::optional<JsonType> check(ondemand::value& value, std::size_t depth, bool& lone_surrogate,
                                Said* said) {
    ondemand::json_type type;
    if (value.type().get(type)) return std::nullopt;
    switch (type) {
      case ondemand::json_type::object: return check_object(value, depth, lone_surrogate);
      case ondemand::json_type::array: return check_array(value, depth, lone_surrogate);
      case ondemand::json_type::string: return check_string(value, lone_surrogate, said);
      default: return check_scalar(without_trailing_space(value.raw_json_token()));
    }
  }

  std::optional<JsonType> check_object(ondemand::value& value, std::size_t depth,
                                       bool& lone_surrogate) {
    ondemand::object object;
    if (is_too_deep(depth) || value.get_object().get(object)) return std::nullopt;
    if (rules_.is_checked) return passed_over(object, JsonType::object);
    const std::size_t first_name = names_.size();
    for (auto field : object) {
      ondemand::value below;
      const auto key = key_of(field);
      if (!key) return std::nullopt;
      if (rules_.nested == NestedNames::unique) names_.push_back(key->unescaped);
      if (field.value().get(below)) return std::nullopt;
      if (!check(below, depth + 1, lone_surrogate, nullptr)) return std::nullopt;
    }
    if (!take_unique_names(first_name)) return std::nullopt;
    return JsonType::object;
  }

  std::optional<JsonType> check_array(ondemand::value& value, std::size_t depth,
                                      bool& lone_surrogate) {
    ondemand::array array;
    if (is_too_deep(depth) || value.get_array().get(array)) return std::nullopt;
    if (rules_.is_checked) return passed_over(array, JsonType::array);
    for (auto element : array) {
      ondemand::value below;
      if (element.get(below)) return std::nullopt;
      if (!check(below, depth + 1, lone_surrogate, nullptr)) return std::nullopt;
    }
    return JsonType::array;
  }

  template <class Container>
  static std::optional<JsonType> passed_over(Container& container, JsonType type) {
    return container.raw_json().error() ? std::nullopt : std::optional(type);
  }

  std::optional<JsonType> check_string(ondemand::value& value, bool& lone_surrogate,
                                       Said* said) const {
    const std::string_view quoted = without_trailing_space(value.raw_json_token());
    // Without an escape it is what it says: the text as a whole was checked to be UTF-8, and to
    // have no control character in a string. What nobody takes may pass for a name.
    if (quoted.find('\\') == std::string_view::npos) {
      if (value.get_raw_json_string().error()) return std::nullopt;
      if (said != nullptr) said->text = in_text(quoted.data() + 1, quoted.size() - 2);
      return JsonType::string;
    }
    std::string_view unescaped;
    if (!value.get_string().get(unescaped) && is_utf8(unescaped)) {
      if (said != nullptr) said->text = said->members.keep(unescaped);
      return JsonType::string;
    }
    if (!has_well_formed_escapes(quoted)) return std::nullopt;
    lone_surrogate = true;
    return JsonType::string;
  }

  static std::optional<JsonType> check_scalar(std::string_view token) {
    if (token == "true" || token == "false") return JsonType::boolean;
    if (token == "null") return JsonType::null;
    if (is_number(token)) return JsonType::number;
    return std::nullopt;
  }

  // Takes the names from `first` on, which are those of one object, off the stack. Sorted: whoever
  // sends many members must not be able to make each be compared with each.
  bool take_unique_names(std::size_t first) {
    const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(first);
    if (names_.size() - first <= kMembersUsual && are_unique(std::span(begin, names_.end()))) {
      names_.erase(begin, names_.end());
      return true;
    }
    std::sort(begin, names_.end());
    if (const auto twice = std::adjacent_find(begin, names_.end()); twice != names_.end()) {
      reason_ = "names the member " + std::string(*twice) + " twice";
      return false;
    }
    names_.erase(begin, names_.end());
    return true;
  }

  // Of a few names: then to compare each with each is less than to sort them.
  static bool are_unique(std::span<const std::string_view> names) {
    for (std::size_t i = 1; i < names.size(); ++i)
      if (std::ranges::find(names.first(i), names[i]) != names.begin() + i) return false;
    return true;
  }

  bool is_too_deep(std::size_t depth) {
    if (depth <= rules_.depth_max) return false;
    reason_ = "is nested deeper than " + std::to_string(rules_.depth_max);
    return true;
  }

  static std::vector<std::string_view>& names_of_thread() {
    thread_local std::vector<std::string_view> names;  // their room is used again
    return names;
  }

  std::string_view text_;
  const char* padded_;
  ondemand::document& document_;
  Rules rules_;
  std::vector<std::string_view>& names_ = names_of_thread();  // of the objects that are open
  std::string reason_{};
};

constexpr std::string_view kObject = "a JSON object";
constexpr std::string_view kArray = "a JSON array";

// Which of its members have half a code point within is not known of one that has.
Walk::Rules rules_within(const JsonMember& member) {
  return {.is_checked = !member.lone_surrogate};
}

// Outermost is ondemand::object or ondemand::array.
template <class Outermost>
Result<JsonMembers> read_members(std::string_view text, const Walk::Rules& rules,
                                 std::string_view wanted) {
  thread_local ondemand::parser parser;
  thread_local std::string padded;
  padded.assign(text);
  padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  ondemand::document document;
  Outermost outermost;
  if (parser.iterate(simdjson::padded_string_view(padded.data(), padded.size(), padded.capacity()))
          .get(document))
    return failure(Errc::bad_json, "is not JSON in UTF-8");
  if (document.get(outermost)) return failure(Errc::bad_json, "is not " + std::string(wanted));
  Walk walk(text, padded.data(), document, rules);
  auto members = walk.members_of(outermost);
  const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  if (members && at_end) return std::move(*members);
  return failure(Errc::bad_json, walk.reason().empty() ? "is not JSON in UTF-8" : walk.reason());
}

}  // namespace

Result<JsonMembers> read_json_object(std::string_view text, std::size_t depth_max,
                                     NestedNames nested) {
  return read_members<ondemand::object>(text, {depth_max, nested}, kObject);
}

Result<JsonMembers> read_json_array(std::string_view text, std::size_t depth_max) {
  return read_members<ondemand::array>(text, {.depth_max = depth_max}, kArray);
}

Result<JsonMembers> read_json_object(const JsonMember& member) {
  return read_members<ondemand::object>(member.raw, rules_within(member), kObject);
}

Result<JsonMembers> read_json_array(const JsonMember& member) {
  return read_members<ondemand::array>(member.raw, rules_within(member), kArray);
}

const JsonMember* find_member(const JsonMembers& members, std::string_view key) {
  const auto found = std::ranges::find(members, key, &JsonMember::key);
  return found == members.end() ? nullptr : &*found;
}

}  // namespace signalbox::event_store
