#include "ops/cli/config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "event-store/model/assert.hpp"

namespace signalbox::cli {
namespace {

constexpr std::string_view kEnvironmentPrefix = "SIGNALBOX_";

std::string environment_name(std::string_view key) {
  std::string name(kEnvironmentPrefix);
  for (const char c : key)
    name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    items.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return items;
}

// The texts of a node whose TOML type fits the shape; nullopt where it does not.
std::optional<std::vector<std::string>> texts_of(const toml::node& node, Setting::Shape shape) {
  if (shape == Setting::Shape::integer && node.is_integer())
    return std::vector{std::to_string(node.as_integer()->get())};
  if (shape == Setting::Shape::boolean && node.is_boolean())
    return std::vector{std::string(node.as_boolean()->get() ? "true" : "false")};
  if (shape == Setting::Shape::text && node.is_string())
    return std::vector{node.as_string()->get()};
  if (shape != Setting::Shape::list || !node.is_array()) return std::nullopt;
  std::vector<std::string> items;
  for (const toml::node& item : *node.as_array()) {
    if (!item.is_string()) return std::nullopt;
    items.push_back(item.as_string()->get());
  }
  return items;
}

// The text of any single value.
std::optional<std::string> text_of(const toml::node& node) {
  for (const auto shape : {Setting::Shape::text, Setting::Shape::integer, Setting::Shape::boolean})
    if (auto texts = texts_of(node, shape)) return texts->front();
  return std::nullopt;
}

// `KAFKA_SASL_USERNAME` of the environment as `kafka.sasl.username`.
std::string key_of_variable(std::string_view name) {
  std::string key;
  for (const char c : name.substr(kEnvironmentPrefix.size()))
    key += c == '_' ? '.' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return key;
}

Result<void> first_of(std::vector<ConfigProblem> problems) {
  if (problems.empty()) return {};
  return tl::unexpected(std::move(problems.front().error));
}

}  // namespace

struct Config::Leaf {
  std::string key;
  const toml::node* node;
  std::string file;
  std::int64_t line;
  std::int64_t last_line;
};

namespace {

template <class Leaf>
void collect_leaves(const toml::table& table, const std::string& prefix, const std::string& file,
                    std::vector<Leaf>& leaves) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    const auto line = static_cast<std::int64_t>(name.source().begin.line);
    const auto last_line = static_cast<std::int64_t>(node.source().end.line);
    if (const toml::table* inner = node.as_table()) {
      // An empty table of an unknown name is refused like any unknown key; one of a known name says
      // nothing.
      if (inner->empty()) leaves.push_back({key, inner, file, line, line});
      collect_leaves(*inner, key + ".", file, leaves);
    } else {
      leaves.push_back({key, &node, file, line, last_line});
    }
  }
}

}  // namespace

void Config::add(Setting setting) {
  std::string key = setting.key;
  Entry entry{std::move(setting)};
  entry.is_here = is_here_;
  const bool added = entries_.emplace(std::move(key), std::move(entry)).second;
  SIGNALBOX_ASSERT(added);
}

void Config::add_open_table(std::string prefix, MakeSetting make) {
  open_tables_.emplace(std::move(prefix), std::move(make));
}

Config::Keys Config::keys() const {
  Keys own;
  for (const auto& [key, entry] : entries_) own.settings.insert(key);
  for (const auto& [prefix, make] : open_tables_) own.open_tables.insert(prefix);
  return own;
}

void Config::leave_to_others(Keys (*ask)()) { others_.push_back(ask); }

const Config::Keys& Config::keys_of_others() const {
  if (keys_of_others_) return *keys_of_others_;
  keys_of_others_.emplace();
  for (const auto ask : others_) {
    Keys own = ask();
    keys_of_others_->settings.merge(own.settings);
    keys_of_others_->open_tables.merge(own.open_tables);
  }
  return *keys_of_others_;
}

bool Config::is_of_others(const std::string& key) const {
  const Keys& others = keys_of_others();
  return others.settings.contains(key) ||
         std::ranges::any_of(others.open_tables,
                             [&](const std::string& prefix) { return key.starts_with(prefix); });
}

std::optional<Result<void>> Config::set_open(const std::string& key,
                                             const std::optional<std::string>& text,
                                             const std::string& origin) {
  const auto table = std::ranges::find_if(
      open_tables_, [&](const auto& each) { return key.starts_with(each.first); });
  if (table == open_tables_.end() || key == table->first) return std::nullopt;
  // Nothing lies below a setting of ours: a table in its place is no property.
  const bool is_below_one = std::ranges::any_of(
      entries_, [&](const auto& entry) { return key.starts_with(entry.first + "."); });
  if (is_below_one) return std::nullopt;
  if (!text)
    return failure(Errc::bad_config, origin + ": " + key + " must be a text, number or boolean",
                   key);
  auto made = table->second(key, *text);
  if (!made)
    return failure(Errc::bad_config, origin + ": " + made.error().message, made.error().field);
  entries_.erase(key);
  Entry& entry =
      entries_.emplace(key, Entry{.setting = *std::move(made), .is_open = true}).first->second;
  return set(entry, std::vector{*text}, origin);
}

Result<void> Config::set(Entry& entry, const std::optional<std::vector<std::string>>& texts,
                         std::string origin) {
  const Setting& setting = entry.setting;
  if (!texts || !setting.set(*texts))
    return failure(Errc::bad_config, origin + ": " + setting.key + " " + setting.allowed,
                   setting.key);
  entry.origin = std::move(origin);
  return {};
}

Result<void> Config::read_file(const std::string& path) { return first_of(take_file(path)); }

std::vector<ConfigProblem> Config::take_file(const std::string& path) {
  const auto no_file = [&path](const std::string& why) {
    return std::vector<ConfigProblem>{
        {.error = {Errc::bad_config, path + ": " + why + "; --config wants a file in TOML"}}};
  };
  // Opening one succeeds, and reading it gives nothing.
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return no_file("is a directory");
  if (!std::ifstream(path)) return no_file("cannot be read: " + std::string(std::strerror(errno)));
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    const auto line = static_cast<std::int64_t>(error.source().begin.line);
    return {{.error = {Errc::bad_config,
                       path + ":" + std::to_string(line) + ": " + std::string(error.description()) +
                           "; mend that line: TOML has `key = value`, texts in quotes, and each "
                           "key and table once"},
             .file = path,
             .first_line = line,
             .last_line = line,
             .is_value = false}};
  }
  std::vector<Leaf> leaves;
  collect_leaves(table, "", path, leaves);
  std::vector<ConfigProblem> problems;
  for (const Leaf& leaf : leaves)
    if (auto done = take(leaf); !done)
      problems.push_back({.error = std::move(done.error()),
                          .file = path,
                          .first_line = leaf.line,
                          .last_line = std::max(leaf.line, leaf.last_line)});
  return problems;
}

Result<void> Config::take(const Leaf& leaf) {
  const std::string place = leaf.file + ":" + std::to_string(leaf.line);
  if (leaf.node->is_table() && has_table(leaf.key + ".")) return {};
  const auto found = entries_.find(leaf.key);
  if (found == entries_.end() || found->second.is_open)
    if (auto done = set_open(leaf.key, text_of(*leaf.node), place)) return *done;
  if (found == entries_.end() && is_of_others(leaf.key)) return {};
  if (found == entries_.end())
    return failure(Errc::bad_config,
                   place + ": unknown key " + leaf.key + "; allowed: " + keys_beside(leaf.key),
                   leaf.key);
  return set(found->second, texts_of(*leaf.node, found->second.setting.shape), place);
}

bool Config::has_table(const std::string& prefix) const {
  const auto is_in_it = [&](const std::string& key) { return key.starts_with(prefix); };
  return std::ranges::any_of(entries_, [&](const auto& entry) { return is_in_it(entry.first); }) ||
         std::ranges::any_of(keys_of_others().settings, is_in_it);
}

std::string Config::keys_beside(const std::string& unknown) const {
  const std::string table = unknown.substr(0, unknown.rfind('.') + 1);
  const bool is_known_table = std::ranges::any_of(
      entries_, [&](const auto& entry) { return entry.first.starts_with(table); });
  std::string keys;
  for (const auto& [key, entry] : entries_)
    if (!is_known_table || key.starts_with(table)) keys += (keys.empty() ? "" : ", ") + key;
  return keys;
}

Result<void> Config::read_environment(const char* const* environment) {
  return first_of(take_environment(environment));
}

std::vector<ConfigProblem> Config::take_environment(const char* const* environment) {
  std::vector<ConfigProblem> problems;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    if (!variable.starts_with(kEnvironmentPrefix)) continue;
    const std::string name(variable.substr(0, variable.find('=')));
    if (auto done = take_variable(
            name, std::string(variable.substr(std::min(name.size() + 1, variable.size()))));
        !done)
      problems.push_back({.error = std::move(done.error())});
  }
  return problems;
}

Result<void> Config::take_variable(const std::string& name, const std::string& text) {
  const auto entry = std::ranges::find_if(
      entries_, [&](const auto& each) { return environment_name(each.first) == name; });
  const std::string origin = "environment " + name;
  if (entry == entries_.end() || entry->second.is_open)
    if (auto done = set_open(key_of_variable(name), text, origin)) return *done;
  if (entry == entries_.end()) {
    if (is_of_others(key_of_variable(name))) return {};
    if (std::ranges::any_of(keys_of_others().settings,
                            [&](const std::string& key) { return environment_name(key) == name; }))
      return {};
    std::string allowed;
    for (const auto& [key, unused] : entries_)
      allowed += (allowed.empty() ? "" : ", ") + environment_name(key);
    return failure(Errc::bad_config,
                   "environment: unknown variable " + name + "; allowed: " + allowed, name);
  }
  const bool is_list = entry->second.setting.shape == Setting::Shape::list;
  return set(entry->second, is_list ? split_list(text) : std::vector{text}, origin);
}

Result<void> Config::set_flag(const std::string& key, const std::string& text) {
  Entry& entry = entries_.at(key);
  const bool is_list = entry.setting.shape == Setting::Shape::list;
  return set(entry, is_list ? split_list(text) : std::vector{text}, "flag " + entry.setting.flag);
}

std::string Config::print() const {
  std::string printed;
  for (const auto& [key, entry] : entries_)
    printed += key + " = " + entry.setting.show() + "  # " + entry.origin + "\n";
  return printed;
}

}  // namespace signalbox::cli
