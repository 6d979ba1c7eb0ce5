#include "ops/cli/run_replay_export.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <istream>
#include <memory>
#include <streambuf>
#include <utility>

#include "ops/cli/exit_code.hpp"
#include "ops/cli/replay_console.hpp"
#include "replay/anchor_notes.hpp"
#include "replay/export.hpp"
#include "replay/export_check.hpp"

namespace signalbox::cli {
namespace {

struct ExportArguments : ReplayArguments {
  std::string anchor_dir;  // empty: that of the data directory
  std::string out;         // empty: standard output
};

// A file that takes its name once it is whole: it holds messages, so it is its owner's alone.
class OutFile {
 public:
  explicit OutFile(std::string path) : path_(std::move(path)), made_(path_ + ".part") {
    const int file = ::open(made_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file >= 0) file_ = ::fdopen(file, "w");
  }
  ~OutFile() {
    if (file_ == nullptr) return;
    std::fclose(file_);
    ::unlink(made_.c_str());
  }
  OutFile(const OutFile&) = delete;
  OutFile& operator=(const OutFile&) = delete;

  Result<void> write(std::string_view text) {
    if (file_ != nullptr && std::fwrite(text.data(), 1, text.size(), file_) == text.size())
      return {};
    return failed();
  }
  Result<void> finish() {
    const bool synced =
        file_ != nullptr && std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
    if (!synced || std::rename(made_.c_str(), path_.c_str()) != 0) return failed();
    std::fclose(std::exchange(file_, nullptr));
    return {};
  }

 private:
  [[nodiscard]] tl::unexpected<Error> failed() const {
    return failure(Errc::io_error, "cannot write " + path_ + ": " + std::strerror(errno), "");
  }

  const std::string path_;
  const std::string made_;
  std::FILE* file_ = nullptr;
};

// Standard input, waited for no longer than it takes to see that it is of no use any more: the
// signals that would end a read are blocked here (ShutdownSignal).
class StandardInput final : public std::streambuf {
 public:
  // `goes_on` false: the input has ended.
  explicit StandardInput(std::function<bool()> goes_on) : goes_on_(std::move(goes_on)) {}

 private:
  int_type underflow() override {
    constexpr int kLookEveryMs = 100;
    while (goes_on_()) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      if (::poll(&input, 1, kLookEveryMs) <= 0) continue;
      const ssize_t got = ::read(STDIN_FILENO, bytes_.data(), bytes_.size());
      if (got <= 0) break;
      setg(bytes_.data(), bytes_.data(), bytes_.data() + got);
      return traits_type::to_int_type(bytes_.front());
    }
    return traits_type::eof();
  }

  const std::function<bool()> goes_on_;
  std::array<char, 65536> bytes_;
};

// On standard error, so that an export to standard output is nothing else.
int tell(const replay::ExportReport& report) {
  std::string covered = "no anchor covers it: a removed tail cannot be seen";
  if (report.anchored > Seq(0))
    covered = "anchored up to seq " + std::to_string(report.anchored.value());
  if (!report.without_anchors.empty()) covered += " (" + report.without_anchors + ")";
  std::fprintf(stderr, "%lld events, seq %lld to %lld; %s\n", static_cast<long long>(report.events),
               static_cast<long long>(report.first.value()),
               static_cast<long long>(report.last.value()), covered.c_str());
  for (const std::string& what : report.contradictions)
    std::fprintf(stderr, "an anchor contradicts the log: %s\n", what.c_str());
  return report.contradictions.empty() ? kExitOk : kExitFaultFound;
}

int run_export(const ExportArguments& arguments) {
  ReplayConsole console("export");
  const auto user = user_of(arguments);
  if (!user) return console.refuse(user.error());
  if (!*user) return console.refuse({Errc::missing_field, "names whose history it is", "--user"});
  auto log = arguments.log.open();
  if (!log) return console.refuse(log.error());
  std::optional<OutFile> file;
  if (!arguments.out.empty()) file.emplace(arguments.out);
  const replay::ExportSink sink = [&](std::string_view line) -> Result<void> {
    if (file) return file->write(line);
    if (console.write(line)) return {};
    return failure(Errc::stopped, "nobody reads standard output any more");
  };
  const std::string anchor_dir = arguments.log.anchor_folder(arguments.anchor_dir);
  const auto report =
      replay::write_export(**log, **user, anchor_dir, console.watch("records"), sink);
  if (!report) {
    if (const int code = console.finish(); code != kExitOk) return code;  // says more
    return console.refuse(report.error());
  }
  if (file)
    if (auto done = file->finish(); !done) return console.refuse(done.error());
  if (const int code = console.finish(); code != kExitOk) return code;
  return tell(*report);
}

}  // namespace

Subcommand add_export(CLI::App& replay_app) {
  const auto arguments = std::make_shared<ExportArguments>();
  CLI::App* app = replay_app.add_subcommand(
      "export", "One user's history as a file that proves itself: JSON Lines with the anchors.");
  arguments->add_to(*app, "whose");
  app->get_option("--user")->required();
  app->add_option("--anchor-dir", arguments->anchor_dir,
                  "where the anchors are (audit.anchor_dir); default: anchors "
                  "in the data directory")
      ->check(not_empty());
  app->add_option("--out", arguments->out, "the file; default: standard output")
      ->check(not_empty());
  app->footer(
      "Examples:\n"
      "  signalbox replay export --data signalbox-data --user anna --out anna.jsonl\n"
      "  signalbox replay export --kafka 127.0.0.1:9092 --anchor-dir /mnt/anchors --user anna\n"
      "  signalbox replay verify --export anna.jsonl --key signalbox-data/anchors/anchor.pub");
  return {app, [arguments] { return read_and_run(*arguments, "export", run_export); }};
}

int run_verify_export(const std::string& file, const std::string& key_file) {
  ReplayConsole console("verify");
  const auto key = replay::read_verifier_key(key_file);
  if (!key) return console.refuse({key.error().code, key.error().message, "--key"});
  std::ifstream opened;
  if (file != "-") {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
      return console.refuse({Errc::bad_field, file + " is a folder, not an export", "--export"});
    opened.open(file, std::ios::binary);
    if (!opened)
      return console.refuse({Errc::not_found, file + ": " + std::strerror(errno), "--export"});
  }
  StandardInput input([&console] { return console.goes_on(); });
  std::istream piped(&input);
  const auto verdict =
      replay::check_export(file == "-" ? piped : opened, *key, console.watch("records"));
  if (!verdict) return console.refuse(verdict.error());
  console.write(to_text(*verdict));
  const int code = console.finish();
  return code == kExitOk && !verdict->is_whole() ? kExitFaultFound : code;
}

}  // namespace signalbox::cli
