// What the embedded log does when the disk does not: full, broken, hanging.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/log/conformance_support.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/support/fault_vfs.hpp"

namespace signalbox::event_store {
namespace {

using test_support::FaultVfs;

constexpr TopicPartition kInbound{Topic::inbound, Partition(0)};

class SqliteFaults : public testing::Test {
 protected:
  SqliteEventLogOptions options() {
    SqliteEventLogOptions made;
    made.partitions = 2;
    made.vfs_name = FaultVfs::kName;
    made.fatal = [this](const Error& error) {
      {
        const std::lock_guard lock(mutex_);
        fatal_ = error;
      }
      ++fatal_calls_;
    };
    return made;
  }
  Result<Offset> append(const std::string& value) {
    return append_all(fixture_, kInbound, {make_record("anna", value)}).front();
  }
  std::vector<std::string> stored() {
    std::vector<std::string> values;
    for (const RecordPtr& record : read_all(fixture_.log(), kInbound))
      values.push_back(record->value);
    return values;
  }
  // It comes after the answers, and only once.
  void wait_for_fatal() {
    ASSERT_TRUE(fixture_.wait_until([&] { return fatal_calls_ > 0; }));
    EXPECT_EQ(fatal_calls_, 1);
  }
  Errc fatal_code() {
    const std::lock_guard lock(mutex_);
    return fatal_->code;
  }

  FaultVfs vfs_;
  std::atomic<int> fatal_calls_ = 0;
  std::mutex mutex_;
  std::optional<Error> fatal_;
  SqliteFixture fixture_{options()};
};

TEST_F(SqliteFaults, AFullDiskRefusesAppendsAndRecoversWithoutRestart) {
  ASSERT_TRUE(append("before"));
  vfs_.fail_writes(0, FaultVfs::Fault::disk_full);
  for (int i = 0; i < 3; ++i) {
    const auto refused = append("never " + std::to_string(i));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::disk_full);
    EXPECT_NE(refused.error().message.find("log.db"), std::string::npos) << "it names the file";
  }
  EXPECT_EQ(stored(), (std::vector<std::string>{"before"})) << "reads still work";
  EXPECT_EQ(fixture_.log().bounds(kInbound)->end, Offset(1));
  EXPECT_EQ(fixture_.sqlite().statistics().groups_refused, 3u);
  vfs_.heal();
  EXPECT_EQ(append("after"), Offset(1)) << "a refused append takes no offset";
  EXPECT_EQ(fatal_calls_, 0);
  fixture_.reopen();
  EXPECT_EQ(stored(), (std::vector<std::string>{"before", "after"}));
}

TEST_F(SqliteFaults, WhereverInACommitTheDiskIsFullNothingOfItIsInTheLog) {
  std::vector<std::string> expected;
  int met = 0;
  for (int good = 0; good < 12; ++good) {
    vfs_.fail_writes(good, FaultVfs::Fault::disk_full);
    const auto outcome = append("try " + std::to_string(good));
    const bool refused = vfs_.faults() > 0;
    vfs_.heal();
    met += refused ? 1 : 0;
    ASSERT_EQ(outcome.has_value(), !refused);
    if (outcome) expected.push_back("try " + std::to_string(good));
    ASSERT_TRUE(append("then " + std::to_string(good)));
    expected.push_back("then " + std::to_string(good));
    ASSERT_EQ(stored(), expected);
  }
  EXPECT_GT(met, 3);
  EXPECT_LT(met, 12) << "the loop goes beyond the writes of one commit";
  fixture_.reopen();
  EXPECT_EQ(stored(), expected);
}

TEST_F(SqliteFaults, AFailedSyncEndsTheLogForGood) {
  ASSERT_TRUE(append("before"));
  vfs_.fail_syncs(0, 1);
  const auto first = append("unknown");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::log_unavailable);
  // The sync would succeed now; it must not be tried again.
  const int syncs = vfs_.syncs();
  for (int i = 0; i < 3; ++i) {
    const auto later = append("later");
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code, Errc::log_unavailable);
  }
  EXPECT_EQ(vfs_.syncs(), syncs);
  wait_for_fatal();
  EXPECT_EQ(fatal_code(), Errc::log_unavailable);
  EXPECT_EQ(stored(), (std::vector<std::string>{"before"}))
      << "nobody saw what was not known to be durable";
  fixture_.reopen();
  EXPECT_EQ(stored().front(), "before");
  EXPECT_TRUE(append("after"));
}

TEST_F(SqliteFaults, AFailedWriteEndsTheLogForGood) {
  ASSERT_TRUE(append("before"));
  vfs_.fail_writes(1, FaultVfs::Fault::io_error);
  EXPECT_EQ(append("unknown").error().code, Errc::log_unavailable);
  vfs_.heal();
  EXPECT_EQ(append("later").error().code, Errc::log_unavailable);
  wait_for_fatal();
  fixture_.reopen();
  EXPECT_EQ(stored().front(), "before");
}

TEST_F(SqliteFaults, EverythingThatWaitsIsAnsweredWhenTheLogEnds) {
  vfs_.block_syncs();
  std::atomic<int> refused = 0;
  constexpr int kWaiting = 2500;  // more than one group
  fixture_.run_on(0, [&] {
    for (int i = 0; i < kWaiting; ++i)
      fixture_.log().append(kInbound, make_record("k", "v"), fixture_.executor(0),
                            [&](Result<Offset> result) {
                              if (!result && result.error().code == Errc::log_unavailable)
                                ++refused;
                            });
  });
  ASSERT_TRUE(fixture_.wait_until([&] { return vfs_.sync_is_blocked(); }));
  vfs_.fail_syncs(0, 1);
  vfs_.unblock_syncs();
  EXPECT_TRUE(fixture_.wait_until([&] { return refused == kWaiting; })) << refused;
  wait_for_fatal();
}

TEST_F(SqliteFaults, AFailedSyncOfACheckpointEndsTheLogToo) {
  fixture_.close();
  fixture_.options().checkpoint_bytes = 1;
  fixture_.open();
  vfs_.fail_syncs(2, 1);  // good: those of the write-ahead log's new header and of the commit
  ASSERT_TRUE(append("acknowledged"));
  ASSERT_TRUE(fixture_.wait_until([&] { return fatal_calls_ == 1; }));
  EXPECT_EQ(append("later").error().code, Errc::log_unavailable);
  vfs_.heal();
  fixture_.reopen();
  EXPECT_EQ(stored(), (std::vector<std::string>{"acknowledged"}));
}

TEST_F(SqliteFaults, WhatWaitsDuringASyncIsOneGroup) {
  vfs_.block_syncs();
  std::atomic<int> answered = 0;
  const auto append_some = [&](int count) {
    fixture_.run_on(0, [&] {
      for (int i = 0; i < count; ++i)
        fixture_.log().append(kInbound, make_record("k", "v"), fixture_.executor(0),
                              [&](Result<Offset> result) { answered += result ? 1 : 0; });
    });
  };
  append_some(1);
  ASSERT_TRUE(fixture_.wait_until([&] { return vfs_.sync_is_blocked(); }));
  append_some(500);
  EXPECT_EQ(answered, 0);
  EXPECT_EQ(fixture_.sqlite().statistics().queue_records, 501u);
  EXPECT_EQ(fixture_.log().bounds(kInbound)->end, Offset(0)) << "seen only once it is synced";
  vfs_.heal();
  ASSERT_TRUE(fixture_.wait_until([&] { return answered == 501; }));
  EXPECT_EQ(fixture_.sqlite().statistics().groups, 2u);
  EXPECT_EQ(fixture_.sqlite().statistics().rows, 501u);
}

TEST_F(SqliteFaults, AFullQueueRefusesAtOnce) {
  fixture_.close();
  fixture_.options().queue_records_max = 4;
  fixture_.open();
  vfs_.block_syncs();
  std::atomic<int> ok = 0;
  std::atomic<int> overloaded = 0;
  fixture_.run_on(0, [&] {
    for (int i = 0; i < 10; ++i)
      fixture_.log().append(kInbound, make_record("k", std::to_string(i)), fixture_.executor(0),
                            [&](Result<Offset> result) {
                              if (result) ++ok;
                              if (!result && result.error().code == Errc::overloaded) ++overloaded;
                            });
  });
  EXPECT_TRUE(fixture_.wait_until([&] { return overloaded == 6; })) << "while the disk hangs";
  EXPECT_EQ(ok, 0);
  vfs_.heal();
  EXPECT_TRUE(fixture_.wait_until([&] { return ok == 4; }));
  EXPECT_TRUE(append("room again"));
}

}  // namespace
}  // namespace signalbox::event_store
