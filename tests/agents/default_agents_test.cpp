#include "router/agents/default_agents.hpp"

#include <gtest/gtest.h>

namespace signalbox::router {
namespace {

TEST(DefaultAgents, without_a_file_there_is_no_playbook) {
  const auto agents = make_default_agents({});
  ASSERT_TRUE(agents);
  EXPECT_EQ(agents->names(), (std::vector<std::string>{"assistant"}));
  ASSERT_NE(agents->find("assistant"), nullptr);
  EXPECT_EQ(agents->find("assistant")->version(), "1");
  EXPECT_EQ(agents->find("playbook"), nullptr);
}

TEST(DefaultAgents, with_a_file_there_are_both) {
  const auto agents =
      make_default_agents({.playbook = std::string(SIGNALBOX_SOURCE_DIR) +
                                       "/tests/agents/data/conversations_sample.jsonl"});
  ASSERT_TRUE(agents) << agents.error().message;
  ASSERT_NE(agents->find("playbook"), nullptr);
  EXPECT_EQ(agents->find("playbook")->version(), "2");
  EXPECT_NE(agents->find("assistant"), nullptr);
}

TEST(DefaultAgents, a_file_that_cannot_be_played_is_an_error) {
  const auto agents = make_default_agents({.playbook = "/no/such/file.jsonl"});
  ASSERT_FALSE(agents);
  EXPECT_EQ(agents.error().code, Errc::not_found);
}

}  // namespace
}  // namespace signalbox::router
