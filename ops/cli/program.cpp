#include "ops/cli/program.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "ops/cli/exit_code.hpp"
#include "ops/cli/run_backup.hpp"
#include "ops/cli/run_bench.hpp"
#include "ops/cli/run_contract.hpp"
#include "ops/cli/run_doctor.hpp"
#include "ops/cli/run_quarantine.hpp"
#include "ops/cli/run_replay.hpp"
#include "ops/cli/run_serve.hpp"
#include "ops/cli/run_token.hpp"
#include "ops/cli/run_topics.hpp"
#include "ops/cli/run_watch.hpp"
#include "ops/cli/usage_error.hpp"

namespace signalbox::cli {
namespace {

// CLI11 says of an unknown word only that a subcommand is missing.
bool names_subcommands(const CLI::App& program, std::span<char* const> words) {
  const CLI::App* app = &program;
  std::string path = program.get_name();
  for (const std::string_view word : words) {
    const auto known = app->get_subcommands([](const CLI::App*) { return true; });
    if (known.empty() || word.starts_with('-')) return true;
    const auto found =
        std::ranges::find(known, word, [](const CLI::App* one) { return one->get_name(); });
    if (found == known.end()) {
      std::fprintf(stderr, "%s: there is no subcommand '%.*s'; there are:", path.c_str(),
                   static_cast<int>(word.size()), word.data());
      for (const CLI::App* one : known) std::fprintf(stderr, " %s", one->get_name().c_str());
      std::fprintf(stderr, "\n");
      return false;
    }
    app = *found;
    path += " " + app->get_name();
  }
  return true;
}

// Nobody has the other end of the pipe any more, and so nobody misses anything.
bool is_unread_pipe(int descriptor) {
  pollfd looked{.fd = descriptor, .events = 0, .revents = 0};
  return ::poll(&looked, 1, 0) == 1 && (looked.revents & POLLERR) != 0;
}

// What was to be told and did not arrive is no success: a full disk would leave half a result and
// exit code 0.
int told(int code) {
  if ((std::fflush(stdout) == 0 && std::ferror(stdout) == 0) || is_unread_pipe(STDOUT_FILENO))
    return code;
  std::fprintf(stderr, "signalbox: standard output cannot be written; is its disk full?\n");
  return code == kExitOk ? kExitFailed : code;
}

}  // namespace

Program make_program(const AddAgents& add_agents) {
  auto app = std::make_unique<CLI::App>(
      "Routes chat messages to agents and records every fact in one durable log.", "signalbox");
  app->require_subcommand(1);
  app->failure_message(
      [](const CLI::App* program, const CLI::Error& error) { return usage_text(*program, error); });
  app->set_version_flag("--version", "signalbox " SIGNALBOX_VERSION);
  std::vector<Subcommand> subcommands = add_roles(*app, add_agents);
  for (Subcommand& subcommand :
       std::vector<Subcommand>{add_token(*app), add_contract(*app), add_bench(*app),
                               add_backup(*app), add_quarantine(*app), add_replay(*app, add_agents),
                               add_watch(*app), add_topics(*app), add_doctor(*app)})
    subcommands.push_back(std::move(subcommand));
  app->footer(
      "Examples:\n"
      "  signalbox serve --dev\n"
      "  signalbox doctor --dev\n"
      "  signalbox replay timeline --data signalbox-data --user alice\n"
      "  signalbox replay verify --data signalbox-data\n"
      "Each subcommand tells more, and shows examples, with --help.");
  return {std::move(app), std::move(subcommands)};
}

int run_program(int argc, char** argv, const AddAgents& add_agents) {
  const Program program = make_program(add_agents);
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  if (!names_subcommands(*program.app, words.subspan(std::min<std::size_t>(1, words.size()))))
    return kExitUsage;
  try {
    program.app->parse(argc, argv);
    for (const Subcommand& subcommand : program.subcommands)
      if (subcommand.app->parsed()) return told(subcommand.run());
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    return program.app->exit(error) == 0 ? told(kExitOk) : kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "signalbox: %s\n", error.what());
    return kExitFailed;
  }
}

}  // namespace signalbox::cli
