// A history played once more: the frames and the times between them.
#include "replay/play.hpp"

#include <gtest/gtest.h>

#include "event-store/contract/cursor.hpp"
#include "event-store/log/log_reader.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::LogReader;
using std::chrono::microseconds;
using std::chrono::seconds;

const Watch kPatient = [](const Progress&) { return true; };

class PlayedLog : public ::testing::Test {
 protected:
  // Four events, ten seconds apart.
  void SetUp() override {
    for (int i = 0; i < 4; ++i)
      log_.add_event("anna", "t", 0, [i](NewRecord& record) {
        record.headers.set("ce_time",
                           "2026-11-20T09:30:" + std::to_string(10 + 10 * i) + ".000000Z");
      });
    log_.settle();
  }
  Result<void> play_it(const PlayOptions& options) {
    auto reader = LogReader::open(folder_.path());
    EXPECT_TRUE(reader);
    const UserId anna("anna");
    auto events = ValidEvents::open(*reader, anna, kPatient);
    EXPECT_TRUE(events);
    return play(*events, reader->describe().log_id, anna, options,
                {.wait_until =
                     [this](microseconds after) {
                       waits_.push_back(after);
                       return waits_.size() < waits_max_;
                     },
                 .write =
                     [this](std::string_view frame) {
                       frames_.emplace_back(frame);
                       return true;
                     }});
  }

  event_store::TemporaryFolder folder_;
  event_store::WrittenLog log_{folder_.path()};
  std::vector<microseconds> waits_;
  std::size_t waits_max_ = 100;
  std::vector<std::string> frames_;
};

TEST_F(PlayedLog, WaitsAsLongAsItTookDividedByTheSpeed) {
  ASSERT_TRUE(play_it({.speed = 10.0}));
  EXPECT_EQ(waits_, (std::vector<microseconds>{seconds(0), seconds(1), seconds(2), seconds(3)}));
  EXPECT_EQ(frames_.size(), 4u);
}

TEST_F(PlayedLog, AtFullSpeedItNeverWaits) {
  ASSERT_TRUE(play_it({}));
  EXPECT_TRUE(waits_.empty());
  EXPECT_EQ(frames_.size(), 4u);
}

TEST_F(PlayedLog, BeginsAtASeqOrATime) {
  ASSERT_TRUE(play_it({.from = {.seq = Seq(3)}, .speed = 1.0}));
  EXPECT_EQ(waits_, (std::vector<microseconds>{seconds(0), seconds(10)}));
  frames_.clear();
  ASSERT_TRUE(play_it({.from = *parse_instant("2026-11-20T09:30:40Z", "--from")}));
  ASSERT_EQ(frames_.size(), 1u);
  EXPECT_NE(frames_[0].find("\"seq\":4"), std::string::npos) << frames_[0];
}

TEST_F(PlayedLog, EndsWhenItIsInterrupted) {
  waits_max_ = 2;
  EXPECT_EQ(play_it({.speed = 1.0}).error().code, Errc::stopped);
  EXPECT_EQ(frames_.size(), 1u);
}

}  // namespace
}  // namespace signalbox::replay
