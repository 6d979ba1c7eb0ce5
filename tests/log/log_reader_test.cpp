// The log for tools that only look: beside its writer, in copies, and where it is damaged.
#include "event-store/log/log_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/log/conformance_support.hpp"
#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"

namespace signalbox::event_store {
namespace {

constexpr TopicPartition kEvents{Topic::events, Partition(2)};
constexpr TopicPartition kInbound{Topic::inbound, Partition(2)};

void fill(SqliteFixture& fixture, const TopicPartition& at, int count) {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i)
    records.push_back(make_record("anna", "value " + std::to_string(i)));
  for (const auto& answer : append_all(fixture, at, records)) ASSERT_TRUE(answer);
}

TEST(LogReader, SeesWhatTheWriterCommitsWhileItRuns) {
  SqliteFixture fixture;
  fill(fixture, kEvents, 3);
  auto reader = LogReader::open(fixture.directory());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->describe().log_id, fixture.log().describe().log_id);
  const auto before = reader->rows_written();
  fill(fixture, kEvents, 2);
  EXPECT_EQ(*reader->rows_written(), *before + 2);
  EXPECT_EQ(reader->rows_witnessed(), *before + 2);
  EXPECT_EQ(reader->bounds(kEvents)->end, Offset(6)) << "genesis and five";
  EXPECT_EQ(reader->read(kEvents, Offset(4), {})->size(), 2u);
  EXPECT_TRUE(reader->read(kEvents, Offset(6), {})->empty());
  EXPECT_TRUE(*reader->has_row(kEvents, Offset(5)));
  EXPECT_FALSE(*reader->has_row(kEvents, Offset(6)));
}

TEST(LogReader, GivesEventsOfAllPartitionsInTheOrderTheyWereWritten) {
  SqliteFixture fixture;
  fill(fixture, kEvents, 1);
  fill(fixture, kInbound, 4);
  fill(fixture, {Topic::events, Partition(0)}, 1);
  auto reader = LogReader::open(fixture.directory());
  ASSERT_TRUE(reader);
  std::vector<TopicPartition> places;
  for (std::int64_t row = 0;;) {
    const auto records = reader->read_events(row, {.records_max = 5});
    ASSERT_TRUE(records);
    if (records->empty()) break;
    for (const NumberedRecord& one : *records) {
      EXPECT_GT(one.row, row);
      row = one.row;
      EXPECT_EQ(one.record->at.topic, Topic::events);
      if (one.record->offset > Offset(0)) places.push_back(one.record->at);
    }
  }
  EXPECT_EQ(places, (std::vector{kEvents, TopicPartition{Topic::events, Partition(0)}}));
  int rows = 0;
  const auto last = reader->scan(0, 1000, 1000, [&](const StoredRow& row) {
    EXPECT_TRUE(is_as_written(row));
    ++rows;
  });
  ASSERT_TRUE(last);
  EXPECT_EQ(*last, std::optional<std::int64_t>(rows));
  EXPECT_EQ(*reader->scan(rows, 1000, 10, [](const StoredRow&) {}), std::nullopt);
}

TEST(LogReader, OpensADamagedLogAndNamesTheRow) {
  SqliteFixture fixture;
  fill(fixture, kEvents, 5);
  fixture.close();
  execute_sql(fixture.directory(),
              "UPDATE records SET value = x'00' WHERE place = 16777218 AND \"offset\" = 3;"
              "DELETE FROM records WHERE place = 16777218 AND \"offset\" = 5");
  auto reader = LogReader::open(fixture.directory());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->bounds(kEvents)->end, Offset(6));
  EXPECT_EQ(reader->read(kEvents, Offset(3), {}).error().message,
            "events partition 2 offset 3: the stored row does not match its checksum");
  const auto whole = reader->read_events(0, {});
  ASSERT_TRUE(whole);
  EXPECT_EQ(reader->read_events(whole->back().row, {}).error().code, Errc::corrupt);
  int damaged = 0;
  ASSERT_TRUE(reader->scan(0, 1000, 1000, [&](const StoredRow& row) { damaged += !is_as_written(row); }));
  EXPECT_EQ(damaged, 1);
}

TEST(LogReader, LeavesACopyAsItIs) {
  SqliteFixture fixture;
  fill(fixture, kEvents, 5);
  fixture.close();
  const TemporaryDirectory copy;
  write_file(copy.path() + "/log.db", read_file(fixture.directory() + "/log.db"));
  {
    auto reader = LogReader::open(copy.path());
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(reader->read(kEvents, Offset(0), {})->size(), 6u);
    EXPECT_EQ(reader->rows_witnessed(), std::nullopt);
  }
  EXPECT_EQ(read_file(copy.path() + "/log.db"), read_file(fixture.directory() + "/log.db"));
}

TEST(LogReader, ReadsAFileBesideWhichNothingCanBeMade) {
  SqliteFixture fixture;
  fill(fixture, kEvents, 5);
  fixture.close();
  const TemporaryDirectory copy;
  const std::string odd = copy.path() + "/a?b#c%41.db";
  write_file(odd, read_file(fixture.directory() + "/log.db"));
  auto database = SqliteDatabase::open(odd, SqliteDatabase::Access::immutable);
  ASSERT_TRUE(database);
  auto rows = SqliteRowReader::on(std::move(*database));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->read(kEvents, Offset(0), {})->size(), 6u);
  EXPECT_FALSE(std::filesystem::exists(odd + "-shm"));
}

TEST(LogReader, RefusesWhatIsNoLog) {
  const TemporaryDirectory directory;
  EXPECT_EQ(LogReader::open(directory.path()).error().code, Errc::not_found);
  write_file(directory.path() + "/log.db", "");
  EXPECT_EQ(LogReader::open(directory.path()).error().code, Errc::corrupt);
  write_file(directory.path() + "/log.db", std::string(8192, 'x'));
  EXPECT_EQ(LogReader::open(directory.path()).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace signalbox::event_store
