// ConfigSources: the flags of a subcommand's settings, with --config and --print-config, and the
// reading of them all in their order: file, environment, flags. Made before the command line is
// parsed, lives until it was; one thread.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "ops/cli/config.hpp"

namespace signalbox::cli {

class ConfigSources {
 public:
  ConfigSources() = default;
  ConfigSources(const ConfigSources&) = delete;
  ConfigSources& operator=(const ConfigSources&) = delete;

  // Adds the options to `app`, which must not outlive this.
  void add_to(CLI::App& app, const Config& config);
  [[nodiscard]] Result<void> read(Config& config) const;
  // The same, taking every value that is good and telling all problems there are.
  [[nodiscard]] std::vector<ConfigProblem> take(Config& config) const;
  // What was given of it, as words of a command line.
  [[nodiscard]] std::vector<std::string> words(const Config& config) const;
  [[nodiscard]] const std::string& file() const { return file_; }  // empty: none was named
  // Asked to print the settings and end.
  [[nodiscard]] bool print_config() const { return print_config_; }

 private:
  std::string file_;
  bool print_config_ = false;
  std::map<std::string, std::string> flags_;  // by setting key, as given
  std::map<std::string, CLI::Option*> given_;
};

}  // namespace signalbox::cli
