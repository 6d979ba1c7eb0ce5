#include "gateway/log_history.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "event-store/archive/archive_reader.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/contract/chain.hpp"
#include "event-store/log/user_chain.hpp"
#include "gateway/history_api.hpp"
#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using event_store::HistoryPage;
using event_store::HistoryQuery;
using event_store::ThreadPage;
using event_store::ThreadQuery;

class AskedLog : public testing::Test {
 protected:
  AskedLog() {
    world_.put(second_owner_.owned());
    for (int i = 0; i < 12; ++i) {
      say("ann", i % 3 == 0 ? "third" : "other");
      say("bob", "third");
    }
  }
  ~AskedLog() override { std::filesystem::remove_all(folder_); }

  void say(const std::string& user, const std::string& thread) {
    auto& chain = chains_
                      .try_emplace(user, event_store::start_of_chain(world_.log->describe().log_id,
                                                                     UserId(user)))
                      .first->second;
    ++chain.seq;
    const std::string number = std::to_string(chain.seq.value());
    NewRecord record = event_store::encode_event(
        Event{.id = EventId(world_.random.uuid()),
              .source = "/test",
              .time = world_.scheduler.clock().now(),
              .user_id = UserId(user),
              .thread_id = ThreadId(thread),
              .run_id = std::nullopt,
              .attempt = std::nullopt,
              .websocket_client_id = WebsocketClientId("ws_test"),
              .seq = chain.seq,
              .inbound_offset = Offset(1),
              .epoch = second_owner_.epoch(),
              .owner_seq = OwnerSeq(++owner_seq_),
              .causation_id = "cause",
              .traceparent = std::nullopt,
              .data = MessageReceived{MessageId("m" + number), "content " + number, "assistant"}});
    chain.hash = event_store::chain_next(chain.hash,
                                         event_store::content_hash(record.headers, record.value));
    event_store::add_chain_hash(record, chain.hash);
    world_.put(std::move(record));
  }

  // An archive of all that is in the log.
  event_store::ArchiveReader archived() {
    const std::string file = event_store::archive_path(folder_, Partition(0));
    auto archive = event_store::PartitionArchive::open(file, world_.log->describe().log_id, 10,
                                                       [](const std::string&) {});
    event_store::Position position{};
    for (const RecordPtr& record : world_.simulated.records({Topic::events, Partition(0)}))
      if (event_store::fold(position, *record).verdict == event_store::Verdict::valid) {
        EXPECT_TRUE(archive->add(*record));
      }
    EXPECT_TRUE(archive->commit(position));
    return event_store::ArchiveReader(folder_, 1);
  }

  template <class Page>
  struct Asked {
    std::vector<Result<Page>> answers;
  };
  std::shared_ptr<Asked<HistoryPage>> begin(const HistoryQuery& query) {
    auto asked = std::make_shared<Asked<HistoryPage>>();
    history_.read(query, world_.shard,
                  [asked](Result<HistoryPage> page) { asked->answers.push_back(std::move(page)); });
    return asked;
  }
  HistoryPage read(const HistoryQuery& query) {
    const auto asked = begin(query);
    world_.settle();
    return asked->answers.at(0).value();
  }
  Result<ThreadPage> read_threads(const ThreadQuery& query) {
    auto asked = std::make_shared<Asked<ThreadPage>>();
    history_.read_threads(query, world_.shard, [asked](Result<ThreadPage> page) {
      asked->answers.push_back(std::move(page));
    });
    world_.settle();
    return asked->answers.at(0);
  }
  static std::vector<std::string> told(const HistoryPage& page) {
    std::vector<std::string> all;
    for (const RecordPtr& event : page.events)
      all.push_back(*event->key + " " + std::string(event->header("ce_userseq").value_or("?")));
    all.emplace_back(page.more ? "more" : "end");
    return all;
  }
  static std::vector<std::string> told(const ThreadPage& page) {
    std::vector<std::string> all;
    for (const event_store::ThreadSummary& thread : page.threads)
      all.push_back(thread.id.value() + " " + std::to_string(thread.newest.value()) + " " +
                    thread.time + " " + std::to_string(thread.messages) + " " + thread.first_words);
    all.emplace_back(page.more ? "more" : "end");
    return all;
  }

  static std::string make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "signalbox-XXXXXX").string();
    return ::mkdtemp(name.data());
  }

  const std::string folder_ = make_folder();
  GatewayWorld world_{{.limits = {.log_scans_waiting_max = 2}}};
  test_support::TestOwner second_owner_{world_.log->describe().log_id, Epoch(2), world_.random};
  OwnerSeq owner_seq_{0};
  std::map<std::string, event_store::UserChain> chains_;
  // A piece is less than the page of most queries, and a search has several.
  LogHistory history_{*world_.log,
                      *world_.feed,
                      world_.scheduler.clock(),
                      {.piece_found_bytes_max = 1000, .threads_max = 2}};
  const UserId ann_{"ann"};
};

TEST_F(AskedLog, pages_are_those_of_an_archive_both_ways_of_all_threads_and_of_one) {
  event_store::ArchiveReader archive = archived();
  for (const std::optional<ThreadId>& thread :
       {std::optional<ThreadId>(), std::optional(ThreadId("third")), std::optional(ThreadId("x"))})
    for (const std::size_t events_max : {1U, 4U, 12U, 1000U})
      for (const std::size_t bytes_max : {1U, 2000U, 1U << 20})
        for (std::int64_t seq = 0; seq <= 13; ++seq)
          for (const bool forward : {true, false}) {
            HistoryQuery query{.user = ann_, .after = std::nullopt, .before = std::nullopt};
            query.thread = thread;
            query.events_max = events_max;
            query.bytes_max = bytes_max;
            (forward ? query.after : query.before) = Seq(seq);
            ASSERT_EQ(told(read(query)), told(*archive.read(query)))
                << forward << " " << seq << " " << events_max << " " << bytes_max;
          }
  EXPECT_EQ(told(read({.user = ann_, .after = std::nullopt, .before = Seq(4), .events_max = 2})),
            (std::vector<std::string>{"ann 3", "ann 2", "more"}));
}

TEST_F(AskedLog, threads_are_those_of_an_archive) {
  event_store::ArchiveReader archive = archived();
  for (std::int64_t before = 0; before <= 13; ++before)
    for (const std::size_t threads_max : {1U, 2U, 1000U}) {
      const ThreadQuery query{.user = ann_, .before = Seq(before), .threads_max = threads_max};
      ASSERT_EQ(told(*read_threads(query)), told(*archive.read_threads(query))) << before;
    }
  EXPECT_EQ(read_threads({.user = ann_, .before = Seq(13)})->threads.size(), 2U);
}

TEST_F(AskedLog, a_page_says_how_far_the_log_went) {
  const Offset end = world_.log->bounds({Topic::events, Partition(0)})->end;
  EXPECT_EQ(read({.user = ann_, .after = Seq(0), .before = std::nullopt}).complete_to.next_offset,
            end);
}

TEST_F(AskedLog, of_more_threads_than_may_be_kept_there_is_no_list) {
  say("ann", "one too many");
  const auto page = read_threads({.user = ann_, .before = Seq(100)});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::unavailable);
}

TEST_F(AskedLog, of_a_user_whose_seq_goes_back_what_came_first_is_his_history) {
  chains_.at("ann").seq = Seq(3);
  say("ann", "other");  // 4 again
  chains_.at("ann").seq = Seq(12);
  say("ann", "other");
  const auto page = read({.user = ann_, .after = Seq(10), .before = std::nullopt});
  EXPECT_EQ(told(page), (std::vector<std::string>{"ann 11", "ann 12", "ann 13", "end"}));
}

TEST_F(AskedLog, more_searches_than_may_wait_are_overloaded_and_the_others_answered) {
  const HistoryQuery query{.user = ann_, .after = Seq(0), .before = std::nullopt};
  std::vector<std::shared_ptr<Asked<HistoryPage>>> all;
  // One is begun by the only helper, two wait.
  for (int i = 0; i < 5; ++i) all.push_back(begin(query));
  world_.settle();
  int overloaded = 0;
  for (const auto& asked : all) {
    ASSERT_EQ(asked->answers.size(), 1U);
    if (asked->answers[0]) {
      EXPECT_EQ(asked->answers[0]->events.size(), 12U);
    } else {
      EXPECT_EQ(asked->answers[0].error().code, Errc::overloaded);
      ++overloaded;
    }
  }
  EXPECT_EQ(overloaded, 2);
}

TEST_F(AskedLog, a_search_and_the_catch_up_of_a_socket_take_turns) {
  world_.restart_feed();  // its window begins behind what was said
  LogHistory history{
      *world_.log, *world_.feed, world_.scheduler.clock(), {.piece_found_bytes_max = 1000}};
  std::vector<std::string> order;
  const HistoryQuery query{.user = ann_, .after = Seq(0), .before = std::nullopt};
  history.read(query, world_.shard,
               [&](const Result<HistoryPage>&) { order.emplace_back("page"); });
  auto socket = world_.connect("bob", StreamFrom::start);
  EXPECT_EQ(order.size(), 1U);
  EXPECT_EQ(socket.link->story().back(), "caught_up");
}

TEST_F(AskedLog, a_log_that_cannot_be_read_is_told) {
  world_.log->read_error = Error{Errc::corrupt, "a row is damaged"};
  const auto asked = begin({.user = ann_, .after = Seq(0), .before = std::nullopt});
  world_.settle();
  EXPECT_EQ(asked->answers.at(0).error().code, Errc::corrupt);
  world_.log->read_error.reset();
  world_.log->bounds_error = Error{Errc::io_error, "no"};
  const auto again = begin({.user = ann_, .after = Seq(0), .before = std::nullopt});
  world_.settle();
  EXPECT_EQ(again->answers.at(0).error().code, Errc::io_error);
}

TEST_F(AskedLog, a_search_that_nobody_waits_for_any_more_gives_up) {
  LogHistory impatient{*world_.log,
                       *world_.feed,
                       world_.scheduler.clock(),
                       {.piece_found_bytes_max = 1000, .patience = std::chrono::milliseconds(0)}};
  std::vector<Result<HistoryPage>> answers;
  const int reads = world_.log->reads;
  impatient.read({.user = ann_, .after = Seq(0), .before = std::nullopt}, world_.shard,
                 [&](Result<HistoryPage> page) { answers.push_back(std::move(page)); });
  world_.settle();
  ASSERT_FALSE(answers.at(0));
  EXPECT_EQ(answers[0].error().code, Errc::unavailable);
  EXPECT_EQ(world_.log->reads, reads + 1);
}

TEST_F(AskedLog, a_search_under_way_is_answered_when_the_feed_closes) {
  const HistoryQuery query{.user = ann_, .after = Seq(0), .before = std::nullopt};
  const auto first = begin(query);
  const auto second = begin(query);
  world_.scheduler.run_on(world_.feed_thread, [&] { world_.feed->close(); });
  const auto late = begin(query);
  world_.settle();
  for (const auto& asked : {first, second, late}) EXPECT_EQ(asked->answers.size(), 1U);
  EXPECT_FALSE(late->answers.at(0));
}

class AskedLogOverHttp : public AskedLog {
 protected:
  std::vector<HttpResponse> get(std::size_t route, const std::string& query, int times) {
    const std::string token = sign_token(world_.key, {ann_, {}}, world_.scheduler.clock().now());
    const HttpRequest request{"GET", "", query, {{"authorization", "Bearer " + token}}, "", ""};
    std::vector<HttpResponse> answers;
    for (int i = 0; i < times; ++i)
      std::get<LateHttpHandler>(api_.routes()[route].handler)(
          request, [&](HttpResponse response) { answers.push_back(std::move(response)); });
    world_.settle();
    return answers;
  }

  HistoryApi api_{{*world_.log, history_, *world_.feed, world_.authenticator, world_.helper,
                   world_.scheduler.clock(), world_.callbacks, world_.metrics},
                  {.requests_per_user_max = 32}};
};

TEST_F(AskedLogOverHttp, threads_are_listed_page_by_page) {
  const auto first = get(1, "limit=1", 1);
  ASSERT_EQ(first.at(0).status, 200);
  auto body = nlohmann::json::parse(first[0].body);
  EXPECT_EQ(body["threads"][0]["thread_id"], "other");
  EXPECT_EQ(body["threads"][0]["newest_seq"], 12);
  EXPECT_EQ(body["threads"][0]["messages"], 8);
  EXPECT_EQ(body["threads"][0]["first_words"], "content 2");
  EXPECT_EQ(body["next"], "/v1/threads?before=12&limit=1");
  body = nlohmann::json::parse(get(1, "before=12&limit=1", 1).at(0).body);
  EXPECT_EQ(body["threads"][0]["thread_id"], "third");
  EXPECT_FALSE(body.contains("next"));
}

TEST_F(AskedLogOverHttp, where_too_many_scans_wait_a_request_is_told_to_come_back) {
  const auto answers = get(0, "after=0", 5);
  ASSERT_EQ(answers.size(), 5U);
  int refused = 0;
  for (const HttpResponse& answer : answers) {
    const auto body = nlohmann::json::parse(answer.body);
    if (answer.status == 200) {
      EXPECT_EQ(body["events"].size(), 12U);
      continue;
    }
    ++refused;
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(body["error"]["code"], "overloaded");
    EXPECT_EQ(answer.headers.at(0).first, "Retry-After");
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 5);
  EXPECT_EQ(world_.callbacks.pending(), 0U);
}

}  // namespace
}  // namespace signalbox::gateway
