// Snapshots of several processes on one log that can lie.
#include "event-store/snapshot/travelling_snapshot_store.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/snapshot/snapshot_key.hpp"
#include "event-store/snapshot/snapshot_row.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::event_store {
namespace {

namespace fs = std::filesystem;
using test_support::AppendFate;
using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;

constexpr std::int32_t kPartitions = 3;
const std::string kUser = "anna";

class TravellingSnapshots : public testing::Test {
 protected:
  struct Process {
    explicit Process(std::string path_of_file) : path(std::move(path_of_file)) {}
    std::string path;
    Executor* executor = nullptr;
    Random random{7};
    std::unique_ptr<EventLog> session;
    std::unique_ptr<TravellingSnapshotStore> store;
    std::vector<std::string> warnings;
  };

  TravellingSnapshots() {
    std::string name = (fs::temp_directory_path() / "signalbox-travel-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    log_id_ = log_.open_session()->describe().log_id;
  }
  ~TravellingSnapshots() override {
    for (auto& process : processes_) end(*process);
    fs::remove_all(folder_);
  }

  // Unless it `reads`, it has not read anything when this returns.
  Process& start(TravellingSnapshotOptions options = {}, bool reads = true) {
    const std::string name = "snapshots" + std::to_string(processes_.size());
    processes_.push_back(std::make_unique<Process>((folder_ / name).string()));
    run(*processes_.back(), std::move(options), reads);
    return *processes_.back();
  }
  // Also again: the next process with the same file.
  void run(Process& process, TravellingSnapshotOptions options = {}, bool reads = true) {
    process.executor = &scheduler_.make_executor("standby");
    process.session = log_.open_session();
    options.warn = [&process](const std::string& text) { process.warnings.push_back(text); };
    auto store =
        TravellingSnapshotStore::open(process.path, *process.session, *process.executor,
                                      scheduler_.clock(), process.random, std::move(options));
    ASSERT_TRUE(store) << store.error().message;
    process.store = std::move(*store);
    scheduler_.run_on(*process.executor, [&] { process.store->start(); });
    if (reads) scheduler_.run_until_idle();
  }
  void end(Process& process) {
    if (!process.store) return;
    scheduler_.run_on(*process.executor, [&] { process.store.reset(); });
    scheduler_.stop(*process.executor);
    process.session.reset();
  }

  void put(Process& process, const std::string& key, std::int64_t order, const std::string& bytes) {
    const auto done = process.store->put(key, {order, 1, bytes});
    ASSERT_TRUE(done) << done.error().message;
  }
  std::string got(Process& process, const std::string& key) {
    const auto snapshot = process.store->get(key);
    if (!snapshot) return "error " + std::string(to_text(snapshot.error().code));
    return *snapshot ? (*snapshot)->bytes : "none";
  }
  void owns(Process& process, bool owned = true) {
    process.store->set_owned(partition_of(kUser), owned);
  }
  void pass(std::chrono::seconds time = std::chrono::seconds(3)) { scheduler_.advance(time); }

  [[nodiscard]] Partition partition_of(const std::string& key) const {
    return *place_of_snapshot_key(key, kPartitions);
  }
  [[nodiscard]] TopicPartition topic_of(const std::string& key) const {
    return {Topic::snapshots, partition_of(key)};
  }
  NewRecord record(const std::string& key, std::int64_t order, const std::string& bytes,
                   const std::optional<LogId>& log = std::nullopt) {
    const std::string stored = compress(bytes, 1);
    return encode_snapshot_record({.id = random_.uuid().to_string(),
                                   .source = "/zombie",
                                   .time = scheduler_.clock().now(),
                                   .key = key,
                                   .user = user_of_snapshot_key(key),
                                   .log_id = log ? *log : log_id_,
                                   .order = order,
                                   .fold_version = 1,
                                   .zstd = stored,
                                   .sha256 = to_hex(hash_of({key, order, 1, stored, {}}))});
  }
  void lands(const std::string& key, std::int64_t order, const std::string& bytes) {
    log_.put(topic_of(key), record(key, order, bytes));
    scheduler_.run_until_idle();
  }
  // The user's record that the partition's relies on is gone; its successor stands further on than
  // is read at a time.
  void compacted(const std::string& key) {
    lands(kUser, 5, "taken by compaction");
    lands(key, 10, "partition");
    log_.forget_oldest(topic_of(kUser), 1);
    for (int i = 0; i < 300; ++i) log_.put(topic_of(kUser), record(key, 1, "older"));
    log_.put(topic_of(kUser), record(kUser, 6, "successor"));
  }
  // What one who comes after compaction would be left with: per key, the last record.
  std::vector<std::int64_t> orders_in_topic(const std::string& key) {
    std::vector<std::int64_t> orders;
    for (const RecordPtr& stored : log_.records(topic_of(key)))
      if (stored->key == key) orders.push_back(decode_snapshot_record(*stored)->order);
    return orders;
  }

  SimulatedScheduler scheduler_;
  SimulatedEventLog log_{scheduler_, {.partitions = kPartitions}};
  Random random_{20261121};
  fs::path folder_;
  LogId log_id_{Uuid{}};
  std::vector<std::unique_ptr<Process>> processes_;
};

TEST_F(TravellingSnapshots, WhatOnePutsTheOtherGets) {
  Process& owner = start();
  Process& standby = start();
  put(owner, kUser, 7, "state");
  EXPECT_EQ(got(owner, kUser), "state") << "at once";
  EXPECT_EQ(got(standby, kUser), "none");
  pass();
  EXPECT_EQ(got(standby, kUser), "state");
  EXPECT_EQ(standby.store->behind(partition_of(kUser)), 0u);
  put(standby, kUser, 8, "next");
  pass();
  EXPECT_EQ(got(owner, kUser), "next");
  EXPECT_EQ(orders_in_topic(kUser), (std::vector<std::int64_t>{7, 8}));
}

TEST_F(TravellingSnapshots, ARecordIsACloudEventOfItsUser) {
  Process& owner = start();
  put(owner, kUser, 7, "state");
  put(owner, partition_snapshot_key(Partition(1)), 9, "partition");
  pass();
  const auto records = log_.records(topic_of(kUser));
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records[0]->key, kUser);
  EXPECT_EQ(records[0]->header("ce_type"), "dev.signalbox.snapshot");
  EXPECT_EQ(records[0]->header("ce_subject"), kUser);
  EXPECT_EQ(records[0]->header("ce_dataschema"), "urn:signalbox:contract:snapshot:1");
  const auto partitions = log_.records({Topic::snapshots, Partition(1)});
  ASSERT_FALSE(partitions.empty());
  EXPECT_EQ(partitions.back()->key, "!partition/1");
  EXPECT_FALSE(partitions.back()->header("ce_subject"));
}

TEST_F(TravellingSnapshots, GoOnAfterARestartWhereTheyWere) {
  Process& owner = start();
  Process& standby = start();
  put(owner, kUser, 1, "one");
  pass();
  end(standby);
  // What was read is not read again: that it is gone harms nobody.
  log_.forget_oldest(topic_of(kUser), 1);
  put(owner, kUser + "2", 1, "other");
  pass();
  run(standby);
  EXPECT_EQ(got(standby, kUser), "one");
  EXPECT_EQ(got(standby, kUser + "2"), "other");
}

TEST_F(TravellingSnapshots, WhatIsNotSentWhenAProcessEndsIsNotInItsFileEither) {
  log_.set_fate([](const TopicPartition& at, const NewRecord&) -> std::optional<AppendFate> {
    if (at.topic != Topic::snapshots) return std::nullopt;
    return AppendFate{.copies = 0, .report = AppendFate::Report::error};
  });
  Process& owner = start();
  put(owner, kUser, 5, "unsent");
  pass();
  EXPECT_EQ(got(owner, kUser), "unsent");
  EXPECT_FALSE(owner.warnings.empty());
  end(owner);
  run(owner);
  EXPECT_EQ(got(owner, kUser), "none") << "nobody else would have it";
}

TEST_F(TravellingSnapshots, AreSentAgainUntilTheLogTakesThem) {
  bool is_down = true;
  log_.set_fate([&](const TopicPartition& at, const NewRecord&) -> std::optional<AppendFate> {
    if (at.topic != Topic::snapshots || !is_down) return std::nullopt;
    return AppendFate{.copies = 0, .report = AppendFate::Report::error};
  });
  Process& owner = start();
  put(owner, kUser, 5, "five");
  pass();
  put(owner, kUser, 6, "six");
  is_down = false;
  pass();
  EXPECT_EQ(orders_in_topic(kUser).back(), 6);
  EXPECT_TRUE(owner.store->flush());
  EXPECT_EQ(owner.store->outbox().bytes(), 0u);
}

// Contract 9: whoever reads a partition's snapshot has read those of users it relies on.
TEST_F(TravellingSnapshots, APartitionsFollowsAllThatWerePutBeforeItWhateverFails) {
  int refusals = 2;
  log_.set_fate([&](const TopicPartition& at, const NewRecord& asked) -> std::optional<AppendFate> {
    if (at.topic != Topic::snapshots || asked.key != kUser || refusals-- <= 0) return std::nullopt;
    return AppendFate{.copies = 0, .report = AppendFate::Report::error};
  });
  const std::string key = partition_snapshot_key(partition_of(kUser));
  Process& owner = start();
  put(owner, kUser, 5, "user");
  put(owner, key, 10, "partition");
  pass(std::chrono::seconds(10));
  std::vector<std::string> keys;
  for (const RecordPtr& stored : log_.records(topic_of(kUser))) keys.push_back(*stored->key);
  EXPECT_EQ(keys, (std::vector<std::string>{kUser, key}));
}

TEST_F(TravellingSnapshots, ANewerPartitionsTakesNoPlaceBeforeTheUsersItReliesOn) {
  bool is_down = true;
  log_.set_fate([&](const TopicPartition& at, const NewRecord&) -> std::optional<AppendFate> {
    if (at.topic != Topic::snapshots || !is_down) return std::nullopt;
    return AppendFate{.copies = 0, .report = AppendFate::Report::error};
  });
  const std::string key = partition_snapshot_key(partition_of(kUser));
  Process& owner = start();
  put(owner, key, 10, "old");
  put(owner, kUser, 5, "user");
  put(owner, key, 20, "new");
  is_down = false;
  pass(std::chrono::seconds(10));
  std::vector<std::string> keys;
  for (const RecordPtr& stored : log_.records(topic_of(kUser))) keys.push_back(*stored->key);
  ASSERT_GE(keys.size(), 2u);
  EXPECT_EQ(keys[keys.size() - 2], kUser);
  EXPECT_EQ(keys.back(), key);
}

TEST_F(TravellingSnapshots, AZombiesLowerOneChangesNothingAndTheOwnersIsWrittenAgain) {
  Process& owner = start();
  Process& standby = start();
  owns(owner);
  put(owner, kUser, 8, "owner's");
  pass();
  lands(kUser, 5, "zombie's");
  EXPECT_EQ(got(owner, kUser), "owner's");
  EXPECT_EQ(got(standby, kUser), "owner's");
  pass(std::chrono::seconds(30));
  EXPECT_EQ(orders_in_topic(kUser), (std::vector<std::int64_t>{8, 5, 8})) << "once, by the owner";
  EXPECT_EQ(owner.store->counters().rewritten, 1u);
  EXPECT_EQ(standby.store->counters().rewritten, 0u);
}

TEST_F(TravellingSnapshots, AnOwnerThatStartsAgainStillWritesItAgain) {
  Process& owner = start();
  put(owner, kUser, 8, "owner's");
  pass();
  end(owner);
  lands(kUser, 5, "zombie's");
  Process& standby = start();
  pass();
  EXPECT_EQ(got(standby, kUser), "owner's");
  end(standby);
  run(standby);
  pass();
  EXPECT_EQ(orders_in_topic(kUser), (std::vector<std::int64_t>{8, 5}));
  owns(standby);
  pass();
  EXPECT_EQ(orders_in_topic(kUser), (std::vector<std::int64_t>{8, 5, 8}));
}

TEST_F(TravellingSnapshots, WhoLostThePartitionWritesNothingAgain) {
  Process& before = start();
  owns(before);
  put(before, kUser, 8, "owner's");
  put(before, partition_snapshot_key(partition_of(kUser)), 10, "partition");
  pass();
  owns(before, false);
  lands(kUser, 5, "zombie's");
  pass(std::chrono::seconds(30));
  EXPECT_EQ(got(before, partition_snapshot_key(partition_of(kUser))), "partition");
  EXPECT_EQ(before.store->counters().rewritten, 0u);
  owns(before);
  pass();
  EXPECT_EQ(orders_in_topic(kUser), (std::vector<std::int64_t>{8, 5, 8}));
}

// Whoever reads the topic from the zombie's on would take the users for new ones.
TEST_F(TravellingSnapshots, APartitionsIsWrittenAgainAfterTheUsersItReliesOn) {
  const std::string key = partition_snapshot_key(partition_of(kUser));
  TravellingSnapshotOptions options;
  options.follower.rewrites_per_tick = 1;
  Process& owner = start(options);
  put(owner, kUser, 8, "user");
  put(owner, key, 10, "partition");
  pass();
  lands(key, 4, "zombie's");
  lands(kUser, 5, "zombie's");
  owns(owner);
  pass(std::chrono::seconds(30));
  std::vector<std::string> keys;
  for (const RecordPtr& stored : log_.records(topic_of(kUser))) keys.push_back(*stored->key);
  EXPECT_EQ(keys, (std::vector<std::string>{kUser, key, key, kUser, kUser, key}));
  EXPECT_EQ(orders_in_topic(key).back(), 10);
}

TEST_F(TravellingSnapshots, AnOlderOneIsNotSentAtAll) {
  Process& owner = start();
  Process& zombie = start();
  put(owner, kUser, 8, "owner's");
  pass();
  put(zombie, kUser, 5, "zombie's");
  pass();
  EXPECT_EQ(orders_in_topic(kUser), (std::vector<std::int64_t>{8}));
  EXPECT_EQ(got(zombie, kUser), "owner's");
}

TEST_F(TravellingSnapshots, ADamagedOneTakesTheOlderWithItAndNamesNobody) {
  Process& standby = start();
  lands(kUser, 5, "older");
  ASSERT_EQ(got(standby, kUser), "older");
  NewRecord damaged = record(kUser, 8, "newer");
  damaged.value.replace(damaged.value.find("\"order\":8"), 9, "\"order\":9");
  log_.put(topic_of(kUser), damaged);
  scheduler_.run_until_idle();
  EXPECT_EQ(got(standby, kUser), "error corrupt") << "to be folded anew: the older is out of date";
  EXPECT_EQ(standby.store->counters().refused, 1u);
  ASSERT_EQ(standby.warnings.size(), 1u);
  EXPECT_EQ(standby.warnings[0].find(kUser), std::string::npos) << standby.warnings[0];
  pass();
  end(standby);
  run(standby);
  EXPECT_EQ(got(standby, kUser), "error corrupt") << "also after a restart";
  lands(kUser, 8, "again");
  EXPECT_EQ(got(standby, kUser), "again");
}

TEST_F(TravellingSnapshots, WhatIsNoSnapshotOrOfAnotherLogOrPlaceIsIgnored) {
  Process& standby = start();
  lands(kUser, 5, "ours");
  log_.put(topic_of(kUser), record(kUser, 9, "foreign", LogId(Uuid{{9, 9}})));
  const Partition elsewhere((partition_of(kUser).value() + 1) % kPartitions);
  log_.put({Topic::snapshots, elsewhere}, record(kUser, 9, "elsewhere"));
  log_.put(topic_of(kUser), NewRecord{std::nullopt, {}, "nothing"});
  scheduler_.run_until_idle();
  EXPECT_EQ(got(standby, kUser), "ours");
  EXPECT_EQ(standby.store->counters().refused, 3u);
}

// Compaction took the user's record that the partition's relies on; its successor stands behind.
TEST_F(TravellingSnapshots, BehindAHoleAPartitionsWaitsForWhatItMayRelyOn) {
  const std::string key = partition_snapshot_key(partition_of(kUser));
  compacted(key);
  Process& standby = start({}, false);
  while (got(standby, key) == "none") ASSERT_TRUE(scheduler_.step());
  EXPECT_EQ(got(standby, kUser), "successor");
  EXPECT_EQ(got(standby, key), "partition");
}

TEST_F(TravellingSnapshots, BehindAHoleItWaitsAlsoAfterARestart) {
  const std::string key = partition_snapshot_key(partition_of(kUser));
  compacted(key);
  Process& standby = start({}, false);
  while (standby.store->behind(partition_of(kUser)) > 200) ASSERT_TRUE(scheduler_.step());
  ASSERT_EQ(got(standby, key), "none");
  end(standby);
  run(standby, {}, false);
  while (got(standby, key) == "none") ASSERT_TRUE(scheduler_.step());
  EXPECT_EQ(got(standby, kUser), "successor");
  EXPECT_EQ(got(standby, key), "partition");
}

TEST_F(TravellingSnapshots, BeginAnewWhereRetentionTookTheirPlace) {
  Process& standby = start();
  lands(kUser, 5, "five");
  pass();
  end(standby);
  lands(kUser, 6, "six");
  lands(kUser, 7, "seven");
  log_.forget_oldest(topic_of(kUser), 2);
  run(standby);
  EXPECT_EQ(got(standby, kUser), "seven");
}

TEST_F(TravellingSnapshots, WhatFindsNoPlaceIsRefusedAndNothingElseIsChanged) {
  log_.set_fate([](const TopicPartition& at, const NewRecord&) -> std::optional<AppendFate> {
    if (at.topic != Topic::snapshots) return std::nullopt;
    return AppendFate{.copies = 0, .report = AppendFate::Report::error};
  });
  TravellingSnapshotOptions options;
  options.outbox.bytes_max = 100;
  Process& owner = start(options);
  put(owner, kUser, 1, std::string(60, 'a'));
  const auto refused = owner.store->put("other", {1, 1, std::string(60, 'b')});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_EQ(got(owner, kUser), std::string(60, 'a'));
  EXPECT_EQ(got(owner, "other"), "none");
  EXPECT_EQ(owner.store->outbox().puts_refused(), 1u);
}

TEST_F(TravellingSnapshots, WhatNoRecordHoldsIsRefusedAtOnce) {
  Process& owner = start();
  const auto refused = owner.store->put(kUser, {1, 1, std::string(1U << 20, 'a')});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
}

TEST_F(TravellingSnapshots, TellHowFarTheyAreBehind) {
  Process& standby = start();
  log_.hold_tails(*standby.session);
  for (int order = 1; order <= 5; ++order) lands(kUser, order, "x");
  pass(std::chrono::seconds(10));
  EXPECT_EQ(standby.store->behind(partition_of(kUser)), 5u);
  EXPECT_EQ(got(standby, kUser), "none");
  log_.let_tails_go(*standby.session);
  pass();
  EXPECT_EQ(standby.store->behind(partition_of(kUser)), 0u);
  EXPECT_EQ(got(standby, kUser), "x");
}

}  // namespace
}  // namespace signalbox::event_store
