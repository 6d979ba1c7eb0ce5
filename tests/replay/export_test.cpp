// Exports, held by a golden file: what is written of a known log is the golden export, and the
// golden export is whole. Damaged ones are in tests/e2e/test_anchors.py, before two verifiers.
#include "replay/export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <sstream>
#include <utility>

#include "event-store/archive/anchor_writer.hpp"
#include "event-store/log/log_reader.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "event-store/sqlite/private_file.hpp"
#include "replay/anchor_notes.hpp"
#include "replay/export_check.hpp"
#include "replay/export_manifest.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::Checkpoint;
using event_store::LogReader;
using event_store::SigningKey;
using event_store::TemporaryFolder;
using event_store::WrittenLog;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kGolden = SIGNALBOX_SOURCE_DIR "/tests/replay/golden/";
const Watch kPatient = [](const Progress&) { return true; };

std::string content_of(const std::string& path) {
  return event_store::read_small_file(path, 1 << 20).value_or("");
}

// Read once, it has nothing any more.
class VanishingLog final : public event_store::HistoryLog {
 public:
  explicit VanishingLog(LogReader& log) : log_(log) {}
  [[nodiscard]] const event_store::LogDescription& describe() const override {
    return log_.describe();
  }
  [[nodiscard]] Result<event_store::LogBounds> bounds(const TopicPartition& at) override {
    return log_.bounds(at);
  }
  [[nodiscard]] Result<std::vector<RecordPtr>> read(const TopicPartition& at, Offset from,
                                                    event_store::ReadLimits limits) override {
    if (std::exchange(is_read_, true)) return std::vector<RecordPtr>();
    return log_.read(at, from, limits);
  }
  [[nodiscard]] Result<std::optional<std::int64_t>> scan(const TopicPartition& at, Offset from,
                                                         std::int64_t rows_max,
                                                         const Visit& visit) override {
    return log_.scan(at, from, rows_max, visit);
  }

 private:
  LogReader& log_;
  bool is_read_ = false;
};

struct ExportOfALog : testing::Test {
  TemporaryFolder folder;
  WrittenLog written{folder.path() + "/data", 1};
  SigningKey key = [] {
    std::array<std::uint8_t, 32> seed{};
    seed.fill(7);
    return SigningKey::from_seed(seed);
  }();
  std::string anchors = folder.path() + "/anchors";

  // Three events of anna, one of björn between them, at times that never change.
  void write_example() {
    for (const char* const user : {"anna", "björn", "anna", "anna"})
      written.add_event(user, "t", 0, [](NewRecord& record) {
        record.headers.set("ce_time", "2026-11-20T09:30:00.000000Z");
      });
    written.settle();
  }
  // Anchors of the trees of these sizes, of the log as it is.
  void anchor(const std::vector<std::uint64_t>& sizes) {
    ASSERT_TRUE(event_store::make_private_folders(anchors + "/0"));
    const LogId log = written.log().describe().log_id;
    ASSERT_TRUE(event_store::write_durably(
        anchors + "/anchor.pub",
        to_text(event_store::VerifierKey{event_store::anchor_key_name(log), key.public_key()})));
    const auto records = written.log().read({Topic::events, Partition(0)}, Offset(0), {});
    ASSERT_TRUE(records);
    event_store::Position position;
    event_store::MerkleTree tree;
    for (const RecordPtr& record : *records) {
      if (event_store::fold(position, *record).verdict != event_store::Verdict::valid) continue;
      tree.append(event_store::leaf_hash(event_store::leaf_input(
          *record, event_store::content_hash(record->headers, record->value))));
      if (std::ranges::find(sizes, tree.size()) == sizes.end()) continue;
      write_note({log, Partition(0), tree.size(), tree.root(), position.next_offset, position.epoch,
                  position.owner_seq});
    }
  }
  void write_note(const Checkpoint& checkpoint) {
    ASSERT_TRUE(
        event_store::write_durably(anchors + "/0/" + event_store::anchor_name(checkpoint.size),
                                   event_store::sign_checkpoint(checkpoint, key)));
  }

  Result<ExportReport> write(const std::string& user, const Watch& watch = kPatient) {
    auto reader = LogReader::open(folder.path() + "/data");
    EXPECT_TRUE(reader);
    text.clear();
    return write_export(*reader, UserId(user), anchors, watch, [&](std::string_view line) {
      text += line;
      return Result<void>();
    });
  }
  [[nodiscard]] ExportVerdict check() const {
    std::istringstream file(text);
    return check_export(file, read_verifier_key(anchors + "/anchor.pub").value(), kPatient).value();
  }
  std::string text;  // of the newest export
};

TEST_F(ExportOfALog, IsTheGoldenOne) {
  write_example();
  anchor({1, 2, 4});
  const auto report = write("anna");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(text, content_of(kGolden + "export.jsonl"));
  EXPECT_EQ(report->events, 3);
  // That of two events covers no more of her than that of one.
  EXPECT_EQ(report->anchors, 2u);
  EXPECT_EQ(report->anchored, Seq(3));
}

TEST_F(ExportOfALog, OfRecordsThatAreGoneWhenTheyAreReadAgainFails) {
  write_example();
  auto reader = LogReader::open(folder.path() + "/data");
  ASSERT_TRUE(reader);
  VanishingLog vanishing(*reader);
  const auto report = write_export(vanishing, UserId("anna"), anchors, kPatient,
                                   [](std::string_view) { return Result<void>(); });
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::corrupt);
  EXPECT_THAT(report.error().message, HasSubstr("had 3 events of this user and, read again, 0"));
}

TEST(GoldenExport, IsReadNoFurtherOnceItShallEnd) {
  std::ifstream file(kGolden + "export.jsonl");
  const auto key = read_verifier_key(kGolden + "anchor.pub").value();
  const auto verdict = check_export(file, key, [](const Progress& progress) {
    EXPECT_EQ(progress.done, 1);
    EXPECT_EQ(progress.total, 3);
    return false;
  });
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Errc::stopped);
}

TEST(GoldenExport, IsWhole) {
  std::ifstream file(kGolden + "export.jsonl");
  const ExportVerdict verdict =
      check_export(file, read_verifier_key(kGolden + "anchor.pub").value(), kPatient).value();
  EXPECT_THAT(verdict.first_faults, IsEmpty());
  EXPECT_EQ(verdict.events, 3);
  EXPECT_EQ(verdict.anchors, 2u);
  EXPECT_EQ(verdict.anchored, Seq(3));
  EXPECT_EQ(verdict.anchored_size, 4u);
}

TEST_F(ExportOfALog, SaysWhatNoAnchorCovers) {
  write_example();
  ASSERT_TRUE(write("anna"));
  EXPECT_THAT(write("anna")->without_anchors, HasSubstr("anchor.pub"));
  anchor({2});
  ASSERT_TRUE(write("anna"));
  EXPECT_TRUE(check().is_whole());
  EXPECT_EQ(check().anchored, Seq(1));
  EXPECT_THAT(to_text(check()), HasSubstr("unanchored: a removed tail cannot be seen"));
  EXPECT_THAT(to_text(check()), HasSubstr("seq 2 to 3"));
}

TEST_F(ExportOfALog, NamesAnAnchorThatContradictsTheLogAndCannotPass) {
  write_example();
  anchor({2});
  write_note(
      {written.log().describe().log_id, Partition(0), 9, {}, Offset(12), Epoch(1), OwnerSeq(9)});
  const auto report = write("anna");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->contradictions, ElementsAre(HasSubstr("states 9 events, the log holds 4")));
  EXPECT_FALSE(check().is_whole());
}

TEST_F(ExportOfALog, OfADamagedHistoryNamesTheBreakOnce) {
  written.add_event("anna", "t");
  written.add_event("anna", "t", 5);
  written.add_event("anna", "t");
  written.settle();
  anchor({3});
  ASSERT_TRUE(write("anna"));
  EXPECT_THAT(check().first_faults, ElementsAre(HasSubstr("expected ce_userseq 2, found 7")));
}

TEST_F(ExportOfALog, InPartsEachProvesItselfAndTogetherTheyAreTheWhole) {
  for (int i = 0; i < 40; ++i) written.add_event(i % 3 == 2 ? "berta" : "anna", "t");
  written.settle();
  anchor({4, 20, 40});
  ASSERT_TRUE(write("anna"));
  const std::string whole = text;
  auto reader = LogReader::open(folder.path() + "/data");
  ASSERT_TRUE(reader);
  std::string records;
  int parts = 0;
  for (std::optional<Seq> next = Seq(1); next; ++parts) {
    const Seq first = *next;
    const auto part = make_export_part(*reader, UserId("anna"), anchors, first, 6'000, kPatient);
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(part->report.first, first);
    text = part->text;
    const ExportVerdict verdict = check();
    EXPECT_THAT(verdict.first_faults, IsEmpty());
    EXPECT_EQ(verdict.anchored, verdict.last) << "of the part from " << first.value();
    const std::string lines = text.substr(text.find('\n') + 1);
    EXPECT_LE(lines.size(), 6'000u);
    records += lines;
    next = part->next;
    if (next) {
      EXPECT_EQ(*next, verdict.last.next());
    }
  }
  EXPECT_GT(parts, 3);
  EXPECT_EQ(records, whole.substr(whole.find('\n') + 1));
  const auto none = make_export_part(*reader, UserId("anna"), anchors, Seq(28), 6'000, kPatient);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
}

// The second reading passes over long stretches without him, and the claim of an epoch in one.
TEST_F(ExportOfALog, HasEveryEventHoweverFarTheyLieApart) {
  const auto others = [&](std::int64_t events) {
    for (std::int64_t i = 0; i < events; ++i) written.add_event("berta", "t");
  };
  written.add_event("anna", "t");
  others(Stretches::kPassedOverMin + 1);
  written.claim(written.partition_of("anna"));
  written.add_event("anna", "t");
  others(3);
  written.add_event("anna", "t");
  others(Stretches::kPassedOverMin + 1);
  written.add_event("anna", "t");
  written.settle();
  const auto report = write("anna");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->events, 4);
  auto reader = LogReader::open(folder.path() + "/data");
  ASSERT_TRUE(reader);
  // A part is made in one reading of everything.
  const auto part = make_export_part(*reader, UserId("anna"), anchors, Seq(1), 1 << 20, kPatient);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_EQ(text, part->text);
}

TEST(StretchesOfALog, PassOverWhatIsWorthItAndAreNeverTooMany) {
  Stretches some;
  event_store::Position before;
  std::int64_t at = 0;
  const auto add = [&](std::int64_t gap) {
    at += gap;
    before.next_offset = Offset(at);
    some.add(before, Offset(at));
  };
  add(0);
  add(Stretches::kPassedOverMin);
  EXPECT_EQ(some.all().size(), 1u);
  EXPECT_EQ(some.all()[0].end, Offset(at + 1));
  add(Stretches::kPassedOverMin + 1);
  ASSERT_EQ(some.all().size(), 2u);
  EXPECT_EQ(some.all()[1].from.next_offset, Offset(at));
  for (std::size_t i = 0; i < 2 * Stretches::kStretchesMax; ++i) add(Stretches::kPassedOverMin + 1);
  EXPECT_EQ(some.all().size(), Stretches::kStretchesMax);
  EXPECT_EQ(some.all().back().end, Offset(at + 1));
}

TEST_F(ExportOfALog, InPartsNamesAnAnchorThatContradictsTheLog) {
  for (int i = 0; i < 20; ++i) written.add_event("anna", "t");
  written.settle();
  anchor({12});
  write_note(
      {written.log().describe().log_id, Partition(0), 5, {}, Offset(6), Epoch(1), OwnerSeq(5)});
  auto reader = LogReader::open(folder.path() + "/data");
  ASSERT_TRUE(reader);
  const auto part = make_export_part(*reader, UserId("anna"), anchors, Seq(1), 3'000, kPatient);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_THAT(part->report.contradictions, ElementsAre(HasSubstr("another tree")));
  text = part->text;
  EXPECT_FALSE(check().is_whole());
}

TEST_F(ExportOfALog, KeepsTheNewestAnchorsOfVeryMany) {
  for (std::size_t i = 0; i < kExportAnchorsMax + 20; ++i) written.add_event("anna", "t");
  written.settle();
  std::vector<std::uint64_t> sizes(kExportAnchorsMax + 20);
  std::iota(sizes.begin(), sizes.end(), 1);
  anchor(sizes);
  const auto report = write("anna");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->anchors, kExportAnchorsMax);
  EXPECT_TRUE(check().is_whole()) << to_text(check());
  EXPECT_EQ(check().anchored, check().last);
}

TEST_F(ExportOfALog, OfNobodyOrInterruptedIsAnError) {
  write_example();
  EXPECT_EQ(write("nobody").error().code, Errc::not_found);
  EXPECT_EQ(write("anna", [](const Progress&) { return false; }).error().code, Errc::stopped);
}

}  // namespace
}  // namespace signalbox::replay
