// What a client may send that it should not: each frame gets exactly one answer that names the
// whole field, changes nothing in the log, and the socket goes on; before sign-in it ends the
// socket.
#include <gtest/gtest.h>

#include <malloc.h>

#include <array>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string_view>

#include "event-store/contract/codec.hpp"
#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

using nlohmann::json;

const std::string kRun = "0f8fad5b-d9cb-469f-a165-70867728950e";
const std::string kHalf = R"("a\ud800b")";  // nlohmann makes no such text

enum class Form { id, text, content, uuid, any, one_of };
struct Field {
  const char* name;
  Form form;
  bool required;
};
struct FrameType {
  const char* name;
  std::vector<Field> fields;
  json good;
};
// Every frame a client sends (contract 11).
const std::vector<FrameType>& frame_types() {
  static const std::vector<FrameType> types{
      {"authenticate", {{"token", Form::text, true}}, {{"token", "a.b.c"}}},
      {"user_message",
       {{"message_id", Form::id, true},
        {"thread_id", Form::id, true},
        {"content", Form::content, true},
        {"agent", Form::id, false},
        {"traceparent", Form::id, false}},
       {{"message_id", "m"},
        {"thread_id", "t"},
        {"content", "c"},
        {"agent", "assistant"},
        {"traceparent", "00-1-2-01"}}},
      {"cancel_run", {{"run_id", Form::uuid, true}}, {{"run_id", kRun}}},
      {"run_input",
       {{"run_id", Form::uuid, true}, {"request_id", Form::id, true}, {"data", Form::any, true}},
       {{"run_id", kRun}, {"request_id", "r"}, {"data", {{"x", 1}}}}},
      {"resume", {{"from", Form::one_of, false}}, {{"from", "latest"}}},
      {"resume", {{"cursor", Form::text, true}}, {{"cursor", "AQ"}}},
      {"refresh_token", {{"token", Form::text, true}}, {{"token", "a.b.c"}}},
      {"ping", {{"nonce", Form::text, false}}, {{"nonce", "n"}}},
  };
  return types;
}

// `type`, `id` and the fields of a good frame, with the value of one given as JSON text; an empty
// text leaves it out.
std::string frame_with(const FrameType& type, const std::string& field, const std::string& value) {
  json fields = type.good;
  fields["type"] = type.name;
  fields["id"] = "x";
  std::string text;
  fields[field];
  for (const auto& [name, good] : fields.items()) {
    const std::string shown = name == field ? value : good.dump();
    if (!shown.empty()) text += (text.empty() ? "{\"" : ",\"") + name + "\":" + shown;
  }
  return text + "}";
}

struct BadFrame {
  std::string what;
  std::string text;
  std::string code;
  std::string field;
  // What can be read of the send is repeated, so that its sender knows which one it was.
  std::string id{};
  std::string message_id{};
};

std::string quoted(const std::string& text) { return '"' + text + '"'; }

// Values no field of this form takes, and the code each gets.
std::vector<std::pair<std::string, const char*>> bad_values(Form form) {
  if (form == Form::any) return {{R"({"a":["\udc00"]})", "bad_field"}, {kHalf, "bad_field"}};
  std::vector<std::pair<std::string, const char*>> bad;
  for (const char* const value : {"null", "true", "7", "-0.5", "1e400", "9223372036854775808",
                                  "105945141827451681156", "{}", "[]", R"(["a"])", R"({"a":"b"})"})
    bad.emplace_back(value, "bad_field");
  bad.emplace_back(kHalf, "bad_field");
  if (form == Form::id) {
    for (const char* const text : {"", "\\u0000", "a\\u0000b", "a\\nb", "\\u007f", "\\u0085"})
      bad.emplace_back(quoted(text), "bad_field");
    bad.emplace_back(quoted(std::string(129, 'i')), "bad_field");
    bad.emplace_back(quoted(std::string(100'000, 'i')), "bad_field");
  }
  if (form == Form::uuid)
    for (const std::string& text :
         {std::string(), std::string("r"), kRun + "0", kRun.substr(1), "{" + kRun + "}",
          "g" + kRun.substr(1), std::string(36, '-'), std::string(100'000, '0')})
      bad.emplace_back(quoted(text), "bad_field");
  if (form == Form::one_of)
    for (const char* const text : {"", "Latest", "start ", "cursor"})
      bad.emplace_back(quoted(text), "bad_field");
  if (form == Form::content) {
    bad.emplace_back(quoted(std::string(32'769, 'x')), "too_large");
    bad.emplace_back(quoted(std::string(16'384, 'x') + "\xc3\xa4" + std::string(16'383, 'x')),
                     "too_large");
  }
  return bad;
}

void add_faults(const FrameType& type, const Field& field, std::vector<BadFrame>& faults) {
  const std::string what = std::string(type.name) + "." + field.name + " ";
  if (field.required)
    faults.push_back(
        {what + "left out", frame_with(type, field.name, ""), "missing_field", field.name});
  for (const auto& [value, code] : bad_values(field.form))
    faults.push_back(
        {what + value.substr(0, 60), frame_with(type, field.name, value), code, field.name});
  const std::string good = frame_with(type, field.name, type.good.at(field.name).dump());
  faults.push_back({what + "twice",
                    good.substr(0, good.size() - 1) + ",\"" + field.name + "\":null}", "bad_json",
                    ""});
  faults.push_back({what + "cut", good.substr(0, good.size() - 1), "bad_json", ""});
}

// Type x field x fault, and what is wrong with any frame.
std::vector<BadFrame> field_faults() {
  std::vector<BadFrame> faults;
  for (const FrameType& type : frame_types()) {
    const std::string name = type.name;
    for (const Field& field : type.fields) add_faults(type, field, faults);
    for (const std::string& id : {std::string("null"), std::string("7"), std::string("[]"),
                                  quoted(std::string(65, 'i')), kHalf})
      faults.push_back({name + ".id " + id, frame_with(type, "id", id), "bad_field", "id"});
    faults.push_back({name + " with the old name",
                      frame_with(type, "websocket_connection_id", "\"ws_1\""), "deprecated_field",
                      "websocket_connection_id"});
    faults.push_back({name + " with a member deep inside twice",
                      frame_with(type, "more", R"([{"a":{"b":1,"b":1}}])"), "bad_json", ""});
    faults.push_back({name + " too deep",
                      frame_with(type, "more", std::string(64, '[') + std::string(64, ']')),
                      "bad_json", ""});
    faults.push_back(
        {name + " in an array", "[" + frame_with(type, "id", "\"x\"") + "]", "bad_json", ""});
    faults.push_back({name + " and more", frame_with(type, "id", "\"x\"") + "{}", "bad_json", ""});
    faults.push_back(
        {name + " in capitals",
         frame_with(type, "type",
                    quoted(std::string(1, static_cast<char>(name[0] - 32)) + name.substr(1))),
         "unknown_type", "type"});
  }
  for (BadFrame& fault : faults) {
    if (fault.code == "bad_json") continue;
    if (fault.field != "id") fault.id = "x";
    if (fault.what.starts_with("user_message") && fault.field != "message_id")
      fault.message_id = "m";
  }
  return faults;
}

// Each for a reason of its own.
std::vector<std::string> texts_that_are_no_json() {
  const std::string ping = R"({"type":"ping","nonce":"n"})";
  using namespace std::string_literals;
  return {"",
          " ",
          "\n",
          "\0"s,
          "null",
          "true",
          "7",
          "\"a\"",
          "[]",
          "[[]]",
          "{",
          "}",
          "{}}",
          "{]",
          "nonsense",
          "'type'",
          "{type:1}",
          "\xef\xbb\xbf" + ping,
          "\xff\xfe{",
          ping + "\0"s,
          "\0"s + ping,
          ping + ping,
          ping + ",",
          ping + "x",
          ping + "/**/",
          "/**/" + ping,
          R"({"type":"ping",})",
          R"({"type":"ping" "a":1})",
          R"({"type":"ping",,"a":1})",
          R"({,"type":"ping"})",
          R"({"type""ping"})",
          R"({"type":"ping","a":01})",
          R"({"type":"ping","a":+1})",
          R"({"type":"ping","a":.5})",
          R"({"type":"ping","a":1.})",
          R"({"type":"ping","a":1e})",
          R"({"type":"ping","a":0x10})",
          R"({"type":"ping","a":NaN})",
          R"({"type":"ping","a":-Infinity})",
          R"({"type":"ping","a":undefined})",
          R"({"type":"ping","a":tru})",
          R"({"type":"ping","a":"\x41"})",
          R"({"type":"ping","a":"\u12"})",
          R"({"type":"ping","a":"\u12g4"})",
          "{\"type\":\"ping\",\"a\":\"b\nc\"}",
          "{\"type\":\"ping\",\"a\":\"b\0c\"}"s,
          "{\"type\":\"ping\",\0\"a\":1}"s,
          "{\"type\":\"ping\",\"a\":\"\xc3\x28\"}",
          "{\"type\":\"ping\",\"a\":\"\xc0\xaf\"}",
          "{\"type\":\"ping\",\"a\":\"\xed\xa0\x80\"}",
          "{\"type\":\"ping\",\"a\":\"\xf4\x90\x80\x80\"}",
          "{\"type\":\"ping\",\"\xff\":1}",
          "{\"type\":\"ping\",\"a\":\"\xe2\x82\"}",
          R"({"type":"ping","\ud800":1})",
          R"({"type":"ping",7:1})",
          R"({"type":"ping","a":})",
          R"({"type":"ping","a":"b)",
          R"({"type":"ping","a":"b\)",
          R"({"type":"ping","a":[1,]})",
          R"({"type":"ping","a":[1)",
          R"({"type":"ping","a":{"b":1)",
          R"({"type":"ping","a":[1}})",
          R"({"type":"ping","a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}",
          std::string(200'000, '['),
          std::string(200'000, '{'),
          R"({"a":)" + std::string(200'000, '"')};
}

// What is no frame of any type.
std::vector<BadFrame> text_faults() {
  std::vector<BadFrame> faults{
      {"no type", "{}", "missing_field", "type"},
      {"type of a server", R"({"type":"connection_ready"})", "unknown_type", "type"},
      {"type of an event", R"({"type":"agent_completed"})", "unknown_type", "type"},
      {"empty type", R"({"type":""})", "unknown_type", "type"},
      {"type with a NUL", R"({"type":"ping\u0000"})", "unknown_type", "type"},
      {"long type", R"({"type":")" + std::string(200'000, 't') + "\"}", "unknown_type", "type"},
      {"type is null", R"({"type":null})", "bad_field", "type"},
      {"type is a list", R"({"type":["ping"]})", "bad_field", "type"},
      {"type is half a code point", R"({"type":"\udfff"})", "bad_field", "type"},
      {"type twice", R"({"type":"ping","type":"ping"})", "bad_json", ""},
      {"type twice, once escaped", R"({"type":"ping","t\u0079pe":"ping"})", "bad_json", ""},
  };
  for (const std::string& text : texts_that_are_no_json())
    faults.push_back({text.substr(0, 60), text, "bad_json", ""});
  return faults;
}

json last(const GatewayWorld::Client& client) {
  return client.link->frame(client.link->frames.size() - 1);
}
std::size_t inbound_size(const GatewayWorld& world) {
  return world.simulated.records({Topic::inbound, Partition(0)}).size();
}

void expect_refusal(const json& error, const BadFrame& bad) {
  EXPECT_EQ(error.at("type"), "error");
  EXPECT_EQ(error.at("code"), bad.code);
  EXPECT_EQ(error.value("field", ""), bad.field);
  EXPECT_FALSE(error.at("message").get<std::string>().empty());
  if (!bad.field.empty()) {
    EXPECT_NE(error.at("message").get<std::string>().find(bad.field), std::string::npos);
  }
  EXPECT_EQ(error.value("id", ""), bad.id);
  EXPECT_EQ(error.value("message_id", ""), bad.message_id);
}

TEST(BadFrames, of_every_type_field_and_fault_get_one_answer_with_the_whole_field_name) {
  GatewayWorld world;
  auto client = world.connect("ann");
  std::vector<BadFrame> faults = field_faults();
  for (BadFrame& fault : text_faults()) faults.push_back(std::move(fault));
  EXPECT_GE(faults.size(), 300U);
  for (const BadFrame& bad : faults) {
    SCOPED_TRACE(bad.what);
    const std::size_t before = client.link->frames.size();
    client.session->on_text(bad.text);
    world.settle();
    ASSERT_EQ(client.link->frames.size(), before + 1);
    expect_refusal(last(client), bad);
    ASSERT_FALSE(client.link->ended);
  }
  EXPECT_EQ(inbound_size(world), 0U);
  client.say({{"type", "ping"}, {"nonce", "n"}});
  EXPECT_EQ(last(client), (json{{"type", "pong"}, {"nonce", "n"}}));
}

// The table above would hold for a session that refuses everything.
TEST(BadFrames, the_same_frames_without_a_fault_are_taken) {
  GatewayWorld world;
  auto client = world.connect("ann");
  for (const FrameType& type : frame_types()) {
    SCOPED_TRACE(type.name);
    const std::string name = type.name;
    client.session->on_text(frame_with(type, "id", "\"x\""));
    world.settle();
    const json answer = last(client);
    if (name == "authenticate")
      EXPECT_EQ(answer["code"], "unknown_type");  // on a socket that is signed in
    else if (name == "refresh_token")
      EXPECT_EQ(answer["code"], "token_invalid");
    else if (type.good.contains("cursor"))
      EXPECT_EQ(answer["reason"], "damaged");
    else
      EXPECT_EQ(answer["type"], name == "ping" ? "pong" : name == "resume" ? "caught_up" : "ack");
  }
  EXPECT_EQ(inbound_size(world), 3U);
}

TEST(BadFrames,
     as_the_first_frame_get_one_error_and_4401_or_4400_where_they_are_no_frames_of_ours) {
  GatewayWorld world;
  std::map<CloseCode, int> ended;
  std::vector<BadFrame> faults = field_faults();
  for (BadFrame& fault : text_faults()) faults.push_back(std::move(fault));
  for (const BadFrame& bad : faults) {
    SCOPED_TRACE(bad.what);
    auto client = world.connect(plain_handshake(), std::nullopt);
    client.session->on_text(bad.text);
    client.session->on_text(R"({"type":"ping"})");
    world.settle();
    ASSERT_EQ(client.link->frames.size(), 1U);
    expect_refusal(last(client), bad);
    ASSERT_TRUE(client.link->ended);
    const bool is_ours = bad.code != "bad_json" && bad.field != "type";
    EXPECT_EQ(client.link->ended->first,
              is_ours ? CloseCode::not_authenticated : CloseCode::protocol);
    ++ended[client.link->ended->first];
    world.disconnect(client);
  }
  EXPECT_GT(ended[CloseCode::not_authenticated], 100);
  EXPECT_GT(ended[CloseCode::protocol], 10);
}

TEST(BadFrames, numbers_of_any_size_and_names_of_any_kind_stay_what_they_are_inside_data) {
  GatewayWorld world;
  auto client = world.connect("ann");
  const std::vector<std::string> values{"9223372036854775808",
                                        "-9223372036854775809",
                                        "105945141827451681156",
                                        "1e400",
                                        "-0",
                                        "0.1000000000000000055511151231257827",
                                        R"({"":{"a.b":1},"a":2,"A":3,"\u0000":4})",
                                        R"("\u0000\ufeff\ud83d\ude00")",
                                        std::string(62, '[') + std::string(62, ']')};
  for (const std::string& value : values)
    client.session->on_text(frame_with(frame_types()[3], "data", value));
  world.settle();
  const auto records = world.simulated.records({Topic::inbound, Partition(0)});
  ASSERT_EQ(records.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(std::get<RunInput>(event_store::decode_command(*records[i])->data).data,
              JsonText(values[i]));
}

TEST(BadFrames, binary_ends_the_socket_with_1003_before_and_after_sign_in) {
  GatewayWorld world;
  for (const auto& client :
       {world.connect("ann"), world.connect(plain_handshake(), std::nullopt)}) {
    client.session->on_binary(R"({"type":"ping"})");
    ASSERT_TRUE(client.link->ended);
    EXPECT_EQ(client.link->ended->first, CloseCode::unsupported_data);
  }
}

// ---- 20,000 changed frames

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}
  std::string next() {
    std::string text = valid();
    for (std::size_t left = 1 + below(4); left > 0; --left) change(text);
    return text;
  }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  std::string valid() {
    const FrameType& type = frame_types()[below(frame_types().size())];
    if (below(50) == 0)
      return frame_with(frame_types()[1], "content", quoted(std::string(32'769, 'x')));
    return frame_with(type, "id", "\"x\"");
  }
  std::string token() {
    static const std::vector<std::string> tokens{"{",
                                                 "}",
                                                 "[",
                                                 "]",
                                                 ",",
                                                 ":",
                                                 "\"",
                                                 "\\",
                                                 "\\u0000",
                                                 "\\ud800",
                                                 "\\udc00",
                                                 "null",
                                                 "true",
                                                 "9223372036854775808",
                                                 "-",
                                                 "0",
                                                 "\xff",
                                                 "\xc3",
                                                 "\xef\xbb\xbf",
                                                 " ",
                                                 "\n",
                                                 "\"type\":",
                                                 "\"id\":\"y\"",
                                                 "\"websocket_connection_id\":1",
                                                 std::string(1, '\0'),
                                                 std::string(70, '['),
                                                 std::string(40'000, 'x')};
    return tokens[below(tokens.size())];
  }
  std::string member() {
    static const std::vector<std::string> members{R"(,"websocket_connection_id":"ws_1")",
                                                  R"(,"agent":"nobody")",
                                                  R"(,"id":1)",
                                                  R"(,"a":{})",
                                                  R"(,"x":[{"y":1,"y":2}])",
                                                  R"(,"run_id":"r")",
                                                  R"(,"from":"start")"};
    return members[below(members.size())];
  }
  void change(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t count = std::min(text.size() - at, 1 + below(8));
    switch (below(7)) {
      case 6: text.insert(std::min(text.find(',', at), text.size()), member()); break;
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1: text.erase(at, count); break;
      case 2: text.insert(at, token()); break;
      case 3: text.insert(below(text.size() + 1), text.substr(at, count)); break;
      case 4: text.resize(at); break;
      default: text.replace(at, count, token());
    }
  }

  std::mt19937_64 random_;
};

struct Answered {
  std::set<std::string> kinds;
  std::size_t acked_sends = 0;
};

// Judges the one answer to a changed frame, as JSON of a library that shares no code with ours.
void judge_answer(const std::string& text, const json& answer, Answered& answered) {
  const std::string type = answer.at("type");
  answered.kinds.insert(type == "error" ? answer.at("code").get<std::string>() : type);
  const bool is_json = json::accept(text);
  if (!is_json) {
    EXPECT_EQ(type, "error") << text;
  }
  if (type == "ack") ++answered.acked_sends;
  if (type != "error") return;
  static const std::set<std::string> with_field{"unknown_type",  "unknown_agent",
                                                "missing_field", "bad_field",
                                                "too_large",     "deprecated_field"};
  EXPECT_EQ(with_field.contains(answer.at("code")) && !answer.contains("field"), false) << answer;
  if (answer.at("code") == "bad_json") {
    EXPECT_FALSE(answer.contains("field"));
  }
}

// One run over all of them; what the log must hold and no more.
Answered run_changed_frames(std::size_t count) {
  GatewayLimits limits;
  limits.messages = {1'000'000, 1'000'000};
  limits.inbound_lag.records_max = 1'000'000;
  limits.inbound_lag.age_max = std::chrono::hours(1);
  GatewayWorld world({.limits = limits});
  Mutator mutator(20'260'131);
  Answered answered;
  auto signed_in = world.connect("ann");
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = mutator.next();
    const bool first = i % 8 == 0;
    auto client = first ? world.connect(plain_handshake(), std::nullopt) : signed_in;
    client.link->frames.clear();
    client.session->on_text(text);
    world.settle();
    EXPECT_EQ(client.link->frames.size(), 1U) << i << ": " << text;
    if (client.link->frames.size() != 1) break;
    judge_answer(text, last(client), answered);
    EXPECT_EQ(client.link->ended.has_value(), first) << text;
    if (first) world.disconnect(client);
  }
  EXPECT_EQ(inbound_size(world), answered.acked_sends);
  EXPECT_EQ(world.callbacks.pending(), 0U);
  const std::weak_ptr<Session> session = signed_in.session;
  world.disconnect(signed_in);
  EXPECT_TRUE(session.expired());
  EXPECT_EQ(world.metrics.connections.Value(), 0.0);
  return answered;
}

TEST(ChangedFrames, each_get_exactly_one_answer_or_close_and_leave_nothing_behind) {
  const Answered first = run_changed_frames(20'000);
  const std::size_t held = mallinfo2().uordblks;
  const Answered again = run_changed_frames(20'000);
  EXPECT_LT(mallinfo2().uordblks, held + (64 << 10));
  EXPECT_EQ(again.acked_sends, first.acked_sends);
  for (const char* const kind :
       {"ack", "pong", "caught_up", "bad_json", "unknown_type", "missing_field", "bad_field",
        "too_large", "deprecated_field", "unknown_agent", "cursor_invalid", "token_invalid"})
    EXPECT_TRUE(first.kinds.contains(kind)) << kind;
}

}  // namespace
}  // namespace signalbox::gateway
