// kill -9 while appends are in flight: nothing that was acknowledged is missing, whatever the
// moment. A child process appends and tells every acknowledgement over a pipe; it is killed; the
// log is opened again and compared.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/log/conformance_support.hpp"
#include "tests/log/sqlite_fixture.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::int32_t kPartitions = 3;

struct Acknowledged {
  std::int32_t partition;
  std::int64_t offset;
  std::int64_t number;  // of the append, over all rounds
};

SqliteEventLogOptions options_in(const std::string& directory) {
  SqliteEventLogOptions options;
  options.dir = directory;
  options.partitions = kPartitions;
  // Small, so that checkpoints and restarts of the write-ahead log are among what is killed.
  options.checkpoint_bytes = 256U << 10;
  options.idle_checkpoint_bytes = 1;
  options.idle_after = std::chrono::milliseconds(1);
  return options;
}

// Never returns.
[[noreturn]] void append_until_killed(const std::string& directory, int pipe_end,
                                      std::int64_t first_number) {
  MovableClock clock;
  Random random(9);
  auto log = SqliteEventLog::open(options_in(directory), clock, random);
  if (!log) _exit(1);
  cli::RoleThread thread("appender");
  std::atomic<int> in_flight = 0;
  for (std::int64_t number = first_number;; ++number) {
    while (in_flight >= 64) std::this_thread::yield();
    ++in_flight;
    const auto partition = static_cast<std::int32_t>(number % kPartitions);
    // Some larger than a page, some alone after a pause.
    const std::string padding(static_cast<std::size_t>(number % 7 == 0 ? 9000 : 100), 'x');
    (*log)->append({Topic::inbound, Partition(partition)},
                   make_record("anna", std::to_string(number) + " " + padding), thread,
                   [&, partition, number](Result<Offset> result) {
                     --in_flight;
                     if (!result) _exit(1);
                     const Acknowledged told{partition, result->value(), number};
                     if (write(pipe_end, &told, sizeof told) != sizeof told) _exit(1);
                   });
    if (number % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

// What the child said before it was killed.
std::vector<Acknowledged> run_and_kill(const std::string& directory, std::int64_t first_number,
                                       std::chrono::microseconds after) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    append_until_killed(directory, ends[1], first_number);
  }
  close(ends[1]);
  std::vector<Acknowledged> told;
  Acknowledged one{};
  // The clock of the kill starts with the first acknowledgement.
  if (read(ends[0], &one, sizeof one) == sizeof one) {
    told.push_back(one);
    std::this_thread::sleep_for(after);
  }
  kill(child, SIGKILL);
  while (read(ends[0], &one, sizeof one) == sizeof one) told.push_back(one);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
  return told;
}

TEST(SqliteCrash, NothingAcknowledgedIsMissingAfterKill9) {
  const TemporaryDirectory directory;
  Random random(4711);
  MovableClock clock;
  std::vector<Acknowledged> all;
  constexpr int kRounds = 12;
  constexpr std::size_t kEnough = 100;
  for (int round = 0; round < kRounds || (all.size() <= kEnough && round < 10 * kRounds); ++round) {
    const auto told = run_and_kill(directory.path(), round * 1'000'000LL,
                                   std::chrono::microseconds(random.below(60'000)));
    ASSERT_FALSE(told.empty());
    all.insert(all.end(), told.begin(), told.end());
    auto log = SqliteEventLog::open(options_in(directory.path()), clock, random);
    ASSERT_TRUE(log) << log.error().message;
    std::vector<std::vector<RecordPtr>> stored;
    for (std::int32_t p = 0; p < kPartitions; ++p)
      stored.push_back(read_all(**log, {Topic::inbound, Partition(p)}));
    for (const Acknowledged& one : all) {
      const auto& partition = stored[static_cast<std::size_t>(one.partition)];
      ASSERT_LT(one.offset, static_cast<std::int64_t>(partition.size()))
          << "acknowledged in round " << one.number / 1'000'000 << ", missing in " << round;
      const std::string& value = partition[static_cast<std::size_t>(one.offset)]->value;
      ASSERT_EQ(value.substr(0, value.find(' ')), std::to_string(one.number));
    }
  }
  EXPECT_GT(all.size(), kEnough);
}

}  // namespace
}  // namespace signalbox::event_store
