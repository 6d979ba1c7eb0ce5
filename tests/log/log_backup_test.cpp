// Copies of a log beside the process that writes it.
#include "event-store/log/log_backup.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "event-store/log/log_reader.hpp"
#include "tests/log/conformance_support.hpp"
#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"

namespace signalbox::event_store {
namespace {

constexpr TopicPartition kEvents{Topic::events, Partition(2)};
constexpr int kBytes = 2000;

void fill(SqliteFixture& fixture, int count) {
  const std::vector<NewRecord> records(static_cast<std::size_t>(count),
                                       make_record("anna", std::string(kBytes, 'x')));
  for (const auto& answer : append_all(fixture, kEvents, records)) ASSERT_TRUE(answer);
}

bool go_on(const CopyProgress&) { return true; }

Result<std::unique_ptr<SqliteEventLog>> open_log(const std::string& dir, Random& random) {
  static const MovableClock clock;
  return SqliteEventLog::open({.dir = dir}, clock, random);
}

TEST(LogBackup, IsALogOfItsOwnThatCanBeWrittenOn) {
  SqliteFixture fixture;
  fill(fixture, 30);
  const TemporaryDirectory to;
  const auto backup = back_up_log(fixture.directory(), to.path(), go_on);
  ASSERT_TRUE(backup) << backup.error().message;
  EXPECT_EQ(backup->rows, *LogReader::open(fixture.directory())->rows_written());
  Random random(7);
  const auto log = open_log(to.path(), random);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->describe().log_id, fixture.log().describe().log_id);
  EXPECT_EQ((*log)->read(kEvents, Offset(0), {})->size(), 31u) << "genesis and thirty";
}

// The copy of the backup interface begins anew when the writer commits, unless its read transaction
// is held: then a log that is written all the time could never be copied.
TEST(LogBackup, IsOfTheInstantItBeganThoughTheWriterGoesOn) {
  SqliteFixture fixture;
  fill(fixture, 3000);
  const TemporaryDirectory to;
  const std::int64_t rows_before = *LogReader::open(fixture.directory())->rows_written();
  int steps = 0;
  std::int64_t done = 0;
  const auto backup =
      back_up_log(fixture.directory(), to.path(), [&](const CopyProgress& progress) {
        EXPECT_GT(progress.done, done) << "it began anew";
        done = progress.done;
        if (++steps < 4) fill(fixture, 10);
        return true;
      });
  ASSERT_TRUE(backup) << backup.error().message;
  EXPECT_GE(steps, 2);
  EXPECT_EQ(backup->rows, rows_before);
  EXPECT_EQ(*LogReader::open(to.path())->rows_written(), rows_before);
  EXPECT_EQ(LogReader::open(to.path())->rows_witnessed(), rows_before);
}

TEST(LogBackup, EndsWhenItIsTold) {
  SqliteFixture fixture;
  fill(fixture, 3000);
  const TemporaryDirectory to;
  const auto backup =
      back_up_log(fixture.directory(), to.path(), [](const CopyProgress&) { return false; });
  ASSERT_FALSE(backup);
  EXPECT_EQ(backup.error().code, Errc::stopped);
}

TEST(LogBackup, OfALogThatLostItsEndIsRefused) {
  SqliteFixture fixture;
  fill(fixture, 5);
  const TemporaryDirectory copied;
  ASSERT_TRUE(back_up_log(fixture.directory(), copied.path(), go_on));
  std::filesystem::remove(copied.path() + "/head");
  fill(fixture, 1);
  std::filesystem::copy_file(fixture.directory() + "/head", copied.path() + "/head");
  const TemporaryDirectory to;
  const auto backup = back_up_log(copied.path(), to.path(), go_on);
  ASSERT_FALSE(backup);
  EXPECT_EQ(backup.error().code, Errc::corrupt) << backup.error().message;
  EXPECT_NE(backup.error().message.find("its end is lost"), std::string::npos);
}

TEST(LogBackup, OfNoLogSaysSo) {
  const TemporaryDirectory from;
  const TemporaryDirectory to;
  const auto backup = back_up_log(from.path(), to.path(), go_on);
  ASSERT_FALSE(backup);
  EXPECT_EQ(backup.error().code, Errc::not_found);
}

}  // namespace
}  // namespace signalbox::event_store
