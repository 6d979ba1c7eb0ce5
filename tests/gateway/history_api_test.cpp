#include "gateway/history_api.hpp"

#include <gtest/gtest.h>

#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using namespace std::chrono_literals;

class AskedHistory : public testing::Test {
 protected:
  explicit AskedHistory(std::int32_t partitions = 1) : world_({.partitions = partitions}) {}

  struct Asked {
    std::vector<HttpResponse> answers;
  };

  std::shared_ptr<Asked> ask(const std::string& query = "") { return ask(query, "ann", api_); }
  std::shared_ptr<Asked> ask(const std::string& query, const std::string& user, HistoryApi& api) {
    const auto asked = std::make_shared<Asked>();
    const std::string token =
        sign_token(world_.key, {UserId(user), {}}, world_.scheduler.clock().now());
    const HttpRequest request{
        "GET", "/v1/history", query, {{"authorization", "Bearer " + token}}, "", ""};
    std::get<LateHttpHandler>(api.routes()[0].handler)(
        request, [asked](HttpResponse response) { asked->answers.push_back(std::move(response)); });
    world_.settle();
    return asked;
  }
  // The archive gets what the log has.
  void archive_all() {
    world_.history.events.clear();
    world_.history.complete_to = {};
    for (const RecordPtr& record : world_.simulated.records({Topic::events, Partition(0)})) {
      event_store::fold(world_.history.complete_to, *record);
      if (record->key) world_.history.events.push_back(record);
    }
  }
  static std::vector<std::int64_t> seqs(const HttpResponse& response) {
    std::vector<std::int64_t> seqs;
    EXPECT_EQ(response.status, 200) << response.body;
    const auto body = nlohmann::json::parse(response.body);
    for (const auto& event : body["events"]) seqs.push_back(event["seq"]);
    return seqs;
  }
  using Seqs = std::vector<std::int64_t>;

  GatewayWorld world_;
  Executor& http_ = world_.scheduler.make_executor("http");
  HistoryApi api_{{*world_.log, world_.history, *world_.feed, world_.authenticator, http_,
                   world_.scheduler.clock(), world_.callbacks, world_.metrics},
                  {.requests_max = 1, .patience = 2s, .look_again = 50ms}};
};

TEST_F(AskedHistory, keeps_its_place_until_its_answer_is_sent) {
  world_.state("ann");
  archive_all();
  const auto first = ask();
  ASSERT_EQ(first->answers.size(), 1U);
  EXPECT_EQ(seqs(first->answers[0]), Seqs{1});
  EXPECT_EQ(world_.metrics.history_requests.Value(), 1);
  const auto refused = ask();
  ASSERT_EQ(refused->answers.size(), 1U);
  EXPECT_EQ(refused->answers[0].status, 503);
  EXPECT_EQ(refused->answers[0].headers,
            (std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}}));
  first->answers[0].until_sent.reset();
  EXPECT_EQ(world_.metrics.history_requests.Value(), 0);
  EXPECT_EQ(seqs(ask()->answers.at(0)), Seqs{1});
}

TEST_F(AskedHistory, of_one_user_does_not_hold_all_places) {
  HistoryApi api({*world_.log, world_.history, *world_.feed, world_.authenticator, http_,
                  world_.scheduler.clock(), world_.callbacks, world_.metrics},
                 {.requests_max = 3, .requests_per_user_max = 2});
  world_.state("ann");
  archive_all();
  auto first = ask("", "ann", api);
  const auto second = ask("", "ann", api);
  EXPECT_EQ(second->answers.at(0).status, 200);
  const auto refused = ask("", "ann", api);
  EXPECT_EQ(refused->answers.at(0).status, 429);
  EXPECT_NE(refused->answers[0].body.find("rate_limited"), std::string::npos);
  EXPECT_EQ(refused->answers[0].headers,
            (std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}}));
  const auto other = ask("", "bob", api);
  EXPECT_EQ(other->answers.at(0).status, 200) << "the last place is another user's";
  EXPECT_EQ(ask("", "cid", api)->answers.at(0).status, 503);
  first->answers[0].until_sent.reset();
  EXPECT_EQ(ask("", "ann", api)->answers.at(0).status, 200);
}

TEST_F(AskedHistory, waits_for_an_archive_that_lacks_events_of_this_user) {
  world_.state("ann");
  archive_all();
  world_.state("ann");
  const auto asked = ask();
  EXPECT_TRUE(asked->answers.empty());
  EXPECT_EQ(world_.callbacks.pending(), 1U);
  archive_all();
  world_.scheduler.advance(50ms);
  EXPECT_EQ(seqs(asked->answers.at(0)), (Seqs{2, 1}));
  EXPECT_EQ(world_.callbacks.pending(), 0U);
}

TEST_F(AskedHistory, does_not_wait_for_events_of_others_nor_for_ever) {
  world_.state("ann");
  archive_all();
  world_.state("bob");
  const auto at_once = ask();
  EXPECT_EQ(seqs(at_once->answers.at(0)), Seqs{1});
  at_once->answers.clear();
  world_.state("ann");
  const auto asked = ask();
  world_.scheduler.advance(1900ms);
  EXPECT_TRUE(asked->answers.empty());
  world_.scheduler.advance(200ms);
  ASSERT_EQ(asked->answers.size(), 1U);
  EXPECT_EQ(asked->answers[0].status, 503);
}

TEST_F(AskedHistory, says_so_where_the_archive_cannot_be_read) {
  world_.history.fails = true;
  EXPECT_EQ(ask()->answers.at(0).status, 503);
  EXPECT_EQ(world_.callbacks.pending(), 0U);
}

TEST_F(AskedHistory, asks_the_log_again_soon_after_it_did_not_answer) {
  world_.state("ann");
  archive_all();
  world_.log->bounds_error = Error{Errc::unavailable, "no leader"};
  EXPECT_EQ(ask()->answers.at(0).status, 503);
  world_.log->bounds_error.reset();
  world_.scheduler.advance(1s);
  EXPECT_EQ(ask()->answers.at(0).status, 503) << "others' time is not spent on it again and again";
  world_.scheduler.advance(1s);
  EXPECT_EQ(seqs(ask()->answers.at(0)), Seqs{1});
}

// The log was read on the thread that all requests share, for as long as a broker was away.
TEST_F(AskedHistory, reads_the_log_on_a_helper_alone) {
  world_.state("ann");
  archive_all();
  world_.state("bob");
  int reads = 0;
  world_.log->on_read = [&] {
    ++reads;
    EXPECT_TRUE(world_.helper.is_current());
  };
  EXPECT_EQ(seqs(ask()->answers.at(0)), Seqs{1});
  EXPECT_EQ(reads, 1);
}

TEST_F(AskedHistory, has_what_the_log_had_when_it_was_asked_for_and_not_when_another_one_was) {
  world_.state("ann");
  archive_all();
  HistoryApi api({*world_.log, world_.history, *world_.feed, world_.authenticator, http_,
                  world_.scheduler.clock(), world_.callbacks, world_.metrics},
                 {});
  world_.log->silent = {{Topic::events, Partition(0)}};
  const auto first = ask("", "ann", api);
  world_.state("ann");
  const auto second = ask("", "ann", api);
  EXPECT_EQ(world_.log->kept_back.size(), 1U) << "one question of a partition at a time";
  world_.log->answer_all();
  world_.settle();
  EXPECT_EQ(seqs(first->answers.at(0)), Seqs{1});
  EXPECT_TRUE(second->answers.empty()) << "the archive lacks his second event";
  archive_all();
  world_.scheduler.advance(50ms);
  EXPECT_EQ(seqs(second->answers.at(0)), (Seqs{2, 1}));
}

class AskedHistoryOfTwoPartitions : public AskedHistory {
 protected:
  AskedHistoryOfTwoPartitions() : AskedHistory(2) {}
};

// All requests of a gateway waited behind a partition whose broker did not answer.
TEST_F(AskedHistoryOfTwoPartitions, keeps_nobody_waiting_but_those_of_a_partition_that_is_silent) {
  HistoryApi api({*world_.log, world_.history, *world_.feed, world_.authenticator, http_,
                  world_.scheduler.clock(), world_.callbacks, world_.metrics},
                 {});
  const Partition of_ann = event_store::partition_of_key("ann", 2);
  std::string other = "user-0";
  for (int i = 1; event_store::partition_of_key(other, 2) == of_ann; ++i)
    other = "user-" + std::to_string(i);
  world_.log->silent = {{Topic::events, of_ann}};
  const auto waits = ask("", "ann", api);
  const auto waits_too = ask("", "ann", api);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("", other, api)->answers.at(0).status, 200);
  EXPECT_TRUE(waits->answers.empty());
  world_.scheduler.advance(2s);
  for (const auto& asked : {waits, waits_too}) {
    ASSERT_EQ(asked->answers.size(), 1U);
    EXPECT_EQ(asked->answers[0].status, 503);
    EXPECT_NE(asked->answers[0].body.find("log_unavailable"), std::string::npos);
    EXPECT_EQ(asked->answers[0].headers,
              (std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}}));
  }
  EXPECT_EQ(ask("", "ann", api)->answers.at(0).status, 503) << "it is not waited for again";
  EXPECT_EQ(ask("", other, api)->answers.at(0).status, 200);
  EXPECT_EQ(world_.callbacks.pending(), 1U) << "what the log still owes";
  world_.log->answer_all();
  world_.settle();
  EXPECT_EQ(waits->answers.size(), 1U) << "nobody is answered twice";
  EXPECT_EQ(world_.callbacks.pending(), 0U);
  EXPECT_EQ(ask("", "ann", api)->answers.at(0).status, 200);
}

}  // namespace
}  // namespace signalbox::gateway
