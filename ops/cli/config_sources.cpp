#include "ops/cli/config_sources.hpp"

#include <unistd.h>

#include <utility>

#include "ops/cli/usage_error.hpp"

namespace signalbox::cli {

void ConfigSources::add_to(CLI::App& app, const Config& config) {
  for (const auto& [key, entry] : config.entries()) {
    const Setting& setting = entry.setting;
    if (setting.flag.empty()) continue;
    if (setting.shape == Setting::Shape::boolean)
      given_[key] = app.add_flag_function(
          setting.flag, [this, key = key](std::int64_t) { flags_[key] = "true"; }, setting.help);
    else
      given_[key] = app.add_option(setting.flag, flags_[key],
                                   setting.help + " (default " + setting.show() + ")");
  }
  app.add_option("--config", file_, "settings in TOML")->check(not_empty());
  app.add_flag("--print-config", print_config_,
               "print every setting and where its value came from, and end");
}

Result<void> ConfigSources::read(Config& config) const {
  if (!file_.empty())
    if (auto done = config.read_file(file_); !done) return done;
  if (auto done = config.read_environment(environ); !done) return done;
  for (const auto& [key, option] : given_)
    if (option->count() > 0)
      if (auto done = config.set_flag(key, flags_.at(key)); !done) return done;
  return {};
}

std::vector<ConfigProblem> ConfigSources::take(Config& config) const {
  std::vector<ConfigProblem> problems;
  if (!file_.empty()) problems = config.take_file(file_);
  for (ConfigProblem& problem : config.take_environment(environ))
    problems.push_back(std::move(problem));
  for (const auto& [key, option] : given_)
    if (option->count() > 0)
      if (auto done = config.set_flag(key, flags_.at(key)); !done)
        problems.push_back({.error = std::move(done.error())});
  return problems;
}

std::vector<std::string> ConfigSources::words(const Config& config) const {
  std::vector<std::string> words;
  if (!file_.empty()) words.insert(words.end(), {"--config", file_});
  for (const auto& [key, option] : given_) {
    if (option->count() == 0) continue;
    const Setting& setting = config.entries().at(key).setting;
    words.push_back(setting.flag);
    if (setting.shape != Setting::Shape::boolean) words.push_back(flags_.at(key));
  }
  return words;
}

}  // namespace signalbox::cli
