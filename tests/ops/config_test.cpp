#include "ops/cli/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace signalbox::cli {
namespace {

using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    config.add(
        address_setting("gateway.listen", "where clients connect", listen).with_flag("--listen"));
    config.add(list_setting("gateway.agents", "agents a client may name", agents));
    config.add(
        integer_setting("gateway.io_threads", "threads that hold sockets", io_threads, 0, 64));
    config.add(boolean_setting("dev", "development", dev).with_flag("--dev"));
    config.add(duration_setting("limits.run", "longest run", run, std::chrono::seconds(1),
                                std::chrono::hours(24)));
  }
  ~ConfigTest() override { std::remove(path.c_str()); }

  Result<void> read(const std::string& toml) {
    std::ofstream(path) << toml;
    return config.read_file(path);
  }
  Result<void> read_environment(std::vector<const char*> variables) {
    variables.push_back(nullptr);
    return config.read_environment(variables.data());
  }
  std::string refusal(const Result<void>& result) {
    return result ? "accepted" : result.error().message;
  }

  std::string path = ::testing::TempDir() + "config_test_" +
                     ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
  std::string listen = "127.0.0.1:8080";
  std::vector<std::string> agents{"assistant"};
  int io_threads = 2;
  bool dev = false;
  std::chrono::seconds run{900};
  Config config;
};

TEST_F(ConfigTest, AllProblemsOfAFileAreToldWithTheirLinesAndWhatIsGoodIsTaken) {
  std::ofstream(path) << "dev = 7\n[gateway]\nio_threads = 3\nlisen = \"x\"\nagents = [\n 7,\n]\n";
  const auto problems = config.take_file(path);
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].error.field, "dev");
  EXPECT_EQ(problems[1].error.field, "gateway.agents");
  EXPECT_EQ(problems[1].first_line, 5);
  EXPECT_EQ(problems[1].last_line, 7);
  EXPECT_THAT(problems[2].error.message, HasSubstr(":4: unknown key gateway.lisen"));
  EXPECT_EQ(io_threads, 3);
  std::ofstream(path) << "dev = \n";
  ASSERT_EQ(config.take_file(path).size(), 1U);
  EXPECT_FALSE(config.take_file(path).front().is_value);
}

TEST_F(ConfigTest, AnEmptyTableSaysNothingWhereItIsKnown) {
  EXPECT_TRUE(read("[gateway]\n[limits]\n"));
  EXPECT_THAT(refusal(read("[gatway]\n")), HasSubstr("unknown key gatway"));
}

TEST_F(ConfigTest, LaterSourcesWinAndEachValueSaysWhereItCameFrom) {
  ASSERT_TRUE(
      read("dev = true\n[gateway]\nlisten = \"127.0.0.1:1\"\nio_threads = 3\n"
           "agents = [\"assistant\", \"playbook\"]\n"));
  ASSERT_TRUE(read_environment(
      {"PATH=/bin", "SIGNALBOX_GATEWAY_LISTEN=127.0.0.1:2", "SIGNALBOX_GATEWAY_IO_THREADS=4"}));
  ASSERT_TRUE(config.set_flag("gateway.listen", "127.0.0.1:3"));
  EXPECT_EQ(config.print(),
            "dev = true  # " + path + ":1\n" +
                "gateway.agents = [\"assistant\", \"playbook\"]  # " + path + ":5\n" +
                "gateway.io_threads = 4  # environment SIGNALBOX_GATEWAY_IO_THREADS\n"
                "gateway.listen = \"127.0.0.1:3\"  # flag --listen\n"
                "limits.run = \"15m\"  # default\n");
  EXPECT_EQ(listen, "127.0.0.1:3");
  EXPECT_EQ(io_threads, 4);
}

TEST_F(ConfigTest, WhatIsPrintedCanBeReadAgain) {
  agents = {"a \"quoted\" \\ one", "tab\there"};
  const std::string printed = config.print();
  agents.clear();
  ASSERT_TRUE(read(printed));
  EXPECT_EQ(agents, (std::vector<std::string>{"a \"quoted\" \\ one", "tab\there"}));
}

TEST_F(ConfigTest, AnUnknownKeyIsRefusedWithItsLineAndTheKeysBesideIt) {
  EXPECT_EQ(refusal(read("dev = true\n\n[gateway]\nlisen = \"127.0.0.1:1\"\n")),
            path +
                ":4: unknown key gateway.lisen; allowed: gateway.agents, gateway.io_threads, "
                "gateway.listen");
  EXPECT_EQ(refusal(read("[gatway]\n")),
            path +
                ":1: unknown key gatway; allowed: dev, gateway.agents, gateway.io_threads, "
                "gateway.listen, limits.run");
}

TEST_F(ConfigTest, ABadValueIsRefusedWithItsLineAndWhatIsAllowed) {
  EXPECT_EQ(refusal(read("[gateway]\nio_threads = 65\n")),
            path + ":2: gateway.io_threads must be an integer from 0 to 64");
  EXPECT_EQ(refusal(read("[gateway]\n\nio_threads = \"2\"\n")),
            path + ":3: gateway.io_threads must be an integer from 0 to 64");
  EXPECT_EQ(refusal(read("[gateway]\nagents = [\"a\", 2]\n")),
            path + ":2: gateway.agents must be a list of texts that are not empty");
  EXPECT_THAT(refusal(read("[limits]\nrun = \"2 days\"\n")),
              HasSubstr(":2: limits.run must be a duration from 1s to 1d"));
  EXPECT_EQ(io_threads, 2);
}

TEST_F(ConfigTest, WhatIsNoTomlIsRefusedWithItsLine) {
  EXPECT_THAT(refusal(read("dev = true\n[gateway\n")), HasSubstr(path + ":2: "));
}

TEST_F(ConfigTest, AMissingFileIsNamed) {
  EXPECT_THAT(refusal(config.read_file("no/such.toml")), HasSubstr("no/such.toml"));
}

TEST_F(ConfigTest, AnUnknownVariableIsRefusedWithTheKnownOnes) {
  EXPECT_EQ(refusal(read_environment({"SIGNALBOX_GATEWAY_LISEN=127.0.0.1:1"})),
            "environment: unknown variable SIGNALBOX_GATEWAY_LISEN; allowed: SIGNALBOX_DEV, "
            "SIGNALBOX_GATEWAY_AGENTS, SIGNALBOX_GATEWAY_IO_THREADS, SIGNALBOX_GATEWAY_LISTEN, "
            "SIGNALBOX_LIMITS_RUN");
}

TEST_F(ConfigTest, ListsInTheEnvironmentAreSeparatedByCommas) {
  ASSERT_TRUE(read_environment({"SIGNALBOX_GATEWAY_AGENTS=assistant,playbook"}));
  EXPECT_EQ(agents, (std::vector<std::string>{"assistant", "playbook"}));
  ASSERT_TRUE(read_environment({"SIGNALBOX_GATEWAY_AGENTS="}));
  EXPECT_TRUE(agents.empty());
  EXPECT_FALSE(read_environment({"SIGNALBOX_GATEWAY_AGENTS=a,,b"}));
}

TEST_F(ConfigTest, ABadFlagIsRefusedWithItsName) {
  EXPECT_THAT(refusal(config.set_flag("gateway.listen", "8080")),
              HasSubstr("flag --listen: gateway.listen must be HOST:PORT"));
}

}  // namespace
}  // namespace signalbox::cli
