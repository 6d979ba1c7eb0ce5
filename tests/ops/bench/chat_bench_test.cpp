// The chat bench against a service that keeps the contract, loses connections, or lies.
#include "ops/bench/chat_bench.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "ops/bench/latency_bench.hpp"
#include "tests/ops/bench/python_server.hpp"

namespace signalbox::bench {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using testing::HasSubstr;

class ChatBench : public testing::Test {
 protected:
  ChatBench() {
    std::string name = (fs::temp_directory_path() / "signalbox-bench-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::ofstream file(conversations());
    for (int i = 0; i < 12; ++i) file << conversation(i).dump() << '\n';
  }
  ~ChatBench() override { fs::remove_all(folder_); }

  static json conversation(int i) {
    const json call{{"name", "get_menu_items"},
                    {"arguments", {{"query", "Chai " + std::to_string(i)}}},
                    {"result", {{"id", i}}}};
    json turns = json::array();
    for (int turn = 0; turn < 3; ++turn)
      turns.push_back({{"user", "say " + std::to_string(turn)},
                       {"tools", json::array({call, call})},
                       {"assistant", "sáid " + std::to_string(turn)}});
    return {{"conversation_id", "dlg-" + std::to_string(i)}, {"turns", turns}};
  }
  [[nodiscard]] std::string conversations() const { return folder_ / "conversations.jsonl"; }
  [[nodiscard]] std::string history() const { return folder_ / "history.jsonl"; }

  int play(std::vector<std::string> service_arguments) {
    service_arguments.insert(service_arguments.begin(), conversations());
    const PythonServer service(SIGNALBOX_SOURCE_DIR "/tests/ops/bench/fake_service.py",
                               service_arguments);
    ChatBenchOptions options;
    options.url = dead_gateway_ + service.url("/ws");
    options.conversations = conversations();
    options.users = 5;
    options.duration = duration_;
    options.seed = 42;
    options.stall_max = stall_max_;
    options.history = history();
    return run_chat_bench(options, out_, err_);
  }

  fs::path folder_;
  std::chrono::milliseconds stall_max_{60'000};
  std::chrono::milliseconds duration_{0};
  std::string dead_gateway_;  // first in the list of addresses
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ChatBench, PlaysEveryDialogueAndFindsNothingWrongWithARightService) {
  EXPECT_EQ(play({}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("messages        36 (0 sent again)"));
  EXPECT_THAT(out_.str(), HasSubstr("runs            36"));
  EXPECT_THAT(out_.str(), HasSubstr("violations      0"));
  EXPECT_EQ(err_.str(), "");  // no progress bar unless it is asked for
}

TEST_F(ChatBench, GoesOnThroughLostConnectionsWithoutGapOrRepeat) {
  EXPECT_EQ(play({"--drop", "0.03"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("messages        36"));
  EXPECT_THAT(out_.str(), testing::Not(HasSubstr("reconnects      0\n")));
}

// The bench called it a changed history; a run of the chaos harness found it.
TEST_F(ChatBench, TakesAnEventThatComesWhileAllIsReadAgain) {
  for (const std::string when : {"on_its_way", "behind"}) {
    EXPECT_EQ(play({"--late", when}), 0) << err_.str();
    EXPECT_THAT(out_.str(), testing::Not(HasSubstr("(0 sent again)")));
    EXPECT_THAT(out_.str(), HasSubstr("violations      0"));
    out_.str("");
  }
}

TEST_F(ChatBench, GoesOnAtTheNextAddressWhereOneIsDead) {
  dead_gateway_ = "ws://127.0.0.1:1/ws,";
  EXPECT_EQ(play({"--drop", "0.03"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("messages        36"));
}

TEST_F(ChatBench, PlaysRoundsOfNewUsersUntilItsTimeIsUp) {
  duration_ = std::chrono::milliseconds(5'000);
  EXPECT_EQ(play({}), 0) << err_.str();
  std::ifstream file(history());
  std::set<std::string> users;
  std::size_t ended = 0;
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text);
    users.insert(line.at("user").get<std::string>());
    if (line.at("kind") == "ok" && line.at("op") == "resume") ++ended;
  }
  EXPECT_GT(users.size(), 5u);
  EXPECT_EQ(ended, users.size());  // each read its history again after its last run
}

TEST_F(ChatBench, NamesTheFirstViolationOfAServiceThatLies) {
  for (const std::string fault : {"gap", "repeat", "wrong_answer", "wrong_result", "wrong_run_id",
                                  "second_terminal", "changed_history"}) {
    err_.str("");
    EXPECT_EQ(play({"--fault", fault}), 3) << fault;
    EXPECT_THAT(err_.str(), HasSubstr("violation: " + fault)) << err_.str();
  }
}

TEST_F(ChatBench, FindsAnAcknowledgedMessageThatNothingComesOf) {
  stall_max_ = std::chrono::milliseconds(300);
  EXPECT_EQ(play({"--fault", "lost_message"}), 3);
  EXPECT_THAT(err_.str(), HasSubstr("violation: stalled"));
}

TEST_F(ChatBench, RecordsEveryOperationWithItsEndAndEveryFrame) {
  ASSERT_EQ(play({"--drop", "0.02"}), 0) << err_.str();
  std::ifstream file(history());
  std::map<std::string, int> kinds;
  std::map<std::string, std::int64_t> last_seq;
  std::map<std::string, int> open;  // invoked and not yet ended
  const auto operation = [](const json& line) {
    return line.at("op").get<std::string>() + " " +
           line.value("message_id", line.at("user").get<std::string>());
  };
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text);
    const std::string kind = line.at("kind");
    ++kinds[kind];
    if (kind == "invoke") ++open[operation(line)];
    if (kind == "ok" || kind == "unknown") --open[operation(line)];
    if (kind == "frame" && line.contains("seq")) {
      EXPECT_EQ(line.at("cursor"), line.at("user").get<std::string>() + "." +
                                       std::to_string(line.at("seq").get<int>()));
      last_seq[line.at("user")] = line.at("seq");
    }
    EXPECT_GT(line.at("t").get<std::int64_t>(), 0);
  }
  EXPECT_GE(kinds["invoke"], 36 + 5);
  EXPECT_EQ(kinds["invoke"], kinds["ok"] + kinds["unknown"]);
  for (const auto& [message, count] : open) EXPECT_EQ(count, 0) << message;
  EXPECT_EQ(last_seq.size(), 5u);
}

TEST_F(ChatBench, MeasuresLatencyBesideTheDisk) {
  const PythonServer service(SIGNALBOX_SOURCE_DIR "/tests/ops/bench/fake_service.py",
                             {conversations()});
  LatencyBenchOptions options;
  options.url = service.url("/ws");
  options.conversations = conversations();
  options.folder = folder_;
  options.conversations_max = 3;
  options.pause = std::chrono::milliseconds(1);
  options.syncs = 3;
  EXPECT_EQ(run_latency_bench(options, out_, err_), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("messages        9 (0 sent again)"));
  EXPECT_THAT(out_.str(), HasSubstr("fdatasync       p50 "));
}

TEST_F(ChatBench, SaysTryAgainWhenTheServiceStaysAway) {
  ChatBenchOptions options;
  options.url = "ws://127.0.0.1:1/ws";
  options.conversations = conversations();
  options.unreachable_max = std::chrono::milliseconds(50);
  EXPECT_EQ(run_chat_bench(options, out_, err_), 75);
}

TEST_F(ChatBench, RefusesWhatItCannotRead) {
  ChatBenchOptions options;
  options.url = "http://127.0.0.1/ws";
  EXPECT_EQ(run_chat_bench(options, out_, err_), 2);
  options.url = "ws://127.0.0.1:1/ws";
  options.conversations = folder_ / "missing.jsonl";
  EXPECT_EQ(run_chat_bench(options, out_, err_), 1);
  std::ofstream(folder_ / "bad.jsonl") << conversation(0).dump() << "\n{\"turns\": 1}\n";
  options.conversations = folder_ / "bad.jsonl";
  EXPECT_EQ(run_chat_bench(options, out_, err_), 1);
  EXPECT_THAT(err_.str(), HasSubstr("bad.jsonl:2: "));
}

}  // namespace
}  // namespace signalbox::bench
