// append_bench: what the embedded log costs over the disk and over bare SQLite, in one run:
//   acknowledged appends a second in groups (fsync on, values of 1 KiB, real event headers, the
//   chain computed per user), against SQLite alone committing the same bytes in groups of the same
//   size into a rowid table with a unique index; and the time to one client's ack against one
//   fdatasync. Log and floor take turns; medians count.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <iostream>
#include <mutex>
#include <string>
#include <vector>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "event-store/sqlite/sqlite_database.hpp"
#include "ops/bench/conditions.hpp"
#include "ops/bench/event_source.hpp"
#include "ops/bench/percentile.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::bench {
namespace {

using event_store::SqliteDatabase;
using event_store::SqliteEventLog;
using SteadyClock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::int32_t kPartitions = 12;
constexpr std::size_t kValueBytes = 1024;
constexpr std::int64_t kInFlightMax = 4000;

struct Plan {
  int appends = 150'000;
  int single_appends = 2'000;
  int syncs = 500;
  int rounds = 3;
  std::string folder;
};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// What a failed step of a bench comes to.
[[noreturn]] void give_up(const Error& error) {
  std::cerr << "append_bench: " << error.message << std::endl;
  std::exit(1);
}

// Counts acks down; the producer waits here when too much is in flight.
class InFlight {
 public:
  void add() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return count_ < kInFlightMax; });
    ++count_;
  }
  void remove(const Result<Offset>& result) {
    if (!result) give_up(result.error());
    const std::lock_guard lock(mutex_);
    if (--count_ <= kInFlightMax / 2) room_.notify_one();
  }
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable room_;
  std::int64_t count_ = 0;
};

std::unique_ptr<SqliteEventLog> open_log(const std::string& dir, const Clock& clock) {
  fs::remove_all(dir);
  event_store::SqliteEventLogOptions options;
  options.dir = dir;
  options.partitions = kPartitions;
  options.fatal = [](const Error& error) { give_up(error); };
  Random random(1);
  auto log = SqliteEventLog::open(options, clock, random);
  if (!log) give_up(log.error());
  return std::move(*log);
}

struct GroupFigures {
  double per_second;
  std::int64_t group_size;
};

GroupFigures measure_groups(const Plan& plan, const Clock& clock) {
  cli::RoleThread acks("acks");
  const auto log = open_log(plan.folder + "/log", clock);
  EventSource source(log->describe().log_id, clock, kPartitions, kValueBytes);
  InFlight in_flight;
  const auto before = log->statistics();
  const auto start = SteadyClock::now();
  for (int i = 0; i < plan.appends; ++i) {
    auto made = source.next();
    in_flight.add();
    log->append({Topic::events, made.partition}, std::move(made.record), acks,
                [&](const Result<Offset>& result) { in_flight.remove(result); });
  }
  in_flight.wait_for_all();
  const double seconds = seconds_since(start);
  const auto after = log->statistics();
  const auto groups = std::max<std::uint64_t>(1, after.groups - before.groups);
  return {plan.appends / seconds, static_cast<std::int64_t>((after.rows - before.rows) / groups)};
}

// SQLite and nothing else: rows made beforehand, one thread, the same group size.
class Floor {
 public:
  Floor(const Plan& plan, const Clock& clock) : plan_(plan) {
    EventSource source(LogId(Uuid{}), clock, kPartitions, kValueBytes);
    for (int i = 0; i < kRowsMade; ++i) {
      auto [partition, record] = source.next();
      rows_.push_back({partition.value(), std::move(*record.key), record.headers.bytes(),
                       std::move(record.value)});
    }
  }

  double appends_per_second(std::int64_t group_size) {
    const std::string folder = plan_.folder + "/floor";
    fs::remove_all(folder);
    fs::create_directories(folder);
    auto file = SqliteDatabase::open(folder + "/floor.db", SqliteDatabase::Access::create);
    if (!file) give_up(file.error());
    run(*file,
        "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=67108864;"
        "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4096;"
        "CREATE TABLE records(id INTEGER PRIMARY KEY, place INTEGER NOT NULL,"
        " \"offset\" INTEGER NOT NULL, appended_at INTEGER NOT NULL, key BLOB,"
        " headers BLOB NOT NULL, value BLOB NOT NULL, sha256 BLOB NOT NULL,"
        " UNIQUE(place, \"offset\")) STRICT");
    auto insert = file->prepare("INSERT INTO records VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    if (!insert) give_up(insert.error());
    const auto start = SteadyClock::now();
    for (int i = 0; i < plan_.appends; ++i) {
      if (i % group_size == 0) run(*file, i == 0 ? "BEGIN IMMEDIATE" : "COMMIT; BEGIN IMMEDIATE");
      insert_row(*insert, rows_[static_cast<std::size_t>(i % kRowsMade)], i);
    }
    run(*file, "COMMIT");
    return plan_.appends / seconds_since(start);
  }

 private:
  static constexpr int kRowsMade = 10'000;
  struct Row {
    std::int64_t place;
    std::string key, headers, value;
  };

  static void run(SqliteDatabase& file, const std::string& sql) {
    if (auto done = file.execute(sql); !done) give_up(done.error());
  }
  static void insert_row(event_store::SqliteStatement& insert, const Row& row, int offset) {
    static const std::string checksum(32, 's');
    insert.bind(1, row.place);
    insert.bind(2, offset);
    insert.bind(3, 1'700'000'000'000'000 + offset);
    insert.bind_blob(4, row.key);
    insert.bind_blob(5, row.headers);
    insert.bind_blob(6, row.value);
    insert.bind_blob(7, checksum);
    if (auto done = insert.run(); !done) give_up(done.error());
  }

  const Plan& plan_;
  std::vector<Row> rows_;
};

// One client: the next append goes out when the last one's ack came, on the executor that got it.
class SingleClient {
 public:
  SingleClient(SqliteEventLog& log, cli::RoleThread& thread, const Clock& clock, int appends)
      : log_(log),
        thread_(thread),
        source_(log.describe().log_id, clock, kPartitions, kValueBytes),
        left_(appends) {}

  std::vector<double> run() {
    thread_.post([this] { append(); });
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return left_ == 0; });
    return milliseconds_;
  }

 private:
  void append() {
    auto made = source_.next();
    const auto start = SteadyClock::now();
    log_.append({Topic::events, made.partition}, std::move(made.record), thread_,
                [this, start](const Result<Offset>& result) {
                  if (!result) give_up(result.error());
                  milliseconds_.push_back(1000 * seconds_since(start));
                  if (!is_last()) append();
                });
  }

  bool is_last() {
    const std::lock_guard lock(mutex_);
    if (--left_ > 0) return false;
    ended_.notify_one();
    return true;
  }

  SqliteEventLog& log_;
  cli::RoleThread& thread_;
  EventSource source_;
  std::vector<double> milliseconds_;
  std::mutex mutex_;
  std::condition_variable ended_;
  int left_;
};

std::vector<double> measure_single(const Plan& plan, const Clock& clock) {
  const auto log = open_log(plan.folder + "/single", clock);
  cli::RoleThread thread("client");
  auto milliseconds = SingleClient(*log, thread, clock, plan.single_appends).run();
  thread.stop();
  return milliseconds;
}

void measure(const Plan& plan) {
  const cli::SystemClock clock;
  Floor floor(plan, clock);
  std::vector<double> logs, floors, ratios, acks, syncs, ack_ratios;
  std::int64_t group_size = 0;
  for (int round = 0; round < plan.rounds; ++round) {
    const GroupFigures figures = measure_groups(plan, clock);
    group_size = std::max<std::int64_t>(1, figures.group_size);
    logs.push_back(figures.per_second);
    floors.push_back(floor.appends_per_second(group_size));
    ratios.push_back(logs.back() / floors.back());
    const auto sync = measure_fdatasync(plan.folder, plan.syncs);
    if (!sync) give_up(sync.error());
    syncs.push_back(sync->p50_ms);
    acks.push_back(percentile(measure_single(plan, clock), 50));
    ack_ratios.push_back(acks.back() / syncs.back());
  }
  std::cout << std::fixed << std::setprecision(0) << "appends   " << percentile(logs, 50)
            << " /s acknowledged, in groups of about " << group_size << "\n"
            << "floor     " << percentile(floors, 50)
            << " /s bare SQLite, same bytes, same groups\n"
            << std::setprecision(2) << "ratio     " << percentile(ratios, 50)
            << " (aim: at least 0.70)\n"
            << std::setprecision(3) << "ack       p50 " << percentile(acks, 50)
            << " ms, one client\n"
            << "fdatasync p50 " << percentile(syncs, 50) << " ms\n"
            << std::setprecision(2) << "ratio     " << percentile(ack_ratios, 50)
            << " (aim: at most 3.00)\n";
}

}  // namespace
}  // namespace signalbox::bench

int main(int argc, char** argv) {
  using namespace signalbox::bench;
  CLI::App app("Appends on the embedded log against the disk and bare SQLite");
  Plan plan;
  bool small = false;
  std::string parent = fs::temp_directory_path();
  app.add_option("--dir", parent, "folder on the disk to measure");
  app.add_flag("--small", small, "few appends, one round: for CI");
  CLI11_PARSE(app, argc, argv);
  if (small) {
    plan.appends = 5'000;
    plan.single_appends = 100;
    plan.syncs = 50;
    plan.rounds = 1;
  }
  plan.folder = parent + "/append-bench-" + std::to_string(::getpid());
  fs::create_directories(plan.folder);
  std::cout << describe_conditions() << "values    " << kValueBytes << " bytes, "
            << EventSource::kUsers << " users, " << kPartitions << " partitions, chained; "
            << plan.appends << " appends, " << plan.rounds << " rounds, medians; in " << parent
            << "\n";
  measure(plan);
  fs::remove_all(plan.folder);
  return 0;
}
