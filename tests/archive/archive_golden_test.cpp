// An archive file on disk, held fast: what is written is the golden file, and the golden file can
// be read. When it has to change, archive_format() gets a new version, and this a new file.
#include <gtest/gtest.h>

#include "event-store/archive/archive_format.hpp"
#include "event-store/archive/archive_reader.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/contract/codec.hpp"
#include "tests/archive/written_log.hpp"
#include "tests/contract/described.hpp"
#include "tests/support/sql_dump.hpp"

namespace signalbox::event_store {
namespace {

const LogId kLog(*Uuid::parse("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"));
constexpr Partition kPartition{0};
const Position kAfter{.next_offset = Offset(18),
                      .epoch = Epoch(3),
                      .claim = ClaimId(*Uuid::parse("432c6fc5-cafd-5f5b-b6ef-304a30ec63ba")),
                      .owner_seq = OwnerSeq(4)};

std::string golden(int version = archive_format().version) {
  return read_file(SIGNALBOX_SOURCE_DIR "/tests/archive/golden/archive_" + std::to_string(version) +
                   ".sql");
}

void make_file(const std::string& path, const std::string& sql) {
  auto file = SqliteDatabase::open(path, SqliteDatabase::Access::create);
  ASSERT_TRUE(file);
  const auto made = file->execute(sql);
  ASSERT_TRUE(made) << made.error().message;
}

// Its seq is 5 where the first one of a user is due: so there is a row of damage as well.
Record event() {
  NewRecord made = parse_golden(
      parse_golden_text(read_file(golden_path(ContractKind::event, "message_received", 1))));
  add_chain_hash(made, Hash{0xab});
  return {{Topic::events, kPartition},
          Offset(17),
          Timestamp(std::chrono::microseconds(1'795'000'000'000'000)),
          "105945141827451681156",
          std::move(made.headers),
          std::move(made.value)};
}

TEST(ArchiveGolden, AFileIsWrittenAsItsVersionSays) {
  const TemporaryFolder folder;
  const std::string path = archive_path(folder.path(), kPartition);
  {
    auto archive = PartitionArchive::open(path, kLog, 10, [](const std::string&) {});
    ASSERT_TRUE(archive) << archive.error().message;
    const auto damage = archive->add(event());
    ASSERT_TRUE(damage && *damage);
    ASSERT_TRUE(archive->commit(kAfter));
  }
  auto file = SqliteDatabase::open(path, SqliteDatabase::Access::read_only);
  ASSERT_TRUE(file);
  EXPECT_EQ(test_support::sql_dump(*file), golden());
}

TEST(ArchiveGolden, AFileOfThisVersionIsReadAndNotMadeAnew) {
  const TemporaryFolder folder;
  const std::string path = archive_path(folder.path(), kPartition);
  make_file(path, golden());
  auto archive = PartitionArchive::open(path, kLog, 10,
                                        [](const std::string& said) { ADD_FAILURE() << said; });
  ASSERT_TRUE(archive) << archive.error().message;
  EXPECT_EQ(archive->position(), kAfter);
  EXPECT_EQ(archive->damage_count(), 1);
  ArchiveReader reader(folder.path(), 1);
  const auto page = reader.user_events(UserId("105945141827451681156"), Seq(0), 10);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->events.size(), 1u);
  const Record& read = *page->events.front();
  const Record written = event();
  EXPECT_EQ(read.at, written.at);
  EXPECT_EQ(read.offset, written.offset);
  EXPECT_EQ(read.appended_at, written.appended_at);
  EXPECT_EQ(read.key, written.key);
  EXPECT_EQ(read.headers, written.headers);
  EXPECT_EQ(read.value, written.value);
}

// After an upgrade the archive is filled from the log again; what the older build wrote lies beside
// it.
TEST(ArchiveGolden, AFileOfAnOlderFormatIsSetAsideAndMadeAnew) {
  const TemporaryFolder folder;
  const std::string path = archive_path(folder.path(), kPartition);
  make_file(path, golden(3));
  std::vector<std::string> said;
  {
    auto archive = PartitionArchive::open(path, kLog, 10,
                                          [&](const std::string& what) { said.push_back(what); });
    ASSERT_TRUE(archive) << archive.error().message;
    ASSERT_EQ(said.size(), 1u);
    EXPECT_NE(said[0].find("is of format 3, this build writes " +
                           std::to_string(archive_format().version)),
              std::string::npos)
        << said[0];
    EXPECT_EQ(archive->position(), Position{});
    EXPECT_EQ(archive->damage_count(), 0);
    ASSERT_TRUE(archive->add(event()));
    ASSERT_TRUE(archive->commit(kAfter));
  }
  auto made = SqliteDatabase::open(path, SqliteDatabase::Access::read_only);
  ASSERT_TRUE(made);
  EXPECT_EQ(test_support::sql_dump(*made), golden());
  auto aside = SqliteDatabase::open(path + ".damaged-1", SqliteDatabase::Access::read_only);
  ASSERT_TRUE(aside);
  EXPECT_EQ(test_support::sql_dump(*aside), golden(3));
}

}  // namespace
}  // namespace signalbox::event_store
