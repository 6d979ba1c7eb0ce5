// What only the embedded log does: its directory, its file, its limits, retention.
#include "event-store/log/sqlite_event_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "event-store/log/data_lock.hpp"
#include "tests/log/conformance_support.hpp"
#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/support/file_modes.hpp"

namespace signalbox::event_store {
namespace {

constexpr TopicPartition kInbound{Topic::inbound, Partition(1)};

std::vector<NewRecord> numbered(int count) {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i) records.push_back(make_record("anna", std::to_string(i)));
  return records;
}

// A doctor that the system stopped while he looked made a service refuse to start.
TEST(DataLock, IsTakenAlthoughSomebodyLooksAtItForLonger) {
  SqliteFixture fixture;
  fixture.close();
  const std::string path = fixture.directory() + "/lock";
  bool is_taken = false;
  // Again where this machine let neither of the two run in time.
  for (int round = 0; round < 20 && !is_taken; ++round) {
    const int looking = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::flock(looking, LOCK_SH), 0);
    std::thread doctor([looking] {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      ::close(looking);
    });
    is_taken = DataLock::acquire(fixture.directory()).has_value();
    doctor.join();
  }
  EXPECT_TRUE(is_taken);
}

TEST(DataLock, NamesItsHolderAndCountsAsHeldWhereItMayNotBeOpened) {
  SqliteFixture fixture;
  EXPECT_EQ(lock_holder(fixture.directory()), getpid());
  fixture.close();
  EXPECT_EQ(lock_holder(fixture.directory()), std::nullopt);
  const std::string path = fixture.directory() + "/lock";
  std::filesystem::permissions(path, std::filesystem::perms::none);
  std::filesystem::permissions(fixture.directory(), std::filesystem::perms(0755));
  // Nothing is closed to root.
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const auto holder = lock_holder(fixture.directory());
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(holder, 0);
}

TEST(SqliteEventLog, ANewLogHasTwelvePartitionsAndPrivateFiles) {
  SqliteFixture fixture;
  EXPECT_EQ(fixture.log().describe().partitions, 12);
  append_surely(fixture, kInbound, make_record("anna", "x"));
  EXPECT_EQ(test_support::open_to_others(fixture.directory()), std::vector<std::string>{});
  // A copy made with other rights is private again before anything is added to it.
  fixture.close();
  std::filesystem::permissions(fixture.directory() + "/log.db", std::filesystem::perms(0644));
  fixture.open();
  EXPECT_EQ(test_support::open_to_others(fixture.directory()), std::vector<std::string>{});
}

TEST(SqliteEventLog, AnotherNumberOfPartitionsIsRefusedInASentence) {
  SqliteFixture fixture(SqliteEventLogOptions{.partitions = 4});
  EXPECT_EQ(fixture.log().describe().partitions, 4);
  fixture.close();
  MovableClock clock;
  Random random(1);
  const auto refused = SqliteEventLog::open(
      SqliteEventLogOptions{.dir = fixture.directory(), .partitions = 6}, clock, random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::bad_config);
  EXPECT_NE(refused.error().message.find("has 4 partitions, fixed for life; 6 were asked for"),
            std::string::npos)
      << refused.error().message;
  const auto unasked =
      SqliteEventLog::open(SqliteEventLogOptions{.dir = fixture.directory()}, clock, random);
  ASSERT_TRUE(unasked) << unasked.error().message;
  EXPECT_EQ((*unasked)->describe().partitions, 4);
}

TEST(SqliteEventLog, ASecondProcessIsRefusedWithThePidOfTheFirst) {
  SqliteFixture fixture;
  // In a child, where this process's log is only a file.
  const pid_t child = fork();
  if (child == 0) {
    MovableClock clock;
    Random random(1);
    const auto second =
        SqliteEventLog::open(SqliteEventLogOptions{.dir = fixture.directory()}, clock, random);
    const bool refused =
        !second && second.error().code == Errc::already_running &&
        second.error().message.find("(pid " + std::to_string(getppid()) + ")") != std::string::npos;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  // The first goes on, and when it is gone the next may.
  append_surely(fixture, kInbound, make_record("anna", "x"));
  fixture.reopen();
  EXPECT_EQ(fixture.log().bounds(kInbound)->end, Offset(1));
}

TEST(SqliteEventLog, AFileOfAnotherProgramOrOfANewerVersionIsRefused) {
  for (const auto& [sql, words] : {std::pair{"PRAGMA application_id=7", "another program"},
                                   std::pair{"PRAGMA user_version=9", "format 9"}}) {
    SqliteFixture fixture;
    fixture.close();
    execute_sql(fixture.directory(), sql);
    MovableClock clock;
    Random random(1);
    const auto refused =
        SqliteEventLog::open(SqliteEventLogOptions{.dir = fixture.directory()}, clock, random);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::bad_config);
    EXPECT_NE(refused.error().message.find(words), std::string::npos) << refused.error().message;
    const auto read_only = SqliteEventLog::open_read_only(fixture.directory());
    ASSERT_FALSE(read_only);
    EXPECT_EQ(read_only.error().code, Errc::bad_config);
  }
}

TEST(SqliteEventLog, ARecordBeyondTheLimitIsTooLarge) {
  SqliteFixture fixture(SqliteEventLogOptions{.record_bytes_max = 10'000});
  for (const Topic topic : {Topic::inbound, Topic::progress}) {
    const TopicPartition at{topic, Partition(0)};
    const Answers answers = append_all(
        fixture, at, {make_record("k", std::string(20'000, 'x')), make_record("k", "small")});
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::too_large);
    EXPECT_TRUE(answers[1]);
  }
}

TEST(SqliteEventLog, ClosingWritesWhatWaitsAndAnswersIt) {
  SqliteFixture fixture;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 3000; ++i)
    fixture.log().append(kInbound, make_record("k", "v"), fixture.executor(0),
                         [&](Result<Offset> result) { answered += result ? 1 : 0; });
  fixture.reopen();
  fixture.run_on(0, [] {});
  EXPECT_EQ(answered, 3000);
  EXPECT_EQ(fixture.log().bounds(kInbound)->end, Offset(3000));
}

TEST(SqliteEventLog, TheWriteAheadLogIsReservedAndItsRestMeansNothing) {
  SqliteFixture fixture;
  fixture.close();
  fixture.options().wal_reserve_bytes = 1U << 20;
  fixture.open();
  const std::string wal = fixture.directory() + "/log.db-wal";
  EXPECT_EQ(std::filesystem::file_size(wal), 1U << 20);
  static_cast<void>(append_all(fixture, kInbound, numbered(20)));
  EXPECT_EQ(std::filesystem::file_size(wal), 1U << 20) << "commits do not grow it";
  // As kill -9 leaves it: valid frames, then zeros.
  const TemporaryDirectory copy;
  for (const char* const name : {"/log.db", "/log.db-wal", "/head"})
    std::filesystem::copy_file(fixture.directory() + name, copy.path() + name);
  MovableClock clock;
  Random random(1);
  const auto again = SqliteEventLog::open(SqliteEventLogOptions{.dir = copy.path()}, clock, random);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(read_all(**again, kInbound).size(), 20u);
}

TEST(SqliteEventLog, ATailBeyondTheEndFails) {
  SqliteFixture fixture;
  Collector collector;
  const TailOn tail(fixture, kInbound, Offset(5), collector);
  ASSERT_TRUE(fixture.wait_until([&] { return collector.failed().has_value(); }));
  EXPECT_EQ(collector.failed()->code, Errc::not_found);
}

// Keeps tasks until the test runs them; a post() may be made to wait for the end of its tail.
class LingeringExecutor final : public Executor {
 public:
  void post(Task task) override {
    if (lingers) {
      inside = true;
      while (!is_closing) std::this_thread::yield();
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
      while (!tail_is_gone && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
      tail_went_meanwhile = tail_is_gone.load();
    }
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  TimerId call_at(MonotonicTime, Task) override { return TimerId::none; }
  void cancel(TimerId) override {}
  [[nodiscard]] bool is_current() const override { return true; }
  void run() {
    std::vector<Task> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks = std::exchange(tasks_, {});
    }
    for (const Task& task : tasks) task();
  }

  std::atomic<bool> lingers = false;
  std::atomic<bool> inside = false;
  std::atomic<bool> is_closing = false;
  std::atomic<bool> tail_is_gone = false;
  std::atomic<bool> tail_went_meanwhile = false;

 private:
  std::mutex mutex_;
  std::vector<Task> tasks_;
};

TEST(SqliteEventLog, WhenATailIsGoneItsExecutorMayGoToo) {
  SqliteFixture fixture;
  LingeringExecutor executor;
  Collector collector;
  auto tail = fixture.log().tail(kInbound, Offset(0), executor, collector);
  executor.run();
  executor.lingers = true;
  fixture.log().append(kInbound, make_record("k", "v"), fixture.executor(0), [](Result<Offset>) {});
  ASSERT_TRUE(fixture.wait_until([&] { return executor.inside.load(); }));
  std::thread closing([&] {
    executor.is_closing = true;
    tail.reset();
    executor.tail_is_gone = true;
  });
  closing.join();
  EXPECT_FALSE(executor.tail_went_meanwhile);
  executor.run();
  EXPECT_TRUE(collector.records().empty());
}

TEST(SqliteEventLog, TheVolatileTopicIsABoundedRing) {
  SqliteFixture fixture;
  const TopicPartition progress{Topic::progress, Partition(0)};
  Collector slow;
  std::atomic<bool> wait = true;
  slow.then = [&] {
    while (wait) std::this_thread::yield();
  };
  const TailOn tail(fixture, progress, Offset(0), slow, 1);
  append_surely(fixture, progress, make_record("anna", "first"));
  ASSERT_TRUE(fixture.wait_until([&] { return slow.calls() == 1; }));  // it holds the first alone
  for (const auto& answer : append_all(fixture, progress, numbered(3000))) ASSERT_TRUE(answer);
  const auto bounds = fixture.log().bounds(progress);
  EXPECT_EQ(bounds->end, Offset(3001));
  EXPECT_EQ(bounds->first, Offset(3001 - 1024));
  EXPECT_EQ(fixture.log().read(progress, Offset(0), {}).error().code, Errc::not_found);
  wait = false;
  ASSERT_TRUE(fixture.wait_until([&] { return slow.caught_up() == Offset(3001); }));
  EXPECT_EQ(slow.records().size(), 1025u) << "a reader that is too slow skips what was lost";
  EXPECT_FALSE(slow.failed());
  for (int i = 0; i < 10; ++i)
    append_surely(fixture, progress, make_record("anna", std::string(300'000, 'x')));
  EXPECT_EQ(fixture.log().bounds(progress)->first, Offset(3011 - 3)) << "1 MiB at most";
}

TEST(SqliteEventLog, TheVolatileTopicIsNeverOnDisk) {
  SqliteFixture fixture;
  const TopicPartition progress{Topic::progress, Partition(0)};
  append_surely(fixture, progress, make_record("anna", "x"));
  EXPECT_EQ(fixture.sqlite().statistics().rows, 0u);
  fixture.reopen();
  EXPECT_EQ(fixture.log().bounds(progress)->end, Offset(0));
}

TEST(SqliteEventLog, ReadersFarBehindReadTheDiskAndMissNothing) {
  SqliteFixture fixture(SqliteEventLogOptions{.tails = {.recent_bytes_max = 20'000}});
  static_cast<void>(append_all(fixture, kInbound, numbered(5000)));
  std::vector<std::unique_ptr<Collector>> collectors;
  std::vector<std::unique_ptr<TailOn>> tails;
  for (const int from : {0, 1, 2500, 4900, 4990, 5000}) {
    collectors.push_back(std::make_unique<Collector>());
    tails.push_back(std::make_unique<TailOn>(fixture, kInbound, Offset(from), *collectors.back(),
                                             from % EventLogFixture::kExecutors));
    static_cast<void>(append_all(fixture, kInbound, numbered(50)));
  }
  const Offset end = fixture.log().bounds(kInbound)->end;
  std::size_t i = 0;
  for (const int from : {0, 1, 2500, 4900, 4990, 5000}) {
    const Collector& collector = *collectors[i++];
    ASSERT_TRUE(fixture.wait_until([&] { return collector.caught_up() == end; }));
    const auto records = collector.records();
    ASSERT_EQ(records.size(), static_cast<std::size_t>(end.value() - from));
    for (std::size_t k = 0; k < records.size(); ++k)
      ASSERT_EQ(records[k]->offset, Offset(from + static_cast<std::int64_t>(k)));
  }
}

TEST(SqliteEventLog, WhatAReaderDoesNotTakeWaitsInTheLogNotInItsQueue) {
  SqliteFixture fixture;
  Collector slow;
  std::atomic<bool> wait = true;
  slow.then = [&] {
    while (wait) std::this_thread::yield();
  };
  const TailOn tail(fixture, kInbound, Offset(0), slow, 1);
  for (int i = 0; i < 40; ++i) append_surely(fixture, kInbound, make_record("anna", "x"));
  ASSERT_TRUE(fixture.wait_until([&] { return slow.calls() == 1; }));
  EXPECT_EQ(fixture.queued(1), 0u) << "one call in flight, however many groups were committed";
  wait = false;
  EXPECT_TRUE(fixture.wait_until([&] { return slow.caught_up() == Offset(40); }));
}

TEST(SqliteEventLog, ToolsReadBesideTheWriter) {
  SqliteFixture fixture;
  append_surely(fixture, kInbound, make_record("anna", "first"));
  const auto tool = SqliteEventLog::open_read_only(fixture.directory());
  ASSERT_TRUE(tool) << tool.error().message;
  EXPECT_EQ((*tool)->describe().log_id, fixture.log().describe().log_id);
  EXPECT_EQ(read_all(**tool, kInbound).size(), 1u);
  append_surely(fixture, kInbound, make_record("anna", "second"));
  EXPECT_EQ((*tool)->bounds(kInbound)->end, Offset(2));
  EXPECT_EQ(read_all(**tool, kInbound).size(), 2u);
  std::optional<Errc> refused;
  fixture.run_on(0, [&] {
    (*tool)->append(kInbound, make_record("k", "v"), fixture.executor(0),
                    [&](Result<Offset> result) { refused = result.error().code; });
  });
  fixture.run_on(0, [] {});
  EXPECT_EQ(refused, Errc::unavailable);
  const TemporaryDirectory empty;
  EXPECT_EQ(SqliteEventLog::open_read_only(empty.path()).error().code, Errc::not_found);
}

TEST(SqliteEventLog, ToolsReadALogThatIsClosed) {
  SqliteFixture fixture;
  append_surely(fixture, kInbound, make_record("anna", "first"));
  fixture.close();
  const auto tool = SqliteEventLog::open_read_only(fixture.directory());
  ASSERT_TRUE(tool) << tool.error().message;
  EXPECT_EQ(read_all(**tool, kInbound).size(), 1u);
}

// A tool that reads an old state of the file for as long as it lives.
class HeldOpen {
 public:
  explicit HeldOpen(const std::string& directory) {
    const std::string path = directory + "/log.db";
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database_, "BEGIN", nullptr, nullptr, nullptr), SQLITE_OK);
    rows_at_start_ = rows();
  }
  ~HeldOpen() { sqlite3_close(database_); }
  HeldOpen(const HeldOpen&) = delete;
  HeldOpen& operator=(const HeldOpen&) = delete;
  int rows() {
    int count = -1;
    const auto take = [](void* into, int, char** text, char**) {
      *static_cast<int*>(into) = std::atoi(text[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database_, "SELECT count(*) FROM records", take, &count, nullptr),
              SQLITE_OK);
    return count;
  }
  [[nodiscard]] int rows_at_start() const { return rows_at_start_; }

 private:
  sqlite3* database_ = nullptr;
  int rows_at_start_ = 0;
};

TEST(SqliteEventLog, ClosesAndOpensBesideAToolThatHoldsAnOlderState) {
  SqliteEventLogOptions options;
  options.shrink_bytes = 0;  // a checkpoint that wants the file for itself whenever it is idle
  options.idle_after = std::chrono::milliseconds(1);
  std::optional<Error> ended;
  options.fatal = [&](const Error& error) { ended = error; };
  SqliteFixture fixture(options);
  static_cast<void>(append_all(fixture, kInbound, numbered(50)));
  auto tool = std::make_optional<HeldOpen>(fixture.directory());
  static_cast<void>(append_all(fixture, kInbound, numbered(50)));
  // Each idle moment tries; all of them together take less than one wait for the tool each.
  std::uint64_t tries = 0;
  int rounds = 0;
  EXPECT_TRUE(fixture.wait_until([&] {
    if (fixture.sqlite().statistics().checkpoints > tries) {
      tries = fixture.sqlite().statistics().checkpoints;
      append_surely(fixture, kInbound, make_record("anna", "between"));
      ++rounds;
    }
    return rounds >= 10;
  })) << "appends wait for whoever reads";
  fixture.reopen();
  EXPECT_FALSE(ended) << ended->message;
  EXPECT_EQ(read_all(fixture.log(), kInbound).size(), 110u);
  EXPECT_EQ(tool->rows(), tool->rows_at_start()) << "what it holds does not change under it";
  append_surely(fixture, kInbound, make_record("anna", "after"));
  tool.reset();
  fixture.reopen();
  EXPECT_EQ(read_all(fixture.log(), kInbound).size(), 111u);
}

class SqliteRetention : public testing::Test {
 protected:
  static SqliteEventLogOptions options() {
    SqliteEventLogOptions made;
    made.partitions = 2;
    made.idle_after = std::chrono::milliseconds(1);
    made.retention_interval = std::chrono::milliseconds(2);
    return made;
  }
  [[nodiscard]] Offset first(const TopicPartition& at) { return fixture_.log().bounds(at)->first; }
  // Long enough that retention has looked at everything twice.
  void let_retention_work() {
    const std::uint64_t looks = fixture_.sqlite().statistics().retention_looks;
    EXPECT_TRUE(fixture_.wait_until(
        [&] { return fixture_.sqlite().statistics().retention_looks >= looks + 2; }));
  }

  SqliteFixture fixture_{options()};
};

TEST_F(SqliteRetention, InboundGoesOnlyWhenItIsOldAndHasItsOutcome) {
  const auto records = numbered(1200);
  static_cast<void>(append_all(fixture_, kInbound, records));
  let_retention_work();
  fixture_.sqlite().set_inbound_floor(kInbound.partition, Offset(1000));
  let_retention_work();
  EXPECT_EQ(first(kInbound), Offset(0)) << "not old enough";
  fixture_.clock().shift(std::chrono::hours(24 * 31));
  EXPECT_TRUE(fixture_.wait_until([&] { return first(kInbound) == Offset(1000); }));
  let_retention_work();
  EXPECT_EQ(first(kInbound), Offset(1000)) << "what has no outcome stays";
  EXPECT_EQ(fixture_.log().read(kInbound, Offset(999), {}).error().code, Errc::not_found);
  EXPECT_EQ(read_all(fixture_.log(), kInbound, Offset(1000)).size(), 200u);
  Collector collector;
  const TailOn tail(fixture_, kInbound, Offset(0), collector);
  ASSERT_TRUE(fixture_.wait_until([&] { return collector.failed().has_value(); }));
  EXPECT_EQ(collector.failed()->code, Errc::not_found);
}

TEST_F(SqliteRetention, OffsetsComeFromTheCounterWhateverRowsAreLeft) {
  static_cast<void>(append_all(fixture_, kInbound, numbered(30)));
  fixture_.sqlite().set_inbound_floor(kInbound.partition, Offset(30));
  fixture_.clock().shift(std::chrono::hours(24 * 31));
  ASSERT_TRUE(fixture_.wait_until([&] { return first(kInbound) == Offset(30); }));
  fixture_.reopen();
  EXPECT_EQ(fixture_.log().bounds(kInbound)->first, Offset(30));
  EXPECT_EQ(fixture_.log().bounds(kInbound)->end, Offset(30));
  EXPECT_EQ(append_surely(fixture_, kInbound, make_record("anna", "next")), Offset(30));
}

TEST_F(SqliteRetention, ConnectionsAndQuarantineGoAfterTheirTimeAndEventsNever) {
  const Partition p(0);
  for (const Topic topic : {Topic::connections, Topic::quarantine, Topic::snapshots})
    append_surely(fixture_, {topic, p}, make_record("anna", "x"));
  fixture_.clock().shift(std::chrono::hours(24 * 89));
  let_retention_work();
  EXPECT_EQ(first({Topic::connections, p}), Offset(0));
  fixture_.clock().shift(std::chrono::hours(24 * 2));
  EXPECT_TRUE(fixture_.wait_until([&] {
    return first({Topic::connections, p}) == Offset(1) &&
           first({Topic::quarantine, p}) == Offset(1);
  }));
  fixture_.clock().shift(std::chrono::hours(24 * 10'000));
  let_retention_work();
  EXPECT_EQ(first({Topic::events, p}), Offset(0));
  EXPECT_EQ(first({Topic::snapshots, p}), Offset(0));
}

}  // namespace
}  // namespace signalbox::event_store
