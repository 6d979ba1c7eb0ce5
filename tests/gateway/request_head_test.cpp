#include "gateway/request_head.hpp"

#include <gtest/gtest.h>

#include <random>

namespace signalbox::gateway {
namespace {

const std::string kGood =
    "GET /ws?cursor=a%20b HTTP/1.1\r\nHost: [::1]:8080\r\nX-Forwarded-For: 1.2.3.4\r\n"
    "X-Forwarded-For:5.6.7.8\r\nUser-Agent: \xc3\xa9 (x)\r\nEmpty:\r\n\r\n";

TEST(RequestHead, may_come_in_any_number_of_pieces) {
  for (std::size_t size = 0; size <= kGood.size(); ++size)
    EXPECT_FALSE(judge_head(kGood.substr(0, size))) << size;
}

// What a reader that sees only a part would take is refused in the whole.
TEST(RequestHead, is_refused_with_any_control_character_in_it) {
  for (std::size_t at = 0; at < kGood.size(); ++at)
    for (const char c : {'\0', '\r', '\n', '\x1b', '\x7f'}) {
      std::string head = kGood;
      if (head[at] == c) continue;
      head[at] = c;
      const auto fault = judge_head(head);
      ASSERT_TRUE(fault) << at << " " << static_cast<int>(c);
      EXPECT_EQ(fault->status, 400) << at;
    }
}

TEST(RequestHead, whatever_it_is_made_of_is_judged) {
  std::mt19937 random(11);
  const std::string_view pieces[] = {"GET ",     "/a ",   "HTTP/1.1",
                                     "\r\n",     "Host:", " x",
                                     "\r",       "\n",    ":",
                                     " ",        "\t",    "Content-Length: 1",
                                     "\r\n\r\n", "\xff",  "Transfer-Encoding: chunked"};
  for (int round = 0; round < 20'000; ++round) {
    std::string head;
    for (auto count = random() % 12; count > 0; --count)
      head += pieces[random() % std::size(pieces)];
    const auto fault = judge_head(head);
    EXPECT_TRUE(!fault || (fault->status >= 400 && !fault->message.empty()));
  }
}

}  // namespace
}  // namespace signalbox::gateway
