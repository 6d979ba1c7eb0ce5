#include "router/agents/playbook.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace signalbox::router {
namespace {

const std::string kData = std::string(SIGNALBOX_SOURCE_DIR) + "/tests/";
const std::string kTurn = R"({"user":"Hi","tools":[],"assistant":"Hello"})";

class PlaybookFile : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("playbook_" + std::string(test->name()) + "_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& text) {
    const std::string path = folder_ / "talks.jsonl";
    std::ofstream(path) << text;
    return path;
  }
  // "line: field message" of a file that must be refused, or "ok".
  std::string refusal(const std::string& text) {
    const std::string path = write(text);
    const auto loaded = Playbook::load(path);
    if (loaded) return "ok";
    EXPECT_EQ(loaded.error().message.rfind(path, 0), 0u) << loaded.error().message;
    return loaded.error().message.substr(path.size() + 1);
  }
  static std::string dialogue(const std::string& id, const std::string& turns) {
    return R"({"conversation_id":")" + id + R"(","scenario":"s","turns":[)" + turns + "]}\n";
  }

  std::filesystem::path folder_;
};

TEST_F(PlaybookFile, all_recorded_dialogues_load_from_gzip) {
  const auto book = Playbook::load(kData + "data/conversations.jsonl.gz");
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ(book->dialogues().size(), 3000u);
  std::size_t turns = 0;
  std::size_t calls = 0;
  for (const auto& dialogue : book->dialogues()) {
    turns += dialogue.turns.size();
    for (const auto& turn : dialogue.turns) calls += turn.calls.size();
  }
  EXPECT_EQ(turns, 5606u);
  EXPECT_EQ(calls, 12459u);
  EXPECT_EQ(book->tool_names().size(), 8u);
}

TEST_F(PlaybookFile, every_value_is_that_of_the_file) {
  const std::string path = kData + "agents/data/conversations_sample.jsonl";
  const auto book = Playbook::load(path);
  ASSERT_TRUE(book) << book.error().message;
  std::ifstream lines(path);
  std::string line;
  std::size_t index = 0;
  while (std::getline(lines, line)) {
    const auto json = nlohmann::ordered_json::parse(line);
    const auto& dialogue = book->dialogues().at(index++);
    EXPECT_EQ(dialogue.id, json["conversation_id"]);
    ASSERT_EQ(dialogue.turns.size(), json["turns"].size());
    for (std::size_t t = 0; t < dialogue.turns.size(); ++t) {
      const auto& turn = json["turns"][t];
      EXPECT_EQ(dialogue.turns[t].user, turn["user"]);
      EXPECT_EQ(dialogue.turns[t].assistant, turn["assistant"]);
      ASSERT_EQ(dialogue.turns[t].calls.size(), turn["tools"].size());
      for (std::size_t c = 0; c < turn["tools"].size(); ++c) {
        const auto& call = dialogue.turns[t].calls[c];
        EXPECT_EQ(book->tool_names()[call.tool], turn["tools"][c]["name"]);
        EXPECT_EQ(call.arguments.value(), turn["tools"][c]["arguments"].dump()) << dialogue.id;
        EXPECT_EQ(call.result.value(), turn["tools"][c]["result"].dump()) << dialogue.id;
      }
    }
  }
  EXPECT_EQ(index, book->dialogues().size());
}

TEST_F(PlaybookFile, numbers_and_escapes_come_through_unchanged) {
  const std::string tool =
      R"({"name":"t","result":[1.50, 1e3,null],)"
      R"("arguments":{"b":18446744073709551615,"a":"\u00e9\n\u0001\"","b":-9223372036854775808}})";
  const auto book = Playbook::load(
      write(dialogue("d1", R"({"user":"a","assistant":"b","tools":[)" + tool + "]}")));
  ASSERT_TRUE(book) << book.error().message;
  const auto& call = book->dialogues().front().turns.front().calls.front();
  EXPECT_EQ(call.arguments.value(),
            "{\"b\":18446744073709551615,\"a\":\"é\\n\\u0001\\\"\",\"b\":-9223372036854775808}");
  EXPECT_EQ(nlohmann::json::parse(call.result.value()), nlohmann::json::parse("[1.5,1000.0,null]"));
}

TEST_F(PlaybookFile, the_first_dialogue_with_an_opening_wins) {
  const auto book = Playbook::load(write(dialogue("d1", kTurn) + "\n" + dialogue("d2", kTurn)));
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ(book->find_opening("  \"hI!\" ")->id, "d1");
  EXPECT_EQ(book->find("d2")->id, "d2");
  EXPECT_EQ(book->find("d3"), nullptr);
  EXPECT_EQ(book->find_opening("hi there"), nullptr);
}

TEST_F(PlaybookFile, words_are_compared_without_case_white_space_and_outer_punctuation) {
  EXPECT_EQ(words_of("  Hello,\tWorld!\n"), "hello, world");
  EXPECT_EQ(words_of("\"Yes.\""), "yes");
  EXPECT_EQ(words_of("Café?"), "café");
  EXPECT_EQ(words_of("???"), "???");
  EXPECT_EQ(words_of(" "), "");
}

TEST_F(PlaybookFile, an_error_names_file_line_and_field) {
  const std::string good = dialogue("d1", kTurn);
  EXPECT_EQ(refusal(good), "ok");
  EXPECT_EQ(refusal(good + "\n" + R"({"conversation_id":7})"), "3: conversation_id must be a text");
  EXPECT_EQ(refusal(good + dialogue("d1", kTurn)),
            "2: conversation_id is that of an earlier line: d1");
  EXPECT_EQ(refusal(dialogue("", kTurn)),
            "1: conversation_id must be 1 to 128 bytes without control characters");
  EXPECT_EQ(refusal(R"({"conversation_id":"d"})"), "1: scenario is required");
  EXPECT_EQ(refusal(dialogue("d", "")), "1: turns must hold at least one turn");
  EXPECT_EQ(refusal(dialogue("d", kTurn + ",7")), "1: turns[1] must be an object");
  EXPECT_EQ(refusal(dialogue("d", R"({"user":"a","tools":[],"assistant":null})")),
            "1: turns[0].assistant must be a text");
  EXPECT_EQ(refusal(dialogue("d", R"({"user":"a","tools":{},"assistant":"b"})")),
            "1: turns[0].tools must be a list");
  const std::string call = R"({"name":"t","arguments":{},"result":{}})";
  EXPECT_EQ(refusal(dialogue("d", R"({"user":"a","assistant":"b","tools":[)" + call +
                                      R"(,{"name":"t","result":1}]})")),
            "1: turns[0].tools[1].arguments is required");
  EXPECT_EQ(refusal(dialogue("d", R"({"user":"a","assistant":"b","tools":[{"name":""}]})")),
            "1: turns[0].tools[0].name must not be empty");
  EXPECT_EQ(refusal(good + "{\n").rfind("2: the line is no JSON", 0), 0u);
  EXPECT_EQ(refusal("[]\n"), "1: the line must be a JSON object");
  EXPECT_EQ(refusal("\n"), " holds no dialogue");
  EXPECT_EQ(refusal(std::string((1 << 20) + 70000, ' ')), "1: a line is longer than 1 MiB");
}

TEST_F(PlaybookFile, a_missing_file_is_named) {
  const auto loaded = Playbook::load(folder_ / "none.jsonl");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::not_found);
  EXPECT_NE(loaded.error().message.find("none.jsonl"), std::string::npos);
  EXPECT_FALSE(Playbook::load(folder_));
}

TEST_F(PlaybookFile, a_gzip_file_that_was_cut_off_is_refused) {
  const std::string path = folder_ / "cut.gz";
  std::filesystem::copy_file(kData + "data/conversations.jsonl.gz", path);
  std::filesystem::resize_file(path, 100'000);
  const auto loaded = Playbook::load(path);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::io_error);
}

}  // namespace
}  // namespace signalbox::router
