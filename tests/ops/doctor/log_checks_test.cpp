#include "ops/doctor/log_checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "event-store/archive/anchor_writer.hpp"
#include "ops/doctor/anchor_checks.hpp"
#include "ops/doctor/cache_checks.hpp"
#include "replay/verify_newest.hpp"
#include "tests/replay/attacked_log.hpp"

namespace signalbox::doctor {
namespace {

using event_store::LogReader;
using std::chrono::minutes;
using ::testing::HasSubstr;
using ::testing::Not;

bool go_on(const replay::Progress& /*progress*/) { return true; }
const Mount kDisk{"/data", "ext4"};
constexpr std::int64_t kGiB = 1LL << 30;
constexpr pid_t kHolder = 4711;  // runs the service, where one runs

// A log of one partition with events of two users, and somebody who may write to its file.
class LogChecks : public ::testing::Test {
 protected:
  LogChecks() {
    event_store::WrittenLog written(folder_.path() + "/from", 1);
    for (int i = 0; i < 40; ++i) written.add_event(i % 2 == 0 ? "ann" : "bea", "thread");
    written.settle();
    written.close();
    attacker_.emplace(folder_.path() + "/from", folder_.path() + "/data");
    subject_.data = attacker_->dir();
    subject_.anchor_dir = attacker_->dir() + "/anchors";
  }
  LogReader open() {
    auto log = LogReader::open(subject_.data);
    EXPECT_TRUE(log) << log.error().message;
    return *std::move(log);
  }
  Finding find(const std::string& check) {
    LogReader log = open();
    for (Finding& finding : check_records(subject_, log, std::nullopt, go_on))
      if (finding.check == check) return finding;
    ADD_FAILURE() << "no finding " << check;
    return {};
  }

  event_store::TemporaryFolder folder_;
  std::optional<replay::Attacker> attacker_;
  Subject subject_;
};

TEST_F(LogChecks, AWholeLogIsWell) {
  EXPECT_EQ(judge_log_file(subject_, LogReader::open(subject_.data), std::nullopt).level,
            Level::ok);
  EXPECT_EQ(find("log-length").level, Level::ok);
  EXPECT_EQ(find("log-chain").level, Level::ok);
  EXPECT_THAT(find("log-chain").what, HasSubstr("40 events"));
}

TEST_F(LogChecks, NoLogYetIsWellButAMissingOneIsAFault) {
  const event_store::TemporaryFolder empty;
  subject_.data = empty.path();
  EXPECT_EQ(judge_log_file(subject_, LogReader::open(empty.path()), std::nullopt).level, Level::ok);
  subject_.data = attacker_->dir();
  attacker_->forget("log.db");
  const Finding found = judge_log_file(subject_, LogReader::open(subject_.data), std::nullopt);
  EXPECT_EQ(found.level, Level::fault);
  EXPECT_THAT(found.mend, HasSubstr("cp -a BACKUP"));
}

TEST_F(LogChecks, AFileThatIsNoDatabaseAndANumberOfPartitionsThatIsAnotherAreFaults) {
  subject_.partitions = 7;
  EXPECT_EQ(judge_log_file(subject_, LogReader::open(subject_.data), std::nullopt).level,
            Level::fault);
  subject_.partitions = 0;
  attacker_->forget("log.db-wal");
  std::ofstream(subject_.data + "/log.db") << std::string(8192, 'x');
  EXPECT_EQ(judge_log_file(subject_, LogReader::open(subject_.data), std::nullopt).level,
            Level::fault);
}

TEST_F(LogChecks, OnlyADamagedLogIsReplacedByABackup) {
  const auto mend = [&](Errc code, std::optional<pid_t> holder) {
    return judge_log_file(subject_, failure(code, "why"), holder).mend;
  };
  EXPECT_TRUE(mend(Errc::corrupt, std::nullopt).starts_with("mv "));
  EXPECT_THAT(mend(Errc::bad_config, std::nullopt), HasSubstr("install the one that wrote it"));
  EXPECT_THAT(mend(Errc::io_error, std::nullopt), HasSubstr("dmesg"));
  for (const Errc code : {Errc::bad_config, Errc::io_error, Errc::unavailable})
    EXPECT_THAT(mend(code, kHolder), Not(HasSubstr("mv ")));
}

TEST_F(LogChecks, NoFileIsTakenFromBelowARunningService) {
  const std::string lock = subject_.data + "/lock";
  const std::string ended = "kill -TERM 4711; flock " + lock + ' ';
  EXPECT_TRUE(judge_log_file(subject_, failure(Errc::corrupt, "why"), kHolder)
                  .mend.starts_with(ended + "mv " + subject_.data));
  attacker_->cut_tail("ann", 3);
  LogReader log = open();
  EXPECT_TRUE(check_records(subject_, log, kHolder, go_on).front().mend.starts_with(ended + "mv "));
  attacker_->forget("head");
  const std::string again = ended + "true && " + subject_.serve_command;
  EXPECT_EQ(check_records(subject_, log, kHolder, go_on).front().mend, again);
  std::ofstream(subject_.data + "/snapshots.db") << std::string(8192, 'x');
  const std::string remove = "rm -f " + subject_.data;
  const std::string serve = " && " + subject_.serve_command;
  const Finding snapshots = check_snapshots(subject_, attacker_->log_id(), kHolder);
  EXPECT_TRUE(snapshots.mend.starts_with(ended + remove + "/snapshots.db "));
  EXPECT_TRUE(snapshots.mend.ends_with(serve));
  EXPECT_EQ(check_archive(subject_, log, kHolder).front().mend, ended + "true" + serve);
  // The number in the lock was once taken, which is another process's in another pid namespace.
  EXPECT_EQ(check_archive(subject_, log, 0).front().mend,
            ": first end the service where it runs; flock " + lock + " true" + serve);
}

// Audit of issue 5: without the file head a log that had lost its newest rows was healthy.
TEST_F(LogChecks, ALogWithoutItsHeadIsAWarning) {
  attacker_->cut_tail("ann", 3);
  attacker_->forget("head");
  const Finding found = find("log-length");
  EXPECT_EQ(found.level, Level::warning);
  EXPECT_THAT(found.what, HasSubstr("/head, which says how long the log was, is missing"));
}

TEST_F(LogChecks, AChangedByteIsNamedWithItsPlace) {
  attacker_->sql("UPDATE records SET value = CAST(value || 'x' AS BLOB) WHERE " +
                 attacker_->where("ann", 20));
  const Finding found = find("log-chain");
  EXPECT_EQ(found.level, Level::fault);
  EXPECT_THAT(found.what, HasSubstr("row_changed"));
  EXPECT_THAT(found.what, HasSubstr("user ann"));
  EXPECT_EQ(find("log-length").level, Level::ok);
}

TEST_F(LogChecks, AChangeWithItsChecksumIsFoundByTheChain) {
  attacker_->edit("bea", 19, [](replay::EditedRow& row) { row.value = "{\"content\":\"other\"}"; });
  EXPECT_THAT(find("log-chain").what, HasSubstr("chain_broken"));
}

TEST_F(LogChecks, ALostTailIsAFaultOfTheLength) {
  attacker_->cut_tail("ann", 3);
  const Finding found = find("log-length");
  EXPECT_EQ(found.level, Level::fault);
  EXPECT_THAT(found.what, HasSubstr("log_shorter_than_it_was"));
  EXPECT_EQ(find("log-chain").level, Level::ok);
}

TEST_F(LogChecks, ALostTailIsSeenBehindManyOtherDamages) {
  attacker_->cut_tail("ann", 3);
  attacker_->sql("UPDATE records SET value = CAST(value || 'x' AS BLOB)");
  EXPECT_EQ(find("log-chain").level, Level::fault);
  EXPECT_THAT(find("log-length").what, HasSubstr("log_shorter_than_it_was"));
}

TEST_F(LogChecks, WhoIsToldToStopFindsNothing) {
  LogReader log = open();
  const auto stop = [](const replay::Progress&) { return false; };
  EXPECT_TRUE(check_records(subject_, log, std::nullopt, stop).empty());
}

TEST_F(LogChecks, GrowthIsToldByTheRecordsTimesAndSizes) {
  LogReader log = open();
  const auto newest = newest_time(log);
  ASSERT_TRUE(newest && *newest);
  EXPECT_FALSE(measure_growth(subject_, log, **newest + minutes(5))->has_value());
  const auto hour = measure_growth(subject_, log, **newest + minutes(60));
  ASSERT_TRUE(hour && *hour);
  const auto half_a_day = measure_growth(subject_, log, **newest + minutes(720));
  ASSERT_TRUE(half_a_day && *half_a_day);
  EXPECT_NEAR((*hour)->bytes_per_day / (*half_a_day)->bytes_per_day, 12, 0.1);
  EXPECT_FALSE(measure_growth(subject_, log, **newest + std::chrono::hours(25))->has_value());
}

TEST_F(LogChecks, AnArchiveThatCannotBeReadIsAFaultAndIsMadeAnew) {
  LogReader log = open();
  EXPECT_EQ(check_archive(subject_, log, std::nullopt).front().level, Level::ok);
  EXPECT_EQ(check_archive(subject_, log, kHolder).front().level,
            Level::fault);  // it should be there
  std::filesystem::create_directory(subject_.data + "/archive");
  std::ofstream(subject_.data + "/archive/0.db") << std::string(8192, 'x');
  const Finding found = check_archive(subject_, log, std::nullopt).front();
  EXPECT_EQ(found.level, Level::fault);
  EXPECT_THAT(found.mend, HasSubstr("rm -f " + subject_.data + "/archive/0.db"));
}

TEST_F(LogChecks, SnapshotsThatAreNoneAreAFault) {
  EXPECT_EQ(check_snapshots(subject_, attacker_->log_id(), std::nullopt).level, Level::ok);
  std::ofstream(subject_.data + "/snapshots.db") << std::string(8192, 'x');
  EXPECT_EQ(check_snapshots(subject_, attacker_->log_id(), std::nullopt).level, Level::fault);
}

TEST_F(LogChecks, AnchorsAreMissedOnlyWhereAServiceShouldHaveWrittenSome) {
  LogReader log = open();
  const auto now = **newest_time(log);
  EXPECT_EQ(check_anchor_key(subject_, attacker_->log_id()).level, Level::ok);
  EXPECT_EQ(check_anchors(subject_, log, now, std::nullopt).front().level, Level::ok);
  EXPECT_EQ(check_anchors(subject_, log, now, kHolder).front().level, Level::fault);
  auto anchoring = event_store::Anchoring::open(subject_.data + "/anchor.key", attacker_->log_id(),
                                                {.folder = subject_.anchor_dir});
  ASSERT_TRUE(anchoring);
  EXPECT_EQ(check_anchor_key(subject_, attacker_->log_id()).level, Level::ok);
  subject_.dev = true;
  EXPECT_EQ(check_anchors(subject_, log, now, kHolder).front().level, Level::ok);
  const auto late = check_anchors(subject_, log, now + minutes(10), kHolder);
  EXPECT_EQ(late.front().level, Level::warning);
  EXPECT_THAT(late.front().what, HasSubstr("since 600 seconds"));
  EXPECT_EQ(check_anchors(subject_, log, now + minutes(10), std::nullopt).front().level, Level::ok);
  subject_.dev = false;
  EXPECT_THAT(check_anchors(subject_, log, now, kHolder).front().what, HasSubstr("same disk"));
}

TEST_F(LogChecks, AnAnchorKeyThatDoesNotFitIsAFault) {
  const auto make = [&](const std::string& key) {
    return event_store::Anchoring::open(key, attacker_->log_id(), {.folder = subject_.anchor_dir})
        .has_value();
  };
  ASSERT_TRUE(make(subject_.data + "/anchor.key"));
  std::filesystem::remove(subject_.data + "/anchor.key");
  EXPECT_THAT(check_anchor_key(subject_, attacker_->log_id()).what, HasSubstr("is missing"));
  ASSERT_TRUE(event_store::SigningKey::load_or_make(subject_.data + "/anchor.key"));
  const Finding other = check_anchor_key(subject_, attacker_->log_id());
  EXPECT_EQ(other.level, Level::fault);
  EXPECT_THAT(other.what, HasSubstr("is not the public key of"));
}

TEST(DiskSpace, DaysLeftAndWhatIsFreeDecide) {
  const auto judge = [](std::int64_t bytes, std::optional<double> per_day,
                        std::int64_t inodes = 10'000, minutes seen = minutes(12 * 60)) {
    std::optional<LogGrowth> growth;
    if (per_day) growth = LogGrowth{*per_day, seen};
    return judge_disk_space(DiskRoom{bytes, inodes}, growth, kDisk, "why").level;
  };
  EXPECT_EQ(judge(100 * kGiB, std::nullopt), Level::ok);
  EXPECT_EQ(judge(100 * kGiB, 10.0 * kGiB), Level::ok);
  EXPECT_EQ(judge(100 * kGiB, 15.0 * kGiB), Level::warning);
  EXPECT_EQ(judge(100 * kGiB, 101.0 * kGiB), Level::fault);
  EXPECT_EQ(judge(100 * kGiB, 101.0 * kGiB, 10'000, minutes(719)), Level::warning);  // a burst
  EXPECT_EQ(judge(kGiB / 2, std::nullopt), Level::warning);
  EXPECT_EQ(judge(kGiB / 32, 0.0), Level::fault);
  EXPECT_EQ(judge(100 * kGiB, std::nullopt, 3), Level::fault);
  EXPECT_EQ(judge(100 * kGiB, std::nullopt, -1), Level::ok);
}

}  // namespace
}  // namespace signalbox::doctor
