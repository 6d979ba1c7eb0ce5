#include "ops/doctor/folder_checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/archive/written_log.hpp"

namespace signalbox::doctor {
namespace {

using std::chrono::microseconds;
using ::testing::HasSubstr;

const Mount kDisk{"/data", "ext4"};

TEST(DataFolder, IsWellWhereItIsItsOwnersAlone) {
  const event_store::TemporaryFolder folder;
  EXPECT_EQ(check_data_folder(folder.path()).level, Level::ok);
}

TEST(DataFolder, ThatIsMissingIsWarnedOfSinceServeMakesIt) {
  const event_store::TemporaryFolder folder;
  const Finding found = check_data_folder(folder.path() + "/a/b");
  EXPECT_EQ(found.level, Level::warning);
  EXPECT_THAT(found.what, HasSubstr("does not exist"));
  EXPECT_EQ(found.mend, "signalbox serve --dev --data " + folder.path() + "/a/b");
}

TEST(DataFolder, ThatIsAFileIsAFault) {
  const event_store::TemporaryFolder folder;
  std::ofstream(folder.path() + "/data") << "x";
  const Finding found = check_data_folder(folder.path() + "/data");
  EXPECT_EQ(found.level, Level::fault);
  EXPECT_THAT(found.mend, HasSubstr("mv "));
}

TEST(DataFolder, ModesOfOthersAreNamedByHowFarTheyReach) {
  const event_store::TemporaryFolder folder;
  const auto level_of = [&](mode_t mode) {
    EXPECT_EQ(::chmod(folder.path().c_str(), mode), 0);
    const Finding found = check_data_folder(folder.path());
    EXPECT_EQ(found.mend.empty(), found.level == Level::ok);
    if (found.level != Level::ok) {
      EXPECT_EQ(found.mend, "chmod 700 " + folder.path());
    }
    return found.level;
  };
  EXPECT_EQ(level_of(0755), Level::warning);
  EXPECT_EQ(level_of(0770), Level::fault);
  EXPECT_EQ(level_of(0702), Level::fault);
  EXPECT_EQ(level_of(0500), Level::fault);
  EXPECT_EQ(level_of(0700), Level::ok);
}

TEST(DataFiles, ThatOthersMayReadAreNamed) {
  const event_store::TemporaryFolder folder;
  std::ofstream(folder.path() + "/log.db") << "x";
  ASSERT_EQ(::chmod((folder.path() + "/log.db").c_str(), 0600), 0);
  auto found = check_data_files(folder.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].level, Level::ok);
  ASSERT_EQ(::chmod((folder.path() + "/log.db").c_str(), 0640), 0);
  found = check_data_files(folder.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].level, Level::warning);
  EXPECT_THAT(found[0].what, HasSubstr("log.db"));
}

TEST(DataFiles, OfAnotherOwnerThanTheFolderAreAFault) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const event_store::TemporaryFolder folder;
  const std::string path = folder.path() + "/log.db";
  std::ofstream(path) << "x";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  const auto found = check_data_files(folder.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].level, Level::fault);
  EXPECT_THAT(found[0].mend, HasSubstr("chown -R --reference="));
}

TEST(FileSystem, OfMemoryOfAnotherHostAndOfAContainerIsWarnedOf) {
  EXPECT_EQ(judge_file_system("d", {"/", "ext4"}).level, Level::ok);
  EXPECT_EQ(judge_file_system("d", {"/", "xfs"}).level, Level::ok);
  for (const char* const type : {"tmpfs", "ramfs", "nfs4", "cifs", "overlay"}) {
    const Finding found = judge_file_system("d", {"/mnt", type});
    EXPECT_EQ(found.level, Level::warning) << type;
    EXPECT_THAT(found.what, HasSubstr(std::string(type) + " mounted at /mnt"));
    EXPECT_THAT(found.mend, HasSubstr("signalbox backup --data d"));
  }
}

TEST(Fdatasync, IsMeasuredAndLeavesNothingBehind) {
  const event_store::TemporaryFolder folder;
  const auto times = measure_fdatasync(folder.path());
  ASSERT_TRUE(times) << times.error().message;
  EXPECT_GE(times->count, 5);
  EXPECT_LE(times->median, times->slowest);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Fdatasync, ThatIsTooFastOrTooSlowIsWarnedOfWithTheMount) {
  const auto judge = [](microseconds median) {
    return judge_fdatasync("d", SyncTimes{median, median * 2, 100}, kDisk);
  };
  EXPECT_EQ(judge(microseconds(19)).level, Level::warning);
  EXPECT_THAT(judge(microseconds(19)).why, HasSubstr("no device answers that fast"));
  EXPECT_THAT(judge(microseconds(19)).what, HasSubstr("ext4 mounted at /data"));
  EXPECT_EQ(judge(microseconds(20)).level, Level::ok);
  EXPECT_EQ(judge(microseconds(20'000)).level, Level::ok);
  EXPECT_EQ(judge(microseconds(20'001)).level, Level::warning);
}

TEST(Fdatasync, ThatFailsIsAFault) {
  const Finding full = judge_fdatasync("d", failure(Errc::disk_full, "cannot write in d"), kDisk);
  EXPECT_EQ(full.level, Level::fault);
  EXPECT_THAT(full.mend, HasSubstr("du -xh --max-depth=3 /data"));
  EXPECT_FALSE(measure_fdatasync("/nowhere"));
}

TEST(Mounts, TheLongestPointThatIsAPrefixCounts) {
  const std::string table =
      "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
      "2 1 0:5 / /var/lib rw,relatime shared:7 - xfs /dev/sdb rw\n"
      "3 1 0:6 / /var/library rw - tmpfs none rw\n"
      "4 1 0:7 / /with\\040space rw - nfs4 host:/x rw\n";
  EXPECT_EQ(find_mount(table, "/etc").type, "ext4");
  EXPECT_EQ(find_mount(table, "/var/lib/signalbox").point, "/var/lib");
  EXPECT_EQ(find_mount(table, "/var/library").type, "tmpfs");
  EXPECT_EQ(find_mount(table, "/with space/data").type, "nfs4");
  EXPECT_FALSE(find_mount("", "/etc").is_known());
  EXPECT_TRUE(mount_of("/tmp/not/there").is_known());
}

}  // namespace
}  // namespace signalbox::doctor
