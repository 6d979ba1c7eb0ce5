#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "event-store/contract/command_contracts.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "event-store/contract/frame_contracts.hpp"
#include "event-store/contract/registry.hpp"
#include "tests/contract/described.hpp"
#include "tests/contract/schema_violation.hpp"

namespace signalbox::event_store {
namespace {

using Json = nlohmann::json;

TEST(Schema, OfEveryCurrentVersionSaysWhatItsDescriptionSays) {
  const auto described = described_contracts();
  EXPECT_EQ(described.size(), 52u);
  for (const DescribedContract& one : described) {
    const std::string path = schema_path(one.kind, one.name, one.version);
    EXPECT_EQ(Json::parse(read_file(path)), Json(one.schema)) << path;
  }
}

TEST(Schema, RegistryHoldsEveryFileAndNoMore) {
  std::set<std::string> registered;
  for (const ContractVersion& contract : contract_versions()) {
    const std::string path = schema_path(contract.kind, contract.name, contract.version);
    EXPECT_TRUE(registered.insert(path).second) << path;
    EXPECT_EQ(contract.schema, read_file(path));
  }
  const std::filesystem::path folder = SIGNALBOX_SOURCE_DIR "/event-store/contract/schemas";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_TRUE(registered.contains(entry.path().string())) << entry.path();
  }
  EXPECT_EQ(files, registered.size());
}

TEST(Schema, RegistryIsOrderedAndHasOneCurrentVersionOfEach) {
  std::map<std::pair<ContractKind, std::string_view>, int> newest;
  std::tuple<ContractKind, std::string_view, int> before{ContractKind::event, "", 0};
  for (const ContractVersion& contract : contract_versions()) {
    const std::tuple now(contract.kind, contract.name, contract.version);
    EXPECT_LT(before, now);
    before = now;
    if (!contract.current) continue;
    const std::pair name(contract.kind, contract.name);
    EXPECT_TRUE(newest.emplace(name, contract.version).second) << contract.name;
  }
  EXPECT_EQ(newest.size(), described_contracts().size());
  EXPECT_EQ((newest[{ContractKind::event, "agent_started"}]), 2);
  EXPECT_EQ((newest[{ContractKind::event, "message_received"}]), 1);
}

TEST(Schema, OnlyTheTenRunEventsHaveASecondVersion) {
  std::set<std::string_view> run_events;
  for (const ContractVersion& contract : contract_versions())
    if (contract.version == 2) run_events.insert(contract.name);
  EXPECT_EQ(run_events, (std::set<std::string_view>{
                            "agent_cancelled", "agent_completed", "agent_failed", "agent_started",
                            "agent_thinking", "input_requested", "model_completed", "run_resumed",
                            "tool_completed", "tool_executing"}));
}

// The value of a record, the text of a frame.
Json golden_value(const ContractVersion& contract) {
  const std::string path = golden_path(contract.kind, contract.name, contract.version);
  return Json::parse(parse_golden(parse_golden_text(read_file(path))).value);
}

TEST(Schema, TheGoldenFileOfEveryVersionMeetsItsSchema) {
  for (const ContractVersion& contract : contract_versions())
    EXPECT_EQ(schema_violation(Json::parse(contract.schema), golden_value(contract)), "")
        << to_text(contract.kind) << "/" << contract.name << " version " << contract.version;
}

TEST(Schema, WithoutARequiredFieldNoGoldenFileMeetsIt) {
  for (const ContractVersion& contract : contract_versions()) {
    const Json schema = Json::parse(contract.schema);
    for (const Json& name : schema.at("required")) {
      Json value = golden_value(contract);
      EXPECT_EQ(value.erase(name.get<std::string>()), 1u) << name;
      EXPECT_EQ(schema_violation(schema, value), "required") << name;
    }
  }
}

template <class E>
void expect_names() {
  for (std::size_t i = 0; i < EnumNames<E>::kValues.size(); ++i)
    EXPECT_EQ(to_text(EnumNames<E>::kValues[i]), EnumNames<E>::kNames[i]);
}

TEST(Schema, NamesOfClosedSetsAreThoseOfTheVocabulary) {
  expect_names<FailureCode>();
  expect_names<RejectCode>();
  expect_names<CancelRejectCode>();
  expect_names<InputRejectCode>();
  expect_names<ResumeReason>();
  expect_names<Errc>();
}

}  // namespace
}  // namespace signalbox::event_store
