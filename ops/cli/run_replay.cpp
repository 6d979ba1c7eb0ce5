#include "ops/cli/run_replay.hpp"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "event-store/archive/checkpoint.hpp"
#include "event-store/model/timestamp.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/replay_console.hpp"
#include "ops/cli/run_replay_export.hpp"
#include "replay/anchor_check.hpp"
#include "replay/archive_check.hpp"
#include "replay/play.hpp"
#include "replay/rerun.hpp"
#include "replay/snapshot_check.hpp"
#include "replay/state.hpp"
#include "replay/state_report.hpp"
#include "replay/timeline.hpp"
#include "replay/verify_report.hpp"

namespace signalbox::cli {
namespace {

using event_store::HistoryLog;

constexpr double kSpeedMin = 0.001;
constexpr double kSpeedMax = 1e6;

struct TimelineArguments : ReplayArguments {
  std::string thread;
  std::string run;
  std::vector<std::string> types;
  std::string since;
  std::string until;
  bool json = false;
};

Result<std::optional<Timestamp>> time_of(const std::string& text, const char* field) {
  if (text.empty()) return std::optional<Timestamp>();
  const auto time = parse_timestamp(text);
  if (!time) return failure(Errc::bad_field, "must be a time like 2026-11-20T09:30:00Z", field);
  return time;
}

Result<replay::TimelineFilter> filter_of(const TimelineArguments& arguments) {
  replay::TimelineFilter filter;
  if (!arguments.thread.empty()) {
    auto thread = parse_id<ThreadId>(arguments.thread, "--thread");
    if (!thread) return tl::unexpected(thread.error());
    filter.thread = std::move(*thread);
  }
  if (!arguments.run.empty()) {
    const auto run = Uuid::parse(arguments.run);
    if (!run) return failure(Errc::bad_field, "must be a run's id, a UUID", "--run");
    filter.run = RunId(*run);
  }
  for (const std::string& type : arguments.types) {
    if (!replay::is_event_name(type))
      return failure(Errc::bad_field,
                     "'" + type + "' is no type of event; there are: " + replay::event_names(),
                     "--type");
    filter.types.insert(type);
  }
  const auto since = time_of(arguments.since, "--since");
  if (!since) return tl::unexpected(since.error());
  const auto until = time_of(arguments.until, "--until");
  if (!until) return tl::unexpected(until.error());
  filter.since = *since;
  filter.until = *until;
  return filter;
}

// What was shown is not what was written: kExitFaultFound for `code`, once that is said.
int tell_chain_break(ReplayConsole& console, const replay::ValidEvents& events, int code) {
  const auto& broken = events.chain_break();
  if (!broken) return code;
  console.note("the history was changed, what is shown may not be what happened: at offset " +
               std::to_string(broken->offset.value()) + " " + broken->what +
               "; `signalbox replay verify` names all that is damaged");
  return code == kExitOk ? kExitFaultFound : code;
}

int run_timeline(const TimelineArguments& arguments) {
  ReplayConsole console("timeline");
  const auto user = user_of(arguments);
  if (!user) return console.refuse(user.error());
  const auto filter = filter_of(arguments);
  if (!filter) return console.refuse(filter.error());
  auto log = arguments.log.open();
  if (!log) return console.refuse(log.error());
  const replay::Watch watch = console.watch("records");
  auto events = replay::ValidEvents::open(**log, *user, watch);
  if (!events) return console.refuse(events.error());
  for (const replay::LogCut& cut : events->cuts()) console.note(to_text(cut));
  const bool with_user = !user->has_value();
  std::int64_t shown = 0;
  const auto line = [&](const Record& event) {
    ++shown;
    return arguments.json ? replay::json_line(event) : replay::readable_line(event, with_user);
  };
  const auto done = replay::write_timeline(
      *events, *filter, line, [&](std::string_view text) { return console.write(text); });
  if (!done) return console.refuse(done.error());
  if (*user && events->given() == 0) return console.refuse(replay::no_events_of(**user));
  if (shown == 0)
    console.note("nothing matched: of " + std::to_string(events->given()) +
                 " events none passes what was asked for");
  return tell_chain_break(console, *events, console.finish());
}

Subcommand add_timeline(CLI::App& replay_app) {
  const auto arguments = std::make_shared<TimelineArguments>();
  CLI::App* app = replay_app.add_subcommand(
      "timeline",
      "What happened, an event a line, in the order it was written; of all users on Kafka, one "
      "partition after the other. Of one user it ends with 3 where the chain of his events breaks; "
      "of all users no chain is checked: that is `verify`.");
  arguments->add_to(*app, "whose; all users where none is named");
  app->add_option("--thread", arguments->thread, "only of this thread")->check(not_empty());
  app->add_option("--run", arguments->run, "only of this run")->check(not_empty());
  app->add_option("--type", arguments->types,
                  "only of this type, such as tool_executing; may be repeated");
  app->add_option("--since", arguments->since, "only at or after this time, 2026-11-20T09:30:00Z")
      ->check(not_empty());
  app->add_option("--until", arguments->until, "only before this time")->check(not_empty());
  app->add_flag("--json", arguments->json, "one JSON object a line, with all the record says");
  app->footer(
      "Examples:\n  signalbox replay timeline --data signalbox-data --user alice\n"
      "  signalbox replay timeline --user alice --type agent_failed --since 2026-11-20T09:30:00Z\n"
      "  signalbox replay timeline --user alice --thread t-1 --json");
  return {app, [arguments] { return read_and_run(*arguments, "timeline", run_timeline); }};
}

struct VerifyArguments : ReplayArguments {
  bool json = false;
  std::string anchor_dir;   // empty: that of the data directory
  std::string export_file;  // empty: the log
  std::string key;          // file of the anchors' public key; empty: what lies beside the log
};

// What the anchors must be signed with: the key that was named; else the data directory's own, as
// far as it can be read.
Result<std::optional<replay::KnownAnchorKey>> known_anchor_key(ReplayConsole& console,
                                                               const HistoryLog& log,
                                                               const VerifyArguments& arguments) {
  if (!arguments.key.empty()) {
    auto key = replay::read_verifier_key(arguments.key);
    if (!key) return failure(key.error().code, key.error().message, "--key");
    return replay::KnownAnchorKey{*std::move(key), arguments.key, true};
  }
  const std::string path = arguments.log.anchor_key();
  if (path.empty()) return std::optional<replay::KnownAnchorKey>();
  const auto key = event_store::SigningKey::load(path);
  if (!key && key.error().code != Errc::not_found)
    console.note("anchor.pub was not compared with the private key: " + key.error().message);
  if (!key) return std::optional<replay::KnownAnchorKey>();
  return replay::KnownAnchorKey{
      {event_store::anchor_key_name(log.describe().log_id), key->public_key()},
      "the public half of " + path};
}

// The log against itself and, where a folder is named, against the files beside it.
Result<std::pair<replay::VerifyReport, replay::VerdictNotes>> judge(
    ReplayConsole& console, HistoryLog& log, const VerifyArguments& arguments,
    const std::optional<UserId>& user) {
  const std::string archive_folder = arguments.log.archive_folder();
  const std::string anchor_folder = arguments.log.anchor_folder(arguments.anchor_dir);
  std::optional<replay::ArchiveCheck> archive;
  std::optional<replay::SnapshotCheck> snapshots;
  std::optional<replay::AnchorCheck> anchors;
  auto anchor_key = known_anchor_key(console, log, arguments);
  if (!anchor_key) return tl::unexpected(std::move(anchor_key).error());
  if (!arguments.key.empty() && anchor_folder.empty())
    return failure(Errc::missing_field, "names the folder of the anchors that --key is of",
                   "--anchor-dir");
  if (arguments.log.has_folder()) {
    archive.emplace(archive_folder, log.describe(), user);
    snapshots.emplace(arguments.log.snapshots(), log.describe(), user);
  } else {
    console.note("no archive was compared: name an event store's data directory with --data");
  }
  if (!anchor_folder.empty())
    anchors.emplace(anchor_folder, archive_folder, log.describe(), user, *std::move(anchor_key));
  replay::VerifyOptions options{.user = user};
  if (archive) options.observers = {&*archive, &*snapshots};
  if (anchors) options.observers.push_back(&*anchors);
  auto report = replay::verify_log(log, options, console.watch("records"));
  if (!report) return tl::unexpected(report.error());
  replay::VerdictNotes notes;
  if (archive) {
    notes.archived_events = archive->compared();
    notes.archive_files_missing = archive->files_missing();
    notes.snapshots = snapshots->compared();
  }
  if (anchors)
    notes.anchors = anchors->summary();
  else
    notes.anchors.missing = "name the folder of the anchors with --anchor-dir";
  return std::pair(*std::move(report), std::move(notes));
}

int run_verify(const VerifyArguments& arguments) {
  if (!arguments.export_file.empty())
    return run_verify_export(arguments.export_file, arguments.key);
  ReplayConsole console("verify");
  const auto user = user_of(arguments);
  if (!user) return console.refuse(user.error());
  auto log = arguments.log.open();
  if (!log && log.error().code == Errc::corrupt) {
    console.refuse(log.error());
    return kExitFaultFound;
  }
  if (!log) return console.refuse(log.error());
  const auto verdict = judge(console, **log, arguments, *user);
  if (!verdict) return console.refuse(verdict.error());
  const auto& [report, notes] = *verdict;
  if (*user && report.events == 0 && is_whole(report))
    return console.refuse(replay::no_events_of(**user));
  console.write(arguments.json ? replay::verdict_json(report, notes)
                               : replay::verdict_text(report, notes));
  const int written = console.finish();
  return written == kExitOk && !is_whole(report) ? kExitFaultFound : written;
}

Subcommand add_verify(CLI::App& replay_app) {
  const auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* app = replay_app.add_subcommand(
      "verify",
      "Whether the record is whole: checksums, seq, chains, epochs, and the archive against the "
      "log and its anchors. Ends with 3 where it is not, and names the first damage. On Kafka it "
      "reads the events of every partition; with --data it compares an event store's archive.");
  arguments->add_to(*app, "only his history; all where none is named");
  app->add_flag("--json", arguments->json, "the verdict as one JSON object");
  app->add_option(
         "--anchor-dir", arguments->anchor_dir,
         "where the anchors are (audit.anchor_dir); default: anchors in the data directory")
      ->check(not_empty());
  auto* key = app->add_option("--key", arguments->key,
                              "the anchors' anchor.pub, as a copy kept elsewhere has it: only what "
                              "is signed with this key is an anchor; an export needs it")
                  ->check(not_empty());
  auto* file = app->add_option("--export", arguments->export_file,
                               "not a log but an export, by nothing but the file (-: standard "
                               "input) and the key")
                   ->check(not_empty());
  file->needs(key);
  app->footer(
      "Examples:\n  signalbox replay verify --data signalbox-data\n"
      "  signalbox replay verify --data signalbox-data --user alice\n"
      "  signalbox replay verify --data signalbox-data --key /mnt/elsewhere/anchor.pub\n"
      "  signalbox replay verify --kafka 127.0.0.1:9092\n"
      "  signalbox replay verify --kafka 127.0.0.1:9092 --data /var/lib/signalbox-event-store");
  return {app, [arguments] { return read_and_run(*arguments, "verify", run_verify); }};
}

struct StateArguments : ReplayArguments {
  std::string at;
  bool open = false;
  bool json = false;
};

// What is open, told where it was begun.
Result<replay::KnownState> open_state(ReplayConsole& console, HistoryLog& log,
                                      const StateArguments& arguments, const UserId& user,
                                      const replay::Instant& at) {
  auto open =
      replay::read_open_state(log, {arguments.log.archive_folder(), arguments.log.snapshots()},
                              user, at, console.watch("records"));
  if (!open) return tl::unexpected(open.error());
  if (open->snapshot)
    console.note("begun at the snapshot of seq " + std::to_string(open->snapshot->value()));
  if (!open->unused.empty())
    console.note("the snapshot is not used, all events were read: " + open->unused);
  return std::move(open->state);
}

// Before his first event nothing was known of him; of who has none nothing ever is.
Result<void> check_is_known(ReplayConsole& console, HistoryLog& log,
                            const StateArguments& arguments, const UserId& user) {
  const auto now =
      replay::read_open_state(log, {arguments.log.archive_folder(), arguments.log.snapshots()},
                              user, {}, console.watch("records"));
  if (!now) return tl::unexpected(now.error());
  if (now->state.events == 0) return tl::unexpected(replay::no_events_of(user));
  return {};
}

// As it was named, whether or not it is there: most reports need none, and who needs it says so.
std::string temporary_folder() {
  const char* const named = std::getenv("TMPDIR");
  return named != nullptr && *named != '\0' ? named : "/tmp";
}

int run_state(const StateArguments& arguments) {
  ReplayConsole console("state");
  const auto user = user_of(arguments);
  if (!user) return console.refuse(user.error());
  const auto at = replay::parse_instant(arguments.at, "--at");
  if (!at) return console.refuse(at.error());
  auto log = arguments.log.open();
  if (!log) return console.refuse(log.error());
  const replay::Watch watch = console.watch("records");
  replay::EndedRuns ended(arguments.json ? replay::run_json : replay::run_text, temporary_folder());
  const auto state = arguments.open ? open_state(console, **log, arguments, **user, *at)
                                    : replay::read_state(**log, arguments.log.archive_folder(),
                                                         **user, *at, watch, ended);
  if (!state) return console.refuse(state.error());
  if (state->events == 0)
    if (const auto known = check_is_known(console, **log, arguments, **user); !known)
      return console.refuse(known.error());
  const auto write = arguments.json ? replay::write_state_json : replay::write_state_text;
  bool is_read = true;
  const auto written = write(*state, ended, [&](std::string_view piece) -> Result<void> {
    is_read = console.write(piece);
    if (is_read && console.goes_on()) return {};
    return failure(Errc::stopped, "interrupted");
  });
  if (!written && is_read) return console.refuse(written.error());
  return console.finish();
}

Subcommand add_state(CLI::App& replay_app) {
  const auto arguments = std::make_shared<StateArguments>();
  CLI::App* app = replay_app.add_subcommand(
      "state", "What was known of a user at an instant: threads, messages, runs, questions.");
  arguments->add_to(*app, "whose");
  app->get_option("--user")->required();
  app->add_option("--at", arguments->at,
                  "a seq like 17 or a time like 2026-11-20T09:30:00Z, both inclusive; now where "
                  "none is given")
      ->check(not_empty());
  app->add_flag("--open", arguments->open,
                "only what is open, as a router holds it: begun at the snapshot where there is one "
                "from before, so that it is at once there");
  app->add_flag("--json", arguments->json, "as one JSON object, nothing cut");
  app->footer(
      "Examples:\n  signalbox replay state --data signalbox-data --user alice\n"
      "  signalbox replay state --user alice --at 17\n"
      "  signalbox replay state --user alice --at 2026-11-20T09:30:00Z");
  return {app, [arguments] { return read_and_run(*arguments, "state", run_state); }};
}

struct PlayArguments : ReplayArguments {
  std::string speed = "1";
  std::string from;
};

// nullopt: max.
Result<std::optional<double>> speed_of(const std::string& text) {
  if (text == "max") return std::optional<double>();
  double speed = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, speed);
  if (error == std::errc() && stop == end && speed >= kSpeedMin && speed <= kSpeedMax)
    return std::optional(speed);
  return failure(Errc::bad_field, "must be max or a number from 0.001 to 1000000, like 1 or 10",
                 "--speed");
}

int run_play(const PlayArguments& arguments) {
  ReplayConsole console("play");
  const auto user = user_of(arguments);
  if (!user) return console.refuse(user.error());
  const auto from = replay::parse_instant(arguments.from, "--from");
  if (!from) return console.refuse(from.error());
  const auto speed = speed_of(arguments.speed);
  if (!speed) return console.refuse(speed.error());
  auto log = arguments.log.open();
  if (!log) return console.refuse(log.error());
  const replay::Watch watch = console.watch("records");
  auto events = replay::ValidEvents::open(**log, *user, watch);
  if (!events) return console.refuse(events.error());
  for (const replay::LogCut& cut : events->cuts()) console.note(to_text(cut));
  std::optional<std::chrono::steady_clock::time_point> start;
  const replay::PlaySink sink{
      .wait_until =
          [&](std::chrono::microseconds after) {
            if (!start) start = std::chrono::steady_clock::now();
            return watch(events->progress()) && console.sleep_until(*start + after);
          },
      .write = [&](std::string_view frame) { return console.write(frame); }};
  const auto done = replay::play(*events, (*log)->describe().log_id, **user,
                                 {.from = *from, .speed = *speed}, sink);
  if (!done) return console.refuse(done.error());
  if (events->given() == 0) return console.refuse(replay::no_events_of(**user));
  return tell_chain_break(console, *events, console.finish());
}

Subcommand add_play(CLI::App& replay_app) {
  const auto arguments = std::make_shared<PlayArguments>();
  CLI::App* app = replay_app.add_subcommand(
      "play",
      "A user's events as the frames a client got, paced as it happened. Ends with 3 where "
      "the chain of his events breaks.");
  arguments->add_to(*app, "whose");
  app->get_option("--user")->required();
  app->add_option("--speed", arguments->speed, "times as fast as it happened, or max")
      ->capture_default_str();
  app->add_option("--from", arguments->from,
                  "the first seq, like 17, or time, like 2026-11-20T09:30:00Z; else from the start")
      ->check(not_empty());
  app->footer(
      "Examples:\n  signalbox replay play --data signalbox-data --user alice\n"
      "  signalbox replay play --user alice --speed 10 --from 17\n"
      "  signalbox replay play --user alice --speed max");
  return {app, [arguments] { return read_and_run(*arguments, "play", run_play); }};
}

struct RerunArguments : ReplayArguments {
  AddAgents add_agents;
  std::string run;
  std::string playbook;
};

// The run, with its agent of today. Errors: bad_field, not_found, those of the playbook.
Result<replay::RerunReport> rerun_one(ReplayConsole& console, const RerunArguments& arguments) {
  const auto user = user_of(arguments);
  if (!user) return tl::unexpected(user.error());
  const auto run_id = Uuid::parse(arguments.run);
  if (!run_id) return failure(Errc::bad_field, "must be a run's id, a UUID", "--run");
  router::DefaultAgentsOptions options;
  if (!arguments.playbook.empty()) options.playbook = arguments.playbook;
  const auto agents = make_agents(options, arguments.add_agents);
  if (!agents) return tl::unexpected(agents.error());
  auto log = arguments.log.open();
  if (!log) return tl::unexpected(log.error());
  const auto run = replay::read_run(**log, arguments.log.archive_folder(), **user, RunId(*run_id),
                                    console.watch("records"));
  if (!run) return tl::unexpected(run.error());
  const std::optional<replay::KnownRun>& known = *run;
  if (!known)
    return failure(Errc::not_found, "this user has no run " + arguments.run +
                                        "; `signalbox replay state` lists his runs");
  router::Agent* const agent = agents->find(known->agent);
  if (agent == nullptr)
    return failure(Errc::not_found,
                   "there is no agent '" + known->agent + "' today" +
                       (known->agent == "playbook" ? "; give its file with --playbook" : ""));
  if (!known->agent_version.empty() && agent->version() != known->agent_version)
    console.note("recorded by version " + known->agent_version + " of " + known->agent +
                 "; today's is " + std::string(agent->version()));
  return replay::rerun(*known, **user, *agent);
}

int run_rerun(const RerunArguments& arguments) {
  ReplayConsole console("rerun");
  const auto report = rerun_one(console, arguments);
  if (!report) return console.refuse(report.error());
  console.write(replay::rerun_text(*report));
  const int written = console.finish();
  return written == kExitOk && report->difference ? kExitFaultFound : written;
}

Subcommand add_rerun(CLI::App& replay_app, const AddAgents& add_agents) {
  const auto arguments = std::make_shared<RerunArguments>();
  arguments->add_agents = add_agents;
  CLI::App* app = replay_app.add_subcommand("rerun",
                                            "A run once more from its recorded steps through "
                                            "today's code of its agent. Ends with 3 where "
                                            "a step would differ, and names the field.");
  arguments->add_to(*app, "whose");
  app->get_option("--user")->required();
  app->add_option("--run", arguments->run, "its id")->required();
  app->add_option("--playbook", arguments->playbook, "recorded dialogues, for runs of that agent");
  app->footer(
      "Examples:\n  signalbox replay rerun --user alice --run "
      "7f1c2a9e-0b54-5d2f-9c1e-3a6d1f2b4c5d");
  return {app, [arguments] { return read_and_run(*arguments, "rerun", run_rerun); }};
}

}  // namespace

Subcommand add_replay(CLI::App& program, const AddAgents& add_agents) {
  CLI::App* app = program.add_subcommand(
      "replay",
      "What happened, from the log: of a running service, which it does not disturb, of a copy of "
      "its data directory, or on Kafka.");
  app->require_subcommand(1);
  const std::vector<Subcommand> verbs{
      add_timeline(*app),          add_verify(*app), add_state(*app), add_play(*app),
      add_rerun(*app, add_agents), add_export(*app)};
  app->footer(
      "Examples:\n"
      "  signalbox replay timeline --data signalbox-data --user alice\n"
      "  signalbox replay verify --data signalbox-data\n"
      "  signalbox replay verify --kafka 127.0.0.1:9092 --data /var/lib/signalbox-event-store\n"
      "  signalbox replay timeline --config signalbox.toml --user alice");
  return {app, [verbs] {
            for (const Subcommand& verb : verbs)
              if (verb.app->parsed()) return verb.run();
            return kExitUsage;
          }};
}

}  // namespace signalbox::cli
