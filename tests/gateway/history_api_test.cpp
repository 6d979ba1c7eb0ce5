#include "gateway/history_api.hpp"

#include <gtest/gtest.h>

#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using namespace std::chrono_literals;

class AskedHistory : public testing::Test {
 protected:
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
  HistoryApi api_{{*world_.log, world_.history, world_.authenticator, world_.helper,
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
  HistoryApi api({*world_.log, world_.history, world_.authenticator, world_.helper,
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

}  // namespace
}  // namespace signalbox::gateway
