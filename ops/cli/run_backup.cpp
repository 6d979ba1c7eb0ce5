#include "ops/cli/run_backup.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "event-store/log/log_backup.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "event-store/sqlite/private_file.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/progress_bar.hpp"
#include "ops/cli/service_data.hpp"
#include "ops/cli/shutdown_signal.hpp"
#include "ops/cli/usage_error.hpp"

namespace signalbox::cli {
namespace {

namespace fs = std::filesystem;
using event_store::CopyProgress;

constexpr std::size_t kSmallFileBytesMax = 1 << 20;
// What signs, so that a restored service goes on as the one that was copied.
constexpr std::array kKeyFiles{"dev.key", "anchor.key"};

struct BackupArguments {
  std::string data = "signalbox-data";
  std::string to;
};

class Backup {
 public:
  Backup(std::string from, std::string to)
      : from_(std::move(from)), to_(std::move(to)), bar_(std::cerr, ::isatty(STDERR_FILENO) != 0) {}

  // The log comes last: what caches and anchors say is then about a prefix of it.
  Result<event_store::LogBackup> run() {
    if (auto made = event_store::make_private_folders(to_); !made)
      return failure(made.error().code, "--to: " + made.error().message);
    for (const char* const name : kKeyFiles)
      if (auto copied = copy_small(name); !copied) return tl::unexpected(copied.error());
    if (auto copied = copy_archive(); !copied) return tl::unexpected(copied.error());
    if (auto copied = copy_anchors(); !copied) return tl::unexpected(copied.error());
    if (auto copied = copy_cache("snapshots.db"); !copied) return tl::unexpected(copied.error());
    return event_store::back_up_log(from_, to_, watch());
  }

 private:
  event_store::CopyWatch watch() {
    return [this](const CopyProgress& progress) {
      bar_.show(progress.done >> 20, progress.total >> 20, "MiB");
      return !signal_.sleep(std::chrono::milliseconds(0));
    };
  }
  Result<void> copy_small(const std::string& name) {
    if (!fs::exists(from_ + "/" + name)) return {};
    const auto content = event_store::read_small_file(from_ + "/" + name, kSmallFileBytesMax);
    if (!content) return tl::unexpected(content.error());
    return event_store::write_durably(to_ + "/" + name, *content);
  }
  // Files that a service makes anew where they are missing; a damaged one is left behind.
  Result<void> copy_cache(const std::string& name) {
    const std::string from = from_ + "/" + name;
    if (!fs::exists(from)) return {};
    const auto copied = event_store::copy_database(from, to_ + "/" + name, watch());
    if (copied) return {};
    if (copied.error().code == Errc::stopped || copied.error().code == Errc::disk_full)
      return tl::unexpected(copied.error());
    bar_.end();
    std::fprintf(stderr, "signalbox backup: %s is left out, a service makes it anew: %s\n",
                 from.c_str(), copied.error().message.c_str());
    fs::remove(to_ + "/" + name);
    return {};
  }
  // One file per partition; their side files are SQLite's.
  Result<void> copy_archive() {
    if (!fs::exists(from_ + "/archive")) return {};
    if (auto made = event_store::make_private_folders(to_ + "/archive"); !made) return made;
    for (const auto& file : fs::directory_iterator(from_ + "/archive"))
      if (file.path().extension() == ".db")
        if (auto copied = copy_cache("archive/" + file.path().filename().string()); !copied)
          return copied;
    return {};
  }
  // A folder of notes per partition, and the key they are verified with.
  Result<void> copy_anchors() {
    if (!fs::exists(from_ + "/anchors")) return {};
    if (auto made = event_store::make_private_folders(to_ + "/anchors"); !made) return made;
    std::vector<std::string> notes;
    for (const auto& entry : fs::recursive_directory_iterator(from_ + "/anchors")) {
      if (entry.path().extension() == event_store::kUnfinished) continue;
      const std::string below = fs::relative(entry.path(), from_).string();
      if (!entry.is_directory())
        notes.push_back(below);
      else if (auto made = event_store::make_private_folders(to_ + "/" + below); !made)
        return made;
    }
    if (auto copied = copy_notes(notes); !copied) return copied;
    return event_store::sync_file_system_of(to_);
  }
  // There may be thousands a day.
  Result<void> copy_notes(const std::vector<std::string>& notes) {
    std::int64_t done = 0;
    for (const std::string& note : notes) {
      bar_.show(done++, static_cast<std::int64_t>(notes.size()), "anchors");
      if (signal_.sleep(std::chrono::milliseconds(0))) return failure(Errc::stopped, "stopped");
      const auto content = event_store::read_small_file(from_ + "/" + note, kSmallFileBytesMax);
      if (!content) return tl::unexpected(content.error());
      if (auto made = event_store::write_for_later_sync(to_ + "/" + note, *content); !made)
        return made;
    }
    return {};
  }

  const std::string from_;
  const std::string to_;
  ShutdownSignal signal_;
  ProgressBar bar_;
};

bool lies_within(const fs::path& path, const fs::path& folder) {
  std::error_code ignored;
  const fs::path below =
      fs::weakly_canonical(path, ignored).lexically_relative(fs::weakly_canonical(folder, ignored));
  return !below.empty() && *below.begin() != "..";
}

int run_backup(const BackupArguments& arguments) {
  const auto started = std::chrono::steady_clock::now();
  if (auto checked = check_service_data(arguments.data); !checked)
    return refuse("backup", checked.error());
  std::error_code ignored;  // what is in the way is told by who makes the folder
  if (fs::exists(arguments.to, ignored))
    return refuse("backup",
                  {Errc::bad_field, arguments.to + " is there already; name a new folder", "--to"});
  if (lies_within(arguments.to, arguments.data))
    return refuse("backup",
                  {Errc::bad_field,
                   arguments.to + " lies inside the data directory, which would be copied into "
                                  "itself; name a folder elsewhere",
                   "--to"});
  // What is not whole never has the name of a backup.
  const std::string partial = arguments.to + ".partial";
  fs::remove_all(partial, ignored);
  const auto done = Backup(arguments.data, partial).run();
  if (!done) {
    fs::remove_all(partial, ignored);
    return refuse("backup", done.error());
  }
  fs::rename(partial, arguments.to);
  if (auto synced = event_store::sync_folder_of(arguments.to); !synced)
    return refuse("backup", synced.error());
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started;
  std::printf(
      "%s holds the log up to row %lld (%.1f MiB), copied in %.1f s\n"
      "check it:   signalbox replay verify --data %s\n"
      "restore it: stop the service and start it with --data %s, or with a copy of it\n",
      arguments.to.c_str(), static_cast<long long>(done->rows),
      static_cast<double>(done->bytes) / (1 << 20), time.count(), arguments.to.c_str(),
      arguments.to.c_str());
  return kExitOk;
}

}  // namespace

Subcommand add_backup(CLI::App& program) {
  const auto arguments = std::make_shared<BackupArguments>();
  CLI::App* app = program.add_subcommand("backup",
                                         "Copies the data directory of a service, running or not, "
                                         "into a new folder: the log as it was "
                                         "at one instant, with archive, snapshots, anchors and the "
                                         "keys that sign. An anchor directory "
                                         "elsewhere is not copied.");
  app->add_option("--data", arguments->data, "data directory of the service")
      ->capture_default_str()
      ->check(not_empty());
  app->add_option("--to", arguments->to, "folder that is made; holds secrets, so mode 0700")
      ->required()
      ->check(not_empty());
  app->footer("Examples:\n  signalbox backup --data signalbox-data --to backup-2026-11-21");
  return {app, [arguments] { return run_backup(*arguments); }};
}

}  // namespace signalbox::cli
