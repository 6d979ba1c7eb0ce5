// Writes those files of the corpora that are encodings of our own: usage: fuzz_write_corpus FOLDER.
// Run it by hand after a format has got a new version. Files it did not write stay.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "event-store/contract/codec.hpp"
#include "event-store/log/user_chain.hpp"
#include "router/snapshot_codec.hpp"
#include "tests/fuzz/record_text.hpp"
#include "tests/router/user_story.hpp"

namespace signalbox::fuzz {
namespace {

class Corpora {
 public:
  explicit Corpora(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void write(const std::string& target, const std::string& name, std::string_view bytes) const {
    std::filesystem::create_directories(folder_ / target);
    std::ofstream(folder_ / target / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  std::filesystem::path folder_;
};

// A user with everything a history can hold.
router::UserStory every_story() {
  router::UserStory user;
  const CallId call{Uuid{}};
  user.says("m1", "t1", "hello");
  user.says("m2", "t2", "x", "ask");
  user.says("m3", "t3");
  user.starts_what_may();
  user.says("m4", "t1", "queued");
  user.run_states("m1", AgentThinking{.step = Step(1), .content = "so"});
  user.run_states("m1", ToolExecuting{Step(2), call, "a", JsonText(R"({"n":1})")});
  user.run_states("m1", ToolCompleted{Step(2), call, "a", std::nullopt, ToolError{"c", "m"}});
  user.run_states("m1", ModelCompleted{Step(3), "m", std::string(64, '0'), JsonText("[]")});
  user.run_states("m2", InputRequested{Step(1), RequestId("q"), "p", JsonText("{}"), Timestamp{}});
  user.is_taken_over(ResumeReason::owner_lost);
  user.answers("m2", "q", "true");
  user.run_states("m3", AgentCompleted{.content = "done", .memory = "memo"});
  user.cancels("m1");
  return user;
}

// As its owner states it.
std::string history_text(const router::UserStory& story) {
  event_store::UserChain chain = event_store::start_of_chain(LogId(Uuid{}), story.state().user_id);
  std::string text;
  for (const Event& event : story.history()) {
    NewRecord record = event_store::encode_event(event);
    const auto content = event_store::content_hash(record.headers, record.value);
    chain = {chain.seq.next(), event_store::chain_next(chain.hash, content)};
    event_store::add_chain_hash(record, chain.hash);
    text += (text.empty() ? "" : "\n%%\n") + text_of(record);
  }
  return text;
}

void write_router(const Corpora& corpora) {
  const router::UserStory story = every_story();
  corpora.write("user_history", "story", history_text(story));
  const event_store::Position at{Offset(9), Epoch(2), ClaimId(Uuid{}), OwnerSeq(4)};
  corpora.write("user_snapshot", "story",
                router::encode_user_snapshot({LogId(Uuid{}), Partition(3), at, story.state()}));
  corpora.write(
      "partition_snapshot", "open",
      router::encode_partition_snapshot({LogId(Uuid{}),
                                         Partition(3),
                                         at,
                                         {Offset(5), Epoch(1), Trying{Offset(5), 2}},
                                         {UserId("a"), UserId("105945141827451681156")}}));
}

}  // namespace
}  // namespace signalbox::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_write_corpus FOLDER\n";
    return 2;
  }
  signalbox::fuzz::write_router(signalbox::fuzz::Corpora(argv[1]));
  return 0;
}
