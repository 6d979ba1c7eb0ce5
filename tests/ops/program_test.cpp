#include "ops/cli/program.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "ops/cli/usage_error.hpp"

namespace signalbox::cli {
namespace {

// A command line of an example, with the lines that it goes on in.
struct Example {
  std::string command;  // `signalbox replay verify`, whose help shows it
  std::string line;
};

std::vector<Example> examples_of(const std::string& command, const std::string& help) {
  std::vector<Example> examples;
  std::istringstream lines(help.substr(std::min(help.find("Examples:"), help.size())));
  bool goes_on = false;
  for (std::string line; std::getline(lines, line);) {
    if (!goes_on && !line.starts_with("  signalbox ")) continue;
    const bool goes_on_before = goes_on;
    goes_on = line.ends_with('\\');
    if (goes_on) line.pop_back();
    if (goes_on_before)
      examples.back().line += " " + line;
    else
      examples.push_back({command, line});
  }
  return examples;
}

void collect(const CLI::App& app, const std::string& command, std::vector<std::string>& silent,
             std::vector<Example>& examples) {
  const auto found = examples_of(command, app.get_footer());
  if (found.empty()) silent.push_back(command);
  examples.insert(examples.end(), found.begin(), found.end());
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    collect(*verb, command + " " + verb->get_name(), silent, examples);
}

// Why the program would not take these words; empty: it does.
std::string refusal(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;  // the program
  std::vector<std::string> arguments;
  while (words >> word) arguments.insert(arguments.begin(), word);  // as CLI11 wants them
  const Program program = make_program();
  try {
    program.app->parse(arguments);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

TEST(Program, HelpOfEveryCommandShowsExamplesThatItWouldTake) {
  std::vector<std::string> silent;
  std::vector<Example> examples;
  collect(*make_program().app, "signalbox", silent, examples);
  EXPECT_EQ(silent, std::vector<std::string>{});
  EXPECT_GE(examples.size(), 25u);
  for (const Example& example : examples) {
    EXPECT_EQ(refusal(example.line), "") << example.command << " --help shows: " << example.line;
    const bool is_of_command =
        example.line.starts_with("  " + example.command + " ") || example.command == "signalbox";
    EXPECT_TRUE(is_of_command || example.command == "signalbox replay export")
        << example.command << " --help shows another command: " << example.line;
  }
}

TEST(Program, AnExampleOfAFlagThatIsNotThereWouldBeFound) {
  EXPECT_NE(refusal("  signalbox serve --no-such-flag"), "");
  EXPECT_NE(refusal("  signalbox token"), "");
  EXPECT_EQ(refusal("  signalbox token --user alice"), "");
}

class OwnAgent final : public router::Agent {
 public:
  explicit OwnAgent(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] router::Tool* find_tool(std::string_view) override { return nullptr; }
  [[nodiscard]] router::AgentTask start(router::AgentRun&) override {
    co_return router::AgentAnswer{.content = name_};
  }

 private:
  std::string name_;
};

// What the program says of words that it does not take; empty: it takes them.
std::string complaint(const std::vector<std::string>& words) {
  const Program program = make_program();
  std::vector<std::string> arguments(words.rbegin(), words.rend());  // as CLI11 wants them
  try {
    program.app->parse(arguments);
  } catch (const CLI::ParseError& error) {
    return usage_text(*program.app, error);
  }
  return "";
}

TEST(Program, WordsItDoesNotTakeAreNamedWithTheCommandAndWhatItWants) {
  const std::string help = "\n`signalbox replay timeline --help` says more and shows examples\n";
  EXPECT_EQ(
      complaint({"replay", "timeline", "--user"}),
      "signalbox replay timeline: --user (whose; all users where none is named) needs a value" +
          help);
  const std::string unknown = complaint({"replay", "timeline", "--user", "a", "--from", "7"});
  EXPECT_TRUE(unknown.starts_with(
      "signalbox replay timeline: there is no flag '--from'; there are: --help --data "))
      << unknown;
  EXPECT_NE(unknown.find(" --since"), std::string::npos) << unknown;
  EXPECT_EQ(complaint({"replay", "timeline", "one", "two"}),
            "signalbox replay timeline: it takes no word 'one'" + help);
  EXPECT_TRUE(
      complaint({"replay"}).starts_with("signalbox replay: name what it shall do: timeline"));
  // Beside a word that nothing takes, what is missing is the smaller news.
  EXPECT_TRUE(
      complaint({"backup", "here"}).starts_with("signalbox backup: it takes no word 'here'"));
  EXPECT_TRUE(
      complaint({"--fast"}).starts_with("signalbox: there is no flag '--fast'; there are: "));
  // It said that `backup` had no such flag, and listed it among those it has.
  EXPECT_TRUE(complaint({"--data", "d", "backup", "--to", "x"})
                  .starts_with("signalbox: there is no flag '--data'; there are: "));
  EXPECT_EQ(complaint({"replay", "timeline", "--user", "a", "--user", "b"}),
            "signalbox replay timeline: --user (whose; all users where none is named) may be given "
            "once" +
                help);
}

TEST(Program, AFlagThatIsMissingOrHasNoGoodValueIsNamedWithWhatItIs) {
  EXPECT_TRUE(
      complaint({"token"}).starts_with("signalbox token: there must be --user (whose token)"));
  EXPECT_TRUE(complaint({"quarantine", "show"})
                  .starts_with("signalbox quarantine show: there must be ID (as `list` shows it)"));
  EXPECT_TRUE(complaint({"replay", "verify", "--export", "x"})
                  .starts_with("signalbox replay verify: --export requires --key: there must be "
                               "--key ("));
  EXPECT_TRUE(complaint({"topics", "create", "--partitions", "0"})
                  .starts_with("signalbox topics create: --partitions: Value 0 not in range 1 to"));
  EXPECT_TRUE(complaint({"bench", "chat", "--limit", "many"})
                  .starts_with("signalbox bench chat: --limit (only the first so many; 0: all) "
                               "cannot be 'many'"));
  for (const char* const value : {"=", "x=", "7 = 8"})
    EXPECT_NE(complaint({"bench", "chat", "--limit", value})
                  .find("cannot be '" + std::string(value) + "'"),
              std::string::npos)
        << value;
}

TEST(OwnAgents, StandBesideTheDefaultOnes) {
  const auto agents = make_agents(
      {}, [](router::AgentRegistry& registry) { registry.add(std::make_unique<OwnAgent>("own")); });
  ASSERT_TRUE(agents);
  EXPECT_EQ(agents->names(), (std::vector<std::string>{"assistant", "own"}));
}

TEST(OwnAgents, AreRefusedUnderANameThatIsTaken) {
  const auto agents = make_agents({}, [](router::AgentRegistry& registry) {
    registry.add(std::make_unique<OwnAgent>("assistant"));
  });
  ASSERT_FALSE(agents);
  EXPECT_EQ(agents.error().code, Errc::bad_config);
  EXPECT_NE(agents.error().message.find("'assistant'"), std::string::npos);
}

}  // namespace
}  // namespace signalbox::cli
