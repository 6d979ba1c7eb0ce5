#include "ops/cli/run_contract.hpp"

#include <iostream>
#include <string>
#include <vector>

#include "event-store/contract/contract_command.hpp"
#include "ops/cli/error_table.hpp"
#include "ops/cli/exit_code.hpp"

namespace signalbox::cli {

Subcommand add_contract(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("contract", "Shows and checks the schemas, and lists the errors.");
  app->prefix_command();  // its words are the command's own
  app->footer(
      "list | show [KIND/]NAME[:VERSION] | check [--against DIR] | map | "
      "errors\n"
      "check ends with 3 where a contract is incompatible with the released one.\n\n"
      "Examples:\n"
      "  signalbox contract list\n"
      "  signalbox contract show event/tool_executing\n"
      "  signalbox contract errors\n"
      "  signalbox contract check --against event-store/contract/released");
  return {app, [app] {
            const std::vector<std::string> words = app->remaining();
            for (const std::string& word : words)
              if (word == "--help" || word == "-h") {
                std::cout << app->help();
                return kExitOk;
              }
            if (words.size() == 1 && words.front() == "errors") {
              std::cout << error_table();
              return kExitOk;
            }
            return event_store::run_contract_command(words, std::cout, std::cerr);
          }};
}

}  // namespace signalbox::cli
