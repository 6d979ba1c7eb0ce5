// The checker of the bench finds every fault it is there for: each test plays a right stream, and
// the same stream with one thing changed.
#include "ops/bench/stream_checker.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "ops/bench/digest.hpp"

namespace signalbox::bench {
namespace {

using nlohmann::json;

const std::string kUser = "bench-1-0";
const std::string kThread = "dlg-1";
const std::string kMessage = "dlg-1/1";
const std::string kRun = contract_uuid({"run", kUser, kMessage});

const Turn& the_turn() {
  static const Turn turn{"one Chai Latte please",
                         {{"get_menu_items", {{"query", "Chai"}}, {{"id", "chai-1"}}},
                          {"add_order_item", {{"id", "chai-1"}}, {{"order_id", "28740"}}}},
                         "is the order corréct?"};
  return turn;
}

std::string call_id(int step) { return contract_uuid({"call", kRun, std::to_string(step)}); }

json frame(const std::string& type, json data) {
  return {{"type", type},           {"user_id", kUser}, {"thread_id", kThread},
          {"run_id", kRun},         {"attempt", 1},     {"websocket_client_id", "ws_1"},
          {"data", std::move(data)}};
}

// A run as it should be seen.
std::vector<json> right_stream() {
  std::vector<json> frames{
      frame("message_received",
            {{"message_id", kMessage}, {"content", the_turn().user}, {"agent", "playbook"}}),
      frame("agent_started",
            {{"agent", "playbook"}, {"agent_version", "1"}, {"message_id", kMessage}}),
      frame("agent_thinking", {{"step", 1}, {"content", "hm"}}),
  };
  int step = 1;
  for (const ExpectedCall& call : the_turn().calls) {
    ++step;
    frames.push_back(frame("tool_executing", {{"step", step},
                                              {"call_id", call_id(step)},
                                              {"name", call.name},
                                              {"arguments", call.arguments}}));
    frames.push_back(frame("tool_completed", {{"step", step},
                                              {"call_id", call_id(step)},
                                              {"name", call.name},
                                              {"result", call.result}}));
  }
  frames.push_back(frame("agent_completed", {{"content", the_turn().assistant}}));
  return frames;
}

// Gives each frame its seq, cursor and time.
void number(std::vector<json>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    frames[i]["seq"] = i + 1;
    frames[i]["cursor"] = "c" + std::to_string(i + 1);
    frames[i]["time"] = "2026-11-20T09:30:00.00000" + std::to_string(i % 10) + "Z";
  }
}

std::string verdict_of(const std::vector<json>& frames, int sends = 1) {
  StreamChecker checker(kUser);
  checker.socket_opened("ws_1");
  for (int i = 0; i < sends; ++i) checker.sending({kMessage, kThread, "playbook", &the_turn()});
  if (const auto wrong = checker.acked(kMessage, kRun)) return wrong->name;
  for (const json& event : frames)
    if (const auto wrong = checker.event(event)) return wrong->name;
  if (const auto wrong = checker.finish()) return wrong->name;
  return "right";
}

// Before the frames are numbered, so that seqs stay gapless.
std::string with(const std::function<void(std::vector<json>&)>& change, int sends = 1) {
  auto frames = right_stream();
  change(frames);
  number(frames);
  return verdict_of(frames, sends);
}
std::string after_numbering(const std::function<void(std::vector<json>&)>& change) {
  auto frames = right_stream();
  number(frames);
  change(frames);
  return verdict_of(frames);
}

TEST(StreamChecker, IsContentWithARightStream) {
  EXPECT_EQ(with([](auto&) {}), "right");
}

TEST(StreamChecker, FindsGapsRepeatsAndForeignEvents) {
  EXPECT_EQ(after_numbering([](auto& frames) { frames.erase(frames.begin() + 2); }), "gap");
  EXPECT_EQ(after_numbering([](auto& frames) { frames.erase(frames.begin()); }), "gap");
  EXPECT_EQ(after_numbering([](auto& frames) { frames.insert(frames.begin() + 3, frames[2]); }),
            "repeat");
  EXPECT_EQ(after_numbering([](auto& frames) { std::swap(frames[3], frames[4]); }), "gap");
  EXPECT_EQ(after_numbering([](auto& frames) { frames[2].erase("seq"); }), "no_seq");
  EXPECT_EQ(with([](auto& frames) { frames[2]["user_id"] = "bench-1-1"; }), "foreign_user");
  EXPECT_EQ(with([](auto& frames) { frames[2]["websocket_client_id"] = "ws_2"; }),
            "foreign_client");
  EXPECT_EQ(with([](auto& frames) { frames[2]["thread_id"] = "dlg-2"; }), "foreign_thread");
  EXPECT_EQ(with([](auto& frames) { frames[2]["run_id"] = contract_uuid({"x"}); }),
            "unexpected_event");
  EXPECT_EQ(with([](auto& frames) { frames[2]["type"] = "model_completed"; }), "unexpected_event");
}

TEST(StreamChecker, FindsBadCursorsAndTimes) {
  EXPECT_EQ(after_numbering([](auto& frames) { frames[2]["cursor"] = frames[1]["cursor"]; }),
            "bad_cursor");
  EXPECT_EQ(after_numbering([](auto& frames) { frames[2].erase("cursor"); }), "bad_cursor");
  EXPECT_EQ(
      after_numbering([](auto& frames) { frames[2]["time"] = "2026-11-20T09:29:00.000000Z"; }),
      "bad_time");
  EXPECT_EQ(after_numbering([](auto& frames) { frames[2]["time"] = "2026-11-20T09:31:00Z"; }),
            "bad_time");
}

TEST(StreamChecker, FindsMessagesThatAreLostDoubledChangedOrRefused) {
  EXPECT_EQ(with([](auto& frames) { frames.clear(); }), "lost_message");
  EXPECT_EQ(with([](auto& frames) { frames.insert(frames.begin(), frames[0]); }),
            "doubled_message");
  EXPECT_EQ(with([](auto& frames) { frames[0]["data"]["content"] = "two"; }), "changed_message");
  EXPECT_EQ(with([](auto& frames) { frames[0]["data"]["agent"] = "assistant"; }),
            "changed_message");
  EXPECT_EQ(with([](auto& frames) { frames[0]["data"]["message_id"] = "dlg-1/2"; }),
            "unexpected_event");
  EXPECT_EQ(with([](auto& frames) { frames[0]["type"] = "message_rejected"; }), "rejected");
  EXPECT_EQ(with([](auto& frames) { frames.erase(frames.begin()); }), "not_received");
}

TEST(StreamChecker, AllowsADuplicateOnlyOfWhatWasSentAgain) {
  const auto add_duplicate = [](std::vector<json>& frames) {
    frames.push_back(frame("message_duplicate", {{"message_id", kMessage}, {"run_id", kRun}}));
  };
  EXPECT_EQ(with(add_duplicate, 2), "right");
  EXPECT_EQ(with(add_duplicate, 1), "doubled_message");
  EXPECT_EQ(with(
                [&](auto& frames) {
                  add_duplicate(frames);
                  add_duplicate(frames);
                },
                2),
            "doubled_message");
  EXPECT_EQ(with(
                [&](auto& frames) {
                  add_duplicate(frames);
                  frames.back()["data"]["run_id"] = contract_uuid({"x"});
                },
                2),
            "wrong_run_id");
}

TEST(StreamChecker, FindsRunsThatStartTwiceEndTwiceOrNever) {
  EXPECT_EQ(with([](auto& frames) { frames.insert(frames.begin() + 1, frames[1]); }),
            "second_start");
  EXPECT_EQ(with([](auto& frames) { frames.erase(frames.begin() + 1); }), "not_started");
  EXPECT_EQ(with([](auto& frames) { frames.push_back(frames.back()); }), "second_terminal");
  EXPECT_EQ(with([](auto& frames) { frames.push_back(frames[2]); }), "after_terminal");
  EXPECT_EQ(with([](auto& frames) { frames.pop_back(); }), "no_terminal");
  EXPECT_EQ(with([](auto& frames) { frames.back()["type"] = "agent_failed"; }), "run_failed");
}

TEST(StreamChecker, FindsOtherToolCallsThanTheRecordedOnes) {
  EXPECT_EQ(with([](auto& frames) { frames[3]["data"]["name"] = "add_order_item"; }), "wrong_tool");
  EXPECT_EQ(with([](auto& frames) { frames[3]["data"]["arguments"]["query"] = "Tea"; }),
            "wrong_arguments");
  EXPECT_EQ(with([](auto& frames) { frames[4]["data"]["result"]["id"] = "tea-1"; }),
            "wrong_result");
  EXPECT_EQ(with([](auto& frames) {
              frames[4]["data"]["error"] = {{"code", "x"}};
            }),
            "wrong_result");
  EXPECT_EQ(with([](auto& frames) { frames[4]["data"]["name"] = "other"; }), "wrong_tool");
  EXPECT_EQ(with([](auto& frames) { frames[3]["data"]["call_id"] = call_id(9); }), "wrong_call_id");
  EXPECT_EQ(with([](auto& frames) { frames[3]["data"]["step"] = 3; }), "wrong_step");
  EXPECT_EQ(with([](auto& frames) { frames.erase(frames.begin() + 4); }), "tool_order");
  EXPECT_EQ(with([](auto& frames) { frames.erase(frames.begin() + 3); }), "tool_order");
  EXPECT_EQ(with([](auto& frames) { frames.insert(frames.begin() + 4, frames[3]); }), "tool_order");
  EXPECT_EQ(with([](auto& frames) { frames.erase(frames.begin() + 5, frames.begin() + 7); }),
            "missing_tool");
  EXPECT_EQ(
      with([](auto& frames) {
        frames.insert(
            frames.end() - 1,
            frame("tool_executing",
                  {{"step", 4}, {"call_id", call_id(4)}, {"name", "more"}, {"arguments", json()}}));
      }),
      "wrong_tool");
}

TEST(StreamChecker, FindsAnotherAnswer) {
  EXPECT_EQ(with([](auto& frames) { frames.back()["data"]["content"] = "no"; }), "wrong_answer");
}

TEST(StreamChecker, CountsAttemptsByRunResumed) {
  // The owner is lost while a call is at work; the next one states it again.
  const auto resume = [](std::vector<json>& frames) {
    const json again = frames[3];
    frames.insert(frames.begin() + 4, {frame("run_resumed", {{"reason", "owner_lost"}}), again});
    for (std::size_t i = 4; i < frames.size(); ++i) frames[i]["attempt"] = 2;
  };
  EXPECT_EQ(with(resume), "right");
  EXPECT_EQ(with([&](auto& frames) {
              resume(frames);
              frames.erase(frames.begin() + 5);  // not stated again
            }),
            "tool_order");
  EXPECT_EQ(with([&](auto& frames) {
              resume(frames);
              frames[5]["data"]["step"] = 3;  // as another step
            }),
            "wrong_step");
  EXPECT_EQ(with([](auto& frames) { frames[4]["attempt"] = 2; }), "wrong_attempt");
  EXPECT_EQ(with([&](auto& frames) {
              resume(frames);
              frames[6]["attempt"] = 1;
            }),
            "wrong_attempt");
}

TEST(StreamChecker, HoldsAcksAgainstWhatWasSent) {
  StreamChecker checker(kUser);
  checker.sending({kMessage, kThread, "playbook", &the_turn()});
  EXPECT_EQ(checker.acked("other", kRun)->name, "unknown_ack");
  EXPECT_EQ(checker.acked(kMessage, contract_uuid({"x"}))->name, "wrong_run_id");
  EXPECT_FALSE(checker.acked(kMessage, kRun));
}

TEST(StreamChecker, HoldsPiecesAgainstTheAnswer) {
  StreamChecker checker(kUser);
  checker.sending({kMessage, kThread, "playbook", &the_turn()});
  const auto piece = [&](int offset, const std::string& content) {
    const auto wrong = checker.progress(
        frame("agent_responding", {{"index", 0}, {"offset", offset}, {"content", content}}));
    return wrong ? wrong->name : "right";
  };
  EXPECT_EQ(piece(0, "is the"), "right");
  EXPECT_EQ(piece(18, "éct?"), "wrong_progress");
  EXPECT_EQ(piece(17, "éct?"), "right");  // offsets count code points
  EXPECT_EQ(piece(20, "?"), "right");
  EXPECT_EQ(piece(20, "?!"), "wrong_progress");
}

TEST(Digest, ComputesIdsAsTheContractsWorkedExamplesShow) {
  EXPECT_EQ(contract_uuid({"run", "105945141827451681156", "m-1"}),
            "901cbb7a-8437-5342-9037-e89c728abfdc");
  EXPECT_EQ(contract_uuid({"call", "901cbb7a-8437-5342-9037-e89c728abfdc", "2"}),
            "727f8994-54af-5948-ab06-6717f64e711f");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace signalbox::bench
