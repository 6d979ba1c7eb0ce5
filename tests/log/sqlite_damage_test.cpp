// Damage to the embedded log's files is noticed, named with its place, and never passes for a
// shorter log.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/log/conformance_support.hpp"
#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"

namespace signalbox::event_store {
namespace {

constexpr TopicPartition kInbound{Topic::inbound, Partition(2)};
constexpr std::int64_t kInboundPlace = 2;

Result<std::unique_ptr<SqliteEventLog>> open_in(const std::string& directory) {
  static MovableClock clock;
  static Random random(3);
  return SqliteEventLog::open(SqliteEventLogOptions{.dir = directory}, clock, random);
}

void fill(SqliteFixture& fixture, int count) {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i)
    records.push_back(make_record("anna", "value " + std::to_string(i)));
  for (const auto& answer : append_all(fixture, kInbound, records)) ASSERT_TRUE(answer);
}

TEST(SqliteDamage, AChangedRowIsReportedWithItsPlace) {
  for (const char* const change : {"value = CAST('value 6' AS BLOB)", "key = CAST('berta' AS BLOB)",
                                   "key = NULL", "headers = x''", "appended_at = appended_at + 1",
                                   "sha256 = zeroblob(32)", "sha256 = x''"}) {
    SqliteFixture fixture;
    fill(fixture, 10);
    fixture.close();
    execute_sql(fixture.directory(), std::string("UPDATE records SET ") + change +
                                         " WHERE place = " + std::to_string(kInboundPlace) +
                                         " AND \"offset\" = 5");
    fixture.open();
    const auto whole = fixture.log().read(kInbound, Offset(0), {});
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->size(), 5u) << "what comes before it is good";
    const auto bad = fixture.log().read(kInbound, Offset(5), {});
    ASSERT_FALSE(bad) << change;
    EXPECT_EQ(bad.error().code, Errc::corrupt);
    EXPECT_EQ(bad.error().message,
              "inbound partition 2 offset 5: the stored row does not match its checksum");
    EXPECT_EQ(fixture.log().read(kInbound, Offset(6), {})->size(), 4u);
    Collector collector;
    const TailOn tail(fixture, kInbound, Offset(0), collector);
    ASSERT_TRUE(fixture.wait_until([&] { return collector.failed().has_value(); }));
    EXPECT_EQ(collector.records().size(), 5u);
    EXPECT_EQ(collector.failed()->message, bad.error().message);
    EXPECT_FALSE(collector.caught_up());
  }
}

TEST(SqliteDamage, RowsThatChangedPlacesAreReported) {
  SqliteFixture fixture;
  fill(fixture, 10);
  fixture.close();
  execute_sql(fixture.directory(),
              "UPDATE records SET \"offset\" = 100 WHERE place = 2 AND \"offset\" = 3;"
              "UPDATE records SET \"offset\" = 3 WHERE place = 2 AND \"offset\" = 4;"
              "UPDATE records SET \"offset\" = 4 WHERE place = 2 AND \"offset\" = 100;");
  fixture.open();
  EXPECT_EQ(fixture.log().read(kInbound, Offset(0), {})->size(), 3u);
  EXPECT_EQ(fixture.log().read(kInbound, Offset(3), {}).error().code, Errc::corrupt);
}

TEST(SqliteDamage, ABitFlipInTheFileIsReportedWithItsPlace) {
  SqliteFixture fixture;
  fill(fixture, 10);
  fixture.close();
  const std::string path = fixture.directory() + "/log.db";
  std::string bytes = read_file(path);
  const auto at = bytes.find("value 7");
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 0x20;
  write_file(path, bytes);
  fixture.open();
  const auto bad = fixture.log().read(kInbound, Offset(7), {});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::corrupt);
  EXPECT_NE(bad.error().message.find("inbound partition 2 offset 7"), std::string::npos);
}

TEST(SqliteDamage, AMissingRowIsReported) {
  SqliteFixture fixture;
  fill(fixture, 10);
  fixture.close();
  execute_sql(fixture.directory(), "DELETE FROM records WHERE place = 2 AND \"offset\" = 4");
  fixture.open();
  const auto bad = fixture.log().read(kInbound, Offset(4), {});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::corrupt);
  EXPECT_EQ(bad.error().message, "inbound partition 2 offset 4: the stored row is missing");
}

TEST(SqliteDamage, WithoutItsNewestRowsTheLogDoesNotStart) {
  SqliteFixture fixture;
  fill(fixture, 10);
  fixture.close();
  execute_sql(fixture.directory(), "DELETE FROM records WHERE place = 2 AND \"offset\" >= 8");
  const auto refused = open_in(fixture.directory());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_NE(refused.error().message.find("inbound partition 2 offset 8"), std::string::npos)
      << refused.error().message;
}

TEST(SqliteDamage, WithoutTheBeginningOfEventsTheLogDoesNotStart) {
  SqliteFixture fixture;
  fixture.close();
  execute_sql(fixture.directory(), "DELETE FROM records WHERE place = (1 << 24) + 5");
  EXPECT_EQ(open_in(fixture.directory()).error().code, Errc::corrupt);
}

TEST(SqliteDamage, AnOlderCopyIsNotTakenForTheLog) {
  SqliteFixture fixture;
  fill(fixture, 10);
  fixture.close();
  const std::string older = read_file(fixture.directory() + "/log.db");
  fixture.open();
  fill(fixture, 5);
  fixture.close();
  write_file(fixture.directory() + "/log.db", older);
  const auto refused = open_in(fixture.directory());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("has lost its newest 5 records"), std::string::npos)
      << refused.error().message;
  // On purpose: whoever restores it says so by removing the witness.
  std::filesystem::remove(fixture.directory() + "/head");
  EXPECT_TRUE(open_in(fixture.directory()));
}

TEST(SqliteDamage, AnEmptyOrMissingFileIsNotTakenForANewLog) {
  SqliteFixture fixture;
  fixture.close();
  write_file(fixture.directory() + "/log.db", "");
  EXPECT_EQ(open_in(fixture.directory()).error().code, Errc::corrupt);
  std::filesystem::remove(fixture.directory() + "/log.db");
  EXPECT_EQ(open_in(fixture.directory()).error().code, Errc::corrupt);
}

TEST(SqliteDamage, AnotherLogsFileIsRefused) {
  SqliteFixture fixture;
  SqliteFixture other(SqliteEventLogOptions{.partitions = 3});
  fill(other, 40);
  fixture.close();
  other.close();
  Random random(12345);
  MovableClock clock;
  const TemporaryDirectory third;
  { ASSERT_TRUE(SqliteEventLog::open({.dir = third.path()}, clock, random)); }
  write_file(fixture.directory() + "/log.db", read_file(third.path() + "/log.db"));
  const auto refused = open_in(fixture.directory());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("another log"), std::string::npos)
      << refused.error().message;
}

// A log as kill -9 leaves it: acknowledged records in the write-ahead log alone.
class SqliteWalDamage : public testing::Test {
 protected:
  static SqliteEventLogOptions options() {
    SqliteEventLogOptions made;
    made.idle_checkpoint_bytes = 1U << 30;
    made.checkpoint_bytes = 1U << 30;
    return made;
  }
  void SetUp() override {
    for (int i = 0; i < kAcknowledged; ++i)
      append_surely(fixture_, kInbound, make_record("anna", "value " + std::to_string(i)));
    for (const char* const name : {"/log.db", "/log.db-wal", "/head"})
      files_.emplace_back(name, read_file(fixture_.directory() + name));
    ASSERT_GT(wal().size(), 100'000u);
  }
  [[nodiscard]] const std::string& wal() const { return files_[1].second; }
  // Opens a copy with this write-ahead log: everything acknowledged is there, or it is refused.
  // True: refused.
  bool is_refused_with(const std::string& damaged) {
    const TemporaryDirectory copy;
    for (const auto& [name, bytes] : files_) write_file(copy.path() + name, bytes);
    write_file(copy.path() + "/log.db-wal", damaged);
    const auto opened = open_in(copy.path());
    if (!opened) return true;
    EXPECT_EQ(read_all(**opened, kInbound).size(), static_cast<std::size_t>(kAcknowledged));
    return false;
  }

  static constexpr int kAcknowledged = 40;
  SqliteFixture fixture_{options()};
  std::vector<std::pair<std::string, std::string>> files_;
};

TEST_F(SqliteWalDamage, UndamagedItHoldsEverything) { EXPECT_FALSE(is_refused_with(wal())); }

TEST_F(SqliteWalDamage, ABitFlipNeverMakesAShorterLog) {
  int refused = 0;
  for (std::size_t at = 40; at < wal().size(); at += wal().size() / 23) {
    std::string damaged = wal();
    damaged[at] ^= 1;
    refused += is_refused_with(damaged) ? 1 : 0;
  }
  EXPECT_GT(refused, 15);
}

TEST_F(SqliteWalDamage, TruncationNeverMakesAShorterLog) {
  for (std::size_t size = 0; size < wal().size(); size += wal().size() / 23)
    EXPECT_TRUE(is_refused_with(wal().substr(0, size))) << size;
}

}  // namespace
}  // namespace signalbox::event_store
