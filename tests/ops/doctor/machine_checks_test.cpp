#include "ops/doctor/machine_checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "event-store/model/timestamp.hpp"
#include "ops/doctor/port_checks.hpp"
#include "ops/doctor/report.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::doctor {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr double kGiB = 1LL << 30;

TEST(WallClock, BehindTheNewestRecordIsAFault) {
  const Timestamp newest = *parse_timestamp("2026-11-20T09:30:00Z");
  EXPECT_EQ(judge_clock(newest, std::nullopt).level, Level::ok);
  EXPECT_EQ(judge_clock(newest + seconds(1), newest).level, Level::ok);
  EXPECT_EQ(judge_clock(newest - seconds(1), newest).level, Level::ok);  // steps of an NTP client
  const Finding behind = judge_clock(newest - seconds(3600), newest);
  EXPECT_EQ(behind.level, Level::fault);
  EXPECT_THAT(behind.what, HasSubstr("2026-11-20T08:30:00.000000Z"));
}

TEST(WallClock, ThatNothingSynchronizesIsWarnedOf) {
  EXPECT_EQ(judge_clock_sync(ClockSync{true, seconds(0)}).level, Level::ok);
  EXPECT_EQ(judge_clock_sync(ClockSync{false, seconds(16)}).level, Level::warning);
  EXPECT_EQ(judge_clock_sync(std::nullopt).level, Level::warning);
}

TEST(OpenFiles, MustSufficeForTheSockets) {
  EXPECT_EQ(judge_open_files({20'000, std::nullopt}, 10'000).level, Level::ok);
  EXPECT_EQ(judge_open_files({1024, std::nullopt}, 10'000).level, Level::warning);
  EXPECT_EQ(judge_open_files({64, std::nullopt}, 10'000).level, Level::fault);
  EXPECT_THAT(judge_open_files({1024, 4711}, 10'000).mend,
              HasSubstr("prlimit --pid 4711 --nofile=10256:10256"));
  EXPECT_GT(read_file_limit(std::nullopt).files, 0U);
  EXPECT_EQ(read_file_limit(::getpid()).of, ::getpid());
}

TEST(Machine, CoresAndMemoryMustSuffice) {
  Subject subject;
  subject.window_bytes_max = 64 << 20;
  EXPECT_EQ(judge_cores({2, 8 * kGiB}, subject).level, Level::ok);
  EXPECT_EQ(judge_cores({1, 8 * kGiB}, subject).level, Level::warning);
  subject.io_threads = 8;
  EXPECT_EQ(judge_cores({4, 8 * kGiB}, subject).level, Level::warning);
  EXPECT_EQ(judge_memory({2, 8 * kGiB}, subject, 12).level, Level::ok);
  const Finding small = judge_memory({2, 1 * kGiB}, subject, 240);
  EXPECT_EQ(small.level, Level::warning);
  EXPECT_THAT(small.mend, HasSubstr("SIGNALBOX_LIMITS_WINDOW_BYTES_MAX="));
  EXPECT_GT(read_machine_size().memory_bytes, 0);
}

TEST(Machine, TheGroupOfThisProcessAndThoseAboveItLimitIt) {
  const event_store::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() + "/box.slice/one.service");
  std::ofstream(folder.path() + "/membership") << "4:memory:/x\n0::/box.slice/one.service\n";
  std::ofstream(folder.path() + "/box.slice/one.service/cpu.max") << "50000 100000\n";
  std::ofstream(folder.path() + "/box.slice/one.service/memory.max") << "max\n";
  std::ofstream(folder.path() + "/box.slice/memory.max") << "65536\n";
  const MachineSize size = read_machine_size(folder.path(), folder.path() + "/membership");
  EXPECT_EQ(size.cores, 0.5);
  EXPECT_EQ(size.memory_bytes, 65536);
}

// 127.0.0.1:8080 listens, 0.0.0.0:9090 listens, 127.0.0.1:7070 is a connection, [::]:6060 listens.
constexpr const char* kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 "
    "1\n"
    "   1: 00000000:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 "
    "1\n"
    "   2: 0100007F:1B9E 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 13 "
    "1\n"
    "   3: 00000000000000000000000000000000:17AC 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 14 1\n";

TEST(Ports, WhoListensIsReadFromTheKernelsTable) {
  const auto all = parse_listening(kTable);
  ASSERT_EQ(all.size(), 3U);
  const auto inode = [&](const std::string& address) {
    const auto found = find_listening(all, address);
    return found ? found->inode : 0;
  };
  EXPECT_EQ(inode("127.0.0.1:8080"), 11U);
  EXPECT_EQ(inode("localhost:8080"), 11U);
  EXPECT_EQ(inode("0.0.0.0:8080"), 11U);
  EXPECT_EQ(inode("127.0.0.2:8080"), 0U);
  EXPECT_EQ(inode("127.0.0.2:9090"), 12U);
  EXPECT_EQ(inode("127.0.0.1:7070"), 0U);
  EXPECT_EQ(inode("127.0.0.1:6060"), 14U);
  EXPECT_EQ(inode("[::1]:6060"), 14U);
}

TEST(Ports, ATakenOneIsWellOnlyWhereTheServiceOfThisDataHasIt) {
  Subject subject;
  subject.listen = "127.0.0.1:8080";
  const auto judge = [&](const Taker& taker, std::optional<pid_t> holder) {
    return judge_taken("listen", subject.listen, taker, holder, subject);
  };
  EXPECT_EQ(judge({7, "signalbox", true}, 7).level, Level::ok);
  EXPECT_EQ(judge({std::nullopt, "", true}, 7).level, Level::ok);
  EXPECT_EQ(judge({7, "signalbox", false}, 7).level, Level::ok);  // it hangs
  EXPECT_EQ(judge({7, "signalbox", true}, 0).level, Level::ok);
  EXPECT_EQ(judge({7, "signalbox", false}, 0).level, Level::fault);
  EXPECT_EQ(judge({7, "signalbox", true}, 8).level, Level::fault);
  EXPECT_THAT(judge({7, "signalbox", true}, std::nullopt).what, HasSubstr("other data"));
  const Finding foreign = judge({7, "nginx", false}, std::nullopt);
  EXPECT_EQ(foreign.level, Level::fault);
  EXPECT_THAT(foreign.what, HasSubstr("nginx (pid 7)"));
  EXPECT_TRUE(foreign.mend.starts_with("kill 7"));
}

TEST(Report, IsReadByPeopleAndPrograms) {
  const std::vector<Finding> findings{ok("one", "all is well"),
                                      warning("another", "what", "why \"it\" matters", "run this")};
  EXPECT_TRUE(is_healthy(findings));
  EXPECT_EQ(report_text(findings, false),
            "ok       one      all is well\n"
            "warning  another  what\n"
            "                  why:  why \"it\" matters\n"
            "                  mend: run this\n"
            "\n0 faults, 1 warning, 1 ok: healthy\n");
  EXPECT_THAT(report_text(findings, true), HasSubstr("\033[33mwarning  \033[0m"));
  EXPECT_EQ(
      report_json(findings),
      "{\"version\":1,\"healthy\":true,\"faults\":0,\"warnings\":1,\"ok\":1,\"checks\":["
      "{\"check\":\"one\",\"result\":\"ok\",\"what\":\"all is well\",\"why\":\"\",\"mend\":\"\"},"
      "{\"check\":\"another\",\"result\":\"warning\",\"what\":\"what\","
      "\"why\":\"why \\\"it\\\" matters\",\"mend\":\"run this\"}]}\n");
  EXPECT_FALSE(is_healthy({fault("one", "what", "why", "mend")}));
}

TEST(Commands, HoldWhateverIsInAPath) {
  EXPECT_EQ(shell_word("/var/lib/signalbox-1"), "/var/lib/signalbox-1");
  EXPECT_EQ(shell_word("it's here"), "'it'\\''s here'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("$(rm)"), "'$(rm)'");
}

}  // namespace
}  // namespace signalbox::doctor
