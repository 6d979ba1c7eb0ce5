#include "event-store/archive/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <mutex>
#include <thread>

#include "event-store/archive/archive_reader.hpp"
#include "event-store/log/stored_row.hpp"
#include "event-store/model/timestamp.hpp"
#include "tests/archive/running_archive.hpp"
#include "tests/archive/written_log.hpp"
#include "tests/support/file_modes.hpp"

namespace signalbox::event_store {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const std::vector<std::string> kUsers{"anna", "105945141827451681156", "björn", "clara", "dora"};

std::string describe(const Record& record) {
  std::string text = std::to_string(record.at.partition.value()) + "/" +
                     std::to_string(record.offset.value()) + " " +
                     signalbox::to_text(record.appended_at) + " " + record.key.value_or("-");
  for (const Header& header : record.headers)
    text.append(" ").append(header.name).append("=").append(header.value);
  return text + " " + record.value;
}

std::vector<std::string> archived(const std::string& folder, std::int32_t partitions,
                                  const std::string& user) {
  ArchiveReader reader(folder, partitions);
  const auto page = reader.user_events(UserId(user), Seq(0), 100'000);
  if (!page) return {"error " + page.error().message};
  std::vector<std::string> events;
  for (const RecordPtr& record : page->events) events.push_back(describe(*record));
  return events;
}

// What the log holds of the user, duplicates and all.
std::vector<std::string> logged(EventLog& log, const std::string& user) {
  std::vector<std::string> events;
  const TopicPartition at{Topic::events, partition_of(UserId(user), log.describe().partitions)};
  const auto records = log.read(at, Offset(0), {.records_max = 100'000, .bytes_max = 1U << 30});
  EXPECT_TRUE(records);
  for (const RecordPtr& record : *records)
    if (record->key == user) events.push_back(describe(*record));
  return events;
}

class Archive : public testing::Test {
 protected:
  void write(int events_per_user) {
    for (int i = 0; i < events_per_user; ++i)
      for (const std::string& user : kUsers)
        written_.add_event(user, i % 3 == 0 ? "shopping" : "work");
    written_.settle();
  }
  [[nodiscard]] std::int64_t records_in_log() {
    std::int64_t records = 0;
    for (const Partition partition : {Partition(0), Partition(1)})
      records += written_.log().bounds({Topic::events, partition})->end.value();
    return records;
  }
  void expect_archive_equals_log() {
    for (const std::string& user : kUsers)
      EXPECT_EQ(archived(folder(), 2, user), logged(written_.log(), user)) << user;
  }
  // A space at the end of a record's value, and what it was.
  void damage_log(Partition partition, Offset offset) {
    change_log(partition, offset, "CAST(value || x'20' AS BLOB)");
  }
  void restore_log(Partition partition, Offset offset) {
    change_log(partition, offset, "substr(value, 1, length(value) - 1)");
  }
  void change_log(Partition partition, Offset offset, const std::string& value) {
    auto log =
        SqliteDatabase::open(temporary_.path() + "/log.db", SqliteDatabase::Access::read_write);
    ASSERT_TRUE(log);
    const auto done = log->execute("UPDATE records SET value = " + value + " WHERE place = " +
                                   std::to_string(place_number({Topic::events, partition})) +
                                   " AND \"offset\" = " + std::to_string(offset.value()));
    ASSERT_TRUE(done) << done.error().message;
  }
  [[nodiscard]] std::string folder() const { return temporary_.path() + "/archive"; }

  TemporaryFolder temporary_;
  WrittenLog written_{temporary_.path()};
};

TEST_F(Archive, HoldsEveryValidEventAsItStandsInTheLog) {
  write(20);
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  expect_archive_equals_log();
  EXPECT_EQ(archived(folder(), 2, "anna").size(), 20u);
  EXPECT_TRUE(archive.warnings().empty());
}

TEST_F(Archive, IsItsOwnersAloneAlsoWhereTheFolderAroundItIsNot) {
  fs::permissions(temporary_.path(), fs::perms(0755));
  const test_support::OpenUmask umask;
  write(2);
  {
    RunningArchive archive(written_.log(), folder());
    archive.wait_until_complete();
    ASSERT_TRUE(fs::exists(archive_path(folder(), Partition(0)) + "-wal"));
    EXPECT_EQ(test_support::open_to_others(temporary_.path()), std::vector<std::string>{});
  }
  // As a version before this one left it.
  fs::permissions(folder(), fs::perms(0755));
  for (const Partition partition : {Partition(0), Partition(1)})
    fs::permissions(archive_path(folder(), partition), fs::perms(0644));
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  EXPECT_EQ(test_support::open_to_others(temporary_.path()), std::vector<std::string>{});
}

// Written by the next build, which is rolled out before this one knows of it (contract 14).
TEST_F(Archive, HoldsAnEventOfAVersionNobodyKnowsAsItStandsInTheLog) {
  write(2);
  const auto make = [](const std::string& name, const std::string& version) {
    return [name, version](NewRecord& record) {
      record.headers.set("ce_type", "dev.signalbox." + name);
      record.headers.set("ce_dataschema", "urn:signalbox:contract:" + name + ":" + version);
      record.headers.add("ce_nobodyknows", "this");
      record.value = R"({ "thoughts" : [ 1.0, "é" ] })";
    };
  };
  written_.add_event("anna", "work", 0, make("message_received", "99"));
  written_.add_event("anna", "work", 0, make("agent_dreamt", "1"));
  write(2);
  { RunningArchive(written_.log(), folder()).wait_until_complete(); }
  write(1);
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  EXPECT_EQ(archived(folder(), 2, "anna").size(), 7u);
  expect_archive_equals_log();
  EXPECT_TRUE(archive.warnings().empty()) << "nothing is damaged";
}

TEST_F(Archive, GoesOnFromItsPositionAfterARestartAndFollowsTheLogLive) {
  write(10);
  { RunningArchive(written_.log(), folder()).wait_until_complete(); }
  write(5);
  std::vector<ArchiveProgress> seen;
  ArchiveOptions options;
  options.progress = [&](const ArchiveProgress& progress) { seen.push_back(progress); };
  {
    RunningArchive archive(written_.log(), folder(), options);
    archive.wait_until_complete();
    write(5);
    written_.claim(Partition(0));
    written_.claim(Partition(1));
    write(5);
    archive.wait_until_complete();
  }
  expect_archive_equals_log();
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.front().total, 25);  // only what the first run had not seen
  EXPECT_EQ(seen.back().done, 25);
}

TEST_F(Archive, MadeAnewFromTheLogIsTheSameAsTheOneKeptLive) {
  RunningArchive live(written_.log(), folder());
  write(30);
  written_.add_event("anna", "work", 3);  // damage is part of what must come out the same
  write(3);
  live.wait_until_complete();
  const std::string anew = temporary_.path() + "/anew";
  RunningArchive rebuilt(written_.log(), anew);
  rebuilt.wait_until_complete();
  for (const std::string& user : kUsers)
    EXPECT_EQ(archived(folder(), 2, user), archived(anew, 2, user)) << user;
  EXPECT_EQ(live.warnings(), rebuilt.warnings());
}

TEST_F(Archive, ReportsHowFarARebuildIs) {
  write(40);
  std::vector<ArchiveProgress> seen;
  ArchiveOptions options;
  options.events_per_commit = 10;
  options.progress = [&](const ArchiveProgress& progress) { seen.push_back(progress); };
  { RunningArchive(written_.log(), folder(), options).wait_until_complete(); }
  ASSERT_GT(seen.size(), 5u);
  for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_LE(seen[i - 1].done, seen[i].done);
  EXPECT_EQ(seen.front().total, records_in_log());
  EXPECT_EQ(seen.back().done, seen.back().total);
}

TEST_F(Archive, DropsWhatIsNotValid) {
  write(2);
  // Sent again, as after an append of unknown outcome.
  const Partition partition = written_.partition_of("anna");
  const auto records = written_.log().read({Topic::events, partition}, Offset(1), {});
  for (const RecordPtr& record : *records)
    written_.append(partition, {record->key, record->headers, record->value});
  written_.append(partition, {std::nullopt, {}, "garbage"});
  write(1);
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  EXPECT_EQ(archived(folder(), 2, "anna").size(), 3u);
  EXPECT_TRUE(archive.warnings().empty());
  std::array<std::uint64_t, kVerdictCount> verdicts{};
  for (const ArchiveStatus& status : archive.writer().status())
    for (std::size_t i = 0; i < verdicts.size(); ++i) verdicts[i] += status.verdicts[i];
  EXPECT_EQ(verdicts[static_cast<std::size_t>(Verdict::malformed)], 1u);
  EXPECT_EQ(verdicts[static_cast<std::size_t>(Verdict::valid)], 3 * kUsers.size());
  EXPECT_GE(verdicts[static_cast<std::size_t>(Verdict::duplicate)], 2u);
}

TEST_F(Archive, ConfinesDamageToTheUserItHappenedTo) {
  write(3);
  written_.add_event("anna", "work", 2);
  const Offset broken = written_.settle();
  write(3);
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  expect_archive_equals_log();
  ASSERT_EQ(archive.warnings().size(), 1u);
  EXPECT_EQ(archive.warnings()[0], "the history of a user of partition " +
                                       std::to_string(written_.partition_of("anna").value()) +
                                       " is damaged at offset " + std::to_string(broken.value()) +
                                       ": expected ce_userseq 4, found 6");
}

TEST_F(Archive, NamesNeitherUserNorThreadOfARowThatWasChanged) {
  for (const char* sql : {"UPDATE users SET seq = seq + 1", "UPDATE threads SET messages = 99"}) {
    write(2);
    { RunningArchive(written_.log(), folder()).wait_until_complete(); }
    for (const Partition partition : {Partition(0), Partition(1)}) {
      auto file = SqliteDatabase::open(archive_path(folder(), partition),
                                       SqliteDatabase::Access::read_write);
      ASSERT_TRUE(file && file->execute(sql));
    }
    write(1);
    RunningArchive archive(written_.log(), folder());
    archive.wait_until_complete();
    expect_archive_equals_log();
    ASSERT_FALSE(archive.warnings().empty());
    for (const std::string& warning : archive.warnings())
      for (const std::string& user : kUsers)
        EXPECT_THAT(warning, testing::Not(testing::ContainsRegex(user + "|work|shopping")));
  }
}

TEST_F(Archive, ChecksChainsAcrossARestartAndWithFewerUsersInMemoryThanThereAre) {
  ArchiveOptions options;
  options.users_cached_max = 1;
  options.events_per_commit = 2;
  write(4);
  { RunningArchive(written_.log(), folder(), options).wait_until_complete(); }
  write(4);
  RunningArchive archive(written_.log(), folder(), options);
  archive.wait_until_complete();
  expect_archive_equals_log();
  EXPECT_TRUE(archive.warnings().empty());
}

TEST_F(Archive, MovesAForeignOrDamagedFileAsideAndMakesItAnew) {
  write(5);
  { RunningArchive(written_.log(), folder()).wait_until_complete(); }
  const std::string file = archive_path(folder(), written_.partition_of("anna"));
  const std::string other = archive_path(
      folder(), written_.partition_of("anna") == Partition(0) ? Partition(1) : Partition(0));
  std::ofstream(file, std::ios::trunc) << std::string(20'000, '?');
  fs::remove(file + "-wal");
  {
    auto foreign = SqliteDatabase::open(other, SqliteDatabase::Access::read_write);
    ASSERT_TRUE(foreign && foreign->execute("UPDATE owner SET log_id = zeroblob(16)"));
  }
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  expect_archive_equals_log();
  EXPECT_EQ(archive.warnings().size(), 2u);
  EXPECT_TRUE(fs::exists(file + ".damaged-1"));
  EXPECT_TRUE(fs::exists(other + ".damaged-1"));
}

TEST_F(Archive, MakesAFileAnewThatIsAheadOfTheLog) {
  write(5);
  const Partition partition = written_.partition_of("anna");
  { RunningArchive(written_.log(), folder()).wait_until_complete(); }
  {
    auto file =
        SqliteDatabase::open(archive_path(folder(), partition), SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file);
    ASSERT_TRUE(write_position(*file, {Offset(1'000'000), Epoch(1), ClaimId(Uuid{}), OwnerSeq(9)}));
  }
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  expect_archive_equals_log();
  ASSERT_EQ(archive.warnings().size(), 1u);
  EXPECT_THAT(archive.warnings()[0], testing::HasSubstr("ahead of the log"));
}

TEST_F(Archive, IsMadeAnewWhenAReaderFindsADamagedRow) {
  write(5);
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  const Partition partition = written_.partition_of("anna");
  {
    auto file =
        SqliteDatabase::open(archive_path(folder(), partition), SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file && file->execute("UPDATE events SET value = x'00' WHERE seq = 3"));
  }
  ArchiveReader reader(folder(), 2);
  const auto page = reader.user_events(UserId("anna"), Seq(0), 100);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::corrupt);
  EXPECT_THAT(page.error().message, testing::HasSubstr("seq 3"));
  archive.writer().rebuild(partition, page.error().message);
  const auto mended = [&] {
    const auto again = reader.user_events(UserId("anna"), Seq(0), 100);
    return again && again->events.size() == 5;
  };
  for (int i = 0; i < 15'000 && !mended(); ++i) std::this_thread::sleep_for(2ms);
  expect_archive_equals_log();
}

TEST_F(Archive, GoesOnWithoutARestartOnceADamagedRowOfTheLogIsRestored) {
  write(3);
  const Partition partition = written_.partition_of("anna");
  damage_log(partition, Offset(4));
  RunningArchive archive(written_.log(), folder());
  EXPECT_THAT(archive.wait_until_stopped(partition),
              testing::HasSubstr(name_place({Topic::events, partition}, Offset(4))));
  // What stands before it is kept, and other partitions go on.
  write(1);
  for (const ArchiveStatus& status : archive.writer().status()) {
    EXPECT_EQ(status.trouble.has_value(), status.partition == partition);
    EXPECT_TRUE(!status.trouble || status.complete_to.next_offset == Offset(4));
  }
  restore_log(partition, Offset(4));
  archive.wait_until_complete();
  expect_archive_equals_log();
  ASSERT_EQ(archive.warnings().size(), 2u) << "however often it was tried";
  EXPECT_THAT(archive.warnings()[1], testing::EndsWith("goes on"));
}

// Found by reading: the anchor's commit took the timer of the next try with it.
TEST_F(Archive, GoesOnWhereAnAnchorIsWrittenWhileItIsStopped) {
  write(3);
  const Partition partition = written_.partition_of("anna");
  auto anchoring =
      Anchoring::open(temporary_.path() + "/anchor.key", written_.log().describe().log_id,
                      {.folder = temporary_.path() + "/anchors", .interval = 100ms});
  ASSERT_TRUE(anchoring) << anchoring.error().message;
  ArchiveOptions options;
  options.anchors = *std::move(anchoring);
  damage_log(partition, Offset(4));
  RunningArchive archive(written_.log(), folder(), std::move(options), 1s);
  EXPECT_THAT(archive.wait_until_stopped(partition), testing::HasSubstr("4"));
  const auto anchors = [&] {
    for (const ArchiveStatus& status : archive.writer().status())
      if (status.partition == partition) return status.anchors.written;
    return std::uint64_t{0};
  };
  for (int i = 0; i < 15'000 && anchors() == 0; ++i) std::this_thread::sleep_for(2ms);
  EXPECT_EQ(anchors(), 1u);
  restore_log(partition, Offset(4));
  archive.wait_until_complete();
  expect_archive_equals_log();
}

TEST_F(Archive, StaysStoppedAndNamedAtAnEventNobodyMayWrite) {
  write(2);
  const Partition partition = written_.partition_of("anna");
  written_.add_event("anna", "work", 0,
                     [](NewRecord& record) { record.headers.set("ce_ownerepoch", "9"); });
  const Offset corrupt = written_.settle();
  RunningArchive archive(written_.log(), folder());
  const std::string why = archive.wait_until_stopped(partition);
  EXPECT_THAT(why, testing::HasSubstr("epoch 9, which nobody has claimed"));
  std::this_thread::sleep_for(50ms);  // some tries
  EXPECT_EQ(archive.wait_until_stopped(partition), why);
  const ArchiveStatus status =
      archive.writer().status()[static_cast<std::size_t>(partition.value())];
  EXPECT_EQ(status.complete_to.next_offset, corrupt);
  EXPECT_EQ(status.verdicts[static_cast<std::size_t>(Verdict::corrupt)], 1u);
  EXPECT_EQ(archive.warnings().size(), 1u);
}

TEST_F(Archive, HasNeitherGapNorDoubleAfterBeingKilledInTheMiddle) {
  write(60);
  const std::string log_dir = temporary_.path();
  written_.close();  // a child must not inherit open databases
  int killed_in_the_middle = 0;
  for (int commits = 1; commits <= 5; ++commits) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto log = SqliteEventLog::open_read_only(log_dir);
      cli::RoleThread thread("archive");
      cli::SystemClock clock;
      ArchiveOptions options;
      options.events_per_commit = 7;
      options.progress = [&, told = 0](const ArchiveProgress& progress) mutable {
        const char byte = progress.done < progress.total ? 'm' : 'e';
        if (::write(pipe[1], &byte, 1) != 1) ::_exit(1);
        if (++told > commits + 2) ::pause();  // however late the parent strikes, work is left
        ::usleep(2000);                       // leaves the parent time to strike
      };
      std::unique_ptr<ArchiveWriter> writer;
      thread.run([&] {
        auto opened = ArchiveWriter::open(**log, thread, clock, log_dir + "/archive",
                                          {Partition(0), Partition(1)}, options);
        if (!opened) ::_exit(2);
        writer = std::move(*opened);
      });
      ::pause();
      ::_exit(3);
    }
    ::close(pipe[1]);
    char byte = 0;
    for (int i = 0; i < commits + 1; ++i) ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(pipe[0]);
    if (byte == 'm') ++killed_in_the_middle;
  }
  EXPECT_GE(killed_in_the_middle, 3);
  written_.open();
  RunningArchive archive(written_.log(), folder());
  archive.wait_until_complete();
  expect_archive_equals_log();
  EXPECT_TRUE(archive.warnings().empty());
}

}  // namespace
}  // namespace signalbox::event_store
