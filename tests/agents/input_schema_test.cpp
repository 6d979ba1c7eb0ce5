#include "router/agents/input_schema.hpp"

#include <gtest/gtest.h>

namespace signalbox::router {
namespace {

std::string verdict(const char* schema, const char* data) {
  const auto checked = check_input(JsonText(schema), JsonText(data));
  if (checked) return "ok";
  return std::string(to_text(checked.error().code)) + " " + checked.error().field;
}

std::string schema_verdict(const char* schema) {
  const auto checked = check_input_schema(JsonText(schema));
  return checked ? "ok" : checked.error().field;
}

TEST(InputSchema, every_type_accepts_its_values_and_no_others) {
  EXPECT_EQ(verdict(R"({"type":"boolean"})", "true"), "ok");
  EXPECT_EQ(verdict(R"({"type":"boolean"})", "1"), "bad_field data");
  EXPECT_EQ(verdict(R"({"type":"null"})", "null"), "ok");
  EXPECT_EQ(verdict(R"({"type":"null"})", "0"), "bad_field data");
  EXPECT_EQ(verdict(R"({"type":"string"})", R"("yes")"), "ok");
  EXPECT_EQ(verdict(R"({"type":"string"})", "7"), "bad_field data");
  EXPECT_EQ(verdict(R"({"type":"integer"})", "7"), "ok");
  EXPECT_EQ(verdict(R"({"type":"integer"})", "7.0"), "ok");
  EXPECT_EQ(verdict(R"({"type":"integer"})", "7.5"), "bad_field data");
  EXPECT_EQ(verdict(R"({"type":"number"})", "7.5"), "ok");
  EXPECT_EQ(verdict(R"({"type":"number"})", R"("7.5")"), "bad_field data");
  EXPECT_EQ(verdict(R"({"type":"array"})", "[]"), "ok");
  EXPECT_EQ(verdict(R"({"type":"array"})", "{}"), "bad_field data");
  EXPECT_EQ(verdict(R"({"type":"object"})", "{}"), "ok");
  EXPECT_EQ(verdict(R"({"type":"object"})", "[]"), "bad_field data");
  EXPECT_EQ(verdict(R"({"type":["string","null"]})", "null"), "ok");
  EXPECT_EQ(verdict(R"({"type":["string","null"]})", "3"), "bad_field data");
}

TEST(InputSchema, enum_compares_whole_values) {
  EXPECT_EQ(verdict(R"({"enum":["small",{"size":3}]})", R"({"size":3})"), "ok");
  EXPECT_EQ(verdict(R"({"enum":["small",{"size":3}]})", R"({"size":4})"), "bad_field data");
  EXPECT_EQ(verdict(R"({"enum":[]})", "1"), "bad_field data");
}

TEST(InputSchema, bounds_hold_at_their_edges) {
  EXPECT_EQ(verdict(R"({"minimum":2,"maximum":4})", "2"), "ok");
  EXPECT_EQ(verdict(R"({"minimum":2,"maximum":4})", "4"), "ok");
  EXPECT_EQ(verdict(R"({"minimum":2,"maximum":4})", "1.99"), "bad_field data");
  EXPECT_EQ(verdict(R"({"minimum":2,"maximum":4})", "5"), "bad_field data");
  EXPECT_EQ(verdict(R"({"minItems":1,"maxItems":2})", "[1]"), "ok");
  EXPECT_EQ(verdict(R"({"minItems":1,"maxItems":2})", "[]"), "bad_field data");
  EXPECT_EQ(verdict(R"({"minItems":1,"maxItems":2})", "[1,2,3]"), "bad_field data");
}

TEST(InputSchema, lengths_count_code_points_not_bytes) {
  EXPECT_EQ(verdict(R"({"minLength":3,"maxLength":3})", R"("añb")"), "ok");
  EXPECT_EQ(verdict(R"({"minLength":4})", R"("añb")"), "bad_field data");
  EXPECT_EQ(verdict(R"({"maxLength":2})", R"("añb")"), "bad_field data");
}

TEST(InputSchema, an_error_names_the_whole_path) {
  const char* schema = R"({"type":"object","required":["order"],"additionalProperties":false,
    "properties":{"order":{"type":"object","required":["drinks"],
      "properties":{"drinks":{"type":"array","items":{"type":"object","required":["name"],
        "properties":{"name":{"type":"string"}}}}}}}})";
  EXPECT_EQ(verdict(schema, R"({"order":{"drinks":[{"name":"latte"}]}})"), "ok");
  EXPECT_EQ(verdict(schema, R"({"order":{"drinks":[{"name":"latte"},{"name":7}]}})"),
            "bad_field data.order.drinks[1].name");
  EXPECT_EQ(verdict(schema, R"({"order":{"drinks":[{}]}})"),
            "missing_field data.order.drinks[0].name");
  EXPECT_EQ(verdict(schema, "{}"), "missing_field data.order");
  EXPECT_EQ(verdict(schema, R"({"order":{"drinks":[]},"tip":1})"), "bad_field data.tip");
}

TEST(InputSchema, answers_that_are_no_json_are_refused) {
  EXPECT_EQ(verdict("{}", "{"), "bad_json data");
  EXPECT_EQ(verdict("{}", ""), "bad_json data");
}

TEST(InputSchema, a_schema_with_rules_we_do_not_check_is_refused) {
  EXPECT_EQ(schema_verdict(R"({"title":"Size","type":"string","description":"of the cup"})"), "ok");
  EXPECT_EQ(schema_verdict(R"({"pattern":"^a$"})"), "schema.pattern");
  EXPECT_EQ(schema_verdict(R"({"properties":{"a":{"type":"text"}}})"), "schema.properties.a.type");
  EXPECT_EQ(schema_verdict(R"({"items":[{}]})"), "schema.items");
  EXPECT_EQ(schema_verdict(R"({"minLength":-1})"), "schema.minLength");
  EXPECT_EQ(schema_verdict(R"({"required":"a"})"), "schema.required");
  EXPECT_EQ(schema_verdict("[]"), "schema");
  EXPECT_EQ(verdict(R"({"pattern":"^a$"})", R"("a")"), "malformed schema.pattern");
}

}  // namespace
}  // namespace signalbox::router
