#include "event-store/log/partition_reader.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/log_scan.hpp"
#include "tests/support/simulated_event_log.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox::event_store {
namespace {

using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;
using test_support::TestOwner;

constexpr Partition kPartition{0};
constexpr TopicPartition kEvents{Topic::events, kPartition};

class Sink final : public JudgedSink {
 public:
  void on_judged(std::span<const JudgedRecord> records) override {
    for (const JudgedRecord& record : records) {
      verdicts.push_back(record.judged.verdict);
      after = record.after;
    }
    if (then) then();
  }
  void on_caught_up(const Position& position) override { caught_up = position; }
  void on_stopped(const Error& error) override { stopped = error; }

  std::vector<Verdict> verdicts;
  std::optional<Position> after;
  std::optional<Position> caught_up;
  std::optional<Error> stopped;
  std::function<void()> then;
};

class PartitionReaderTest : public testing::Test {
 protected:
  std::unique_ptr<PartitionReader> read(Sink& sink, Position start = {}) {
    auto made = std::make_unique<PartitionReader>(*session_, executor_, kPartition, start, sink);
    scheduler_.run_until_idle();
    return made;
  }

  SimulatedScheduler scheduler_;
  SimulatedEventLog log_{scheduler_};
  std::unique_ptr<EventLog> session_ = log_.open_session();
  Executor& executor_ = scheduler_.make_executor("reader");
  Random random_{5};
  TestOwner first_{session_->describe().log_id, Epoch(1), random_};
  TestOwner second_{session_->describe().log_id, Epoch(2), random_};
};

TEST_F(PartitionReaderTest, EveryRecordComesWithItsVerdictAndIsCounted) {
  log_.put(kEvents, first_.owned());
  const NewRecord event = first_.event("anna", Offset(0));
  log_.put(kEvents, event);
  log_.put(kEvents, event);
  Sink sink;
  const auto reader = read(sink);
  EXPECT_EQ(sink.verdicts, (std::vector<Verdict>{Verdict::genesis, Verdict::control, Verdict::valid,
                                                 Verdict::duplicate}));
  EXPECT_EQ(reader->verdicts()[static_cast<std::size_t>(Verdict::duplicate)], 1u);
  ASSERT_TRUE(sink.caught_up);
  EXPECT_EQ(*sink.caught_up, (Position{Offset(4), Epoch(1), first_.claim(), OwnerSeq(1)}));
  log_.put(kEvents, first_.event("anna", Offset(1)));
  scheduler_.run_until_idle();
  EXPECT_EQ(sink.caught_up->owner_seq, OwnerSeq(2));
}

TEST_F(PartitionReaderTest, AnEventOfAnUnclaimedEpochStopsThePartitionAndSaysWhere) {
  log_.put(kEvents, first_.owned());
  log_.put(kEvents, second_.event("anna", Offset(0)));
  log_.put(kEvents, first_.event("berta", Offset(1)));
  Sink sink;
  const auto reader = read(sink);
  ASSERT_TRUE(sink.stopped);
  EXPECT_EQ(sink.stopped->code, Errc::corrupt);
  EXPECT_EQ(sink.stopped->message,
            "events partition 0 offset 2: an event of epoch 2, which nobody has claimed; the "
            "highest is 1");
  EXPECT_EQ(sink.verdicts.back(), Verdict::corrupt) << "nothing after it is judged";
  EXPECT_EQ(reader->position().next_offset, Offset(2));
}

TEST_F(PartitionReaderTest, TheSinkMayDestroyItsReader) {
  log_.put(kEvents, first_.owned());
  log_.put(kEvents, second_.event("anna", Offset(0)));
  Sink sink;
  std::unique_ptr<PartitionReader> reader;
  sink.then = [&] { reader.reset(); };
  reader = std::make_unique<PartitionReader>(*session_, executor_, kPartition, Position{}, sink);
  log_.put(kEvents, first_.event("anna", Offset(0)));
  scheduler_.run_until_idle();
  EXPECT_EQ(reader, nullptr);
  EXPECT_FALSE(sink.stopped) << "a destroyed reader is silent";
  EXPECT_FALSE(sink.caught_up);
}

TEST_F(PartitionReaderTest, AStoredPositionGivesTheSameVerdictsAsTheWholeLog) {
  log_.put(kEvents, first_.owned());
  for (int i = 0; i < 3; ++i) log_.put(kEvents, first_.event("anna", Offset(i)));
  log_.put(kEvents, second_.owned());
  log_.put(kEvents, first_.event("anna", Offset(3)));
  log_.put(kEvents, second_.event("berta", Offset(3)));
  std::vector<JudgedRecord> whole;
  Position position;
  for (const RecordPtr& record : log_.records(kEvents)) {
    const Judged judged = fold(position, *record);
    whole.push_back({record, judged, position});
  }
  for (std::size_t start = 0; start < whole.size(); ++start) {
    Sink sink;
    const auto reader = read(sink, whole[start].after);
    ASSERT_EQ(sink.verdicts.size(), whole.size() - start - 1);
    for (std::size_t i = 0; i < sink.verdicts.size(); ++i)
      EXPECT_EQ(sink.verdicts[i], whole[start + 1 + i].judged.verdict);
  }
}

TEST_F(PartitionReaderTest, AStartBeyondTheEndIsToldAsStopped) {
  Sink sink;
  const auto reader = read(sink, {Offset(99), Epoch(1), std::nullopt, OwnerSeq(7)});
  ASSERT_TRUE(sink.stopped);
  EXPECT_EQ(sink.stopped->code, Errc::not_found);
}

class FindStartPosition : public PartitionReaderTest {
 protected:
  FoldPoint now() { return now_from(Position{}); }
  // Folded from there on, where what lies before it is gone.
  FoldPoint now_from(Position position) {
    InboundResume resume;
    for (const RecordPtr& record : log_.records(kEvents)) {
      if (record->offset < position.next_offset) continue;
      const Judged judged = fold(position, *record);
      fold_resume(resume, position, judged, *record);
    }
    return {position.next_offset, position.epoch, *position.claim, position.owner_seq, resume.next};
  }
};

TEST_F(FindStartPosition, WithoutCheckpointIsTheBeginning) {
  log_.put(kEvents, first_.owned());
  EXPECT_EQ(find_start_position(*session_, kPartition), Position{});
}

TEST_F(FindStartPosition, IsTheFactACheckpointStatesHoweverFarBack) {
  log_.put(kEvents, first_.owned());
  log_.put(kEvents, first_.event("anna", Offset(0)));
  const FoldPoint fact = now();
  log_.put(kEvents, first_.checkpoint(fact, Offset(1)));
  for (int i = 1; i < 2500; ++i) log_.put(kEvents, first_.event("anna", Offset(i)));
  EXPECT_EQ(find_start_position(*session_, kPartition),
            (Position{fact.offset, fact.epoch, fact.claim_id, fact.owner_seq}));
}

TEST_F(FindStartPosition, TheOldestOfACutLogIsTheFirstThatLiesInWhatIsLeft) {
  log_.put(kEvents, first_.owned());
  log_.put(kEvents, first_.event("anna", Offset(0)));
  const FoldPoint cut_away = now();
  log_.put(kEvents, first_.event("anna", Offset(1)));
  log_.put(kEvents, first_.event("anna", Offset(2)));
  const FoldPoint left = now();
  EXPECT_EQ(find_oldest_position(*session_, kPartition), Position{});

  log_.forget_oldest(kEvents, 4);
  log_.put(kEvents, first_.checkpoint(cut_away, Offset(1)));
  const auto none = find_oldest_position(*session_, kPartition);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);

  log_.put(kEvents, first_.checkpoint(left, Offset(3)));
  log_.put(kEvents, first_.event("anna", Offset(3)));
  const Position oldest{left.offset, left.epoch, left.claim_id, left.owner_seq};
  log_.put(kEvents, first_.checkpoint(now_from(oldest), Offset(4)));
  EXPECT_EQ(find_oldest_position(*session_, kPartition), oldest);
}

// A client that was given the oldest position was told that it is too old as well.
TEST_F(FindStartPosition, TheOldestOfACutLogIsProvenByWhatIsStatedBehindIt) {
  log_.put(kEvents, first_.owned());
  log_.put(kEvents, first_.event("anna", Offset(0)));
  log_.put(kEvents, first_.event("anna", Offset(1)));
  const FoldPoint left = now();
  log_.put(kEvents, first_.event("anna", Offset(2)));
  log_.put(kEvents, first_.checkpoint(left, Offset(3)));
  log_.forget_oldest(kEvents, 3);
  const auto oldest = find_oldest_position(*session_, kPartition);
  ASSERT_TRUE(oldest);
  LogScan scan{.partition = kPartition,
               .from = *oldest,
               .from_is_proven = false,
               .until = Offset(100),
               .user = UserId("anna"),
               .found_bytes_max = 1U << 20,
               .read_bytes_max = 1U << 20};
  const LogScanResult whole = scan_log(*session_, scan);
  EXPECT_FALSE(whole.error) << whole.error->message;
  EXPECT_FALSE(whole.misfit);
  EXPECT_EQ(whole.events.size(), 1u);
  scan.from.owner_seq = scan.from.owner_seq.next();
  EXPECT_TRUE(scan_log(*session_, scan).misfit);
  scan.from.next_offset = Offset(1);
  const LogScanResult older = scan_log(*session_, scan);
  ASSERT_TRUE(older.error);
  EXPECT_EQ(older.error->code, Errc::not_found);
}

TEST_F(FindStartPosition, MayComeFromAZombiesCheckpointThatLandedLate) {
  log_.put(kEvents, first_.owned());
  const FoldPoint fact = now();
  log_.put(kEvents, second_.owned());
  log_.put(kEvents, second_.event("anna", Offset(0)));
  log_.put(kEvents, first_.checkpoint(fact, Offset(0)));
  const auto start = find_start_position(*session_, kPartition);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->epoch, Epoch(1));
  Sink sink;
  const auto reader = read(sink, *start);
  EXPECT_EQ(sink.verdicts,
            (std::vector<Verdict>{Verdict::control, Verdict::valid, Verdict::ignored}));
}

TEST_F(FindStartPosition, ACheckpointOfAnotherLogOrOfTheFutureIsNotTrusted) {
  log_.put(kEvents, first_.owned());
  TestOwner foreign(LogId(random_.uuid()), Epoch(1), random_);
  FoldPoint fact = now();
  log_.put(kEvents, foreign.checkpoint(fact, Offset(0)));
  fact.offset = Offset(1000);
  log_.put(kEvents, first_.checkpoint(fact, Offset(0)));
  EXPECT_EQ(find_start_position(*session_, kPartition), Position{});
}

}  // namespace
}  // namespace signalbox::event_store
