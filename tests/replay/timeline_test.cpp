// The timeline of a real log: what counts, in order, filtered, and shown so that no text of a
// stranger reaches the terminal as anything but text.
#include "replay/timeline.hpp"

#include <gtest/gtest.h>

#include "event-store/log/log_reader.hpp"
#include "replay/shown_text.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::LogReader;
using event_store::TemporaryFolder;
using event_store::WrittenLog;

const Watch kPatient = [](const Progress&) { return true; };

class TimelineOfALog : public testing::Test {
 protected:
  std::vector<std::string> lines(std::optional<UserId> user, const TimelineFilter& filter = {}) {
    auto reader = LogReader::open(folder_.path());
    EXPECT_TRUE(reader) << reader.error().message;
    auto events = ValidEvents::open(*reader, std::move(user), kPatient);
    EXPECT_TRUE(events);
    std::vector<std::string> all;
    const auto done = write_timeline(*events, filter, json_line, [&](std::string_view line) {
      all.emplace_back(line);
      return true;
    });
    EXPECT_TRUE(done) << done.error().message;
    return all;
  }

  TemporaryFolder folder_;
  WrittenLog log_{folder_.path()};
};

TEST_F(TimelineOfALog, ShowsAllUsersInTheOrderTheyWereWrittenWhileTheLogIsOpen) {
  for (int i = 0; i < 3; ++i)
    for (const char* const user : {"anna", "berta", "carla"}) {
      log_.add_event(user, "t");
      log_.settle();
    }
  const auto all = lines(std::nullopt);
  ASSERT_EQ(all.size(), 9u);
  EXPECT_NE(all[0].find("\"user_id\":\"anna\""), std::string::npos) << all[0];
  EXPECT_NE(all[4].find("\"user_id\":\"berta\""), std::string::npos) << all[4];
  EXPECT_NE(all[8].find("\"seq\":3"), std::string::npos) << all[8];
  EXPECT_EQ(lines(UserId("berta")).size(), 3u);
  EXPECT_TRUE(lines(UserId("nobody")).empty());
}

TEST_F(TimelineOfALog, FiltersByThreadTypeAndTime) {
  log_.add_event("anna", "one");
  log_.add_event("anna", "two");
  log_.settle();
  const UserId anna("anna");
  EXPECT_EQ(lines(anna, {.thread = ThreadId("two")}).size(), 1u);
  EXPECT_EQ(lines(anna, {.types = {"message_received"}}).size(), 2u);
  EXPECT_EQ(lines(anna, {.types = {"agent_started"}}).size(), 0u);
  EXPECT_EQ(lines(anna, {.run = RunId(Uuid{})}).size(), 0u);
  const Timestamp past{};
  EXPECT_EQ(lines(anna, {.since = past}).size(), 2u);
  EXPECT_EQ(lines(anna, {.until = past}).size(), 0u);
}

TEST_F(TimelineOfALog, LeavesOutWhatDoesNotCount) {
  log_.add_event("anna", "t");
  NewRecord again;
  log_.add_event("anna", "t", 0, [&](NewRecord& record) { again = record; });
  event_store::add_chain_hash(again, event_store::Hash{});
  log_.append(log_.partition_of("anna"), again);  // the same owner seq once more
  log_.settle();
  EXPECT_EQ(lines(UserId("anna")).size(), 2u);
}

TEST_F(TimelineOfALog, ReadsACopyWithoutTheWriteAheadLog) {
  log_.add_event("anna", "t");
  log_.settle();
  log_.close();
  TemporaryFolder copy;
  std::filesystem::copy_file(folder_.path() + "/log.db", copy.path() + "/log.db");
  auto reader = LogReader::open(copy.path());
  ASSERT_TRUE(reader) << reader.error().message;
  auto events = ValidEvents::open(*reader, UserId("anna"), kPatient);
  ASSERT_TRUE(events);
  EXPECT_TRUE(*events->next());
}

TEST_F(TimelineOfALog, EndsWhenItIsStoppedAndWhenNobodyReads) {
  log_.add_event("anna", "t");
  log_.add_event("anna", "t");
  log_.settle();
  auto reader = LogReader::open(folder_.path());
  ASSERT_TRUE(reader);
  const Watch stops = [](const Progress&) { return false; };
  auto stopped = ValidEvents::open(*reader, std::nullopt, stops);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->next().error().code, Errc::stopped);
  auto events = ValidEvents::open(*reader, std::nullopt, kPatient);
  int written = 0;
  EXPECT_TRUE(write_timeline(*events, {}, json_line, [&](std::string_view) {
    ++written;
    return false;
  }));
  EXPECT_EQ(written, 1);
}

TEST(ShownText, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(shown_text("a\x1b[2Jb", 99), "a\\u001b[2Jb");
  EXPECT_EQ(shown_text("one\ntwo\x7f", 99), "one\\ntwo\\u007f");
  EXPECT_EQ(shown_text("\xe2\x80\xae"
                       "abc",
                       99),
            "\\u202eabc");
  EXPECT_EQ(shown_text("\xc2\x9b", 99), "\\u009b");
  EXPECT_EQ(shown_text("grüße \xf0\x9f\x98\x80", 99), "grüße \xf0\x9f\x98\x80");
  EXPECT_EQ(shown_text("\xff!", 99), "\xef\xbf\xbd!");
  EXPECT_EQ(shown_text("abcdef", 3), "abc…");
  EXPECT_EQ(shown_text("abc", 3), "abc");
  EXPECT_EQ(shown_text("abc", 0), "…");
  EXPECT_EQ(shown_text("ab\nc", 3), "ab\\n…");
  EXPECT_EQ(shown_text("ab\nc", 2), "ab…");
  EXPECT_EQ(shown_text("ab\ncd\xff"
                       "ef",
                       99),
            "ab\\ncd\xef\xbf\xbd"
            "ef");
}

}  // namespace
}  // namespace signalbox::replay
