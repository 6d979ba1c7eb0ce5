// Config: the settings of one subcommand and where each value came from: its default, a TOML file,
// the environment, a flag; later ones win. Unknown keys and values that are not allowed are refused
// with their place and what is allowed (Errc::bad_config). Used at start-up; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/result.hpp"
#include "ops/cli/setting.hpp"

namespace signalbox::cli {

// What is wrong with one setting, and where it stands.
struct ConfigProblem {
  Error error;         // its message begins with the place
  std::string file{};  // empty: not in a file
  std::int64_t first_line = 0;
  std::int64_t last_line = 0;  // of its value
  bool is_value = true;        // false: the file cannot be taken apart there
};

class Config {
 public:
  // What the settings refer to must outlive this. A key is added once.
  void add(Setting setting);
  // Whether this process has the part that uses the settings added from now on. Those of another
  // process's part are judged and shown, and change nothing here.
  void begin_part(bool is_here) { is_here_ = is_here; }
  // A table with keys of somebody else: what makes a setting of one that nobody added, to take that
  // text. Errors: bad_config, its message beginning with the key. `prefix` ends with a dot.
  using MakeSetting =
      std::function<Result<Setting>(const std::string& key, const std::string& text)>;
  void add_open_table(std::string prefix, MakeSetting make);
  // One file and one environment serve several subcommands: the settings of another one, which is
  // the one to judge them, are skipped unless they are also added here.
  struct Keys {
    std::set<std::string> settings;
    std::set<std::string> open_tables;  // prefixes
  };
  [[nodiscard]] Keys keys() const;
  // `ask` tells those of the other one, once there is something that is not ours.
  void leave_to_others(Keys (*ask)());

  [[nodiscard]] Result<void> read_file(const std::string& path);
  // Every variable named SIGNALBOX_* must be a setting: `gateway.listen` is
  // SIGNALBOX_GATEWAY_LISTEN. `environment` is an array of NAME=value that ends with a null
  // pointer, like `environ`.
  [[nodiscard]] Result<void> read_environment(const char* const* environment);
  // The same, taking every value that is good and telling all problems there are.
  [[nodiscard]] std::vector<ConfigProblem> take_file(const std::string& path);
  [[nodiscard]] std::vector<ConfigProblem> take_environment(const char* const* environment);
  // `key` is one that was added with a flag.
  [[nodiscard]] Result<void> set_flag(const std::string& key, const std::string& text);

  // One line `key = value  # where it came from` per setting, in TOML.
  [[nodiscard]] std::string print() const;

  struct Entry {
    Setting setting;
    std::string origin = "default";
    bool is_open = false;  // a key of an open table
    bool is_here = true;   // as begin_part() said
  };
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  struct Leaf;  // a value of a file
  [[nodiscard]] Result<void> take(const Leaf& leaf);
  [[nodiscard]] Result<void> take_variable(const std::string& name, const std::string& text);
  // No texts: the value has another shape than the setting.
  [[nodiscard]] Result<void> set(Entry& entry, const std::optional<std::vector<std::string>>& texts,
                                 std::string origin);
  // `limits.`
  [[nodiscard]] bool has_table(const std::string& prefix) const;
  // The keys of the same table, or all where there is no such table.
  [[nodiscard]] std::string keys_beside(const std::string& unknown) const;

  [[nodiscard]] const Keys& keys_of_others() const;
  [[nodiscard]] bool is_of_others(const std::string& key) const;
  // Into the open table the key belongs to; nullopt: to none.
  [[nodiscard]] std::optional<Result<void>> set_open(const std::string& key,
                                                     const std::optional<std::string>& text,
                                                     const std::string& origin);

  bool is_here_ = true;
  std::map<std::string, Entry> entries_;
  std::map<std::string, MakeSetting> open_tables_;  // by prefix
  std::vector<Keys (*)()> others_;
  mutable std::optional<Keys> keys_of_others_;  // once they were asked for
};

}  // namespace signalbox::cli
