#include "ops/cli/usage_error.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "ops/cli/exit_code.hpp"

namespace signalbox::cli {
namespace {

bool is_any(const CLI::App* /*app*/) { return true; }

// The flags of a command, in the order of its help.
std::string flags_of(const CLI::App& app) {
  std::string flags;
  for (const CLI::Option* option : app.get_options())
    if (option->nonpositional()) flags += (flags.empty() ? "" : " ") + option->get_name();
  return flags;
}

// A word that nothing takes.
std::string unexpected(const CLI::App& app, const std::vector<std::string>& words) {
  const auto flag = std::ranges::find_if(
      words, [](const std::string& word) { return word.size() > 1 && word.starts_with('-'); });
  if (flag == words.end()) return "it takes no word '" + words.front() + "'";
  return "there is no flag '" + flag->substr(0, flag->find('=')) + "'; there are: " + flags_of(app);
}

// The flag or place whose name a sentence of CLI11 has as a word; the last one, null: none.
const CLI::Option* named_option(const CLI::App& app, std::string_view sentence) {
  const CLI::Option* named = nullptr;
  while (!sentence.empty()) {
    const std::size_t end = std::min(sentence.find_first_of(" :="), sentence.size());
    if (end > 0)
      if (const auto* found = app.get_option_no_throw(std::string(sentence.substr(0, end))))
        named = found;
    sentence.remove_prefix(std::min(end + 1, sentence.size()));
  }
  return named;
}

std::string what_is_wrong(const CLI::App& app, const std::vector<std::string>& extra,
                          const CLI::Error& error) {
  // By its code: of a word too many the name is the command's.
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const bool lacks = kind == CLI::ExitCodes::RequiredError;
  // A word too many is often why something else is missing.
  if (!extra.empty() && (lacks || kind == CLI::ExitCodes::ExtrasError))
    return unexpected(app, extra);
  const std::string said = error.what();
  // `Could not convert: --limit = many`
  const std::string_view before_value = " = ";
  const auto value =
      kind == CLI::ExitCodes::ConversionError ? said.find(before_value) : std::string::npos;
  const CLI::Option* const option = named_option(app, std::string_view(said).substr(0, value));
  if (option == nullptr && lacks) {
    std::string verbs = "name what it shall do:";
    for (const CLI::App* verb : app.get_subcommands(is_any)) verbs += " " + verb->get_name();
    return verbs;
  }
  if (option == nullptr) return said;
  const std::string about = option->get_name() + " (" + option->get_description() + ")";
  if (lacks) return "there must be " + about;
  if (kind == CLI::ExitCodes::ArgumentMismatch && option->get_items_expected_max() > 0)
    return about + (said.find("At Most") == said.npos ? " needs a value" : " may be given once");
  if (kind == CLI::ExitCodes::RequiresError) return said + ": there must be " + about;
  if (value != std::string::npos)
    return about + " cannot be '" + said.substr(value + before_value.size()) + "'";
  return said;
}

}  // namespace

int refuse(std::string_view command, const Error& error) {
  // Most sentences about a setting have its key.
  const bool names_field =
      !error.field.empty() && error.message.find(error.field) == std::string::npos;
  std::fprintf(stderr, "signalbox %s: %s%s%s\n", std::string(command).c_str(),
               names_field ? error.field.c_str() : "", names_field ? ": " : "",
               error.message.c_str());
  return exit_code_of(error);
}

CLI::Validator not_empty() {
  const auto check = [](const std::string& value) {
    if (!value.empty()) return std::string();
    return std::string("cannot be empty: leave the flag out, or name something");
  };
  return {check, ""};
}

std::string usage_text(const CLI::App& program, const CLI::Error& error) {
  const CLI::App* app = &program;
  std::string path = program.get_name();
  // Words before the command are its parent's.
  while (app->remaining(false).empty() && !app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    path += " " + app->get_name();
  }
  return path + ": " + what_is_wrong(*app, app->remaining(true), error) + "\n" + "`" + path +
         " --help` says more and shows examples\n";
}

}  // namespace signalbox::cli
