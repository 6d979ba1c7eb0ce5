#include "event-store/contract/contract_check.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "event-store/contract/embedded_schemas.hpp"
#include "event-store/contract/json_reader.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

namespace fs = std::filesystem;

std::string label_of(const SchemaFile& file) {
  return file.kind + "/" + file.name + ":" + std::to_string(file.version);
}

std::vector<SchemaFile> copied(std::span<const EmbeddedSchema> schemas) {
  std::vector<SchemaFile> files;
  for (const EmbeddedSchema& schema : schemas)
    files.push_back({std::string(schema.kind), std::string(schema.name), schema.version,
                     std::string(schema.text)});
  return files;
}

// "agent_started.v2" -> agent_started, 2.
std::optional<std::pair<std::string, int>> parse_stem(const std::string& stem) {
  const std::size_t dot = stem.rfind(".v");
  if (dot == std::string::npos) return std::nullopt;
  const auto version = parse_decimal<int>(std::string_view(stem).substr(dot + 2));
  if (!version || *version < 1) return std::nullopt;
  return std::pair(stem.substr(0, dot), *version);
}

Result<SchemaFile> read_schema_file(const fs::path& path) {
  const auto name = parse_stem(path.stem().string());
  if (!name) return failure(Errc::malformed, "must be <name>.v<version>.json", path.string());
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return failure(Errc::io_error, "cannot be read", path.string());
  return SchemaFile{path.parent_path().filename().string(), name->first, name->second, text.str()};
}

// A schema object, as members by name; the raw text of each.
class Schema {
 public:
  static Result<Schema> parse(std::string_view text) {
    auto members = read_json_object(text);
    if (!members) return tl::unexpected(std::move(members).error());
    return Schema(std::move(*members));
  }

  [[nodiscard]] std::string_view raw(std::string_view keyword) const {
    const auto found = std::ranges::find(members_, keyword, &JsonMember::key);
    return found == members_.end() ? std::string_view() : found->raw;
  }
  // The texts of an array of strings.
  [[nodiscard]] std::set<std::string> names(std::string_view keyword) const {
    std::set<std::string> names;
    const auto elements = read_json_array(raw(keyword));
    if (!elements) return names;
    for (const JsonMember& element : *elements) names.emplace(element.text);
    return names;
  }
  [[nodiscard]] std::map<std::string, std::string_view> properties() const {
    std::map<std::string, std::string_view> properties;
    const auto members = read_json_object(raw("properties"));
    if (!members) return properties;
    for (const JsonMember& member : *members) properties.emplace(member.key, member.raw);
    return properties;
  }
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view keyword) const {
    const std::string_view text = raw(keyword);
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    return number;
  }

 private:
  explicit Schema(JsonMembers members) : members_(std::move(members)) {}
  JsonMembers members_;
};

std::string compact(std::string_view raw) {
  std::string text;
  for (const char c : raw)
    if (c != ' ' && c != '\n') text += c;
  return text.empty() ? "nothing" : text;
}

// Compares one contract's schema with the released one, field by field.
class Comparison {
 public:
  Comparison(std::string contract, std::vector<ContractFinding>& findings)
      : contract_(std::move(contract)), findings_(findings) {}

  Result<void> compare(const std::string& path, std::string_view now, std::string_view then) {
    const auto current = Schema::parse(now);
    const auto released = Schema::parse(then);
    if (!current || !released)
      return failure(Errc::malformed, "is no schema that can be compared", contract_ + " " + path);
    compare_meaning(path, *current, *released);
    compare_bounds(path, *current, *released);
    compare_names(path, *current, *released);
    if (!current->raw("items").empty() && !released->raw("items").empty())
      if (auto result = compare(path + "[]", current->raw("items"), released->raw("items"));
          !result)
        return result;
    return compare_properties(path, *current, *released);
  }

 private:
  void find(const std::string& field, Direction direction, std::string what) {
    findings_.push_back({contract_, field, direction, std::move(what)});
  }

  // Keywords whose every change changes what a value means.
  void compare_meaning(const std::string& path, const Schema& current, const Schema& released) {
    for (const std::string_view keyword :
         {"type", "const", "pattern", "format", "contentEncoding", "oneOf", "items"}) {
      const std::string now = compact(current.raw(keyword));
      const std::string then = compact(released.raw(keyword));
      const bool compared_below = keyword == "items" && now != "nothing" && then != "nothing";
      if (now == then || compared_below) continue;
      find(path, Direction::both,
           "`" + std::string(keyword) + "` was " + then + " and is now " + now);
    }
  }

  void compare_bounds(const std::string& path, const Schema& current, const Schema& released) {
    for (const std::string_view keyword : {"minimum", "minLength"})
      compare_bound(path, keyword, current.number(keyword), released.number(keyword), 1);
    for (const std::string_view keyword : {"maximum", "maxLength", "x-bytes-max"})
      compare_bound(path, keyword, current.number(keyword), released.number(keyword), -1);
  }

  // sign 1: a greater bound is narrower; -1: a smaller one. No bound is the widest.
  void compare_bound(const std::string& path, std::string_view keyword,
                     std::optional<std::int64_t> now, std::optional<std::int64_t> then, int sign) {
    if (now == then) return;
    const bool narrower = !then || (now && (sign > 0 ? *now > *then : *now < *then));
    const auto shown = [](std::optional<std::int64_t> bound) {
      return bound ? std::to_string(*bound) : std::string("absent");
    };
    find(path, narrower ? Direction::backward : Direction::forward,
         "`" + std::string(keyword) + "` was " + shown(then) + " and is now " + shown(now));
  }

  void compare_names(const std::string& path, const Schema& current, const Schema& released) {
    const auto now = current.names("enum");
    const auto then = released.names("enum");
    if (then.empty() != now.empty()) {
      find(path, then.empty() ? Direction::backward : Direction::forward,
           then.empty() ? "had any value and now has a list of them"
                        : "had a list of values and now has any");
      return;
    }
    for (const std::string& name : then)
      if (!now.contains(name)) find(path, Direction::backward, "no longer allows " + name);
    for (const std::string& name : now)
      if (!then.contains(name)) find(path, Direction::forward, "newly allows " + name);
  }

  Result<void> compare_properties(const std::string& path, const Schema& current,
                                  const Schema& released) {
    const auto now = current.properties();
    const auto then = released.properties();
    const auto needed_now = current.names("required");
    const auto needed_then = released.names("required");
    const std::string prefix = path.empty() ? "" : path + ".";
    for (const auto& [name, schema] : then) {
      const auto found = now.find(name);
      if (found == now.end()) {
        find(prefix + name, Direction::both, "was taken away");
        continue;
      }
      if (needed_then.contains(name) && !needed_now.contains(name))
        find(prefix + name, Direction::forward, "was required and is now optional");
      if (auto result = compare(prefix + name, found->second, schema); !result) return result;
    }
    for (const std::string& name : needed_now)
      if (!needed_then.contains(name))
        find(prefix + name, Direction::backward,
             then.contains(name) ? "was optional and is now required" : "is new and required");
    return {};
  }

  std::string contract_;
  std::vector<ContractFinding>& findings_;
};

bool is_frame(const SchemaFile& file) { return file.kind.ends_with("_frame"); }

}  // namespace

std::string_view to_text(Direction direction) {
  switch (direction) {
    case Direction::backward: return "backward";
    case Direction::forward: return "forward";
    case Direction::both: return "both ways";
  }
  SIGNALBOX_ASSERT(false && "a Direction outside its enum");
  return "";
}

std::vector<SchemaFile> current_schemas() { return copied(kSchemas); }

std::vector<SchemaFile> released_schemas() { return copied(kReleasedSchemas); }

Result<std::vector<SchemaFile>> read_schema_folder(const std::string& folder) {
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, error);
  if (error) return failure(Errc::not_found, "is no folder that can be read", folder);
  std::vector<SchemaFile> files;
  for (const auto& entry : entries) {
    if (entry.path().extension() != ".json") continue;
    auto file = read_schema_file(entry.path());
    if (!file) return tl::unexpected(std::move(file).error());
    files.push_back(std::move(*file));
  }
  if (files.empty()) return failure(Errc::not_found, "holds no schema", folder);
  std::ranges::sort(files, {}, label_of);
  return files;
}

Result<std::vector<ContractFinding>> compare_schemas(std::span<const SchemaFile> current,
                                                     std::span<const SchemaFile> released) {
  std::vector<ContractFinding> findings;
  for (const SchemaFile& then : released) {
    const std::string label = label_of(then);
    const auto now = std::ranges::find(current, label, label_of);
    if (now == current.end()) {
      findings.push_back({label, "", Direction::both, "was taken away"});
      continue;
    }
    Comparison comparison(label, findings);
    // A record's schema is of its `data`; a frame's of the whole frame.
    auto result = comparison.compare(is_frame(then) ? "" : "data", now->text, then.text);
    if (!result) return tl::unexpected(std::move(result).error());
  }
  return findings;
}

}  // namespace signalbox::event_store
