#include <gtest/gtest.h>

#include "event-store/contract/contract_check.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::string_view kReleased = R"({
  "type": "object",
  "properties": {
    "id": { "type": "string", "minLength": 1, "maxLength": 128, "x-bytes-max": 128 },
    "code": { "type": "string", "enum": ["a", "b"] },
    "count": { "type": "integer", "minimum": 0, "maximum": 9 },
    "note": { "type": "string" },
    "at": { "type": "object", "properties": { "x": { "type": "integer" } }, "required": ["x"] },
    "list": { "type": "array", "items": { "type": "object",
              "properties": { "y": { "type": "string" } }, "required": ["y"] } }
  },
  "required": ["id", "code"]
})";

// What is found when, in the released schema, `from` became `to`.
std::string found_after(std::string_view from, std::string_view to, std::string kind = "event") {
  std::string changed(kReleased);
  const std::size_t at = changed.find(from);
  if (at == std::string::npos) return "the schema has no such text";
  changed.replace(at, from.size(), to);
  const std::vector<SchemaFile> current = {{kind, "thing", 1, changed}};
  const std::vector<SchemaFile> released = {{kind, "thing", 1, std::string(kReleased)}};
  const auto findings = compare_schemas(current, released);
  if (!findings) return "cannot be compared: " + findings.error().field;
  std::string text;
  for (const ContractFinding& finding : *findings)
    text += finding.contract + " " + finding.field + ": " + finding.what + " (" +
            std::string(to_text(finding.direction)) + ")\n";
  return text;
}

TEST(ContractCheck, ThisBuildIsCompatibleWithTheLastRelease) {
  const auto findings = compare_schemas(current_schemas(), released_schemas());
  ASSERT_TRUE(findings) << findings.error().field;
  for (const ContractFinding& finding : *findings)
    ADD_FAILURE() << finding.contract << " " << finding.field << " " << finding.what;
  EXPECT_FALSE(released_schemas().empty());
}

TEST(ContractCheck, ANewOptionalFieldIsCompatible) {
  EXPECT_EQ(found_after(R"("note":)", R"("later": {}, "note":)"), "");
}

TEST(ContractCheck, WordsForPeopleMayChange) {
  EXPECT_EQ(found_after(R"("type": "object",)", R"("type":"object", "description": "new",)"), "");
}

TEST(ContractCheck, AFieldThatMustNewlyBeThereIsNamed) {
  EXPECT_EQ(found_after(R"(["id", "code"])", R"(["id", "code", "note"])"),
            "event/thing:1 data.note: was optional and is now required (backward)\n");
  EXPECT_EQ(found_after(R"("required": ["id", "code"])", R"("required": ["id", "code", "extra"])"),
            "event/thing:1 data.extra: is new and required (backward)\n");
}

TEST(ContractCheck, AFieldThatNeedNoLongerBeThereIsNamed) {
  EXPECT_EQ(found_after(R"(["id", "code"])", R"(["id"])"),
            "event/thing:1 data.code: was required and is now optional (forward)\n");
}

TEST(ContractCheck, AFieldThatWasTakenAwayIsNamed) {
  EXPECT_EQ(found_after(R"("note": { "type": "string" },)", ""),
            "event/thing:1 data.note: was taken away (both ways)\n");
  EXPECT_EQ(found_after(R"("note")", R"("remark")"),
            "event/thing:1 data.note: was taken away (both ways)\n");
}

TEST(ContractCheck, AChangedTypeIsNamed) {
  EXPECT_EQ(found_after(R"("note": { "type": "string" })", R"("note": { "type": "integer" })"),
            "event/thing:1 data.note: `type` was \"string\" and is now \"integer\" (both ways)\n");
  EXPECT_EQ(found_after(R"("note": { "type": "string" })", R"("note": {})"),
            "event/thing:1 data.note: `type` was \"string\" and is now nothing (both ways)\n");
}

TEST(ContractCheck, BoundsMayGoNeitherWay) {
  EXPECT_EQ(found_after(R"("maximum": 9)", R"("maximum": 8)"),
            "event/thing:1 data.count: `maximum` was 9 and is now 8 (backward)\n");
  EXPECT_EQ(found_after(R"("maximum": 9)", R"("maximum": 10)"),
            "event/thing:1 data.count: `maximum` was 9 and is now 10 (forward)\n");
  EXPECT_EQ(found_after(R"("minimum": 0,)", R"("minimum": 1,)"),
            "event/thing:1 data.count: `minimum` was 0 and is now 1 (backward)\n");
  EXPECT_EQ(found_after(R"("minimum": 0,)", ""),
            "event/thing:1 data.count: `minimum` was 0 and is now absent (forward)\n");
  EXPECT_EQ(found_after(R"(, "x-bytes-max": 128)", ""),
            "event/thing:1 data.id: `x-bytes-max` was 128 and is now absent (forward)\n");
}

TEST(ContractCheck, ClosedSetsMayGoNeitherWay) {
  EXPECT_EQ(found_after(R"(["a", "b"])", R"(["a"])"),
            "event/thing:1 data.code: no longer allows b (backward)\n");
  EXPECT_EQ(found_after(R"(["a", "b"])", R"(["c", "b", "a"])"),
            "event/thing:1 data.code: newly allows c (forward)\n");
  EXPECT_EQ(found_after(R"(, "enum": ["a", "b"])", ""),
            "event/thing:1 data.code: had a list of values and now has any (forward)\n");
}

TEST(ContractCheck, AFieldWithinAFieldIsNamedWithItsWholePath) {
  EXPECT_EQ(found_after(R"("required": ["x"])", R"("required": [])"),
            "event/thing:1 data.at.x: was required and is now optional (forward)\n");
  EXPECT_EQ(found_after(R"("y": { "type": "string" })", R"("y": { "type": "integer" })"),
            "event/thing:1 data.list[].y: `type` was \"string\" and is now \"integer\" "
            "(both ways)\n");
  EXPECT_EQ(found_after(R"("note")", R"("remark")", "client_frame"),
            "client_frame/thing:1 note: was taken away (both ways)\n");
}

TEST(ContractCheck, AContractThatWasTakenAwayIsNamed) {
  const std::vector<SchemaFile> released = {{"event", "thing", 1, std::string(kReleased)}};
  const auto findings = compare_schemas({}, released);
  ASSERT_TRUE(findings);
  ASSERT_EQ(findings->size(), 1u);
  EXPECT_EQ(findings->front().contract, "event/thing:1");
  EXPECT_TRUE(compare_schemas(released, {})->empty());
}

TEST(ContractCheck, ASchemaThatCannotBeReadIsNoPass) {
  EXPECT_EQ(found_after(R"("type": "object",)", R"("type": "object)"),
            "cannot be compared: event/thing:1 data");
}

TEST(ContractCheck, AFolderIsReadAsItIsBuiltIn) {
  const auto files = read_schema_folder(SIGNALBOX_SOURCE_DIR "/event-store/contract/released");
  ASSERT_TRUE(files) << files.error().field;
  EXPECT_EQ(files->size(), released_schemas().size());
  const auto none = read_schema_folder(SIGNALBOX_SOURCE_DIR "/no/such/folder");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
}

}  // namespace
}  // namespace signalbox::event_store
