#include "event-store/log/validity_fold.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox::event_store {
namespace {

using test_support::at_offset;
using test_support::control_record;
using test_support::TestOwner;

class ValidityFold : public testing::Test {
 protected:
  // Appends to an imaginary partition and judges at once.
  Verdict judge(NewRecord record) {
    const Record stored = at_offset(std::move(record), Offset(next_++));
    const Judged judged = fold(position_, stored);
    fold_resume(resume_, position_, judged, stored);
    return judged.verdict;
  }
  NewRecord event(std::int64_t epoch, std::int64_t owner_seq) {
    NewRecord made = first_.event("anna", Offset(0));
    made.headers.set("ce_ownerepoch", std::to_string(epoch));
    made.headers.set("ce_ownerseq", std::to_string(owner_seq));
    return made;
  }
  TestOwner owner(std::int64_t epoch) { return TestOwner(log_, Epoch(epoch), random_); }

  Random random_{5};
  LogId log_{random_.uuid()};
  TestOwner first_{log_, Epoch(1), random_};
  Position position_;
  InboundResume resume_;
  std::int64_t next_ = 0;
};

TEST_F(ValidityFold, AnEventIsJudgedByEpochAndThenByOwnerseq) {
  struct Row {
    std::int64_t epoch, owner_seq;
    Verdict verdict;
  };
  // Seen from a position in epoch 5 whose last valid event had ownerseq 3.
  const std::vector<Row> table{
      {4, 4, Verdict::superseded},
      {4, 1, Verdict::superseded},
      {1, 99, Verdict::superseded},
      {6, 1, Verdict::corrupt},
      {6, 4, Verdict::corrupt},
      {5, 3, Verdict::duplicate},
      {5, 1, Verdict::duplicate},
      {5, 5, Verdict::hole},
      {5, 99, Verdict::hole},
      {5, 4, Verdict::valid},
      {0, 4, Verdict::malformed},
      {5, 0, Verdict::malformed},
      {5, 9223372036854775807, Verdict::hole},
  };
  for (const Row& row : table) {
    const ClaimId claim(random_.uuid());
    Position position{Offset(10), Epoch(5), claim, OwnerSeq(3)};
    const Judged judged = fold(position, at_offset(event(row.epoch, row.owner_seq), Offset(10)));
    EXPECT_EQ(judged.verdict, row.verdict) << "epoch " << row.epoch << " ownerseq " << row.owner_seq
                                           << " judged " << to_text(judged.verdict);
    const bool valid = row.verdict == Verdict::valid;
    const bool stops = row.verdict == Verdict::corrupt;
    const Position expected{Offset(stops ? 10 : 11), Epoch(5), claim, OwnerSeq(valid ? 4 : 3)};
    EXPECT_EQ(position, expected) << to_text(row.verdict);
  }
}

TEST_F(ValidityFold, EventsWithoutReadableEpochOrOwnerseqAreMalformedAndHarmless) {
  EXPECT_EQ(judge(first_.owned()), Verdict::control);
  for (const char* const header : {"ce_ownerepoch", "ce_ownerseq"}) {
    for (const char* const value : {"", "x", "-1", "+1", " 1", "1 ", "99999999999999999999"}) {
      NewRecord record = event(1, 1);
      record.headers.set(header, value);
      EXPECT_EQ(judge(std::move(record)), Verdict::malformed) << header << " '" << value << "'";
    }
    NewRecord record = event(1, 1);
    record.headers.erase_if([&](const Header& h) { return h.name == header; });
    EXPECT_EQ(judge(std::move(record)), Verdict::malformed) << "without " << header;
  }
  EXPECT_EQ(judge({std::nullopt, {}, "garbage"}), Verdict::malformed);
  EXPECT_EQ(judge(event(1, 1)), Verdict::valid);
}

TEST_F(ValidityFold, AControlRecordThatCannotBeReadIsMalformedAndHarmless) {
  EXPECT_EQ(judge(first_.owned()), Verdict::control);
  const Position before = position_;
  NewRecord broken = owner(7).owned();
  broken.value = "{";
  EXPECT_EQ(judge(std::move(broken)), Verdict::malformed);
  NewRecord unknown = owner(7).owned();
  unknown.headers.set("ce_type", "dev.signalbox.control.partition_sold");
  EXPECT_EQ(judge(std::move(unknown)), Verdict::malformed);
  EXPECT_EQ(position_.epoch, before.epoch);
  EXPECT_EQ(position_.claim, before.claim);
}

TEST_F(ValidityFold, GenesisCountsAtOffset0Only) {
  const auto genesis = [&] { return control_record(LogGenesis{log_, 12, "murmur2-java"}); };
  EXPECT_EQ(judge(genesis()), Verdict::genesis);
  EXPECT_EQ(judge(genesis()), Verdict::ignored);
}

TEST_F(ValidityFold, TheHigherEpochWinsAndTheFirstClaimOfAnEpoch) {
  EXPECT_EQ(judge(first_.owned()), Verdict::control);
  EXPECT_EQ(judge(first_.owned()), Verdict::repeat);
  EXPECT_EQ(judge(owner(1).owned()), Verdict::ignored) << "equal epoch, other claim";
  EXPECT_EQ(judge(event(1, 1)), Verdict::valid);
  const TestOwner third = owner(3);
  EXPECT_EQ(judge(third.owned()), Verdict::control);
  EXPECT_EQ(position_.owner_seq, OwnerSeq(0)) << "ownerseq counts anew in a new epoch";
  EXPECT_EQ(position_.claim, third.claim());
  EXPECT_EQ(judge(owner(2).owned()), Verdict::ignored) << "smaller epoch";
  EXPECT_EQ(judge(first_.owned()), Verdict::ignored) << "a zombie's repeat";
  EXPECT_EQ(judge(owner(0).owned()), Verdict::ignored) << "no epoch at all";
}

TEST_F(ValidityFold, ACheckpointNeverRaisesTheEpoch) {
  EXPECT_EQ(judge(first_.owned()), Verdict::control);
  const FoldPoint at{Offset(0), Epoch(9), ClaimId(random_.uuid()), OwnerSeq(4), Offset(0)};
  EXPECT_EQ(judge(owner(9).checkpoint(at, Offset(50))), Verdict::ignored);
  EXPECT_EQ(position_.epoch, Epoch(1));
  EXPECT_EQ(resume_.next, Offset(0)) << "an ignored checkpoint says nothing about inbound";
  EXPECT_EQ(judge(first_.checkpoint(at, Offset(7))), Verdict::repeat);
  EXPECT_EQ(position_.epoch, Epoch(1));
  EXPECT_EQ(resume_.next, Offset(7));
}

TEST_F(ValidityFold, APositionWithoutClaimJudgesEventsLikeAnyOther) {
  // As stored in a client's cursor.
  position_ = {Offset(0), Epoch(1), std::nullopt, OwnerSeq(1)};
  EXPECT_EQ(judge(event(1, 2)), Verdict::valid);
  EXPECT_EQ(judge(owner(1).owned()), Verdict::ignored);
  EXPECT_EQ(judge(owner(2).owned()), Verdict::control);
}

TEST_F(ValidityFold, ResumeIsTheGreatestOfEventsClaimsAndCheckpoints) {
  judge(first_.owned(Offset(4)));
  EXPECT_EQ(resume_.next, Offset(4));
  judge(first_.event("anna", Offset(9)));
  EXPECT_EQ(resume_.next, Offset(10));
  judge(first_.event("anna", Offset(6)));
  EXPECT_EQ(resume_.next, Offset(10)) << "later events repeat an earlier cause";
  judge(owner(2).owned(Offset(3)));
  EXPECT_EQ(resume_.next, Offset(10));
  judge(first_.event("anna", Offset(80)));
  EXPECT_EQ(resume_.next, Offset(10)) << "superseded events do not count";
}

TEST_F(ValidityFold, ReleaseIsAHintOfTheCurrentOwnerOnly) {
  judge(first_.owned());
  EXPECT_EQ(judge(owner(1).released()), Verdict::released);
  EXPECT_EQ(resume_.released, Epoch(0)) << "other claim";
  EXPECT_EQ(judge(first_.released()), Verdict::released);
  EXPECT_EQ(resume_.released, Epoch(1));
  EXPECT_EQ(judge(event(1, 1)), Verdict::valid) << "it changes nothing about validity";
  judge(owner(2).owned());
  judge(first_.released());
  EXPECT_EQ(resume_.released, Epoch(1)) << "a zombie's release says nothing about epoch 2";
}

TEST_F(ValidityFold, TryingIsOfTheNewestAcceptedCheckpointThatHasOne) {
  const FoldPoint at{Offset(0), Epoch(1), first_.claim(), OwnerSeq(0), Offset(0)};
  judge(first_.owned());
  judge(first_.checkpoint(at, Offset(3), Trying{Offset(3), 2}));
  judge(first_.checkpoint(at, Offset(3)));
  EXPECT_EQ(resume_.trying, (Trying{Offset(3), 2}));
  judge(owner(7).checkpoint(at, Offset(3), Trying{Offset(3), 4}));
  EXPECT_EQ(resume_.trying, (Trying{Offset(3), 2})) << "not accepted";
}

// Found by a reader of the code: the next claim counted on from an epoch of 2^63 - 1.
TEST_F(ValidityFold, NumbersNobodyCouldCountOnFromAreMalformedAndHarmless) {
  judge(first_.owned());
  const std::int64_t counted = kCountMax<std::int64_t>;
  const FoldPoint at{Offset(0), Epoch(1), first_.claim(), OwnerSeq(0), Offset(0)};
  FoldPoint beyond = at;
  beyond.owner_seq = OwnerSeq(counted + 1);
  for (const NewRecord& record :
       {owner(std::numeric_limits<std::int64_t>::max()).owned(), owner(counted + 1).owned(),
        owner(2).owned(Offset(counted + 1)), first_.checkpoint(at, Offset(counted + 1)),
        first_.checkpoint(beyond, Offset(0)),
        first_.checkpoint(at, Offset(0), Trying{Offset(counted + 1), 1}),
        first_.checkpoint(at, Offset(0), Trying{Offset(0), kCountMax<std::int32_t> + 1}),
        first_.checkpoint(at, Offset(0), Trying{Offset(0), 2147483647})}) {
    EXPECT_EQ(judge(record), Verdict::malformed) << record.value;
    EXPECT_EQ(position_.epoch, Epoch(1)) << record.value;
    EXPECT_EQ(position_.claim, first_.claim()) << record.value;
    EXPECT_EQ(resume_, InboundResume{}) << record.value;
  }
  NewRecord late = event(1, 1);
  late.headers.set("ce_inboundoffset", std::to_string(counted));
  EXPECT_EQ(judge(late), Verdict::valid);
  EXPECT_EQ(resume_.next, Offset(0)) << "no record of inbound is there";
  EXPECT_EQ(judge(owner(counted).owned(Offset(counted))), Verdict::control);
  EXPECT_EQ(resume_.next, Offset(counted));
}

TEST_F(ValidityFold, OffsetsMayBeSkipped) {
  judge(first_.owned());
  next_ = 40;
  EXPECT_EQ(judge(event(1, 1)), Verdict::valid);
  EXPECT_EQ(position_.next_offset, Offset(41));
}

TEST(Verdict, EveryOneHasAName) {
  for (int i = 0; i < kVerdictCount; ++i) EXPECT_FALSE(to_text(static_cast<Verdict>(i)).empty());
}

}  // namespace
}  // namespace signalbox::event_store
