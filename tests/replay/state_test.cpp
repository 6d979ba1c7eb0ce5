// The state replayed from a log is the one its router had.
#include "replay/state.hpp"

#include <gtest/gtest.h>

#include "event-store/log/log_reader.hpp"
#include "event-store/sqlite/sqlite_database.hpp"
#include "replay/state_report.hpp"
#include "tests/router/router_on_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::LogReader;

const Watch kPatient = [](const Progress&) { return true; };
const std::string kUser = "105945141827451681156";

class StateOfALog : public ::testing::Test {
 protected:
  KnownState state(const Instant& at = {}) {
    auto log = LogReader::open(folder());
    EXPECT_TRUE(log) << log.error().message;
    auto known = read_state(*log, folder() + "/archive", UserId(kUser), at, kPatient);
    EXPECT_TRUE(known) << known.error().message;
    return std::move(*known);
  }
  [[nodiscard]] std::string folder() const {
    return std::filesystem::path(router_.snapshot_file()).parent_path().string();
  }
  router::RouterOnLog router_;
};

TEST_F(StateOfALog, EqualsWhatItsRouterKept) {
  router_.keep_snapshots_in_a_file();
  router_.options.states.snapshot_events = 1;
  router_.start();
  router_.says(kUser, "m1");
  ASSERT_TRUE(router_.has(kUser, "agent_completed"));
  router_.says(kUser, "m2", "crash", "no", "other");
  ASSERT_TRUE(router_.has(kUser, "agent_failed"));
  router_.says(kUser, "m3", "ask", "may I?", "third");
  ASSERT_TRUE(router_.has(kUser, "input_requested"));
  std::optional<router::UserSnapshot> kept;
  const auto is_kept = [&] {
    const auto snapshot = router_.snapshot_store().get(router::user_snapshot_key(UserId(kUser)));
    if (!snapshot || !*snapshot) return false;
    auto decoded = router::decode_user_snapshot((*snapshot)->bytes);
    EXPECT_TRUE(decoded);
    kept = std::move(*decoded);
    return kept->state.chain.seq == state().routing.chain.seq;
  };
  ASSERT_TRUE(router_.eventually(is_kept));
  const KnownState replayed = state();
  EXPECT_EQ(replayed.routing, kept->state);
  EXPECT_EQ(replayed.routing.runs.size(), 1u);
  EXPECT_EQ(replayed.runs.size(), 3u);
  EXPECT_FALSE(replayed.damage);
}

TEST_F(StateOfALog, IsWhatWasKnownAtThatSeqOrTime) {
  router_.start();
  router_.says(kUser, "m1", "ask", "really?");
  ASSERT_TRUE(router_.has(kUser, "input_requested"));
  const auto events = router_.history(kUser);
  const RunId run = *events.back().run_id;
  const auto status = [&](const Instant& at) { return state(at).runs.at(run).status; };
  EXPECT_EQ(status({.seq = Seq(1)}), "queued");
  EXPECT_EQ(status({.seq = Seq(2)}), "running");
  EXPECT_EQ(status({}), "waiting_for_input");
  EXPECT_EQ(status({.time = events.back().time}), "waiting_for_input");
  EXPECT_TRUE(state({.time = events.front().time - std::chrono::seconds(1)}).runs.empty());
  EXPECT_TRUE(state({.seq = Seq(0)}).runs.empty());
  const std::string text = state_text(state());
  EXPECT_NE(text.find("waits for an answer to"), std::string::npos) << text;
  EXPECT_NE(state_json(state()).find("\"pending_questions\":[{\"run_id\""), std::string::npos);
  EXPECT_EQ(state_text(state({.seq = Seq(0)})), "nothing was known of " + kUser + "\n");
}

TEST_F(StateOfALog, OfOneRunIsWhatTheWholeStateSaysOfIt) {
  router_.start();
  router_.says(kUser, "m1");
  ASSERT_TRUE(router_.has(kUser, "agent_completed"));
  router_.says(kUser, "m2", "ask", "may I?");
  ASSERT_TRUE(router_.has(kUser, "input_requested"));
  const KnownState whole = state();
  ASSERT_EQ(whole.runs.size(), 2u);
  auto log = LogReader::open(folder());
  ASSERT_TRUE(log) << log.error().message;
  const auto read = [&](const RunId& run) {
    auto found = read_run(*log, folder() + "/archive", UserId(kUser), run, kPatient);
    EXPECT_TRUE(found) << found.error().message;
    return *std::move(found);
  };
  for (const auto& [id, known] : whole.runs) {
    const auto one = read(id);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->run_id, id);
    EXPECT_EQ(one->status, known.status);
    EXPECT_EQ(one->answer, known.answer);
    EXPECT_EQ(one->memory_before, known.memory_before);
    EXPECT_EQ(one->steps.size(), known.steps.size());
  }
  EXPECT_FALSE(read(RunId(Uuid{})));
}

class OpenStateOfALog : public StateOfALog {
 protected:
  OpenStateOfALog() {
    router_.keep_snapshots_in_a_file();
    router_.options.states.snapshot_events = 1;
    router_.start();
  }
  OpenState open_state(const Instant& at = {}) {
    auto log = LogReader::open(folder());
    EXPECT_TRUE(log) << log.error().message;
    auto open = read_open_state(*log, {folder() + "/archive", router_.snapshot_file()},
                                UserId(kUser), at, kPatient);
    EXPECT_TRUE(open) << open.error().message;
    return std::move(*open);
  }
  // One run that has ended, one that waits, with a text that is too long for a snapshot.
  void talk() {
    router_.says(kUser, "m1");
    ASSERT_TRUE(router_.has(kUser, "agent_completed"));
    router_.says(kUser, "m2", "ask", std::string(3000, 'x'), "other");
    ASSERT_TRUE(router_.has(kUser, "input_requested"));
    const Seq newest = state().routing.chain.seq;
    ASSERT_TRUE(router_.eventually([&] { return open_state().snapshot == newest; }));
  }
};

TEST_F(OpenStateOfALog, BegunAtASnapshotIsWhatAllEventsTell) {
  talk();
  const OpenState open = open_state();
  const KnownState whole = state();
  EXPECT_EQ(open.state.routing, whole.routing);
  ASSERT_EQ(open.state.runs.size(), 1u);
  const auto& [id, run] = *open.state.runs.begin();
  const KnownRun& known = whole.runs.at(id);
  EXPECT_EQ(run.content, known.content);
  EXPECT_EQ(run.status, known.status);
  EXPECT_EQ(run.received, known.received);
  ASSERT_EQ(run.steps.size(), known.steps.size());
  EXPECT_EQ(run.steps.back().text, known.steps.back().text);
  EXPECT_EQ(run.steps.back().request_id, known.steps.back().request_id);
  EXPECT_NE(state_text(open.state).find("waits for an answer to"), std::string::npos);
}

TEST_F(OpenStateOfALog, GoesOnFromASnapshotWithTheEventsBehindIt) {
  talk();
  router_.crash();
  router_.close_snapshots();
  std::filesystem::copy(router_.snapshot_file(), folder() + "/older.db");
  router_.keep_snapshots_in_a_file();
  router_.start();
  router_.says(kUser, "m3", "echo", "again", "third");
  ASSERT_TRUE(router_.eventually(
      [&] { return state().runs.size() == 3 && state().routing.runs.size() == 1; }));
  auto log = LogReader::open(folder());
  const auto open = read_open_state(*log, {folder() + "/archive", folder() + "/older.db"},
                                    UserId(kUser), {}, kPatient);
  ASSERT_TRUE(open) << open.error().message;
  const KnownState whole = state();
  ASSERT_TRUE(open->snapshot);
  EXPECT_LT(*open->snapshot, whole.routing.chain.seq);
  EXPECT_EQ(open->state.routing, whole.routing);
  EXPECT_EQ(open->state.runs.size(), 1u);
}

TEST_F(OpenStateOfALog, NobodyIsDamagedByASnapshotOfAnotherHistory) {
  talk();
  router_.crash();
  const std::string key = router::user_snapshot_key(UserId(kUser));
  const auto stored = router_.snapshot_store().get(key);
  ASSERT_TRUE(stored && *stored);
  auto snapshot = router::decode_user_snapshot((*stored)->bytes);
  ASSERT_TRUE(snapshot);
  snapshot->state.chain.hash[0] ^= 1;
  router_.snapshot_store().refuse(key);
  ASSERT_TRUE(
      router_.snapshot_store().put(key, {snapshot->state.chain.seq.value(), router::kFoldVersion,
                                         router::encode_user_snapshot(*snapshot)}));
  ASSERT_TRUE(router_.snapshot_store().flush());
  router_.close_snapshots();
  router_.start();  // with snapshots in memory: those in the file stay
  router_.says(kUser, "m3", "echo", "again", "third");
  ASSERT_TRUE(router_.eventually(
      [&] { return state().runs.size() == 3 && state().routing.runs.size() == 1; }));
  const OpenState open = open_state();
  EXPECT_FALSE(open.snapshot);
  EXPECT_EQ(open.unused, "it was folded from another history");
  EXPECT_FALSE(open.state.damage);
  EXPECT_EQ(open.state.runs.size(), state().routing.runs.size());
}

TEST_F(OpenStateOfALog, DoesWithoutASnapshotThatIsNewerDamagedOrNotThere) {
  talk();
  const OpenState before = open_state({.seq = Seq(2)});
  EXPECT_FALSE(before.snapshot);
  EXPECT_EQ(before.unused, "");
  EXPECT_EQ(before.state.routing.chain.seq, Seq(2));
  EXPECT_EQ(before.state.runs.size(), 1u);

  router_.crash();
  router_.close_snapshots();
  auto file = event_store::SqliteDatabase::open(router_.snapshot_file(),
                                                event_store::SqliteDatabase::Access::read_write);
  ASSERT_TRUE(file && file->execute("UPDATE snapshots SET ordinal = ordinal - 1"));
  const OpenState damaged = open_state();
  EXPECT_FALSE(damaged.snapshot);
  EXPECT_NE(damaged.unused.find("SHA-256"), std::string::npos) << damaged.unused;
  EXPECT_EQ(damaged.state.routing, state().routing);

  std::filesystem::remove(router_.snapshot_file());
  const OpenState missing = open_state();
  EXPECT_FALSE(missing.snapshot);
  EXPECT_EQ(missing.unused, "");
  EXPECT_EQ(missing.state.routing, state().routing);
}

TEST(Instants, AreSeqsOrTimes) {
  EXPECT_EQ(parse_instant("17", "--at")->seq, Seq(17));
  EXPECT_TRUE(parse_instant("2026-11-20T09:30:00Z", "--at")->time);
  EXPECT_FALSE(parse_instant("", "--at")->seq);
  for (const char* const wrong : {"-1", "noon", "17x", "99999999999999999999"})
    EXPECT_EQ(parse_instant(wrong, "--at").error().field, "--at") << wrong;
}

}  // namespace
}  // namespace signalbox::replay
