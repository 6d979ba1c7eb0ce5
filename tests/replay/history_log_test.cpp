// Replay over a log that is asked for its records, as one on Kafka: the same answers as from the
// files, partition by partition; and behind a cut what is left.
#include "event-store/log/event_log_history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event-store/log/log_reader.hpp"
#include "replay/anchor_check.hpp"
#include "replay/export.hpp"
#include "replay/state.hpp"
#include "replay/timeline.hpp"
#include "replay/verify.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::EventLog;
using event_store::EventLogHistory;
using event_store::LogBounds;
using event_store::SqliteEventLog;
using event_store::TemporaryFolder;
using event_store::WrittenLog;

const Watch kPatient = [](const Progress&) { return true; };

// A log that is only read, of which some records of events are gone.
class CutLog final : public EventLog {
 public:
  explicit CutLog(const std::string& folder) : log_(*SqliteEventLog::open_read_only(folder)) {}

  void cut_before(Partition partition, Offset first) { first_.insert_or_assign(partition, first); }
  void lose(Partition partition, Offset offset) { lost_.insert({partition, offset}); }

  event_store::LogDescription describe() const override { return log_->describe(); }
  Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                      event_store::ReadLimits limits) override {
    if (from < first_of(at.partition)) return failure(Errc::not_found, "retention took it");
    auto records = log_->read(at, from, limits);
    if (records)
      std::erase_if(*records, [&](const RecordPtr& record) {
        return lost_.contains({at.partition, record->offset});
      });
    return records;
  }
  Result<LogBounds> bounds(TopicPartition at) override {
    auto bounds = log_->bounds(at);
    if (bounds) bounds->first = std::max(bounds->first, first_of(at.partition));
    return bounds;
  }
  void append(TopicPartition, NewRecord, Executor&, event_store::AppendDone) override {}
  std::unique_ptr<event_store::Tail> tail(TopicPartition, Offset, Executor&,
                                          event_store::TailSink&) override {
    return nullptr;
  }
  std::unique_ptr<event_store::Membership> join(std::string, Executor&,
                                                event_store::MembershipSink&) override {
    return nullptr;
  }

 private:
  [[nodiscard]] Offset first_of(Partition partition) const {
    const auto found = first_.find(partition);
    return found == first_.end() ? Offset(0) : found->second;
  }

  std::unique_ptr<SqliteEventLog> log_;
  std::map<Partition, Offset> first_;
  std::set<std::pair<Partition, Offset>> lost_;
};

class AskedLog : public testing::Test {
 protected:
  // Six events each, one after the other.
  AskedLog() {
    for (int i = 0; i < 6; ++i)
      for (const char* const user : {"anna", "berta", "carla"}) written_.add_event(user, "t");
    written_.settle();
  }
  EventLogHistory history(const std::function<void(CutLog&)>& change = {}) {
    auto log = std::make_unique<CutLog>(folder_.path());
    if (change) change(*log);
    return EventLogHistory(std::move(log));
  }
  std::vector<std::string> lines(event_store::HistoryLog& log, std::optional<UserId> user) {
    auto events = ValidEvents::open(log, std::move(user), kPatient);
    EXPECT_TRUE(events) << events.error().message;
    cuts_ = events->cuts().size();
    std::vector<std::string> all;
    const auto done = write_timeline(*events, {}, json_line, [&](std::string_view line) {
      all.emplace_back(line);
      return true;
    });
    EXPECT_TRUE(done) << done.error().message;
    return all;
  }
  VerifyReport verify(event_store::HistoryLog& log, VerifyOptions options = {}) {
    auto report = verify_log(log, options, kPatient);
    EXPECT_TRUE(report) << report.error().message;
    return *std::move(report);
  }
  // Of the user's event with that seq.
  Offset offset_of(const std::string& user, std::int64_t seq) {
    auto log = *event_store::LogReader::open(folder_.path());
    const auto records = log.read({Topic::events, written_.partition_of(user)}, Offset(0), {});
    for (const RecordPtr& record : *records)
      if (record->key == user && record->header("ce_userseq") == std::to_string(seq))
        return record->offset;
    ADD_FAILURE() << "no such event";
    return Offset(0);
  }

  TemporaryFolder folder_;
  WrittenLog written_{folder_.path()};
  std::size_t cuts_ = 0;
};

TEST_F(AskedLog, GivesWhatTheFilesGive) {
  EventLogHistory asked = history();
  auto files = *event_store::LogReader::open(folder_.path());
  for (const char* const user : {"anna", "berta", "carla"})
    EXPECT_EQ(lines(asked, UserId(user)), lines(files, UserId(user)));
  auto all = lines(asked, std::nullopt);
  auto written = lines(files, std::nullopt);
  EXPECT_THAT(all, testing::UnorderedElementsAreArray(written));
  EXPECT_EQ(all.size(), 18u);
  EXPECT_EQ(cuts_, 0u);
  const VerifyReport report = verify(asked);
  EXPECT_EQ(report.findings.count(), 0);
  EXPECT_EQ(report.events, 18);
  EXPECT_EQ(report.users, 3);
  EXPECT_EQ(verify(asked, {.user = UserId("anna")}).events, 6);
  const auto state = read_state(asked, "", UserId("anna"), {.seq = Seq(4)}, kPatient);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->events, 4);
}

TEST_F(AskedLog, NamesAnEventThatIsMissingAndNoHoleInTheOffsets) {
  const Partition partition = written_.partition_of("anna");
  const Offset lost = offset_of("anna", 3);
  EventLogHistory asked = history([&](CutLog& log) { log.lose(partition, lost); });
  const VerifyReport report = verify(asked);
  ASSERT_GE(report.findings.count(), 2);
  EXPECT_EQ(report.findings.kept()[0].kind, DamageKind::row_missing);
  EXPECT_EQ(report.findings.kept()[0].offset, lost);
  EXPECT_EQ(report.findings.kept()[1].kind, DamageKind::seq_broken);
  EXPECT_EQ(report.findings.kept()[1].user, "anna");
  EXPECT_EQ(report.findings.count(), 2);
  // A claim is no event: that its offset is empty loses nothing.
  written_.claim(partition);
  const Offset claim = written_.settle();
  written_.add_event("anna", "t");
  written_.settle();
  EventLogHistory other = history([&](CutLog& log) { log.lose(partition, claim); });
  EXPECT_EQ(verify(other).findings.kept().at(0).kind, DamageKind::row_missing);
}

TEST_F(AskedLog, BehindACutIsVerifiedFromTheOldestRecordThatIsLeft) {
  const Partition partition = written_.partition_of("anna");
  const Offset first = offset_of("anna", 3);
  EventLogHistory asked = history([&](CutLog& log) { log.cut_before(partition, first); });
  AnchorCheck anchors(folder_.path() + "/anchors", "", asked.describe(), std::nullopt);
  const VerifyReport report = verify(asked, {.observers = {&anchors}});
  ASSERT_EQ(report.findings.count(), 1) << to_text(report.findings.kept().back());
  EXPECT_EQ(report.findings.kept()[0].kind, DamageKind::log_cut);
  EXPECT_EQ(report.findings.kept()[0].offset, first);
  EXPECT_EQ(report.users, 3);
  EXPECT_THAT(anchors.summary().missing, testing::HasSubstr("oldest record that is left"));
  const auto left = lines(asked, UserId("anna"));
  EXPECT_EQ(cuts_, 1u);
  ASSERT_EQ(left.size(), 4u);
  EXPECT_THAT(left.front(), testing::HasSubstr("\"seq\":3"));
}

TEST_F(AskedLog, BehindACutDamageIsFoundStill) {
  const Partition partition = written_.partition_of("anna");
  EventLogHistory asked = history([&](CutLog& log) {
    log.cut_before(partition, offset_of("anna", 2));
    log.lose(partition, offset_of("anna", 4));
  });
  const VerifyReport report = verify(asked);
  ASSERT_EQ(report.findings.count(), 3);
  EXPECT_EQ(report.findings.kept()[1].kind, DamageKind::row_missing);
  EXPECT_EQ(report.findings.kept()[2].kind, DamageKind::seq_broken);
}

TEST_F(AskedLog, WhatNeedsTheBeginningIsRefusedBehindACut) {
  const Partition partition = written_.partition_of("anna");
  EventLogHistory asked =
      history([&](CutLog& log) { log.cut_before(partition, offset_of("anna", 3)); });
  const auto state = read_state(asked, "", UserId("anna"), {}, kPatient);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::not_found);
  EXPECT_THAT(state.error().message, testing::HasSubstr("oldest record that is left"));
  const auto made = write_export(asked, UserId("anna"), folder_.path() + "/anchors", kPatient,
                                 [](std::string_view) -> Result<void> { return {}; });
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::not_found);
}

}  // namespace
}  // namespace signalbox::replay
