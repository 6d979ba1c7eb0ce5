#include "gateway/history_request.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace signalbox::gateway {
namespace {

const UserId kAnna("anna");

std::string field_of(const HttpResponse& refusal) {
  EXPECT_EQ(refusal.status, 400);
  return nlohmann::json::parse(refusal.body)["error"]["field"];
}

TEST(HistoryRequest, reads_both_ways_and_begins_at_the_newest) {
  const auto newest = read_history_query("", kAnna);
  ASSERT_TRUE(newest);
  EXPECT_FALSE(newest->after);
  EXPECT_EQ(newest->before, Seq(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(newest->events_max, 100U);
  const auto after = read_history_query("after=0&limit=1000&thread_id=a%2Fb+c", kAnna);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->after, Seq(0));
  EXPECT_FALSE(after->before);
  EXPECT_EQ(after->thread, ThreadId("a/b c"));
  EXPECT_EQ(next_link(*after, Seq(7)), "/v1/history?after=7&thread_id=a%2Fb%20c&limit=1000");
  EXPECT_EQ(next_link(*newest, Seq(7)), "/v1/history?before=7&limit=100");
  const auto threads = read_thread_query("before=9&limit=2", kAnna);
  ASSERT_TRUE(threads);
  EXPECT_EQ(next_link(*threads, Seq(7)), "/v1/threads?before=7&limit=2");
}

TEST(HistoryRequest, names_the_parameter_that_is_wrong) {
  const std::pair<const char*, const char*> cases[] = {{"after=1&before=2", "after"},
                                                       {"after=", "after"},
                                                       {"after=-1", "after"},
                                                       {"after=1x", "after"},
                                                       {"after=%31%", "after"},
                                                       {"before=1.5", "before"},
                                                       {"before=99999999999999999999", "before"},
                                                       {"limit=0", "limit"},
                                                       {"limit=1001", "limit"},
                                                       {"limit=1&limit=2", "limit"},
                                                       {"thread_id=", "thread_id"},
                                                       {"thread_id=%00", "thread_id"},
                                                       {"thread_id=%ff", "thread_id"},
                                                       {"thread=t", "thread"},
                                                       {"=5", "=5"},
                                                       {"limit=1&=", "="},
                                                       {"user_id=bob", "user_id"}};
  for (const auto& [query, field] : cases) {
    const auto read = read_history_query(query, kAnna);
    ASSERT_FALSE(read) << query;
    EXPECT_EQ(field_of(read.error()), field) << query;
  }
  EXPECT_EQ(field_of(read_thread_query("after=1", kAnna).error()), "after");
  EXPECT_EQ(field_of(read_thread_query("limit=x", kAnna).error()), "limit");
}

}  // namespace
}  // namespace signalbox::gateway
