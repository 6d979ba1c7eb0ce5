// The counterexamples C1 to C14 of the ownership rules (ops/decisions/0015), by their names: each
// was a way to lose or double something under an earlier draft. Here, what the fold and the readers
// make of the log that each leaves behind; what the router does about it is tested with the router
// under the same names.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/log/partition_reader.hpp"
#include "event-store/log/user_chain.hpp"
#include "tests/support/simulated_event_log.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox::event_store {
namespace {

using test_support::AppendFate;
using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;
using test_support::TestOwner;

constexpr Partition kPartition{0};
constexpr TopicPartition kEvents{Topic::events, kPartition};

// What a reader makes of the whole partition.
struct Reading {
  std::vector<Verdict> verdicts;    // from the record after its start on
  std::vector<Position> positions;  // after each
  std::vector<RecordPtr> valid;
  Position position;
  InboundResume resume;
  bool stopped = false;

  [[nodiscard]] std::vector<std::string> valid_values() const {
    std::vector<std::string> values;
    for (const RecordPtr& record : valid) values.push_back(record->value);
    return values;
  }
};

class OwnershipCounterexample : public testing::Test, private JudgedSink {
 protected:
  [[nodiscard]] TestOwner owner(std::int64_t epoch) {
    return TestOwner(session_->describe().log_id, Epoch(epoch), random_);
  }

  // An append through the log, with this fate; the answer is in `answers_` once it has come.
  void append(NewRecord record, AppendFate fate = {}) {
    log_.set_fate([fate](const TopicPartition&, const NewRecord&) { return fate; });
    session_->append(kEvents, std::move(record), executor_,
                     [this](Result<Offset> answer) { answers_.push_back(answer.has_value()); });
    log_.set_fate(nullptr);
  }
  void settle() { scheduler_.advance(std::chrono::minutes(1)); }

  [[nodiscard]] Reading read(Position start = {}) {
    reading_ = Reading{};
    const PartitionReader reader(*session_, executor_, kPartition, std::move(start), *this);
    scheduler_.run_until_idle();
    return reading_;
  }
  // Every reader that starts at a position stored at any offset agrees with the one from 0.
  void expect_all_readers_agree() {
    const Reading whole = read();
    for (std::size_t i = 0; i < whole.positions.size(); ++i) {
      const Reading part = read(whole.positions[i]);
      EXPECT_EQ(part.verdicts,
                std::vector<Verdict>(whole.verdicts.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                     whole.verdicts.end()))
          << "started after offset " << i;
      if (!whole.stopped) {
        EXPECT_EQ(part.position, whole.position);
      }
    }
  }
  // Each user's valid events follow each other.
  void expect_no_damage() {
    std::map<std::string, UserChain> chains;
    for (const RecordPtr& event : read().valid) {
      const std::string user = *event->key;
      UserChain& chain =
          chains.try_emplace(user, start_of_chain(session_->describe().log_id, UserId(user)))
              .first->second;
      EXPECT_FALSE(follow(chain, *event)) << event->value;
    }
  }

  static constexpr AppendFate kLost{.copies = 0};
  static constexpr AppendFate kLandsButReportsError{.report = AppendFate::Report::error};
  static AppendFate lands_late() {
    return {
        .report = AppendFate::Report::error, .delay = std::chrono::seconds(10), .overtaken = true};
  }

  SimulatedScheduler scheduler_;
  SimulatedEventLog log_{scheduler_};
  std::unique_ptr<EventLog> session_ = log_.open_session();
  Executor& executor_ = scheduler_.make_executor("router");
  Random random_{5};
  std::vector<bool> answers_;

 private:
  void on_judged(std::span<const JudgedRecord> records) override {
    for (const JudgedRecord& record : records) {
      reading_.verdicts.push_back(record.judged.verdict);
      reading_.positions.push_back(record.after);
      if (record.judged.verdict == Verdict::valid) reading_.valid.push_back(record.record);
      reading_.position = record.after;
      fold_resume(reading_.resume, record.after, record.judged, *record.record);
    }
  }
  void on_caught_up(const Position& position) override { reading_.position = position; }
  void on_stopped(const Error&) override { reading_.stopped = true; }

  Reading reading_;
};

using enum Verdict;
using Verdicts = std::vector<Verdict>;

TEST_F(OwnershipCounterexample, C1_AnEventWhosePredecessorWasGivenUpIsAHole) {
  TestOwner a = owner(1);
  append(a.owned());
  append(a.event("u0", Offset(0)), kLost);
  append(a.event("u1", Offset(1)));
  settle();
  EXPECT_EQ(answers_, (std::vector<bool>{true, false, true}));
  const Reading left = read();
  EXPECT_EQ(left.verdicts, (Verdicts{genesis, control, hole}));
  EXPECT_EQ(left.resume.next, Offset(0)) << "i0, acknowledged, is still to be answered";
  // B takes over and answers both.
  TestOwner b = owner(2);
  append(b.owned(left.resume.next));
  append(b.event("u0", Offset(0)));
  append(b.event("u1", Offset(1)));
  settle();
  EXPECT_EQ(read().resume.next, Offset(2));
  expect_no_damage();
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C2_AGapInOneUsersEventsIsAHoleAndNoCorruption) {
  TestOwner a = owner(1);
  const NewRecord first = a.event("u0", Offset(0));
  const NewRecord second = a.event("u0", Offset(1));
  append(a.owned());
  append(first, kLost);
  append(second);
  settle();
  const Reading left = read();
  EXPECT_EQ(left.verdicts, (Verdicts{genesis, control, hole}));
  EXPECT_FALSE(left.stopped);
  append(first);
  append(second);
  settle();
  EXPECT_EQ(read().valid.size(), 2u) << "the open list, sent again, counts";
  expect_no_damage();
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C3_AZombiesRepeatedClaimIsNoStartForAReader) {
  TestOwner a = owner(1);
  TestOwner b = owner(2);
  append(a.owned());
  settle();
  const Position fact = read().position;
  append(b.owned());
  append(a.owned());
  append(a.checkpoint({fact.next_offset, fact.epoch, *fact.claim, fact.owner_seq, Offset(0)},
                      Offset(0)));
  append(a.event("u0", Offset(0), "by a zombie"));
  append(b.event("u0", Offset(0), "by the owner"));
  settle();
  EXPECT_EQ(read().verdicts,
            (Verdicts{genesis, control, control, ignored, ignored, superseded, valid}));
  expect_all_readers_agree();
  // Also the reader that finds its start in the zombie's late checkpoint: it states a fact.
  const auto start = find_start_position(*session_, kPartition);
  ASSERT_EQ(start, fact);
  const Reading found = read(*start);
  ASSERT_EQ(found.valid.size(), 1u);
  EXPECT_EQ(found.valid.front()->value, read().valid.front()->value);
}

TEST_F(OwnershipCounterexample, C4_AClaimThatLandsAfterAHigherOneMisleadsNobody) {
  TestOwner a = owner(1);
  TestOwner b = owner(2);
  append(a.owned(), lands_late());
  append(b.owned());
  scheduler_.advance(std::chrono::seconds(20));
  append(b.event("u0", Offset(0)));
  settle();
  const Reading whole = read();
  EXPECT_EQ(whole.verdicts, (Verdicts{genesis, control, ignored, valid}));
  EXPECT_FALSE(whole.stopped) << "the owner's event is not one of the future";
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C5_AReaderThatStartsBetweenTwoCopiesDropsTheSecond) {
  TestOwner a = owner(1);
  append(a.owned());
  const NewRecord event = a.event("u0", Offset(0));
  append(event, kLandsButReportsError);
  append(event);
  settle();
  const Reading whole = read();
  EXPECT_EQ(whole.verdicts, (Verdicts{genesis, control, valid, duplicate}));
  EXPECT_EQ(read(whole.positions[2]).verdicts, (Verdicts{duplicate}));
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C6_AnotherUsersEventCannotCountBeforeTheUnknownOne) {
  TestOwner a = owner(1);
  append(a.owned());
  const NewRecord unknown = a.event("u0", Offset(0));
  const NewRecord other = a.event("u1", Offset(1));
  append(unknown, kLost);
  append(other);
  settle();
  // A crash here leaves i0 to the next owner.
  EXPECT_EQ(read().resume.next, Offset(0));
  EXPECT_TRUE(read().valid.empty());
  // Without a crash all of the open list is sent again, in order.
  append(unknown);
  append(other);
  settle();
  EXPECT_EQ(read().verdicts, (Verdicts{genesis, control, hole, valid, valid}));
  EXPECT_EQ(read().resume.next, Offset(2));
  expect_no_damage();
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C7_OfTwoEventsWithOneOrdinalOnlyTheFirstCounts) {
  // A faulty owner gave the ordinal of an unknown append to another event; then both landed. The
  // fold keeps one, the same for everybody, so that the second content is never shown.
  TestOwner a = owner(1);
  append(a.owned());
  append(a.event("u0", Offset(0)));
  TestOwner faulty = a;
  append(a.event("u0", Offset(1), "unknown at first"), lands_late());
  append(faulty.event("u0", Offset(1), "stated instead"));
  settle();
  const Reading whole = read();
  EXPECT_EQ(whole.verdicts, (Verdicts{genesis, control, valid, valid, duplicate}));
  EXPECT_NE(whole.valid.back()->value.find("stated instead"), std::string::npos);
  expect_no_damage();
  expect_all_readers_agree();
  // Sent again with the same bytes, as rule 6 has it, the late copy is the same event.
  TestOwner b = owner(2);
  append(b.owned());
  const NewRecord event = b.event("u9", Offset(2), "sent twice");
  append(event, lands_late());
  append(event);
  settle();
  EXPECT_EQ(std::ranges::count(read().valid_values(), event.value), 1);
}

TEST_F(OwnershipCounterexample, C8_AnAppendReportedOkNeedNotCount) {
  // tool_executing of A lands after B's claim; its report is ok all the same. Only reading it back
  // as valid may start the call.
  TestOwner a = owner(1);
  TestOwner b = owner(2);
  append(a.owned());
  append(b.owned());
  settle();
  answers_.clear();
  append(a.event("u0", Offset(0), "tool_executing"));
  settle();
  EXPECT_EQ(answers_, (std::vector<bool>{true}));
  EXPECT_EQ(read().verdicts, (Verdicts{genesis, control, control, superseded}));
  EXPECT_TRUE(read().valid.empty());
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C9_OfTwoClaimsOfOneEpochOneWinsByItsClaimId) {
  TestOwner first = owner(1);
  TestOwner second = owner(1);
  ASSERT_NE(first.claim(), second.claim()) << "random for every attempt";
  append(second.owned(), lands_late());
  append(first.owned());
  settle();
  const Reading whole = read();
  EXPECT_EQ(whole.verdicts, (Verdicts{genesis, control, ignored}));
  EXPECT_EQ(whole.position.claim, first.claim()) << "both have the same router_id";
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C10_AnEventOfALaterOffsetThatCountsFirstWouldSkipAnEarlierOne) {
  // Why first events are stated in inbound order: the resume point is the greatest that counts.
  TestOwner a = owner(1);
  append(a.owned());
  append(a.event("u1", Offset(1)));
  settle();
  EXPECT_EQ(read().resume.next, Offset(2));
  // In order, a crash between the two leaves the second to the next owner.
  TestOwner b = owner(2);
  append(b.owned(Offset(2)));
  append(b.event("u0", Offset(2)));
  append(b.event("u1", Offset(3)), kLost);
  settle();
  EXPECT_EQ(read().resume.next, Offset(3));
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C11_ACancelIsAnsweredByTheEventThatCarriesItsOffset) {
  TestOwner a = owner(1);
  append(a.owned());
  append(a.event("u0", Offset(0), "message_received"));
  append(a.event("u0", Offset(0), "agent_started"));
  settle();
  EXPECT_EQ(read().resume.next, Offset(1)) << "the cancel at i1 has no answer yet";
  // cancel_requested counts before the agent has stopped; later events of the run carry i0.
  append(a.event("u0", Offset(1), "cancel_requested"));
  append(a.event("u1", Offset(2), "message_received"));
  append(a.event("u0", Offset(0), "agent_cancelled"));
  settle();
  EXPECT_EQ(read().resume.next, Offset(3));
  expect_no_damage();
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C12_ARecordWithoutEventIsPassedOnlyByACheckpointOfTheOwner) {
  TestOwner a = owner(1);
  append(a.owned());
  append(a.event("u0", Offset(0)));
  settle();
  const Position fact = read().position;
  const FoldPoint at{fact.next_offset, fact.epoch, *fact.claim, fact.owner_seq, Offset(1)};
  EXPECT_EQ(read().resume.next, Offset(1)) << "the unreadable record at i1";
  append(a.checkpoint(at, Offset(2)));
  settle();
  EXPECT_EQ(read().resume.next, Offset(2)) << "in quarantine, so behind us";
  TestOwner zombie = owner(1);
  append(zombie.checkpoint(at, Offset(99)));
  settle();
  EXPECT_EQ(read().resume.next, Offset(2)) << "nobody else may say so";
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C13_AMessageThatWasReceivedAndNothingElseIsInTheLog) {
  // message_received lands, crash: the next owner finds it valid and its run without a terminal.
  TestOwner a = owner(1);
  append(a.owned());
  append(a.event("u0", Offset(0), "message_received"));
  append(a.event("u0", Offset(0), "agent_started"), kLost);
  settle();
  const Reading left = read();
  ASSERT_EQ(left.valid.size(), 1u);
  EXPECT_NE(left.valid.front()->value.find("message_received"), std::string::npos);
  EXPECT_EQ(left.resume.next, Offset(1)) << "it is not taken from inbound again";
  TestOwner b = owner(2);
  b.continue_users_of(a);
  append(b.owned(left.resume.next));
  settle();
  EXPECT_EQ(read().valid_values(), left.valid_values());
  expect_all_readers_agree();
}

TEST_F(OwnershipCounterexample, C14_AClaimBuiltOnWhatWasNeverReadBackWouldSkipACommand) {
  // inbound_next is what was read back, never what was proposed: the event before it was given up.
  TestOwner a = owner(1);
  append(a.owned());
  append(a.event("u0", Offset(0)), kLost);
  settle();
  const Offset read_back = read().resume.next;
  EXPECT_EQ(read_back, Offset(0));
  TestOwner b = owner(2);
  append(b.owned(read_back));
  settle();
  EXPECT_EQ(read().resume.next, Offset(0)) << "i0 is still to be answered";
  append(b.event("u0", Offset(0)));
  settle();
  EXPECT_EQ(read().resume.next, Offset(1));
  expect_no_damage();
  expect_all_readers_agree();
}

// Section 4 of the rules, and what a paused process may do at its worst.
TEST_F(OwnershipCounterexample, LateLandingsOfADeadProducerNeverCount) {
  TestOwner a = owner(1);
  append(a.owned());
  settle();
  std::unique_ptr<EventLog> dying = log_.open_session();
  log_.set_lies({.append_delay_max = std::chrono::seconds(1),
                 .late_max = std::chrono::seconds(5),
                 .land_after_death = 100});
  for (int i = 0; i < 5; ++i)
    dying->append(kEvents, a.event("u0", Offset(i), "in flight"), executor_,
                  [](Result<Offset>) { FAIL() << "a dead process is told nothing"; });
  dying.reset();
  TestOwner b = owner(2);
  log_.put(kEvents, b.owned());
  log_.put(kEvents, b.event("u0", Offset(0), "by the owner"));
  settle();
  EXPECT_EQ(log_.in_flight(), 0u);
  const Reading whole = read();
  EXPECT_EQ(std::ranges::count(whole.verdicts, superseded), 5);
  ASSERT_EQ(whole.valid.size(), 1u);
  expect_no_damage();
  expect_all_readers_agree();
}

}  // namespace
}  // namespace signalbox::event_store
