// The open list alone, on a simulated log: what is sent when, and when it calls itself healthy.
// What an owner makes of it is in refused_events_test.cpp and ownership_counterexamples_test.cpp.
#include "router/open_list.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/simulated_event_log.hpp"

namespace signalbox::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::AppendFate;

class OpenListTest : public ::testing::Test {
 protected:
  static constexpr Partition kPartition{0};
  static constexpr TopicPartition kEvents{Topic::events, kPartition};
  static constexpr AppendFate kRefused{
      .copies = 0, .report = AppendFate::Report::error, .error = Errc::too_large};

  void state(int count = 1) {
    for (int i = 0; i < count; ++i) {
      Event event{.id = EventId(Uuid{}),
                  .source = "/test",
                  .time = {},
                  .user_id = UserId("u"),
                  .thread_id = std::nullopt,
                  .run_id = std::nullopt,
                  .attempt = std::nullopt,
                  .websocket_client_id = WebsocketClientId("ws_a"),
                  .seq = Seq(1),
                  .inbound_offset = Offset(0),
                  .epoch = Epoch(1),
                  .owner_seq = OwnerSeq(++stated_),
                  .causation_id = "c",
                  .traceparent = std::nullopt,
                  .data = MessageReceived{MessageId("m"), "hello", "echo"}};
      list_.state(std::move(event), {.key = "u", .headers = {}, .value = std::to_string(stated_)});
    }
  }
  // The next one is read back, which the log must hold.
  void read_back() {
    const auto records = log_.records(kEvents);
    ASSERT_GT(records.size(), read_);
    EXPECT_TRUE(list_.confirm(*records[read_++]));
  }
  // These fates in turn; from then on each append lands after `delay`.
  void set_fates(std::vector<AppendFate> fates, milliseconds delay = milliseconds(0)) {
    log_.set_fate([fates = std::move(fates), delay, next = std::size_t{0}](
                      const TopicPartition&, const NewRecord&) mutable {
      return std::optional(next < fates.size() ? fates[next++] : AppendFate{.delay = delay});
    });
  }

  test_support::SimulatedScheduler scheduler_;
  test_support::SimulatedEventLog log_{scheduler_};
  std::unique_ptr<event_store::EventLog> session_ = log_.open_session();
  std::atomic<std::uint64_t> resends_ = 0;
  OpenList list_{*session_,
                 scheduler_.clock(),
                 scheduler_.make_executor("router"),
                 kPartition,
                 {},
                 resends_,
                 [](const Event&, const Error& error) { ADD_FAILURE() << error.message; }};
  std::int64_t stated_ = 0;
  std::size_t read_ = 1;  // the first one of a log names it
};

// Found by reading: it waited for an empty list, which under load never comes.
TEST_F(OpenListTest, IsSentTogetherAgainOnceWhatItHeldAtARefusalIsReadBack) {
  set_fates({kRefused, kRefused}, milliseconds(1));
  state(2);
  scheduler_.advance(seconds(1));
  state(3);
  EXPECT_EQ(log_.in_flight(), 1u) << "one at a time";
  read_back();
  EXPECT_EQ(log_.in_flight(), 1u);
  read_back();
  EXPECT_EQ(log_.in_flight(), 3u);
  state();
  EXPECT_EQ(log_.in_flight(), 4u);
  scheduler_.advance(seconds(1));
  for (int i = 0; i < 4; ++i) read_back();
  EXPECT_TRUE(list_.empty());
  EXPECT_EQ(log_.records(kEvents).size(), 7u) << "each once";
}

// Found by reading: what it waited before it was sent was counted.
TEST_F(OpenListTest, IsSlowByTheTimeSinceItWasSent) {
  set_fates({kRefused, kRefused, {.delay = seconds(15)}, {.delay = seconds(8)}});
  state(2);
  scheduler_.advance(seconds(16));
  read_back();
  scheduler_.advance(seconds(5));
  EXPECT_EQ(log_.in_flight(), 1u);
  EXPECT_TRUE(list_.is_healthy());
}

TEST_F(OpenListTest, NamesNoTroubleOnceAllIsReadBack) {
  set_fates({{.report = AppendFate::Report::error}});
  state();
  scheduler_.run_until_idle();
  EXPECT_NE(list_.trouble(), "");
  read_back();
  EXPECT_EQ(list_.trouble(), "");
}

}  // namespace
}  // namespace signalbox::router
