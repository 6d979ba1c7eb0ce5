#include "ops/watch/probe_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "event-store/model/timestamp.hpp"

namespace signalbox::watch {
namespace {

using namespace std::chrono_literals;

ProbeReport report() {
  ProbeReport made{.message_id = "signalbox-watch-1",
                   .started = *parse_timestamp("2026-11-21T09:30:05Z")};
  made.stages[0] = 1250us;
  made.stages[1] = 300us;
  made.total = 5s;
  return made;
}

TEST(ProbeText, IsALineForAPerson) {
  ProbeReport failed = report();
  failed.failure = {Stage::ready, "nothing came"};
  EXPECT_EQ(terminal_line(failed, {6, 5, Verdict::broken}),
            "09:30:05  FAILED  5000.0 ms: connect 1.2 token 0.3; ready: nothing came; 5 of 6 in "
            "the window");
  EXPECT_EQ(terminal_line(report(), {1, 1, Verdict::undecided}),
            "09:30:05  ok  5000.0 ms: connect 1.2 token 0.3; 1 of 1 in the window, too early to "
            "judge");
}

TEST(ProbeText, IsALineOfTheLog) {
  ProbeReport failed = report();
  failed.failure = {Stage::ready, "nothing \"came\""};
  const auto line = nlohmann::json::parse(
      json_line(failed, {6, 5, Verdict::broken}, *parse_timestamp("2026-11-21T09:30:10Z")));
  EXPECT_EQ(line["time"], "2026-11-21T09:30:10.000000Z");
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["message"], "probe failed at ready: nothing \"came\"");
  EXPECT_EQ(line["failed_stage"], "ready");
  EXPECT_EQ(line["stages_us"], (nlohmann::json{{"connect", 1250}, {"token", 300}}));
  EXPECT_EQ(line["window"]["verdict"], "broken");
  const auto good =
      nlohmann::json::parse(json_line(report(), {1, 1, Verdict::healthy}, report().started));
  EXPECT_EQ(good["level"], "info");
  EXPECT_FALSE(good.contains("failed_stage"));
}

}  // namespace
}  // namespace signalbox::watch
