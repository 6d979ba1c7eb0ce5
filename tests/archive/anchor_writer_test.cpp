#include "event-store/archive/anchor_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "event-store/archive/archive_format.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "tests/archive/running_archive.hpp"
#include "tests/archive/written_log.hpp"
#include "tests/support/file_modes.hpp"
#include "tests/support/simulated_scheduler.hpp"

namespace signalbox::event_store {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

const LogId kLog(*Uuid::parse("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"));
constexpr Partition kPartition{3};

// A writer whose tree grows by hand, in virtual time.
struct AnchorWriterTest : testing::Test {
  TemporaryFolder folder;
  test_support::SimulatedScheduler scheduler;
  Executor& executor = scheduler.make_executor("archive");
  Anchoring anchoring =
      Anchoring::open(folder.path() + "/anchor.key", kLog,
                      {.folder = folder.path() + "/anchors", .interval = 60s, .events = 100})
          .value();
  MerkleTree tree;
  std::vector<std::string> warnings;
  std::optional<AnchorWriter> writer;

  void start(const Anchored& anchored = {}) {
    writer.emplace(AnchorWriter::Parts{
        anchoring, executor, scheduler.clock(), kLog, kPartition,
        [this](const std::string& text) { warnings.push_back(text); }, [this] { write(); }});
    ASSERT_TRUE(writer->open(tree, anchored));
  }
  void write() {
    if (writer->may_write(tree))
      writer->write(tree, {Offset(static_cast<std::int64_t>(tree.size()) + 1), Epoch(1),
                           std::nullopt, OwnerSeq(static_cast<std::int64_t>(tree.size()))});
  }
  void add(int count) {
    for (int i = 0; i < count; ++i) {
      tree.append(sha256(std::to_string(tree.size()) + branch));
      writer->on_event(tree);
      if (writer->is_due()) write();
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> notes() const {
    return list_anchors(anchoring.options.folder, kPartition).value();
  }
  std::string branch;  // another one makes another tree
};

TEST_F(AnchorWriterTest, ANoteIsDueAMinuteAfterTheFirstEventWithoutOne) {
  start();
  scheduler.advance(10min);
  add(1);
  scheduler.advance(30s);
  add(2);
  scheduler.advance(29s);
  EXPECT_THAT(notes(), IsEmpty());
  EXPECT_TRUE(writer->status().uncovered_since);
  scheduler.advance(1s);
  EXPECT_THAT(notes(), ElementsAre(3));
  EXPECT_FALSE(writer->status().uncovered_since);
  scheduler.advance(10min);
  EXPECT_THAT(notes(), ElementsAre(3));
  EXPECT_EQ(writer->status().written, 1u);
}

TEST_F(AnchorWriterTest, ANoteIsDueAfterSoManyEvents) {
  start();
  add(250);
  EXPECT_THAT(notes(), ElementsAre(100, 200));
  scheduler.advance(60s);
  EXPECT_THAT(notes(), ElementsAre(100, 200, 250));
}

TEST_F(AnchorWriterTest, ANoteIsTheSignedCheckpointOfTheTree) {
  start();
  add(100);
  const auto note = read_small_file(
      anchor_folder(anchoring.options.folder, kPartition) + "/00000000000000000100.note", 9999);
  ASSERT_TRUE(note) << note.error().message;
  const auto key =
      parse_verifier_key(read_small_file(anchoring.options.folder + "/anchor.pub", 9999).value());
  ASSERT_TRUE(key);
  const auto checkpoint = open_checkpoint(*note, key->key);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(*checkpoint,
            (Checkpoint{kLog, kPartition, 100, tree.root(), Offset(101), Epoch(1), OwnerSeq(100)}));
}

TEST_F(AnchorWriterTest, NoFileOfItsIsOpenToOthers) {
  start();
  add(100);
  EXPECT_THAT(test_support::open_to_others(folder.path()), IsEmpty());
}

TEST_F(AnchorWriterTest, ANoteThatCannotBeWrittenIsTriedAgain) {
  start();
  const std::string in_the_way = anchor_folder(anchoring.options.folder, kPartition);
  ASSERT_TRUE(write_durably(in_the_way, "no folder"));
  add(100);
  scheduler.advance(60s);
  EXPECT_GE(writer->status().failures, 2u);
  EXPECT_EQ(warnings.size(), 1u);
  EXPECT_TRUE(writer->status().uncovered_since);
  fs::remove(in_the_way);
  scheduler.advance(10s);
  EXPECT_THAT(notes(), ElementsAre(100));
}

TEST_F(AnchorWriterTest, AnotherStartGoesOnWithTheSameTree) {
  start();
  add(100);
  start({100, tree.root()});
  add(100);
  EXPECT_THAT(notes(), ElementsAre(100, 200));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(AnchorWriterTest, ATreeMadeAgainIsComparedWhereItPassesTheNote) {
  start();
  add(100);
  tree = MerkleTree();
  start();
  add(150);
  EXPECT_FALSE(writer->status().contradicts);
  EXPECT_EQ(writer->anchored().size, 100u);
  scheduler.advance(60s);
  EXPECT_THAT(notes(), ElementsAre(100, 150));
}

TEST_F(AnchorWriterTest, AnotherHistoryContradictsAndIsNotSigned) {
  start();
  add(100);
  tree = MerkleTree();
  branch = "another";
  start();
  add(300);
  scheduler.advance(10min);
  EXPECT_TRUE(writer->status().contradicts);
  EXPECT_THAT(notes(), ElementsAre(100));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("states the root")));
  // Nor after another start, with the archive as that history left it.
  start();
  add(300);
  EXPECT_TRUE(writer->status().contradicts);
  EXPECT_THAT(notes(), ElementsAre(100));
}

TEST_F(AnchorWriterTest, AShorterLogContradicts) {
  start();
  add(100);
  tree = MerkleTree();
  start();
  add(60);
  EXPECT_FALSE(writer->status().contradicts);
  writer->on_caught_up(tree);
  EXPECT_TRUE(writer->status().contradicts);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("its tail was removed")));
  add(200);
  EXPECT_THAT(notes(), ElementsAre(100));
}

TEST_F(AnchorWriterTest, AChangedOrForeignNoteContradicts) {
  start();
  add(100);
  const std::string path =
      anchor_folder(anchoring.options.folder, kPartition) + "/00000000000000000100.note";
  auto note = read_small_file(path, 9999).value();
  note[note.size() - 3] = note[note.size() - 3] == 'A' ? 'B' : 'A';
  ASSERT_TRUE(write_durably(path, note));
  start({100, tree.root()});
  EXPECT_TRUE(writer->status().contradicts);
}

TEST_F(AnchorWriterTest, AnchorsThatWereTakenAwayAreMadeAnew) {
  start();
  add(100);
  fs::remove_all(anchor_folder(anchoring.options.folder, kPartition));
  start({100, tree.root()});
  scheduler.advance(60s);
  EXPECT_THAT(notes(), ElementsAre(100));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(AnchorWriterTest, AFolderWithThePublicKeyOfAnotherIsRefused) {
  fs::remove(folder.path() + "/anchor.key");
  const auto opened = Anchoring::open(folder.path() + "/anchor.key", kLog, anchoring.options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::bad_config);
  EXPECT_EQ(opened.error().field, "audit.anchor_dir");
}

// With a log and an archive: each note states the tree of the log's valid events, as read by hand.
struct AnchoredArchive : testing::Test {
  TemporaryFolder folder;
  WrittenLog written{folder.path() + "/data", 1};

  [[nodiscard]] ArchiveOptions options() {
    auto anchoring =
        Anchoring::open(folder.path() + "/anchor.key", written.log().describe().log_id,
                        {.folder = folder.path() + "/anchors", .interval = 1h, .events = 10});
    EXPECT_TRUE(anchoring) << anchoring.error().message;
    ArchiveOptions made;
    made.anchors = *std::move(anchoring);
    return made;
  }
  // What it warned of.
  std::vector<std::string> run() {
    RunningArchive archive(written.log(), folder.path() + "/archive", options());
    archive.wait_until_complete();
    return archive.warnings();
  }
  void add(int events) {
    for (int i = 0; i < events; ++i) written.add_event(i % 3 == 0 ? "anna" : "björn", "t");
    written.settle();
  }
  void expect_notes_of_the_log() {
    const auto records =
        written.log().read({Topic::events, Partition(0)}, Offset(0), {.records_max = 10000});
    ASSERT_TRUE(records);
    std::map<std::uint64_t, std::pair<Hash, Position>> roots;
    MerkleTree tree;
    Position position;
    for (const RecordPtr& record : *records) {
      if (fold(position, *record).verdict == Verdict::valid)
        tree.append(leaf_hash(leaf_input(*record, content_hash(record->headers, record->value))));
      roots[tree.size()] = {tree.root(), position};
    }
    for (const std::uint64_t size : sizes()) {
      const auto note =
          read_small_file(folder.path() + "/anchors/0/" + anchor_name(size), kNoteBytesMax);
      ASSERT_TRUE(note);
      const auto checkpoint = open_checkpoint(*note, options().anchors->key.public_key());
      ASSERT_TRUE(checkpoint) << checkpoint.error().message;
      EXPECT_EQ(checkpoint->size, size);
      EXPECT_EQ(checkpoint->root, roots[size].first) << size;
      EXPECT_EQ(checkpoint->owner_seq, roots[size].second.owner_seq);
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> sizes() const {
    return list_anchors(folder.path() + "/anchors", Partition(0)).value();
  }
};

TEST_F(AnchoredArchive, StatesItsTreeOnTheWayAndAtTheEnd) {
  add(25);
  EXPECT_THAT(run(), IsEmpty());
  EXPECT_THAT(sizes(), ElementsAre(10, 20, 25));
  expect_notes_of_the_log();
}

TEST_F(AnchoredArchive, GoesOnAfterARestart) {
  add(25);
  EXPECT_THAT(run(), IsEmpty());
  add(12);
  EXPECT_THAT(run(), IsEmpty());
  EXPECT_THAT(run(), IsEmpty());
  EXPECT_THAT(sizes(), ElementsAre(10, 20, 25, 35, 37));
  expect_notes_of_the_log();
}

TEST_F(AnchoredArchive, GoesOnWhenTheArchiveIsMadeAgain) {
  add(25);
  EXPECT_THAT(run(), IsEmpty());
  fs::remove_all(folder.path() + "/archive");
  add(3);
  EXPECT_THAT(run(), IsEmpty());
  EXPECT_THAT(sizes(), ElementsAre(10, 20, 25, 28));
  expect_notes_of_the_log();
}

TEST_F(AnchoredArchive, SaysWhereTheLogWasPutBack) {
  add(15);
  EXPECT_THAT(run(), IsEmpty());
  written.close();
  fs::copy(folder.path() + "/data", folder.path() + "/backup");
  written.open();
  add(15);
  EXPECT_THAT(run(), IsEmpty());
  EXPECT_THAT(sizes(), ElementsAre(10, 15, 25, 30));
  written.close();
  fs::remove_all(folder.path() + "/data");
  fs::copy(folder.path() + "/backup", folder.path() + "/data");
  written.open();
  EXPECT_THAT(run(), Contains(HasSubstr("its tail was removed")));
  // It goes on, past the tree size of the newest anchor: what is signed stays true.
  written.claim(Partition(0));
  add(40);
  EXPECT_THAT(run(), Contains(HasSubstr("an anchor contradicts the log")));
  EXPECT_THAT(run(), Contains(HasSubstr("an anchor contradicts the log")));
  EXPECT_THAT(sizes(), ElementsAre(10, 15, 25, 30));
}

TEST(StoredTree, WithAByteChangedIsCorrupt) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/0.db";
  auto archive = PartitionArchive::open(path, kLog, 10, [](const std::string&) {});
  ASSERT_TRUE(archive) << archive.error().message;
  archive->set_anchored({7, sha256("root")});
  ASSERT_TRUE(archive->commit({}));
  auto file = SqliteDatabase::open(path, SqliteDatabase::Access::read_write);
  ASSERT_TRUE(file);
  const auto stored = read_tree(*file);
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->anchored, (Anchored{7, sha256("root")}));
  ASSERT_TRUE(file->execute("UPDATE tree SET anchored_size = 8"));
  EXPECT_FALSE(read_tree(*file));
}

}  // namespace
}  // namespace signalbox::event_store
