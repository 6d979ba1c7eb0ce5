#include <gtest/gtest.h>

#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"

namespace signalbox::event_store {
namespace {

std::string written(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonWriter, OnlyQuotesBackslashesAndControlsAreEscaped) {
  EXPECT_EQ(written("a/b “17 × 23” \x7f"), "\"a/b “17 × 23” \x7f\"");
  EXPECT_EQ(written("\"\\"), R"("\"\\")");
  EXPECT_EQ(written("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(written(std::string_view("\0\x1f", 2)), R"("\u0000\u001f")");
}

// Eight characters are looked at together: each byte at each place of such eight and behind them,
// beside characters that are next to the bounds of what is special.
TEST(JsonWriter, WhatIsSpecialIsSeenAtEveryPlace) {
  constexpr std::string_view kPlain = "!#[] \x7f";
  for (int byte = 0; byte < 0x80; ++byte) {
    const char one = static_cast<char>(byte);
    const bool is_special = byte < 0x20 || one == '"' || one == '\\';
    std::string as_written = written({&one, 1});
    ASSERT_EQ(as_written.size() > 3, is_special);
    as_written = as_written.substr(1, as_written.size() - 2);
    for (std::size_t length = 1; length <= 19; ++length)
      for (std::size_t at = 0; at < length; ++at) {
        std::string before, after;
        for (std::size_t i = 0; i < at; ++i) before += kPlain[i % kPlain.size()];
        for (std::size_t i = at + 1; i < length; ++i) after += kPlain[i % kPlain.size()];
        ASSERT_EQ(written(before + one + after), '"' + before + as_written + after + '"')
            << byte << " at " << at << " of " << length;
      }
  }
}

TEST(JsonWriter, WhatIsNotUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(written("a\xffz\xc3"), "\"a\xef\xbf\xbdz\xef\xbf\xbd\"");
  EXPECT_EQ(written("\xed\xa0\x80ä"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdä\"");
}

TEST(JsonWriter, CommasStandBetweenMembers) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("a");
  writer.begin_array();
  writer.integer(-1);
  writer.raw("{}");
  writer.string("[");
  writer.begin_object();
  writer.end_object();
  writer.end_array();
  writer.key("b");
  writer.begin_object();
  writer.end_object();
  writer.end_object();
  EXPECT_EQ(writer.take(), R"({"a":[-1,{},"[",{}],"b":{}})");
}

TEST(JsonReader, MembersKeepTheirTextAsItStands) {
  const std::string_view text =
      " { \"a\" : 105945141827451681156 , \"b\":[ 1 , {\"c\":2} ] , \"d\" : { } ,\n"
      "\"e\":\"\\u0041\\n\", \"f\":-1.5e+30 , \"g\" : true, \"h\":null }\n";
  const auto members = read_json_object(text);
  ASSERT_TRUE(members) << members.error().message;
  std::vector<std::string> seen;
  for (const JsonMember& member : *members)
    seen.push_back(std::string(member.key) + "=" + std::string(member.raw));
  EXPECT_EQ(seen,
            (std::vector<std::string>{"a=105945141827451681156", "b=[ 1 , {\"c\":2} ]", "d={ }",
                                      "e=\"\\u0041\\n\"", "f=-1.5e+30", "g=true", "h=null"}));
  EXPECT_EQ((*members)[3].type, JsonType::string);
  EXPECT_EQ((*members)[3].text, "A\n");
}

TEST(JsonReader, StringsAreUnescaped) {
  auto members = read_json_object(R"({"a":"\u0041\ud83d\ude00\/\n\"\\","\u0062":"x"})");
  ASSERT_TRUE(members);
  EXPECT_EQ(find_member(*members, "a")->text, "A😀/\n\"\\");
  EXPECT_EQ(find_member(*members, "b")->text, "x");
  EXPECT_EQ(find_member(*members, "c"), nullptr);
}

// Of what stands escaped the members hold copies, short and long ones.
TEST(JsonReader, MembersLastAsLongAsTheTextWhatWasReadMeanwhile) {
  const std::string_view text =
      R"({"\u0061":"\u0041","\u0062 of more than fifteen":"\u0042 of more than fifteen","c":"C"})";
  auto read = read_json_object(text);
  ASSERT_TRUE(read);
  const JsonMembers members = std::move(*read);
  ASSERT_TRUE(read_json_object(R"({"\u0078":"\u0058","\u0079 of more than fifteen":"y"})"));
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(find_member(members, "a")->text, "A");
  EXPECT_EQ(find_member(members, "b of more than fifteen")->text, "B of more than fifteen");
  EXPECT_EQ(find_member(members, "c")->text.data(), text.data() + text.find("C"));
}

TEST(JsonReader, AWholeArrayIsReadToo) {
  const auto members = read_json_array(R"([{"a":1},"b", [] ])");
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 3u);
  EXPECT_EQ((*members)[0].raw, R"({"a":1})");
  EXPECT_EQ((*members)[1].text, "b");
  EXPECT_EQ((*members)[2].raw, "[]");
}

TEST(JsonReader, WhatIsNotJsonIsRefusedHoweverDeepItStands) {
  for (const std::string_view inside : {"01",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "+1",
                                        "-",
                                        "0x1",
                                        "NaN",
                                        "tru",
                                        "nulll",
                                        "truefalse",
                                        "'a'",
                                        "\"a",
                                        "\"\\q\"",
                                        "\"\\u12g4\"",
                                        "\"\\u12\"",
                                        "[1,]",
                                        "[1 2]",
                                        "[",
                                        "{\"a\":1,}",
                                        "{\"a\"}",
                                        "{a:1}",
                                        "{\"a\":1",
                                        "[1}",
                                        "",
                                        ",",
                                        "\"\n\"",
                                        "1 2",
                                        "\"a\"b",
                                        "\xff",
                                        "\"\xed\xa0\x80\"",
                                        "{\"\\ud800\":1}"}) {
    for (const std::string& text :
         {"{\"a\":" + std::string(inside) + "}", "{\"a\":[{\"b\":" + std::string(inside) + "}]}"}) {
      EXPECT_FALSE(read_json_object(text)) << text;
    }
  }
  // Of the last two each string passes for a name where nobody takes it.
  for (const std::string_view text : {"", " ", "{", "}", "[]", "1", "\"a\"", "{}{}", "{} x", "null",
                                      R"({"a":"b":1}})", R"({"a":{"b":"c":1}},"d":2})"})
    EXPECT_FALSE(read_json_object(text)) << text;
}

TEST(JsonReader, AMemberNamedTwiceIsRefusedAlsoInDisguise) {
  EXPECT_FALSE(read_json_object(R"({"a":1,"a":1})"));
  EXPECT_FALSE(read_json_object(R"({"a":1,"\u0061":1})"));
}

TEST(JsonReader, HalfACodePointIsToldOfTheMemberThatHasIt) {
  auto members = read_json_object(
      R"({"a":"\ud800","b":"\udc00x","c":[{"d":"\ud800\u0041"}],"e":"ok","f":"\\ud800"})");
  ASSERT_TRUE(members) << members.error().message;
  EXPECT_TRUE(find_member(*members, "a")->lone_surrogate);
  EXPECT_TRUE(find_member(*members, "b")->lone_surrogate);
  EXPECT_TRUE(find_member(*members, "c")->lone_surrogate);
  EXPECT_FALSE(find_member(*members, "e")->lone_surrogate);
  EXPECT_FALSE(find_member(*members, "f")->lone_surrogate);
}

TEST(JsonReader, DepthIsCountedFromTheOutermostValue) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(read_json_object(nested(64), 64));
  EXPECT_FALSE(read_json_object(nested(65), 64));
  EXPECT_TRUE(read_json_object(nested(kRecordDepthMax)));
  EXPECT_FALSE(read_json_object(nested(kRecordDepthMax + 1)));
  EXPECT_FALSE(read_json_object(nested(200000)));
}

// A member read again, and all below it, is what its text says.
void expect_same_inside(const JsonMember& member) {
  const bool is_object = member.type == JsonType::object;
  const auto again = is_object ? read_json_object(member) : read_json_array(member);
  const auto afresh = is_object ? read_json_object(member.raw) : read_json_array(member.raw);
  ASSERT_TRUE(again) << member.raw;
  ASSERT_TRUE(afresh) << member.raw;
  ASSERT_EQ(again->size(), afresh->size()) << member.raw;
  for (std::size_t i = 0; i < again->size(); ++i) {
    const JsonMember& one = (*again)[i];
    EXPECT_EQ(one.key, (*afresh)[i].key);
    EXPECT_EQ(one.type, (*afresh)[i].type);
    EXPECT_EQ(one.raw, (*afresh)[i].raw);
    EXPECT_EQ(one.text, (*afresh)[i].text);
    EXPECT_EQ(one.lone_surrogate, (*afresh)[i].lone_surrogate) << one.raw;
    if (one.type == JsonType::object || one.type == JsonType::array) expect_same_inside(one);
  }
}

TEST(JsonReader, WhatIsInAMemberIsWhatItsTextSays) {
  for (const char* const text :
       {R"({"a":{}})", R"({"a":[]})", R"({"a":{"b":[],"c":{},"d":[[],{}]}})",
        R"({"a" : { "b" : [ 1 , "]}" , { "c" : null } ] , "d\"e" : "\u00e4{" } , "z" : [ true ] })",
        R"({"a":[["m-1","00ff",-1.5e3],["m-2","\"]\"",false]],"b":{"c":{"d":{"e":[0]}}}})",
        R"({"a":{"b":{"c":"\ud800"},"d":["x"]},"e":[["y"]]})"}) {
    const auto members = read_json_object(text);
    ASSERT_TRUE(members) << text;
    for (const JsonMember& member : *members) expect_same_inside(member);
  }
}

TEST(JsonReader, AMemberOfAnotherKindOrWithANameTwiceIsRefused) {
  const auto members =
      read_json_object(R"({"object":{},"array":[],"text":"{}","twice":{"b":1,"b":2}})");
  ASSERT_TRUE(members);
  EXPECT_TRUE(read_json_object((*members)[0]));
  EXPECT_FALSE(read_json_array((*members)[0]));
  EXPECT_FALSE(read_json_object((*members)[1]));
  EXPECT_TRUE(read_json_array((*members)[1]));
  EXPECT_FALSE(read_json_object((*members)[2]));
  const auto twice = read_json_object((*members)[3]);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "names the member b twice");
}

}  // namespace
}  // namespace signalbox::event_store
