#include "event-store/model/headers.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace signalbox {
namespace {

using namespace std::string_literals;

std::vector<Header> all_of(const Headers& headers) { return {headers.begin(), headers.end()}; }

TEST(Headers, ComeBackInTheOrderInWhichTheyWereWritten) {
  Headers headers{{"b", "2"}, {"a", ""}};
  headers.add("c", "three");
  EXPECT_EQ(all_of(headers), (std::vector<Header>{{"b", "2"}, {"a", ""}, {"c", "three"}}));
  EXPECT_EQ(headers.find("a"), "");
  EXPECT_EQ(headers.find("c"), "three");
  EXPECT_FALSE(headers.find("2"));
  EXPECT_FALSE(headers.find(""));
  EXPECT_TRUE(all_of(Headers()).empty());
  EXPECT_TRUE(Headers().empty());
}

TEST(Headers, SetReplacesInPlaceOrAddsBehind) {
  Headers headers{{"a", "1"}, {"b", "2"}};
  headers.set("a", "a longer value");
  headers.set("c", "3");
  headers.set("b", *headers.find("a"));
  EXPECT_EQ(headers, (Headers{{"a", "a longer value"}, {"b", "a longer value"}, {"c", "3"}}));
}

TEST(Headers, EraseAsksOfEachInOrder) {
  Headers headers{{"a", "1"}, {"b", "2"}, {"c", "3"}};
  std::string asked;
  headers.erase_if([&](const Header& header) {
    asked += header.name;
    return header.name != "b";
  });
  EXPECT_EQ(asked, "abc");
  EXPECT_EQ(headers, (Headers{{"b", "2"}}));
}

TEST(Headers, AreWhatTheirBytesSayWhateverTheyHold) {
  Headers headers;
  headers.add(std::string(300, 'n'), std::string(70'000, 'v'));
  headers.add("\0\xff"s, "\0\0\0\1x"s);
  EXPECT_EQ(Headers::parse(headers.bytes()), headers);
  EXPECT_EQ(all_of(*Headers::parse(headers.bytes())), all_of(headers));
}

TEST(Headers, BytesThatAreNoHeadersAreRefused) {
  const Headers headers{{"ce_id", "7"}, {"x", ""}};
  constexpr std::size_t kFirst = 14;
  for (std::size_t cut = 1; cut < headers.bytes().size(); ++cut)
    EXPECT_EQ(Headers::parse(headers.bytes().substr(0, cut)).has_value(), cut == kFirst) << cut;
  EXPECT_FALSE(Headers::parse("\xff\xff\xff\xff"s));
  EXPECT_FALSE(Headers::parse("\xff\xff\xff\xff name"s));
  EXPECT_FALSE(Headers::parse("\0\0\0\0"s)) << "a name without a value";
}

}  // namespace
}  // namespace signalbox
