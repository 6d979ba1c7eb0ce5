// The report of a state whose runs that have ended were given away: what it says is what the whole
// state says, and what it takes does not grow with the history.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>

#include "event-store/archive/archive_file.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/log/log_reader.hpp"
#include "replay/state.hpp"
#include "replay/state_report.hpp"
#include "replay/valid_events.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::LogReader;
using event_store::TemporaryFolder;

const UserId kAnna("anna");
const Watch kToTheEnd = [](const Progress&) { return true; };

// Of anna, in three threads: of each run its message and its answer, so long each. Every 100th run
// stays open.
void write_history(const std::string& folder, int runs, std::size_t text_bytes) {
  event_store::WrittenLog log(folder, 1);
  const auto add = [&](int run, EventData data) {
    log.add_event("anna", "t" + std::to_string(run % 3), 0, [&](NewRecord& record) {
      auto event = event_store::decode_event(Record{.at = {Topic::events, Partition(0)},
                                                    .offset = Offset(0),
                                                    .appended_at = {},
                                                    .key = record.key,
                                                    .headers = record.headers,
                                                    .value = record.value});
      ASSERT_TRUE(event) << event.error().message;
      event->run_id = event_store::run_id_of(kAnna, MessageId("m" + std::to_string(run)));
      event->attempt = Attempt(1);
      event->data = std::move(data);
      record = event_store::encode_event(*event);
    });
  };
  for (int run = 0; run < runs; ++run) {
    const std::string text(text_bytes, static_cast<char>('a' + run % 26));
    add(run, MessageReceived{MessageId("m" + std::to_string(run)), text, "assistant"});
    if (run % 100 != 99) add(run, AgentCompleted{text, std::nullopt});
    if (run % 1000 == 0) log.settle();
  }
  log.settle();
}

std::unique_ptr<LogReader> opened(const std::string& folder) {
  auto log = LogReader::open(folder);
  EXPECT_TRUE(log) << log.error().message;
  return std::make_unique<LogReader>(std::move(*log));
}

class Most {
 public:
  void look() { most_ = std::max(most_, now()); }
  [[nodiscard]] std::size_t over_start() const { return most_ - start_; }

 private:
  static std::size_t now() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  }
  const std::size_t start_ = now();
  std::size_t most_ = start_;
};

struct Report {
  std::string text;
  std::size_t memory;  // the most that reading and telling took, over what was held before
};

Report report(const std::string& folder, bool is_json, bool keeps_text = true) {
  const auto log = opened(folder);
  Report report{};
  Most most;
  EndedRuns ended(is_json ? run_json : run_text, folder);
  const Watch watch = [&](const Progress&) {
    most.look();
    return true;
  };
  const auto state = read_state(*log, folder + "/archive", kAnna, {}, watch, ended);
  EXPECT_TRUE(state) << state.error().message;
  const auto write = is_json ? write_state_json : write_state_text;
  const auto written = write(*state, ended, [&](std::string_view piece) -> Result<void> {
    most.look();
    if (keeps_text) report.text += piece;
    return {};
  });
  EXPECT_TRUE(written);
  report.memory = most.over_start();
  return report;
}

KnownState whole_state(const std::string& folder) {
  auto state = read_state(*opened(folder), folder + "/archive", kAnna, {}, kToTheEnd);
  EXPECT_TRUE(state) << state.error().message;
  return std::move(*state);
}

// Of the log's one partition, all of it; where it is.
std::string write_archive(const std::string& folder) {
  const auto log = opened(folder);
  std::filesystem::create_directory(folder + "/archive");
  std::string path = event_store::archive_path(folder + "/archive", Partition(0));
  auto archive = event_store::PartitionArchive::open(path, log->describe().log_id, 10,
                                                     [](const std::string&) {});
  EXPECT_TRUE(archive) << archive.error().message;
  auto events = ValidEvents::open(*log, kAnna, kToTheEnd);
  EXPECT_TRUE(events);
  event_store::Position position;
  for (auto event = events->next(); event && *event; event = events->next()) {
    EXPECT_TRUE(archive->add(*(*event)->record));
    position = (*event)->after;
  }
  EXPECT_TRUE(archive->commit(position));
  return path;
}

TEST(LongState, IsToldAsIfItHadBeenHeld) {
  const TemporaryFolder folder;
  write_history(folder.path(), 1600, 1000);
  const KnownState whole = whole_state(folder.path());
  ASSERT_EQ(whole.runs.size(), 1600u);
  EXPECT_TRUE(report(folder.path(), true).text == state_json(whole));
  EXPECT_TRUE(report(folder.path(), false).text == state_text(whole));
}

TEST(LongState, TakesNoMoreMemoryForALongHistory) {
  const TemporaryFolder short_one;
  write_history(short_one.path(), 1200, 4000);
  const std::size_t of_short = report(short_one.path(), true, false).memory;
  if (of_short == 0) GTEST_SKIP() << "a sanitizer's allocator does not say what it has given";
  const TemporaryFolder long_one;
  write_history(long_one.path(), 4000, 4000);
  const std::size_t of_long = report(long_one.path(), true, false).memory;
  EXPECT_LT(of_long, of_short + 2'000'000) << "of a history that is 22 MB longer";
}

// What was folded from the archive up to there is not told twice.
TEST(LongState, BeginsAnewWhereTheArchiveIsDamaged) {
  const TemporaryFolder folder;
  write_history(folder.path(), 1600, 100);
  const std::string whole = state_json(whole_state(folder.path()));
  const std::string path = write_archive(folder.path());
  EXPECT_TRUE(report(folder.path(), true).text == whole);
  auto file =
      event_store::SqliteDatabase::open(path, event_store::SqliteDatabase::Access::read_write);
  ASSERT_TRUE(file && file->execute("UPDATE events SET value = x'00' WHERE seq = 3000"));
  EXPECT_TRUE(report(folder.path(), true).text == whole);
}

TEST(LongState, OfAnInstantInALaterPageOfTheArchiveIsWhatTheLogSays) {
  const TemporaryFolder folder;
  write_history(folder.path(), 1600, 100);
  const Instant at{.seq = Seq(1501)};
  const auto log = opened(folder.path());
  const auto state_then = [&] {
    const auto state = read_state(*log, folder.path() + "/archive", kAnna, at, kToTheEnd);
    EXPECT_TRUE(state) << state.error().message;
    return state_json(*state);
  };
  const std::string without_archive = state_then();
  write_archive(folder.path());
  EXPECT_EQ(state_then(), without_archive);
}

TEST(LongState, EndsAmidTheArchiveWhenItIsStopped) {
  const TemporaryFolder folder;
  write_history(folder.path(), 1600, 100);
  write_archive(folder.path());
  int asked = 0;
  const auto state = read_state(*opened(folder.path()), folder.path() + "/archive", kAnna, {},
                                [&](const Progress&) { return ++asked < 4; });
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::stopped);
}

// More than is kept in memory.
std::string tell_at_length(const KnownRun&) {
  return std::string(EndedRuns::kBufferBytesMax + 1, 'x');
}

const KnownRun kRun{.run_id = RunId(Uuid{}),
                    .thread_id = ThreadId("t"),
                    .message_id = MessageId("m"),
                    .agent = "assistant",
                    .content = "hello",
                    .websocket_client_id = WebsocketClientId("ws_test"),
                    .received = Seq(1),
                    .received_at = Timestamp()};

TEST(LongState, SaysWhatToDoWhereThereIsNoRoomForIt) {
  EndedRuns ended(tell_at_length, "/nowhere");
  const auto added = ended.add(kRun);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::io_error);
  EXPECT_NE(added.error().message.find("name a folder with room for it in TMPDIR"),
            std::string::npos)
      << added.error().message;
}

// It said "Success".
TEST(LongState, SaysThatItsFileIsShorterThanWhatWasWritten) {
  const TemporaryFolder folder;
  EndedRuns ended(tell_at_length, folder.path());
  ASSERT_TRUE(ended.add(kRun));
  int cut = 0;
  for (const auto& open : std::filesystem::directory_iterator("/proc/self/fd"))
    if (std::filesystem::read_symlink(open).string().starts_with(folder.path())) {
      std::filesystem::resize_file(open, 10);
      ++cut;
    }
  ASSERT_EQ(cut, 1);
  const auto text = ended.text_at(ended.threads().at(kRun.thread_id).front());
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("it is shorter than what was written"), std::string::npos)
      << text.error().message;
}

// It was taken for a damage of the archive, and the log was read to fail once more.
TEST(LongState, DoesNotBeginAnewWhereThereIsNoRoomForIt) {
  const TemporaryFolder folder;
  write_history(folder.path(), 1600, 100);
  write_archive(folder.path());
  int told = 0;
  EndedRuns ended(
      [&](const KnownRun& run) {
        ++told;
        return tell_at_length(run);
      },
      "/nowhere");
  const auto state =
      read_state(*opened(folder.path()), folder.path() + "/archive", kAnna, {}, kToTheEnd, ended);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::io_error);
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace signalbox::replay
