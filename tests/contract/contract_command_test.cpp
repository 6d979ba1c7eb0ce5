#include "event-store/contract/contract_command.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "event-store/contract/contract_map.hpp"
#include "tests/contract/described.hpp"

namespace signalbox::event_store {
namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome run(std::vector<std::string> args) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_contract_command(args, out, err);
  return {code, out.str(), err.str()};
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ContractCommand, ListNamesEveryContractWithItsVersions) {
  const Outcome outcome = run({"list"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(has(outcome.out, "event        agent_started         1 2\n"));
  EXPECT_TRUE(has(outcome.out, "command      user_message          1\n"));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'),
            static_cast<std::ptrdiff_t>(described_contracts().size()));
}

TEST(ContractCommand, ShowPrintsASchema) {
  EXPECT_EQ(run({"show", "agent_started"}).out,
            read_file(schema_path(ContractKind::event, "agent_started", 2)));
  EXPECT_EQ(run({"show", "agent_started:1"}).out,
            read_file(schema_path(ContractKind::event, "agent_started", 1)));
  EXPECT_EQ(run({"show", "command/user_message"}).out,
            read_file(schema_path(ContractKind::command, "user_message", 1)));
}

// Two documents one after the other are no JSON.
TEST(ContractCommand, ShowOfANameThatSeveralKindsHaveAsksForOne) {
  const Outcome outcome = run({"show", "user_message"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(has(outcome.err, " command/user_message client_frame/user_message"));
}

TEST(ContractCommand, ShowOfWhatIsNotThereFails) {
  for (const std::string name : {"agent_dreaming", "agent_started:3", "command/agent_started"}) {
    const Outcome outcome = run({"show", name});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_TRUE(has(outcome.err, name));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(ContractCommand, AUsageErrorNamesTheWordThatIsWrong) {
  EXPECT_TRUE(has(run({"lst"}).err, "signalbox contract: there is no subcommand 'lst'\nusage:"));
  EXPECT_TRUE(has(run({"list", "all"}).err, "list takes no further word, so not 'all'"));
  EXPECT_TRUE(has(run({"show"}).err, "show takes one name, like event/tool_executing"));
  EXPECT_TRUE(has(run({"show", "a:b"}).err, "'a:b' is no [KIND/]NAME[:VERSION]"));
  EXPECT_TRUE(has(run({"check", "--against"}).err, "--against and a folder"));
  EXPECT_TRUE(has(run({"check", "--against", "/no/such"}).err, "--against: /no/such is no folder"));
}

TEST(ContractCommand, OtherWordsAreAUsageError) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{},
                                               {"lst"},
                                               {"list", "all"},
                                               {"show"},
                                               {"show", "a:b"},
                                               {"check", "--against"},
                                               {"check", "released"}}) {
    const Outcome outcome = run(args);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_TRUE(has(outcome.err, "usage:"));
  }
}

TEST(ContractCommand, CheckAgainstTheLastReleasePasses) {
  const Outcome outcome = run({"check"});
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "compatible both ways"));
}

struct ContractCommandFolder : testing::Test {
  std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("released-" + std::to_string(::getpid()));

  void SetUp() override {
    std::filesystem::copy(SIGNALBOX_SOURCE_DIR "/event-store/contract/released", folder,
                          std::filesystem::copy_options::recursive);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
};

TEST_F(ContractCommandFolder, CheckAgainstAnotherReleaseNamesTheField) {
  EXPECT_EQ(run({"check", "--against", folder.string()}).code, 0);
  const auto path = folder / "event" / "message_received.v1.json";
  std::string text = read_file(path.string());
  text.replace(text.find("\"agent\""), 7, "\"agents\"");
  std::ofstream(path) << text;
  const Outcome outcome = run({"check", "--against", folder.string()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out,
            "event/message_received:1 data.agents was taken away (incompatible: both ways)\n");
}

TEST_F(ContractCommandFolder, CheckAgainstWhatCannotBeReadFails) {
  EXPECT_EQ(run({"check", "--against", (folder / "nowhere").string()}).code, 1);
  std::ofstream(folder / "event" / "thing.json") << "{}";
  const Outcome outcome = run({"check", "--against", folder.string()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(has(outcome.err, "thing.json"));
}

TEST(ContractMap, EveryFieldHasWritersAndReaders) {
  std::size_t fields = 0;
  for (const MappedField& mapped : contract_map()) {
    EXPECT_NE(mapped.writers, "") << mapped.name << "." << mapped.field;
    EXPECT_NE(mapped.readers, "") << mapped.name << "." << mapped.field;
  }
  for (const DescribedContract& one : described_contracts())
    fields += one.schema["properties"].size();
  EXPECT_EQ(contract_map().size(), fields);
}

TEST(ContractMap, EveryLineOfTheDeclarationIsAboutSomethingThatExists) {
  std::set<std::tuple<ContractKind, std::string, std::string>> known;
  for (const MappedField& mapped : contract_map()) {
    known.insert({mapped.kind, "", ""});
    known.insert({mapped.kind, std::string(mapped.name), ""});
    known.insert({mapped.kind, std::string(mapped.name), mapped.field});
  }
  for (const FieldUse& use : field_uses())
    EXPECT_TRUE(known.contains({use.kind, std::string(use.name), std::string(use.field)}))
        << use.name << "." << use.field;
}

TEST(ContractMap, MemoryIsReadByTheRouterAlone) {
  const Outcome outcome = run({"map"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(has(outcome.out,
                  "event/agent_completed               memory                  "
                  "router            router\n"));
}

}  // namespace
}  // namespace signalbox::event_store
