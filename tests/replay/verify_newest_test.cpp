#include "replay/verify_newest.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "event-store/log/log_reader.hpp"
#include "tests/replay/attacked_log.hpp"

namespace signalbox::replay {
namespace {

constexpr int kEvents = 60;  // before the checkpoint, and behind it

// A log of one partition: genesis, a claim, 60 events, a checkpoint, 60 events.
class VerifyNewest : public ::testing::Test {
 protected:
  VerifyNewest() {
    event_store::WrittenLog written(folder_.path() + "/from", 1);
    const auto claim = [&]() -> PartitionOwned {
      const auto rows =
          written.log().read({Topic::events, Partition(0)}, Offset(1), {.records_max = 1});
      return std::get<PartitionOwned>(event_store::decode_control(*rows->front())->data);
    }();
    for (int i = 0; i < kEvents; ++i) written.add_event(i % 2 == 0 ? "ann" : "bea", "thread");
    written.append(Partition(0),
                   event_store::encode_control(
                       {"checkpoint", "/test", cli::SystemClock().now(),
                        PartitionCheckpoint{written.log().describe().log_id,
                                            claim.epoch,
                                            claim.claim_id,
                                            Offset(0),
                                            {Offset(kEvents + 2), claim.epoch, claim.claim_id,
                                             OwnerSeq(kEvents), Offset(0)},
                                            std::nullopt}}));
    for (int i = 0; i < kEvents; ++i) written.add_event(i % 2 == 0 ? "ann" : "bea", "thread");
    written.settle();
    written.close();
    attacker_.emplace(folder_.path() + "/from", folder_.path() + "/data");
  }
  VerifyReport verify(std::int64_t records) {
    auto log = event_store::LogReader::open(attacker_->dir());
    EXPECT_TRUE(log) << log.error().message;
    auto report = verify_newest(*log, records, {}, [](const Progress&) { return true; });
    EXPECT_TRUE(report) << report.error().message;
    return *std::move(report);
  }

  event_store::TemporaryFolder folder_;
  std::optional<Attacker> attacker_;
};

TEST_F(VerifyNewest, BeginsAtTheNewestCheckpointThatEnoughRecordsLieBehind) {
  EXPECT_EQ(verify(10).rows, kEvents + 1);  // with the checkpoint
  EXPECT_EQ(verify(10).events, kEvents);
  EXPECT_EQ(verify(kEvents + 10).events, 2 * kEvents);
  EXPECT_EQ(verify(1'000'000).events, 2 * kEvents);
  EXPECT_EQ(verify(10).findings.count(), 0);
  EXPECT_EQ(verify(1'000'000).findings.count(), 0);
}

TEST_F(VerifyNewest, WhatLiesBeforeItIsNotSeen) {
  attacker_->edit("ann", 5, [](EditedRow& row) { row.value += " "; });
  EXPECT_EQ(verify(10).findings.count(), 0);
  EXPECT_GE(verify(1'000).findings.count(), 1);
}

TEST_F(VerifyNewest, ABreakBehindItIsFound) {
  attacker_->edit("bea", 50, [](EditedRow& row) { row.value += " "; });
  const VerifyReport report = verify(10);
  ASSERT_EQ(report.findings.count(), 1);
  EXPECT_EQ(report.findings.kept().front().kind, DamageKind::chain_broken);
}

TEST_F(VerifyNewest, AMissingRowAndALostTailAreFound) {
  attacker_->sql("DELETE FROM records WHERE " + attacker_->where("ann", 40));
  EXPECT_EQ(verify(10).findings.kept().front().kind, DamageKind::row_missing);
  attacker_->sql("DELETE FROM records WHERE " + attacker_->where("bea", kEvents));
  const VerifyReport report = verify(10);
  const auto is_tail = [](const Finding& finding) {
    return finding.kind == DamageKind::tail_missing;
  };
  EXPECT_TRUE(std::ranges::any_of(report.findings.kept(), is_tail));
}

}  // namespace
}  // namespace signalbox::replay
