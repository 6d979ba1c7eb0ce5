// What somebody who may write to every file but the anchors can do to a history so that everything
// in it fits again, and what `verify` says of it with anchors; and what was done to the anchors.
#include <filesystem>

#include "event-store/contract/chain.hpp"
#include "event-store/log/log_reader.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "replay/anchor_check.hpp"
#include "replay/damage_help.hpp"
#include "replay/valid_events.hpp"
#include "replay/verify_report.hpp"
#include "tests/archive/running_archive.hpp"
#include "tests/replay/attacked_log.hpp"

namespace signalbox::replay {
namespace {

namespace fs = std::filesystem;
using event_store::Anchoring;
using event_store::Checkpoint;
using event_store::LogReader;
using event_store::SigningKey;
using event_store::TemporaryFolder;
using event_store::VerifierKey;
using event_store::WrittenLog;

const Watch kPatient = [](const Progress&) { return true; };

// Made once; every test takes a copy. `older` is the log as it was before its newest events.
class AnchoredLog {
 public:
  AnchoredLog() {
    WrittenLog log(folder_.path() + "/data");
    add(log, 6);
    archive(log);
    log.close();
    fs::copy(folder_.path() + "/data", folder_.path() + "/older", fs::copy_options::recursive);
    log.open();
    add(log, 3);
    archive(log);
  }
  [[nodiscard]] std::string path() const { return folder_.path() + "/data"; }
  [[nodiscard]] std::string older() const { return folder_.path() + "/older"; }

 private:
  static void add(WrittenLog& log, int rounds) {
    for (int i = 0; i < rounds; ++i)
      for (const char* const user : {"anna", "dora", "carla"}) log.add_event(user, "t");
    log.settle();
  }
  void archive(WrittenLog& log) const {
    auto anchoring = Anchoring::open(path() + "/anchor.key", log.log().describe().log_id,
                                     {.folder = path() + "/anchors", .events = 4});
    ASSERT_TRUE(anchoring) << anchoring.error().message;
    event_store::ArchiveOptions options;
    options.anchors = *std::move(anchoring);
    event_store::RunningArchive(log.log(), path() + "/archive", options).wait_until_complete();
  }
  TemporaryFolder folder_;
};

const AnchoredLog& anchored_log() {
  static const AnchoredLog log;
  return log;
}

struct Verified {
  VerifyReport report;
  std::string text;
};

// Beside the log as it was made; `folder` has the files.
std::optional<KnownAnchorKey> signing_key_of(const std::string& folder, const LogId& log) {
  const auto key = SigningKey::load(folder + "/anchor.key");
  if (!key) return std::nullopt;
  return KnownAnchorKey{{event_store::anchor_key_name(log), key->public_key()}, "its own"};
}

std::optional<KnownAnchorKey> key_kept_elsewhere() {
  const std::string path = anchored_log().path() + "/anchors/anchor.pub";
  return KnownAnchorKey{read_verifier_key(path).value(), path, true};
}

// `elsewhere`: with the key that was kept there.
Verified verify(const std::string& dir, std::optional<UserId> user = std::nullopt,
                bool elsewhere = false) {
  auto log = LogReader::open(dir);
  EXPECT_TRUE(log) << log.error().message;
  AnchorCheck anchors(
      dir + "/anchors", dir + "/archive", log->describe(), user,
      elsewhere ? key_kept_elsewhere() : signing_key_of(dir, log->describe().log_id));
  auto report = verify_log(*log, {.user = user, .observers = {&anchors}}, kPatient);
  EXPECT_TRUE(report) << report.error().message;
  VerdictNotes notes{.anchors = anchors.summary()};
  std::string text = verdict_text(*report, notes);
  return {*std::move(report), std::move(text)};
}

constexpr const char* kUnseen = "unanchored: a removed tail cannot be seen";

TEST(AnchoredHistory, IsWholeAndCoveredToItsEnd) {
  for (const auto& user : {std::optional<UserId>(), std::optional(UserId("anna"))}) {
    const auto [report, text] = verify(anchored_log().path(), user);
    EXPECT_TRUE(is_whole(report)) << text;
    EXPECT_EQ(text.find(kUnseen), std::string::npos) << text;
    const std::string covered = user ? "cover 9 of 9 events" : "cover 27 of 27 events";
    EXPECT_NE(text.find(covered), std::string::npos) << text;
    EXPECT_NE(text.find("what an anchor cannot show"), std::string::npos) << text;
  }
}

struct Attack {
  const char* name;
  std::function<void(Attacker&)> change;
  const char* named;  // part of the first finding, which is of an anchor; empty: unseen, and said
};
void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

// What is made anew from the log would only agree with it.
void forget_all_else(Attacker& a) {
  for (const char* const name : {"archive", "head", "snapshots.db"}) a.forget(name);
}

std::string partition_of(Attacker& a, const std::string& user) {
  return std::to_string(a.place(user) & 0xffffff);
}

std::string newest_note(Attacker& a, const std::string& user) {
  std::string newest;
  for (const auto& entry : fs::directory_iterator(a.dir() + "/anchors/" + partition_of(a, user)))
    newest = std::max(newest, entry.path().string());
  return newest;
}

void edit_note(Attacker& a, const std::function<void(std::string&)>& change) {
  const std::string path = newest_note(a, "anna");
  std::string note = event_store::read_small_file(path, 65536).value();
  change(note);
  ASSERT_TRUE(event_store::write_durably(path, note));
}

// Signed by who may sign.
void state_in_note(Attacker& a, const std::function<void(Checkpoint&)>& change) {
  const auto key = event_store::SigningKey::load(a.dir() + "/anchor.key").value();
  edit_note(a, [&](std::string& note) {
    Checkpoint stated = event_store::open_checkpoint(note, key.public_key()).value();
    change(stated);
    note = event_store::sign_checkpoint(stated, key);
  });
}

// Every note states the tree the log has now; signed with a key of his own, which lies beside them.
void sign_all_anew(Attacker& a) {
  const auto old_key = SigningKey::load(a.dir() + "/anchor.key").value();
  const auto new_key = SigningKey::from_seed({1});
  ASSERT_TRUE(event_store::write_durably(
      a.dir() + "/anchors/anchor.pub",
      to_text(VerifierKey{event_store::anchor_key_name(a.log_id()), new_key.public_key()})));
  auto log = LogReader::open(a.dir()).value();
  auto events = ValidEvents::open(log, std::nullopt, kPatient).value();
  std::map<Partition, event_store::MerkleTree> trees;
  while (const auto event = events.next().value()) {
    const Record& record = *event->record;
    event_store::MerkleTree& tree = trees[record.at.partition];
    const auto content = event_store::content_hash(record.headers, record.value);
    tree.append(event_store::leaf_hash(event_store::leaf_input(record, content)));
    const std::string path = event_store::anchor_folder(a.dir() + "/anchors", record.at.partition) +
                             '/' + event_store::anchor_name(tree.size());
    if (!fs::exists(path)) continue;
    const std::string note = event_store::read_small_file(path, 65536).value();
    Checkpoint stated = event_store::open_checkpoint(note, old_key.public_key()).value();
    stated.root = tree.root();
    ASSERT_TRUE(event_store::write_durably(path, sign_checkpoint(stated, new_key)));
  }
}

void rewrite_and_sign_all_anew(Attacker& a) {
  a.edit("anna", 3, [](EditedRow& row) { row.value.back() = ' '; });
  a.chain_again("anna");
  forget_all_else(a);
  sign_all_anew(a);
}

const std::vector<Attack> kAttacks{
    {"ATailRemoved",
     [](Attacker& a) {
       a.cut_tail("anna", 2);
       forget_all_else(a);
     },
     "the newest were removed since it was signed"},
    {"AUserRemoved",
     [](Attacker& a) {
       a.remove_user("carla");
       forget_all_else(a);
     },
     "states another tree"},
    {"AValueRewrittenWithItsChain",
     [](Attacker& a) {
       a.edit("anna", 3, [](EditedRow& row) { row.value.back() = ' '; });
       a.chain_again("anna");
       forget_all_else(a);
     },
     "states another tree"},
    {"TheNewestValueRewrittenWithItsChain",
     [](Attacker& a) {
       a.edit("anna", 9, [](EditedRow& row) { row.value.back() = ' '; });
       a.chain_again("anna");
       forget_all_else(a);
     },
     "states another tree"},
    {"AnOlderCopyOfAllButTheAnchors",
     [](Attacker& a) {
       forget_all_else(a);
       for (const char* const name : {"log.db", "log.db-wal", "log.db-shm"}) a.forget(name);
       fs::copy(anchored_log().older() + "/log.db", a.dir() + "/log.db");
     },
     "the newest were removed since it was signed"},
    {"ANoteWhoseSignatureWasChanged",
     [](Attacker& a) { edit_note(a, [](std::string& note) { note[note.size() - 9] ^= 1; }); },
     ".note: the "},
    {"ANoteWhoseTextWasChanged",
     [](Attacker& a) { edit_note(a, [](std::string& note) { note[note.find('=') - 5] ^= 1; }); },
     ".note: the "},
    {"ANoteSignedWithAnotherKey",
     [](Attacker& a) {
       edit_note(a, [](std::string& note) {
         const std::string text = note.substr(0, note.find("\n\n") + 1);
         note = event_store::SigningKey::from_seed({}).sign(text.substr(0, text.find('\n')), text);
       });
     },
     "not signed with this key"},
    {"ANoteUnderAnotherName",
     [](Attacker& a) {
       const std::string note = newest_note(a, "anna");
       fs::rename(note, fs::path(note).parent_path() / event_store::anchor_name(3));
     },
     "of another log, partition or tree size"},
    {"ANoteOfAnotherPartition",
     [](Attacker& a) {
       fs::copy(newest_note(a, "dora"), newest_note(a, "anna"),
                fs::copy_options::overwrite_existing);
     },
     "of another log, partition or tree size"},
    {"ANoteOfAnotherOwnerSeq",
     [](Attacker& a) { state_in_note(a, [](Checkpoint& note) { ++note.owner_seq; }); },
     "states a position that no reader"},
    {"ANoteOfALaterEpoch",
     [](Attacker& a) {
       state_in_note(a, [](Checkpoint& note) {
         ++note.epoch;
         note.owner_seq = OwnerSeq(0);
       });
     },
     "states a position that no reader"},
    {"ANoteOfAPositionBehindTheLog",
     [](Attacker& a) {
       state_in_note(
           a, [](Checkpoint& note) { note.next_offset = Offset(note.next_offset.value() + 1000); });
     },
     "states a position that no reader"},
    {"ANoteOfAPositionBeforeItsTree",
     [](Attacker& a) { state_in_note(a, [](Checkpoint& note) { note.next_offset = Offset(1); }); },
     "states a position that no reader"},
    {"ThePublicKeyOfAnotherLog",
     [](Attacker& a) {
       ASSERT_TRUE(event_store::write_durably(
           a.dir() + "/anchors/anchor.pub",
           to_text(event_store::VerifierKey{"signalbox/" + Uuid{}.to_string(),
                                            event_store::SigningKey::from_seed({}).public_key()})));
     },
     "the key of another log"},
    {"AllAnchorsSignedAnewWithAnotherKey", rewrite_and_sign_all_anew,
     "anchor.pub is another key than its own"},
    {"TheTreeOfTheArchive",
     [](Attacker& a) {
       auto file = event_store::SqliteDatabase::open(
           a.archive("anna"), event_store::SqliteDatabase::Access::read_write);
       ASSERT_TRUE(file);
       event_store::StoredTree other;
       for (int i = 0; i < 5; ++i) other.tree.append({});
       ASSERT_TRUE(event_store::write_tree(*file, other));
     },
     "the archive was made of another history"},
    {"TheAnchorsRemoved", [](Attacker& a) { a.forget("anchors"); }, ""},
    {"TheAnchorsRemovedWithATail",
     [](Attacker& a) {
       a.cut_tail("anna", 2);
       forget_all_else(a);
       a.forget("anchors");
     },
     ""},
    {"TheNewestAnchorsRemoved", [](Attacker& a) { fs::remove(newest_note(a, "anna")); }, ""},
};

class AnchorDamage : public testing::TestWithParam<Attack> {};

TEST_P(AnchorDamage, IsNamedOrSaidToBeUnseen) {
  const TemporaryFolder copy;
  Attacker attacker(anchored_log().path(), copy.path());
  GetParam().change(attacker);
  const auto [report, text] = verify(copy.path());
  if (std::string_view(GetParam().named).empty()) {
    EXPECT_TRUE(is_whole(report)) << text;
    EXPECT_NE(text.find(kUnseen), std::string::npos) << text;
    return;
  }
  ASSERT_FALSE(is_whole(report)) << text;
  EXPECT_NE(to_text(report.findings.kept().front()).find(GetParam().named), std::string::npos)
      << text;
}

INSTANTIATE_TEST_SUITE_P(By, AnchorDamage, testing::ValuesIn(kAttacks),
                         [](const auto& tested) { return std::string(tested.param.name); });

// Review of issue 5: such a log was whole and anchored where its anchor.key was gone too, and
// nobody could name the key the anchors had been signed with.
TEST(AnchoredHistory, SignedAnewIsShownByAKeyKeptElsewhere) {
  const TemporaryFolder copy;
  Attacker attacker(anchored_log().path(), copy.path());
  rewrite_and_sign_all_anew(attacker);
  attacker.forget("anchor.key");
  const auto [unknown, said] = verify(copy.path());
  EXPECT_TRUE(is_whole(unknown)) << said;
  EXPECT_NE(said.find("keep a copy of anchor.pub"), std::string::npos) << said;
  const auto expect_shown = [&copy] {
    const auto [report, text] = verify(copy.path(), std::nullopt, true);
    EXPECT_FALSE(is_whole(report)) << text;
    EXPECT_NE(text.find("not signed with this key"), std::string::npos) << text;
    EXPECT_EQ(text.find("keep a copy of anchor.pub"), std::string::npos) << text;
  };
  expect_shown();
  attacker.forget("anchors/anchor.pub");
  expect_shown();
}

// Review of issue 5: of two damaged rows it said that the newest events had been removed.
TEST(AnchoredHistory, DamagedRowsAreNotTakenForARemovedTail) {
  const TemporaryFolder copy;
  Attacker attacker(anchored_log().path(), copy.path());
  for (const int n : {2, 3})
    attacker.sql("UPDATE records SET value = CAST(value || ' ' AS BLOB) WHERE " +
                 attacker.where("anna", n));
  const auto [report, text] = verify(copy.path());
  EXPECT_NE(text.find("2 are missing or, being damaged, cannot be counted"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("were removed since it was signed"), std::string::npos) << text;
}

// Review of issue 5: who read a verdict had to look up elsewhere what to do.
TEST(AnchoredHistory, AVerdictSaysOnceForEachKindOfDamageWhatToDo) {
  const TemporaryFolder copy;
  Attacker attacker(anchored_log().path(), copy.path());
  for (const int n : {2, 3})
    attacker.sql("UPDATE records SET value = CAST(value || ' ' AS BLOB) WHERE " +
                 attacker.where("anna", n));
  const auto [report, text] = verify(copy.path());
  const auto help = text.find("\n  row_changed: stop the service");
  ASSERT_NE(help, std::string::npos) << text;
  EXPECT_EQ(text.find("\n  row_changed: stop the service", help + 1), std::string::npos) << text;
}

TEST(AnchoredHistory, IsWholeByAKeyKeptElsewhere) {
  const auto [report, text] = verify(anchored_log().path(), std::nullopt, true);
  EXPECT_TRUE(is_whole(report)) << text;
  EXPECT_NE(text.find("cover 27 of 27 events"), std::string::npos) << text;
}

// Audit of issue 5: of an archive that had what the log had lost, it said to remove it.
TEST(AnchoredHistory, AVerdictKeepsWhatMayKnowMoreThanTheLog) {
  using enum DamageKind;
  for (const DamageKind kind : {archive_changed, archive_lacks_event, archive_has_more,
                                archive_ahead, snapshot_disagrees, snapshot_ahead}) {
    const std::string to_do(help_of(kind).to_do);
    EXPECT_LT(to_do.find("keep both"), to_do.find("remove")) << to_text(kind) << ": " << to_do;
  }
}

}  // namespace
}  // namespace signalbox::replay
