#include "ops/cli/error_table.hpp"

#include <array>
#include <string_view>

#include "event-store/contract/http_errors.hpp"
#include "event-store/model/error_help.hpp"
#include "gateway/close_codes.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/page_errors.hpp"
#include "ops/cli/serve_options.hpp"
#include "ops/cli/watch_options.hpp"
#include "replay/damage_help.hpp"

namespace signalbox::cli {
namespace {

constexpr std::string_view kHead =
    "# Errors\n\n"
    "Every error a person can meet, what happened and what to do. Made by `signalbox contract "
    "errors`;\nchange it in the code. Messages name the whole field, or file and line, where there "
    "is one.\n";

struct ExitCodeRow {
  int code;
  std::string_view happened;
  std::string_view to_do;
};
constexpr std::array kExitCodes{
    ExitCodeRow{kExitOk, "all is well", "nothing"},
    ExitCodeRow{kExitFailed, "it could not be done, or the doctor found a fault",
                "standard error says why; of the doctor: the command after `mend:`"},
    ExitCodeRow{kExitUsage, "a flag, a setting or a file it names is not good",
                "the message names flag, file and line, or variable, and what is allowed; "
                "`--help` shows examples"},
    ExitCodeRow{kExitFaultFound, "a verification found damage, or a contract is incompatible",
                "the first findings are printed; restore a backup, or take the change back"},
    ExitCodeRow{kExitTryAgain, "something is not there at the moment, or this version is too old",
                "start it again later; with a newer version where the message says so"},
    ExitCodeRow{kExitLibraryMissing, "a library is not there",
                "install the package that the message names"},
};

std::string row(const std::string& name, std::string_view happened, std::string_view to_do) {
  return "| " + name + " | " + std::string(happened) + " | " + std::string(to_do) + " |\n";
}

std::string begin(const std::string& title, const std::string& about, const std::string& name) {
  return "\n## " + title + "\n\n" + about + "\n\n| " + name +
         " | what happened | what to do |\n|---|---|---|\n";
}

std::string code_text(std::string_view code) { return "`" + std::string(code) + "`"; }

// Every code of an enum from its first to `last`.
template <class Code>
std::string rows_up_to(Code last, Code first = Code{}) {
  std::string rows;
  for (int number = static_cast<int>(first); number <= static_cast<int>(last); ++number) {
    const auto code = static_cast<Code>(number);
    const ErrorHelp help = help_of(code);
    rows += row(code_text(to_text(code)), help.happened, help.to_do);
  }
  return rows;
}

std::string settings_section() {
  ServeOptions serve;
  WatchOptions watch;
  const Config of_serve = describe(serve);
  const Config of_watch = describe(watch);
  std::string text =
      "\n## Settings\n\n"
      "`FILE:LINE: KEY must be ...`, `environment SIGNALBOX_...: KEY must be ...` or `flag --...: "
      "KEY must be ...`,\nand `unknown key` or `unknown variable` with those that are allowed: "
      "exit "
      "code 2. What each may be:\n\n| key | |\n|---|---|\n";
  for (const Config* const config : {&of_serve, &of_watch})
    for (const auto& [key, entry] : config->entries())
      if (config == &of_serve || !of_serve.entries().contains(key))
        text += "| " + code_text(key) + " | " + entry.setting.allowed + " |\n";
  return text;
}

std::string close_codes_section() {
  std::string text =
      "\n## WebSocket: close codes\n\n4000 to 4399: come back with your cursor. 4400 "
      "to 4799: do not come back unchanged.\n\n| code | the client should |\n"
      "|---|---|\n";
  for (const gateway::CloseCodeRow& code : gateway::close_codes())
    text += "| " + std::to_string(number(code.code)) + " " + code_text(code.name) + " | " +
            std::string(code.client_should) + " |\n";
  return text;
}

std::string pages_section() {
  std::string text =
      "\n## Pages and signalbox.js\n\nWhat they say, word by word; … is what is put in, mostly a "
      "message of the tables above.\n\n| what is said | what to do |\n|---|---|\n";
  for (const PageErrorRow& page : page_errors())
    text += "| " + std::string(page.said) + " | " + std::string(page.to_do) + " |\n";
  return text;
}

}  // namespace

std::string error_table() {
  std::string text(kHead);
  text += begin("Command line: exit codes", "Of every subcommand.", "code");
  for (const ExitCodeRow& code : kExitCodes)
    text += row(std::to_string(code.code), code.happened, code.to_do);
  text += settings_section();
  text += begin("HTTP",
                "`{\"error\":{\"code\",\"field\"?,\"message\",\"hint\"}}`, at most with "
                "`Retry-After`; `hint` is what to do.",
                "status and code");
  for (const event_store::HttpErrorRow& http : event_store::http_errors())
    text +=
        row(std::to_string(http.status) + " " + code_text(http.code), http.happened, http.to_do);
  text += begin("WebSocket: error frames",
                "`error.code`; `field` names the whole field, `hint` says what to do.", "code");
  text += rows_up_to(Errc::history_damaged);
  text += close_codes_section();
  text += begin("Runs that failed", "`agent_failed.code`.", "code");
  text += rows_up_to(FailureCode::output_too_large);
  text += begin("Messages that were not taken", "`message_rejected.code`.", "code");
  text += rows_up_to(RejectCode::history_damaged);
  text += begin("Cancels that were not taken", "`cancel_rejected.code`.", "code");
  text += rows_up_to(CancelRejectCode::unknown_run);
  text += begin("Answers that were not taken", "`run_input_rejected.code`.", "code");
  text += rows_up_to(InputRejectCode::bad_input);
  text +=
      begin("Files, logs and processes", "What commands and the service's log speak of.", "code");
  text += rows_up_to(Errc::bad_config, Errc::malformed);
  text += begin("Damage", "`kind` of a finding of `signalbox replay verify`.", "kind");
  text += rows_up_to(replay::DamageKind::anchor_key_changed);
  text += pages_section();
  return text;
}

}  // namespace signalbox::cli
