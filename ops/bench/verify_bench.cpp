// verify_bench: how fast a log is verified on one core, and what that is beside two floors: hashing
// once, with SHA-256, the headers and values of the same rows; and each hash that verification has
// to take, of the bytes it takes it of, gathered before. The log is written first, as an owner
// writes it, and archived. Verification and floors take turns; medians count.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <future>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "event-store/archive/archive.hpp"
#include "event-store/log/log_reader.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "ops/bench/conditions.hpp"
#include "ops/bench/core_seconds.hpp"
#include "ops/bench/event_source.hpp"
#include "ops/bench/percentile.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"
#include "replay/archive_check.hpp"
#include "replay/verify_report.hpp"

namespace signalbox::bench {
namespace {

using event_store::LogReader;
using event_store::SqliteEventLog;

constexpr std::int32_t kPartitions = 12;

struct Plan {
  int events = 300'000;
  std::size_t value_bytes = 256;
  int rounds = 5;
  std::string folder;
};

[[noreturn]] void give_up(const Error& error) {
  std::cerr << "verify_bench: " << error.message << std::endl;
  std::exit(1);
}

// Writes the log and its archive; what is appended is waited for before the log is closed.
class WrittenData {
 public:
  explicit WrittenData(const Plan& plan) {
    event_store::SqliteEventLogOptions options;
    options.dir = plan.folder;
    options.partitions = kPartitions;
    Random random(1);
    auto opened = SqliteEventLog::open(options, clock_, random);
    if (!opened) give_up(opened.error());
    log_ = std::move(*opened);
    for (std::int32_t p = 0; p < kPartitions; ++p)
      append(Partition(p), event_store::encode_control(
                               {"claim", "/signalbox/bench", clock_.now(),
                                PartitionOwned{log_->describe().log_id, Epoch(1),
                                               ClaimId(random.uuid()), "router", Offset(0)}}));
    EventSource source(log_->describe().log_id, clock_, kPartitions, plan.value_bytes);
    for (int i = 0; i < plan.events; ++i) {
      EventSource::Made made = source.next();
      append(made.partition, std::move(made.record));
      if (i % 2000 == 0) flush();
    }
    flush();
    write_archive(plan.folder + "/archive");
  }

 private:
  void append(Partition partition, NewRecord record) {
    log_->append({Topic::events, partition}, std::move(record), thread_,
                 [](const Result<Offset>& offset) {
                   if (!offset) give_up(offset.error());
                 });
  }
  // Answers of one thread's appends come in order: with the last one all have come.
  void flush() {
    std::promise<void> done;
    log_->append({Topic::inbound, Partition(0)}, {"bench", {{"a", "b"}}, "{}"}, thread_,
                 [&done](const Result<Offset>&) { done.set_value(); });
    done.get_future().wait();
  }
  void write_archive(const std::string& folder) {
    std::promise<void> done;
    bool is_done = false;
    event_store::ArchiveOptions options;
    options.progress = [&](const event_store::ArchiveProgress& progress) {
      if (progress.done == progress.total && !std::exchange(is_done, true)) done.set_value();
    };
    std::vector<Partition> partitions;
    for (std::int32_t p = 0; p < kPartitions; ++p) partitions.emplace_back(p);
    std::unique_ptr<event_store::ArchiveWriter> writer;
    thread_.run([&] {
      auto opened =
          event_store::ArchiveWriter::open(*log_, thread_, clock_, folder, partitions, options);
      if (!opened) give_up(opened.error());
      writer = std::move(*opened);
    });
    done.get_future().wait();
    thread_.run([&] { writer.reset(); });
  }

  cli::SystemClock clock_;
  cli::RoleThread thread_{"verify-bench"};
  std::unique_ptr<SqliteEventLog> log_;
};

LogReader open_log(const Plan& plan) {
  auto log = LogReader::open(plan.folder);
  if (!log) give_up(log.error());
  return std::move(*log);
}

// Seconds.
double verify_once(const Plan& plan, bool with_archive) {
  LogReader log = open_log(plan);
  const double start = core_seconds();
  replay::VerifyOptions options;
  std::optional<replay::ArchiveCheck> archive;
  if (with_archive)
    options.observers = {&archive.emplace(plan.folder + "/archive", log.describe(), std::nullopt)};
  const auto report =
      replay::verify_log(log, options, [](const replay::Progress&) { return true; });
  if (!report) give_up(report.error());
  const double seconds = core_seconds() - start;
  if (!replay::is_whole(*report) || report->events != plan.events ||
      (archive && archive->compared() != plan.events))
    give_up({Errc::corrupt, replay::verdict_text(*report, {})});
  return seconds;
}

using Texts = std::vector<std::string>;

void add_whole(Texts& texts, const event_store::StoredRow& row) {
  texts.push_back(std::string(row.headers).append(row.value));
}

// As many bytes as each hash of the row is of: the two of its checksum, the two of its content
// (contract 7), and the user's chain.
void add_all(Texts& texts, const event_store::StoredRow& row) {
  constexpr std::size_t kPrefixBytes = 4;
  constexpr std::size_t kPlaceBytes = 1 + 4 + 8 + 8;  // topic, partition, offset, time
  constexpr std::size_t kHashBytes = 32;
  const std::string whole = std::string(row.key.value_or("")).append(row.headers).append(row.value);
  texts.push_back(whole + std::string(1 + 3 * kPrefixBytes, ' '));
  texts.emplace_back(kPlaceBytes + kHashBytes, ' ');
  auto headers = Headers::parse(row.headers);
  if (!headers) give_up({Errc::corrupt, "the headers of a row cannot be read"});
  headers->erase_if([](const Header& header) {
    return header.name == "ce_chainhash" || header.name == "ce_traceparent";
  });
  texts.push_back(headers->bytes());
  texts.emplace_back(row.value);
  texts.emplace_back(3 * kHashBytes, ' ');
}

// Seconds.
double hash_once(const Plan& plan, void (*add)(Texts&, const event_store::StoredRow&)) {
  LogReader log = open_log(plan);
  Texts texts;
  const auto read = log.scan(0, INT64_MAX, INT64_MAX,
                             [&](const event_store::StoredRow& row) { add(texts, row); });
  if (!read) give_up(read.error());
  const double start = core_seconds();
  unsigned seen = 0;
  for (const std::string& text : texts) seen += event_store::sha256(text)[0];
  const double seconds = core_seconds() - start;
  return seen > 0 ? seconds : 0;
}

int run(const Plan& plan) {
  { const WrittenData written(plan); }
  std::vector<double> log_only, with_archive, floor, hashes;
  for (int round = 0; round < plan.rounds; ++round) {
    floor.push_back(hash_once(plan, add_whole));
    hashes.push_back(hash_once(plan, add_all));
    log_only.push_back(verify_once(plan, false));
    with_archive.push_back(verify_once(plan, true));
  }
  const double events = plan.events;
  const auto line = [&](const char* what, std::vector<double>& seconds) {
    const double median = percentile(seconds, 50);
    std::cout << std::left << std::setw(34) << what << std::fixed << std::setprecision(0)
              << events / median << " events/s of one core, " << std::setprecision(2)
              << median / percentile(floor, 50) << " x the floor, "
              << median / percentile(hashes, 50) << " x all hashes\n";
  };
  std::cout << "events                            " << plan.events << " of " << plan.value_bytes
            << " bytes\n";
  line("one SHA-256 of each (floor)", floor);
  line("all hashes that it has to take", hashes);
  line("verify: log", log_only);
  line("verify: log and archive", with_archive);
  return 0;
}

}  // namespace
}  // namespace signalbox::bench

int main(int argc, char** argv) {
  signalbox::bench::Plan plan;
  std::string folder = std::filesystem::temp_directory_path().string();
  CLI::App app("Measures how fast a log is verified.");
  app.add_option("--events", plan.events, "in the log")->capture_default_str();
  app.add_option("--value-bytes", plan.value_bytes, "of an event")->capture_default_str();
  app.add_option("--rounds", plan.rounds, "the median counts")->capture_default_str();
  app.add_option("--dir", folder, "where the log is made, and removed again")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  folder += "/verify-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  plan.folder = folder;
  const int code = signalbox::bench::run(plan);
  std::filesystem::remove_all(folder);
  return code;
}
