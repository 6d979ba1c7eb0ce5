// Writes those files of the corpora that are encodings of our own: usage: fuzz_write_corpus FOLDER.
// Run it by hand after a format has got a new version. Files it did not write stay.
// With `--check` before the folder it writes nothing and names each of them that it would change.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "event-store/archive/checkpoint.hpp"
#include "event-store/archive/history_page.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/cursor.hpp"
#include "event-store/contract/record_json.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/model/assert.hpp"
#include "gateway/auth.hpp"
#include "router/snapshot_codec.hpp"
#include "tests/contract/samples.hpp"
#include "tests/fuzz/record_text.hpp"
#include "tests/fuzz/websocket_corpus.hpp"
#include "tests/router/user_story.hpp"

namespace signalbox::fuzz {
namespace {

class Corpora {
 public:
  Corpora(std::filesystem::path folder, bool only_check)
      : folder_(std::move(folder)), only_check_(only_check) {}

  void write(const std::string& target, const std::string& name, std::string_view bytes) {
    const std::filesystem::path file = folder_ / target / name;
    if (only_check_) return check(file, bytes);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  [[nodiscard]] bool are_as_written() const { return are_as_written_; }

 private:
  void check(const std::filesystem::path& path, std::string_view bytes) {
    std::ifstream file(path, std::ios::binary);
    if (std::string(std::istreambuf_iterator<char>(file), {}) == bytes) return;
    std::cerr << path.string() << " is not what is written now\n";
    are_as_written_ = false;
  }

  std::filesystem::path folder_;
  bool only_check_;
  bool are_as_written_ = true;
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

void write_router(Corpora& corpora) {
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

// One file for each of these, named by its place.
template <class Data, class Encode>
void write_samples(Corpora& corpora, const std::string& target, const std::vector<Data>& samples,
                   Encode encode) {
  for (std::size_t i = 0; i < samples.size(); ++i)
    corpora.write(target, "sample_" + std::to_string(i), text_of(encode(samples[i])));
}

void write_records(Corpora& corpora) {
  using namespace event_store;
  write_samples(corpora, "command_record", sample_command_data(),
                [](const CommandData& data) { return encode_command(sample_command(data)); });
  write_samples(
      corpora, "connection_record", sample_connection_data(),
      [](const ConnectionData& data) { return encode_connection(sample_connection(data)); });
  write_samples(corpora, "event_record", sample_event_data(), [](const EventData& data) {
    NewRecord record = encode_event(sample_event(data));
    add_chain_hash(record, Hash{});
    return record;
  });
  corpora.write("progress_record", "piece", text_of(encode_progress(sample_progress())));
  corpora.write("snapshot_record", "user",
                text_of(encode_snapshot_record(sample_snapshot_record())));
  corpora.write("quarantine_record", "quarantined",
                text_of(encode_quarantined(sample_quarantined())));
  corpora.write("quarantine_record", "resolved",
                text_of(encode_quarantine_resolved(sample_quarantine_resolved())));
}

// A partition: what its owner states about itself around his events.
void write_partition(Corpora& corpora) {
  using namespace event_store;
  std::string text;
  for (const ControlData& data : sample_control_data())
    text += text_of(encode_control(sample_control(data))) + "\n%%\n";
  corpora.write("control_record", "controls", text);
  const ClaimId claim(*Uuid::parse("432c6fc5-cafd-5f5b-b6ef-304a30ec63ba"));
  const auto control = [](const ControlData& data) {
    return text_of(encode_control(sample_control(data))) + "\n%%\n";
  };
  PartitionOwned owned{LogId(Uuid{}), Epoch(1), claim, "r", Offset(0)};
  corpora.write("control_record", "owned_and_events",
                control(owned) + history_text(every_story()) + "\n%%\n" + control(owned) +
                    control(PartitionReleased{Epoch(1), claim}));
  owned.epoch = Epoch(std::numeric_limits<std::int64_t>::max());
  corpora.write("control_record", "refused_epoch_without_a_next", control(owned));
}

void write_tokens(Corpora& corpora) {
  using namespace gateway;
  const TokenKey key = TokenKey::from_secret("h", std::string(32, 's')).value();
  const Timestamp now{std::chrono::seconds(1'800'000'000)};
  corpora.write("token", "token", sign_token(key, {UserId("ann"), {"auditor"}}, now));
  corpora.write("token", "claims",
                R"({"sub":"ann","aud":["signalbox"],"exp":1800000100,"nbf":1.5,"iat":1,)"
                R"("jti":"t-1","roles":["auditor"],"iss":"i"})");
}

void write_archive(Corpora& corpora) {
  using namespace event_store;
  const SigningKey key = SigningKey::from_seed({7});
  const LogId log(*Uuid::parse("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"));
  corpora.write(
      "checkpoint", "note",
      sign_checkpoint({log, Partition(3), 17, Hash{0xcd}, Offset(20), Epoch(2), OwnerSeq(5)}, key));
  corpora.write("checkpoint", "key", to_text(VerifierKey{anchor_key_name(log), key.public_key()}));
  corpora.write("checkpoint", "name", anchor_name(17));

  const Record record = stored(encode_event(sample_event(sample_event_data().front())));
  corpora.write("record_json", "event", record_json(record));
  corpora.write("record_json", "headers", record.headers.bytes());
  const PageOrigin origin{LogId(Uuid{}), Partition(3)};
  const NextLink next = [](Seq) { return "/next"; };
  const Position to{Offset(20), Epoch(2), std::nullopt, OwnerSeq(5)};
  auto of_anna = record;
  of_anna.key = "anna";
  const auto event = std::make_shared<const Record>(of_anna);
  corpora.write("history_page", "events",
                encode_history_page(origin, {{event}, true, to, {Seq(7)}}, 1 << 20, next));
  corpora.write(
      "history_page", "threads",
      encode_thread_page(
          origin, {{{ThreadId("t"), Seq(7), "2026-11-20T09:30:00.000000Z", 2, "first"}}, false, to},
          next));
  corpora.write(
      "cursor", "cursor",
      encode_cursor({log, Partition(3), Offset(9), Epoch(2), OwnerSeq(7), Seq(4)}, UserId("anna")));
  // 51 bytes that a cursor is made of; and with a last seq that has no next one.
  const std::string body = std::string("\1") + std::string(42, '\0');
  corpora.write("cursor", "body", body + std::string(8, '\0'));
  corpora.write("cursor", "refused_seq_without_a_next", body + "\x7f" + std::string(7, '\xff'));
}

// The file of a partition with one user's story. Its corpus holds it in pages of 512 bytes, which
// say the same in a tenth of the room:
//   sqlite3 archive.db 'PRAGMA journal_mode=delete; PRAGMA page_size=512; VACUUM; PRAGMA
//   journal_mode=wal'
void write_archive_file(const std::string& path) {
  using namespace event_store;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  auto archive = PartitionArchive::open(path, LogId(Uuid{}), 10, [](const std::string&) {}).value();
  const auto events = records_of(history_text(every_story()), Topic::events);
  for (const Record& event : events) SIGNALBOX_ASSERT(archive.add(event).has_value());
  SIGNALBOX_ASSERT(archive.commit({events.back().offset.next(), Epoch(1), std::nullopt,
                                   OwnerSeq(static_cast<std::int64_t>(events.size()))}));
}

}  // namespace
}  // namespace signalbox::fuzz

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool only_check = arguments.size() == 2 && arguments.front() == "--check";
  if (arguments.size() != 1 && !only_check) {
    std::cerr << "usage: fuzz_write_corpus [--check] FOLDER\n";
    return 2;
  }
  signalbox::fuzz::Corpora corpora(arguments.back(), only_check);
  if (!only_check) signalbox::fuzz::write_archive_file(arguments.back() + "/archive/story");
  signalbox::fuzz::write_archive(corpora);
  signalbox::fuzz::write_partition(corpora);
  signalbox::fuzz::write_records(corpora);
  signalbox::fuzz::write_router(corpora);
  signalbox::fuzz::write_tokens(corpora);
  for (const auto& [name, bytes] : signalbox::fuzz::websocket_corpus())
    corpora.write("websocket", name, bytes);
  return corpora.are_as_written() ? 0 : 1;
}
