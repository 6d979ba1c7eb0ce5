// The small parts: hub, window, pieces of open runs, handshake, routes, close codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "gateway/client_registry.hpp"
#include "gateway/handshake.hpp"
#include "gateway/http_routes.hpp"
#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using event_store::Position;

FramePtr frame(const std::string& text) { return std::make_shared<const PlainFrame>(text); }

class QuietSink final : public StreamSink {
 public:
  void on_stream(std::uint32_t, StreamUpdate) override { ++updates; }
  void drain(std::chrono::milliseconds) override {}
  int updates = 0;
};

TEST(Hub, gives_a_frame_to_every_socket_of_its_channel_and_to_no_other) {
  Hub hub;
  QuietSink sink;
  FakeLink one;
  FakeLink two;
  FakeLink other;
  hub.add(SessionId(1), sink, one);
  hub.add(SessionId(2), sink, two);
  hub.add(SessionId(3), sink, other);
  hub.join(SessionId(1), ChannelId(1));
  hub.join(SessionId(2), ChannelId(1));
  hub.join(SessionId(3), ChannelId(2));
  const std::vector<Delivery> batch{{ChannelId(1), frame("a")}, {ChannelId(9), frame("b")}};
  EXPECT_EQ(hub.deliver(batch), 2U);
  EXPECT_EQ(one.frames, two.frames);
  EXPECT_TRUE(other.frames.empty());
}

TEST(Hub, a_socket_that_left_or_moved_gets_nothing_of_its_old_channel) {
  Hub hub;
  QuietSink sink;
  FakeLink link;
  hub.add(SessionId(1), sink, link);
  hub.join(SessionId(1), ChannelId(1));
  hub.join(SessionId(1), ChannelId(2));
  const std::vector<Delivery> old{{ChannelId(1), frame("a")}};
  const std::vector<Delivery> now{{ChannelId(2), frame("b")}};
  EXPECT_EQ(hub.deliver(old), 0U);
  EXPECT_EQ(hub.deliver(now), 1U);
  hub.remove(SessionId(1));
  EXPECT_EQ(hub.deliver(now), 0U);
  hub.update({Partition(0), 0, SessionId(1), 1}, StreamReady{"c", {}});
  EXPECT_EQ(sink.updates, 0);
}

RecordPtr event_at(const std::string& user, std::int64_t offset, std::size_t bytes = 10) {
  return std::make_shared<const Record>(Record{.at = {Topic::events, Partition(0)},
                                               .offset = Offset(offset),
                                               .appended_at = {},
                                               .key = user,
                                               .headers = {},
                                               .value = std::string(bytes, 'x')});
}
Position position(std::int64_t next, std::int64_t epoch, std::int64_t owner_seq) {
  return {Offset(next), Epoch(epoch), std::nullopt, OwnerSeq(owner_seq)};
}

TEST(Window, knows_the_position_at_every_offset_it_covers) {
  Window window(position(10, 1, 5));
  window.add(event_at("ann", 10), position(11, 1, 6), Seq(1), {});
  window.mark(position(13, 2, 0));
  window.add(event_at("ann", 15), position(16, 2, 1), Seq(2), {});
  EXPECT_EQ(window.position_at(Offset(10)), position(10, 1, 5));
  EXPECT_EQ(window.position_at(Offset(11)), position(11, 1, 6));
  EXPECT_EQ(window.position_at(Offset(12)), position(12, 1, 6));
  EXPECT_EQ(window.position_at(Offset(13)), position(13, 2, 0));
  EXPECT_EQ(window.position_at(Offset(15)), position(15, 2, 0));
  EXPECT_EQ(window.position_at(Offset(99)), position(99, 2, 1));
}

TEST(Window, finds_a_user_s_events_from_any_offset_also_after_the_oldest_left) {
  Window window(position(0, 1, 0));
  for (std::int64_t i = 0; i < 30; ++i)
    window.add(event_at(i % 3 == 0 ? "ann" : "bob", i), position(i + 1, 1, i + 1), Seq(i), {});
  const std::size_t full = window.bytes();
  EXPECT_EQ(window.event(window.first_at("ann", Offset(4))).record->offset, Offset(6));
  window.trim(full / 2, {});
  EXPECT_LE(window.bytes(), full / 2);
  const std::int64_t start = window.start().next_offset.value();
  EXPECT_GT(start, 10);
  std::vector<std::int64_t> seen;
  for (std::uint64_t n = window.first_at("ann", Offset(0)); n != 0;
       n = window.event(n).next_of_user)
    seen.push_back(window.event(n).record->offset.value());
  std::vector<std::int64_t> expected;
  for (std::int64_t i = start; i < 30; ++i)
    if (i % 3 == 0) expected.push_back(i);
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(window.first_at("ann", Offset(30)), 0U);
  EXPECT_EQ(window.first_at("cid", Offset(0)), 0U);
  EXPECT_EQ(window.newest_before("ann", Offset(30))->record->offset, Offset(27));
  EXPECT_EQ(window.newest_before("ann", Offset(27))->record->offset, Offset(24));
  EXPECT_EQ(window.newest_before("ann", Offset(expected.front())), nullptr);
  EXPECT_EQ(window.newest_before("cid", Offset(30)), nullptr);
}

TEST(Window, drops_what_is_too_old_and_ends_with_nothing_counted) {
  Window window(position(0, 1, 0));
  const MonotonicTime t0{};
  for (std::int64_t i = 0; i < 10; ++i)
    window.add(event_at("ann", i), position(i + 1, 1, i + 1), Seq(i), t0 + std::chrono::seconds(i));
  window.trim(1 << 20, t0 + std::chrono::seconds(4));
  EXPECT_EQ(window.size(), 6U);
  window.trim(1 << 20, t0 + std::chrono::seconds(60));
  EXPECT_EQ(window.size(), 0U);
  EXPECT_EQ(window.bytes(), 0U);
  EXPECT_EQ(window.start(), position(10, 1, 10));
  EXPECT_EQ(window.newest_of("ann"), nullptr);
}

RecordPtr piece(const std::string& user, const std::string& run, int attempt,
                const std::string& type = "dev.signalbox.agent_responding") {
  return std::make_shared<const Record>(Record{
      .at = {Topic::progress, Partition(0)},
      .offset = Offset(0),
      .appended_at = {},
      .key = user,
      .headers = {{"ce_type", type}, {"ce_runid", run}, {"ce_attempt", std::to_string(attempt)}},
      .value = std::string(100, 'p')});
}

TEST(ProgressPieces, are_kept_while_the_run_is_open_and_its_attempt_goes_on) {
  ProgressPieces pieces(1 << 20);
  EXPECT_TRUE(pieces.add(piece("ann", "r1", 1)));
  EXPECT_TRUE(pieces.add(piece("ann", "r1", 1)));
  EXPECT_TRUE(pieces.add(piece("ann", "r2", 1)));
  EXPECT_TRUE(pieces.add(piece("bob", "r3", 1)));
  EXPECT_EQ(pieces.of("ann").size(), 3U);
  EXPECT_TRUE(pieces.add(piece("ann", "r1", 2)));   // the first attempt's are void
  EXPECT_FALSE(pieces.add(piece("ann", "r1", 1)));  // a late one, too
  EXPECT_EQ(pieces.of("ann").size(), 2U);
  pieces.follow(piece("ann", "r1", 3, "dev.signalbox.run_resumed")->headers.split());
  EXPECT_EQ(pieces.of("ann").size(), 1U);
  pieces.follow(piece("ann", "r2", 1, "dev.signalbox.agent_completed")->headers.split());
  EXPECT_FALSE(pieces.add(piece("ann", "r2", 1)));  // came after its run had ended
  EXPECT_TRUE(pieces.of("ann").empty());
  EXPECT_EQ(pieces.of("bob").size(), 1U);
  pieces.follow(piece("bob", "r3", 1, "dev.signalbox.agent_failed")->headers.split());
  EXPECT_EQ(pieces.bytes(), 0U);
}

TEST(ProgressPieces, are_bounded_and_the_run_that_began_first_leaves_first) {
  ProgressPieces pieces(3000);
  for (int run = 0; run < 100; ++run)
    for (int i = 0; i < 3; ++i) pieces.add(piece("ann", "r" + std::to_string(run), 1));
  EXPECT_LE(pieces.bytes(), 3000U);
  const auto kept = pieces.of("ann");
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.back()->header("ce_runid"), "r99");
}

TEST(ProgressPieces, keep_nothing_of_runs_that_ended_behind_one_that_goes_on) {
  ProgressPieces pieces(1 << 20);
  pieces.add(piece("ann", "long", 1));
  for (int run = 0; run < 1000; ++run) {
    const std::string id = "r" + std::to_string(run);
    pieces.add(piece("ann", id, 1));
    pieces.follow(piece("ann", id, 1, "dev.signalbox.agent_completed")->headers.split());
  }
  EXPECT_EQ(pieces.runs(), 1U);
  EXPECT_EQ(pieces.of("ann").size(), 1U);
}

// As IoThread: what escapes a task is counted, and the next one runs.
class CatchingExecutor final : public Executor {
 public:
  explicit CatchingExecutor(Executor& executor) : executor_(executor) {}

  void post(Task task) override {
    executor_.post([this, task = std::move(task)] {
      try {
        task();
      } catch (const std::runtime_error&) {
        ++escaped;
      }
    });
  }
  TimerId call_at(MonotonicTime when, Task task) override {
    return executor_.call_at(when, std::move(task));
  }
  void cancel(TimerId timer) override { executor_.cancel(timer); }
  [[nodiscard]] bool is_current() const override { return executor_.is_current(); }

  int escaped = 0;

 private:
  Executor& executor_;
};

class SharedScansTest : public testing::Test {
 protected:
  using Take = SharedScans::Take;

  // What `name` says when its scan is found.
  [[nodiscard]] Task told_of(const std::string& name) {
    return [this, name] { told_.push_back(name); };
  }
  void submit(std::uint64_t socket, std::int32_t partition, const std::string& name) {
    submit(socket, partition, name,
           [this, name](const event_store::LogScanResult&) { return told_of(name); });
  }
  void submit(std::uint64_t socket, std::int32_t partition, const std::string& name, Take take) {
    scans_.submit(SessionId(socket),
                  {.partition = Partition(partition),
                   .from = {},
                   .from_is_proven = true,
                   .until = Offset(1),
                   .user = UserId("ann"),
                   .found_bytes_max = 1,
                   .read_bytes_max = 1},
                  std::move(take), told_of(name + " refused"));
  }

  test_support::SimulatedScheduler scheduler_{{.seed = 1, .fifo = true}};
  test_support::SimulatedEventLog simulated_{scheduler_, {.partitions = 2}};
  const std::unique_ptr<event_store::EventLog> log_ = simulated_.open_session();
  Executor& stuck_ = scheduler_.make_executor("stuck");
  CatchingExecutor helper_{stuck_};
  CatchingExecutor other_{scheduler_.make_executor("other")};
  CatchingExecutor home_{scheduler_.make_executor("home")};
  ScanQueue queue_{home_, {&other_, &helper_}, 100};
  SharedScans scans_{*log_, queue_, home_, 3};
  std::vector<std::string> told_;
};

// A partition whose broker is away used to hold every helper there was.
TEST_F(SharedScansTest, one_partition_holds_one_helper_however_many_wait_for_it) {
  scheduler_.pause(stuck_);
  submit(1, 0, "a");
  submit(2, 0, "b");
  submit(3, 0, "c");
  submit(3, 0, "c again");
  submit(4, 0, "d");
  submit(5, 0, "e");
  EXPECT_EQ(told_, std::vector<std::string>{"e refused"});
  EXPECT_EQ(scans_.waiting(), 3U);
  submit(6, 1, "of another partition");
  scheduler_.run_until_idle();
  EXPECT_EQ(told_, (std::vector<std::string>{"e refused", "of another partition"}));
  scans_.drop(SessionId(2));
  scheduler_.resume(stuck_);
  scheduler_.run_until_idle();
  EXPECT_EQ(told_,
            (std::vector<std::string>{"e refused", "of another partition", "a", "c again", "d"}));
  queue_.close();
  submit(7, 0, "late");
  scheduler_.run_until_idle();
  EXPECT_EQ(told_.back(), "late refused");
}

// Its partition was never scanned again.
TEST_F(SharedScansTest, a_task_that_throws_fails_alone) {
  scheduler_.pause(stuck_);
  submit(1, 0, "a");
  submit(2, 0, "throws", [](const event_store::LogScanResult&) -> Task {
    return [] { throw std::runtime_error("a bug"); };
  });
  submit(3, 0, "b");
  scheduler_.resume(stuck_);
  scheduler_.run_until_idle();
  submit(4, 0, "c");
  scheduler_.run_until_idle();
  EXPECT_EQ(told_, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(home_.escaped, 1);
}

// Its helper was never used again either.
TEST_F(SharedScansTest,
       a_pass_that_throws_refuses_those_who_wait_for_it_and_its_partition_goes_on) {
  scheduler_.pause(stuck_);
  submit(1, 0, "a");
  submit(2, 0, "throws",
         [](const event_store::LogScanResult&) -> Task { throw std::runtime_error("a bug"); });
  submit(3, 0, "dropped");
  scheduler_.resume(stuck_);
  ASSERT_TRUE(scheduler_.step());  // the pass of the first
  ASSERT_TRUE(scheduler_.step());
  ASSERT_EQ(told_, (std::vector<std::string>{}));
  scheduler_.run_until_idle();
  EXPECT_EQ(helper_.escaped + other_.escaped, 1);
  EXPECT_EQ(told_, (std::vector<std::string>{"a", "throws refused", "dropped refused"}));
  EXPECT_EQ(scans_.waiting(), 0U);
  told_.clear();
  for (std::uint64_t socket = 4; socket < 6; ++socket) submit(socket, 0, "later");
  submit(6, 1, "of another partition");
  scheduler_.pause(stuck_);
  scheduler_.run_until_idle();
  scheduler_.resume(stuck_);
  scheduler_.run_until_idle();
  EXPECT_EQ(std::ranges::count(told_, "later"), 2);
  EXPECT_EQ(std::ranges::count(told_, "of another partition"), 1);
}

TEST(ScanQueue, refuses_what_is_too_much_and_does_its_own_first) {
  test_support::SimulatedScheduler scheduler{{.seed = 1, .fifo = true}};
  Executor& helper = scheduler.make_executor("helper");
  ScanQueue queue(scheduler.make_executor("home"), {&helper}, 2);
  std::vector<std::string> done;
  const auto job = [&](const std::string& name) {
    return [&done, name]() -> Task { return [&done, name] { done.push_back(name); }; };
  };
  for (const char* const name : {"running", "second", "third", "fourth"})
    queue.submit(job(name), [&done, name] { done.push_back(name + std::string(" refused")); });
  queue.submit(job("own"));
  EXPECT_EQ(queue.waiting(), 3U);
  scheduler.run_until_idle();
  EXPECT_EQ(done,
            (std::vector<std::string>{"fourth refused", "running", "own", "second", "third"}));
}

TEST(ConnectionJournal, refuses_what_comes_after_it_was_stopped) {
  GatewayWorld world;
  auto client = world.connect("ann");
  world.journal->stop();
  world.settle();
  const TopicPartition at{Topic::connections, Partition(0)};
  const std::size_t written = world.simulated.records(at).size();
  EXPECT_EQ(written, 2U);  // what waited: connected, accepted
  EXPECT_FALSE(world.journal->note(std::nullopt, AuthRefused{"token_invalid"}));
  world.disconnect(client);
  world.scheduler.advance(std::chrono::seconds(5));
  EXPECT_EQ(world.simulated.records(at).size(), written);
}

UpgradeRequest upgrade_request() {
  return {HttpRequest{.method = "GET",
                      .path = "/ws",
                      .query = "",
                      .headers = {{"host", "box.example:8080"},
                                  {"sec-websocket-version", "13"},
                                  {"sec-websocket-key", "MDEyMzQ1Njc4OWFiY2RlZg=="}},
                      .body = "",
                      .remote_address = "127.0.0.1"},
          {"signalbox.v1"}};
}

TEST(Handshake, takes_cursor_from_and_client_from_the_query) {
  UpgradeRequest request = upgrade_request();
  request.http.query = "shard=3&cursor=ab%2Dc&from=start&client=ws_x";
  const auto handshake = judge_handshake(request, {});
  ASSERT_TRUE(handshake);
  EXPECT_EQ(handshake->from, StreamFrom::cursor);
  EXPECT_EQ(handshake->cursor, "ab-c");
  EXPECT_EQ(handshake->wanted_client, "ws_x");
  EXPECT_FALSE(handshake->token);
}

TEST(Handshake, a_cursor_that_cannot_be_decoded_is_a_damaged_cursor_and_a_bad_from_is_refused) {
  UpgradeRequest request = upgrade_request();
  for (const char* const bad : {"cursor=%zz", "cursor=%4", "cursor", "cursor=%zz&from=start"}) {
    request.http.query = bad;
    const auto handshake = judge_handshake(request, {});
    ASSERT_TRUE(handshake) << bad;
    EXPECT_EQ(handshake->from, StreamFrom::cursor) << bad;
    EXPECT_EQ(handshake->cursor, "") << bad;
  }
  for (const char* const bad : {"from=%zz", "from=", "from", "from=end"}) {
    request.http.query = bad;
    const auto handshake = judge_handshake(request, {});
    ASSERT_FALSE(handshake) << bad;
    EXPECT_EQ(handshake.error().status, 400) << bad;
  }
}

TEST(Handshake, answers_the_first_subprotocol_of_ours_that_was_offered) {
  UpgradeRequest request = upgrade_request();
  request.subprotocols = {"bearer.tok", "other", "signalbox.v1+legacy", "signalbox.v1"};
  const auto handshake = judge_handshake(request, {});
  ASSERT_TRUE(handshake);
  EXPECT_EQ(handshake->subprotocol, "signalbox.v1+legacy");
  EXPECT_EQ(handshake->dialect, event_store::WireDialect::v1_legacy);
  EXPECT_EQ(handshake->token, "tok");
}

TEST(Handshake, a_key_that_is_not_16_bytes_is_refused) {
  for (const char* const bad :
       {"", "YQ==", "MDEyMzQ1Njc4OWFiY2Rl", "MDEyMzQ1Njc4OWFiY2RlZmc=", "MDEyMzQ1Njc4OWFiY2RlZg",
        "!!!!!!!!!!!!!!!!!!!!!!==", "MDEyMzQ1Njc4OWFiY2RlZg==, x"}) {
    UpgradeRequest request = upgrade_request();
    request.http.headers[2].second = bad;
    const auto handshake = judge_handshake(request, {});
    ASSERT_FALSE(handshake) << bad;
    EXPECT_EQ(handshake.error().status, 400) << bad;
  }
}

TEST(Handshake, two_tokens_are_refused_wherever_they_stand) {
  const auto judge = [](const char* header, std::vector<std::string> subprotocols) {
    UpgradeRequest request = upgrade_request();
    if (header != nullptr) request.http.headers.emplace_back("authorization", header);
    request.subprotocols = std::move(subprotocols);
    return judge_handshake(request, {});
  };
  EXPECT_TRUE(judge("Bearer a", {"signalbox.v1"}));
  for (const auto& refused : {judge("Bearer a", {"signalbox.v1", "bearer.b"}),
                              judge("Bearer a", {"signalbox.v1", "bearer.a"}),
                              judge(nullptr, {"signalbox.v1", "bearer.a", "bearer.b"})}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 401);
    EXPECT_NE(refused.error().body.find("token_invalid"), std::string::npos);
  }
}

TEST(Handshake, checks_the_origin_against_host_and_list) {
  const std::vector<std::string> list{"https://chat.example"};
  const auto status = [&](const std::string& origin) {
    UpgradeRequest request = upgrade_request();
    request.http.headers.emplace_back("origin", origin);
    const auto handshake = judge_handshake(request, list);
    return handshake ? 101 : handshake.error().status;
  };
  EXPECT_EQ(status("http://box.example:8080"), 101);
  EXPECT_EQ(status("https://BOX.example:8080"), 101);
  EXPECT_EQ(status("https://chat.example"), 101);
  EXPECT_EQ(status("http://box.example"), 403);
  EXPECT_EQ(status("http://box.example:8080.evil.example"), 403);
  EXPECT_EQ(status("http://chat.example"), 403);
  EXPECT_EQ(status("null"), 403);
  EXPECT_EQ(status(""), 403);
}

HttpResponse serve(const HttpRoutes& routes, const HttpRequest& request) {
  HttpResponse got{.status = 0};
  routes.serve(request, [&](HttpResponse response) { got = std::move(response); });
  return got;
}

TEST(Handshake, asks_for_a_loopback_host_where_anybody_gets_a_token) {
  HttpRoutes routes(HostRule::loopback);
  routes.add({"GET", "/a", [](const HttpRequest&) { return HttpResponse{}; }});
  const auto statuses = [&](const std::optional<std::string>& host) {
    UpgradeRequest request = upgrade_request();
    request.http.headers = {{"sec-websocket-version", "13"},
                            {"sec-websocket-key", "MDEyMzQ1Njc4OWFiY2RlZg=="}};
    if (host) request.http.headers.emplace_back("host", *host);
    const auto handshake = judge_handshake(request, {}, HostRule::loopback);
    request.http.path = "/a";
    return std::pair(handshake ? 101 : handshake.error().status,
                     serve(routes, request.http).status);
  };
  for (const char* const good :
       {"localhost", "LocalHost:8080", "127.0.0.1:8080", "127.9.8.7", "[::1]", "[::1]:8080"})
    EXPECT_EQ(statuses(good), std::pair(101, 200)) << good;
  for (const char* const bad :
       {"", "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
        "128.0.0.1", "[::2]:8080", "[::1", "[::1]x", "localhost:x", "::1"})
    EXPECT_EQ(statuses(bad), std::pair(403, 403)) << bad;
  EXPECT_EQ(statuses(std::nullopt), std::pair(403, 403));
  EXPECT_TRUE(judge_handshake(upgrade_request(), {}, HostRule::any));
}

TEST(QueryValue, decodes_and_refuses_bad_encoding) {
  EXPECT_EQ(query_value("a=1&b=%41+%2b", "b"), "A +");
  EXPECT_EQ(query_value("a=1", "b"), std::nullopt);
  EXPECT_EQ(query_value("b", "b"), "");
  EXPECT_EQ(query_value("b=%4", "b"), std::nullopt);
  EXPECT_EQ(query_value("b=%zz", "b"), std::nullopt);
  EXPECT_EQ(query_value("", "b"), std::nullopt);
}

TEST(HttpRoutes, match_exactly_or_by_prefix_and_say_what_is_wrong) {
  HttpRoutes routes;
  const auto text = [](std::string body) {
    return [body](const HttpRequest&) { return HttpResponse{.body = body}; };
  };
  routes.add({"GET", "/a", text("a")});
  routes.add({"POST", "/a", text("posted")});
  routes.add({"GET", "/users/*", text("user")});
  const auto ask = [&](const std::string& method, const std::string& path) {
    return serve(routes, {method, path, "", {}, "", ""});
  };
  EXPECT_EQ(ask("GET", "/a").body, "a");
  EXPECT_EQ(ask("HEAD", "/a").body, "a");
  EXPECT_EQ(ask("POST", "/a").body, "posted");
  EXPECT_EQ(ask("GET", "/users/7/events").body, "user");
  EXPECT_EQ(ask("GET", "/users/").status, 404);
  EXPECT_EQ(ask("GET", "/a/").status, 404);
  EXPECT_EQ(ask("DELETE", "/a").status, 405);
  EXPECT_THAT(ask("DELETE", "/a").headers,
              testing::ElementsAre(testing::Pair("Allow", "GET, HEAD, POST")));
}

TEST(CloseCodes, have_one_row_each_with_a_name_and_an_advice) {
  std::set<std::uint16_t> numbers;
  for (const CloseCodeRow& row : close_codes()) {
    EXPECT_TRUE(numbers.insert(number(row.code)).second);
    EXPECT_FALSE(row.name.empty());
    EXPECT_FALSE(row.client_should.empty());
    EXPECT_EQ(to_text(row.code), row.name);
  }
}

TEST(ClientId, is_a_ulid_that_sorts_by_time) {
  Random random(1);
  const Timestamp now{std::chrono::seconds(1'800'000'000)};
  const std::string first = make_client_id(now, random).value();
  const std::string later = make_client_id(now + std::chrono::milliseconds(1), random).value();
  EXPECT_EQ(first.size(), 29U);
  EXPECT_TRUE(is_websocket_client_id(first));
  EXPECT_LT(first, later);
  EXPECT_NE(make_client_id(now, random).value(), first);
}

}  // namespace
}  // namespace signalbox::gateway
