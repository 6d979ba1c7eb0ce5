// UserStates: who is put out of memory, and at what cost.
#include "router/user_states.hpp"

#include <gtest/gtest.h>

#include <string>

#include "event-store/contract/identity.hpp"
#include "ops/cli/system_clock.hpp"
#include "tests/router/router_on_log.hpp"

namespace signalbox::router {
namespace {

constexpr int kBusy = 400;

class Users {
 public:
  UserStates& states() { return states_; }
  UserStates::Held& held(const std::string& name) {
    const auto held = states_.acquire(UserId(name));
    EXPECT_TRUE(held && *held != nullptr);
    return **held;
  }
  void be_busy(const std::string& name, std::size_t events) { held(name).open_events += events; }
  void read_back(const std::string& name) {
    const Event event{.id = EventId(Uuid{}),
                      .source = "/test",
                      .time = Timestamp{},
                      .user_id = UserId(name),
                      .thread_id = std::nullopt,
                      .run_id = std::nullopt,
                      .attempt = std::nullopt,
                      .websocket_client_id = WebsocketClientId("ws_test"),
                      .seq = Seq(1),
                      .inbound_offset = Offset(0),
                      .epoch = Epoch(1),
                      .owner_seq = OwnerSeq(1),
                      .causation_id = "c",
                      .traceparent = std::nullopt,
                      .data = CancelRequested{.run_id = RunId(Uuid{}), .by = name}};
    states_.confirm(event, {}, {}, Offset(0));
  }

 private:
  RouterOnLog log_;
  cli::SystemClock clock_;
  UserStatesCounters counters_;
  UserStates states_{log_.log(),   log_.snapshots, clock_, log_.log().describe().log_id,
                     Partition(0), Offset(0),      {},     {.users_max = 10},
                     counters_};
};

// An event read back while all are busy looks at few of them, wherever the one is who may go.
TEST(UserStates, WithMoreBusyThanMayBeHeldAnEventLooksAtFewOfThem) {
  Users users;
  users.be_busy("first", kBusy);
  for (int i = 0; i < kBusy; ++i) users.be_busy("busy-" + std::to_string(i), 1);
  users.held("quiet");
  const std::size_t all = users.states().size();
  users.read_back("first");
  EXPECT_EQ(users.states().size(), all);
  for (int i = 1; i < kBusy / 4 && users.states().size() == all; ++i) users.read_back("first");
  EXPECT_EQ(users.states().size(), all - 1);
  EXPECT_EQ(users.states().find(UserId("quiet")), nullptr);
}

TEST(UserStates, ATickPutsOutWhoeverMayGo) {
  Users users;
  for (int i = 0; i < kBusy; ++i) users.be_busy("busy-" + std::to_string(i), 1);
  users.held("quiet");
  users.states().tick({});
  EXPECT_EQ(users.states().find(UserId("quiet")), nullptr);
  EXPECT_EQ(users.states().size(), static_cast<std::size_t>(kBusy));
}

}  // namespace
}  // namespace signalbox::router
