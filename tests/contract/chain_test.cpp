#include "event-store/contract/chain.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/contract/vectors.hpp"

namespace signalbox::event_store {
namespace {

UserId chain_user() { return UserId(vectors().at("chain").at("user_id").get<std::string>()); }

TEST(Chain, StartsAsInTheVectors) {
  EXPECT_EQ(to_hex(chain_start(vectors_log(), chain_user())),
            vectors().at("chain").at("start").get<std::string>());
}

TEST(Chain, EveryEventHashesAsInTheVectors) {
  Hash hash = chain_start(vectors_log(), chain_user());
  ASSERT_EQ(vectors().at("chain").at("events").size(), 5u);
  for (const auto& event : vectors().at("chain").at("events")) {
    const auto value = event.at("value").get<std::string>();
    const ContentHash content = content_hash(vectors_headers(event), value);
    EXPECT_EQ(to_hex(content), event.at("content_hash").get<std::string>());
    hash = chain_next(hash, content);
    EXPECT_EQ(to_hex(hash), event.at("chainhash").get<std::string>());
  }
}

struct ChainContent : testing::Test {
  Headers headers = vectors_headers(vectors().at("chain").at("events").at(0));
  std::string value = vectors().at("chain").at("events").at(0).at("value").get<std::string>();
  ContentHash before = content_hash(headers, value);

  void set(std::string_view name, std::string_view text) { headers.set(name, text); }
};

TEST_F(ChainContent, OrderOfHeadersIsNotHashed) {
  const std::vector<Header> all(headers.begin(), headers.end());
  Headers reversed;
  for (auto header = all.rbegin(); header != all.rend(); ++header)
    reversed.add(header->name, header->value);
  EXPECT_NE(reversed, headers);
  EXPECT_EQ(content_hash(reversed, value), before);
}

TEST_F(ChainContent, TraceChainAndForeignHeadersAreNotHashed) {
  set("ce_traceparent", "another");
  set("ce_chainhash", "another");
  set("x-mirror", "another");
  set("x-new", "new");
  EXPECT_EQ(content_hash(headers, value), before);
}

// What was found out about the names of one record is kept for the next.
TEST_F(ChainContent, RecordsOfOtherNamesInBetweenChangeNothing) {
  const Headers swapped{{"ce_b", "1"}, {"ce_a", "2"}};
  const Headers sorted{{"ce_a", "2"}, {"ce_b", "1"}};
  const Headers others{{"ce_a", "1"}, {"x_b", "2"}};
  const ContentHash expected = content_hash(sorted, value);
  EXPECT_EQ(content_hash(swapped, value), expected);
  EXPECT_EQ(content_hash(others, value), content_hash(Headers{{"ce_a", "1"}}, value));
  EXPECT_EQ(content_hash(swapped, value), expected);
  EXPECT_EQ(content_hash(sorted, value), expected);
  EXPECT_EQ(content_hash(Headers{}, value), content_hash(Headers{{"x", "1"}}, value));
  EXPECT_EQ(content_hash(headers, value), before);
}

TEST_F(ChainContent, UnknownCloudEventHeadersAreHashed) {
  set("ce_later", "new");
  EXPECT_NE(content_hash(headers, value), before);
}

TEST_F(ChainContent, ContentTypeIsHashed) {
  set("content-type", "application/vnd.signalbox.sealed");
  EXPECT_NE(content_hash(headers, value), before);
}

TEST_F(ChainContent, ValueIsHashed) { EXPECT_NE(content_hash(headers, value + " "), before); }

}  // namespace
}  // namespace signalbox::event_store
