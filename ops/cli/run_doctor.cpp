#include "ops/cli/run_doctor.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/cli/config_sources.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/serve_options.hpp"
#include "ops/cli/shutdown_signal.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/doctor/examination.hpp"
#include "ops/doctor/report.hpp"

namespace signalbox::cli {
namespace {

using doctor::Finding;
using doctor::shell_word;

struct DoctorArguments {
  ServeOptions options;
  Config config = describe(options);
  ConfigSources sources;
  std::int64_t records = 1000;
  std::int64_t sockets = 10'000;
  bool json = false;
};

std::string serve_command(const DoctorArguments& arguments) {
  std::string command = "signalbox serve";
  for (const std::string& word : arguments.sources.words(arguments.config))
    command += ' ' + shell_word(word);
  return command;
}

// A value that is refused is taken out of the file, so that the default counts.
std::string mend_of(const ConfigProblem& problem, const DoctorArguments& arguments) {
  constexpr std::string_view kVariable = "SIGNALBOX_";
  if (!problem.file.empty() && !problem.is_value)
    return "\"${EDITOR:-vi}\" +" + std::to_string(problem.first_line) + ' ' +
           shell_word(problem.file);
  if (!problem.file.empty())
    return "sed -i '" + std::to_string(problem.first_line) + ',' +
           std::to_string(problem.last_line) + "s/^/# /' " + shell_word(problem.file);
  if (const auto at = problem.error.message.find(kVariable);
      problem.error.message.starts_with("environment") && at != std::string::npos)
    return "unset " +
           problem.error.message.substr(at, problem.error.message.find_first_of(" :;,", at) - at);
  if (problem.error.field == "auth.jwks" && !arguments.options.dev && !arguments.options.jwks)
    return "signalbox doctor --dev --data " + shell_word(arguments.options.data);
  return serve_command(arguments) + " --print-config";
}

std::vector<Finding> config_findings(const std::vector<ConfigProblem>& problems,
                                     const DoctorArguments& arguments) {
  std::vector<Finding> findings;
  for (const ConfigProblem& problem : problems)
    findings.push_back(doctor::fault("config", problem.error.message,
                                     "a service does not start with it",
                                     mend_of(problem, arguments)));
  if (!findings.empty()) return findings;
  int defaults = 0;
  std::string given;  // names only: a value may be an address with a password in it
  for (const auto& [key, entry] : arguments.config.entries()) {
    if (entry.origin == "default")
      ++defaults;
    else
      given += key + " from " + entry.origin + ", ";
  }
  findings.push_back(
      doctor::ok("config", "settings are good: " + given + std::to_string(defaults) +
                               " from their defaults (`serve --print-config` has the values)"));
  return findings;
}

// Of each setting, and of those that do not go together.
std::vector<ConfigProblem> problems_in(DoctorArguments& arguments) {
  std::vector<ConfigProblem> problems = arguments.sources.take(arguments.config);
  for (Error& error : problems_of(arguments.options))
    problems.push_back({.error = std::move(error)});
  return problems;
}

doctor::Subject subject_of(const DoctorArguments& arguments) {
  const ServeOptions& options = arguments.options;
  doctor::Subject subject;
  subject.data = options.data;
  if (!options.kafka.brokers.empty()) {
    subject.kafka = options.kafka;
    subject.has_folder = arguments.config.entries().at("data").origin != "default";
  }
  subject.listen = options.listen;
  subject.dev = options.dev;
  subject.playbook = options.playbook;
  subject.partitions = options.partitions;
  subject.admin_listen =
      options.dev ? options.admin_listen : options.admin_listen.value_or(kAdminListen);
  subject.io_threads = options.io_threads;
  subject.tls_certificate = options.tls_certificate;
  subject.tls_key = options.tls_key;
  subject.jwks = options.jwks;
  subject.ca_file = options.ca_file;
  subject.revoked_file = options.revoked_file;
  subject.anchor_dir = options.anchor_dir.value_or(options.data + "/anchors");
  subject.anchor_interval = options.anchors.interval;
  subject.window_bytes_max = static_cast<std::int64_t>(options.limits.window_bytes_max);
  subject.queue_bytes_max = static_cast<std::int64_t>(options.log.queue_bytes_max);
  subject.newest_records = arguments.records;
  subject.sockets = arguments.sockets;
  subject.serve_command = serve_command(arguments);
  return subject;
}

int run_doctor(DoctorArguments& arguments) {
  ShutdownSignal signal;
  const std::vector<ConfigProblem> problems = problems_in(arguments);
  if (arguments.sources.print_config()) {
    std::fputs(arguments.config.print().c_str(), stdout);
    return problems.empty() ? kExitOk : kExitFailed;
  }
  std::vector<Finding> findings = config_findings(problems, arguments);
  bool is_whole = true;
  const auto go_on = [&](const std::string&) {
    return is_whole = !signal.sleep(std::chrono::milliseconds(0));
  };
  for (Finding& finding : doctor::examine(subject_of(arguments), SystemClock(), go_on))
    findings.push_back(std::move(finding));
  if (!is_whole) {
    std::fprintf(stderr, "signalbox doctor: interrupted\n");
    return kExitFailed;
  }
  const bool in_colour = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  const std::string report =
      arguments.json ? doctor::report_json(findings) : doctor::report_text(findings, in_colour);
  std::fputs(report.c_str(), stdout);
  return doctor::is_healthy(findings) ? kExitOk : kExitFailed;
}

}  // namespace

Subcommand add_doctor(CLI::App& program) {
  const auto arguments = std::make_shared<DoctorArguments>();
  CLI::App* app = program.add_subcommand(
      "doctor",
      "Checks each wire of the chain that `serve` with the same flags, file and environment would "
      "rely on, and says of what is wrong what it is, why it matters and the command that mends "
      "it. It reads only, beside a running service or without one, but SQLite may leave empty "
      "files -shm and -wal beside a database. Of a log on Kafka it looks at the brokers, the "
      "topics, who owns which partition and how many commands wait, and needs no data directory. "
      "Ends with 0 where all is well "
      "or warned of, with 1 where there is a fault.");
  arguments->sources.add_to(*app, arguments->config);
  app->add_option("--records", arguments->records,
                  "newest records of each topic and partition that are verified; all are by "
                  "`signalbox replay verify`")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  app->add_option("--sockets", arguments->sockets,
                  "at a time that the machine shall carry, for open files and memory")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app->add_flag("--json", arguments->json, "one JSON object, for programs");
  app->footer(
      "Names of checks stay as they are, for scripts: --json has them beside `result` (ok, warning "
      "or "
      "fault), `what`, `why` and `mend`.\n\n"
      "Examples:\n"
      "  signalbox doctor --dev\n"
      "  signalbox doctor --config /etc/signalbox.toml --sockets 50000\n"
      "  signalbox doctor --dev --kafka 127.0.0.1:9092\n"
      "  signalbox doctor --dev --data box --json");
  return {app, [arguments] { return run_doctor(*arguments); }};
}

}  // namespace signalbox::cli
