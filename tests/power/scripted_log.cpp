#include "tests/power/scripted_log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <utility>

#include "event-store/contract/identity.hpp"
#include "event-store/log/log_reader.hpp"
#include "replay/verify_report.hpp"
#include "tests/log/conformance_support.hpp"

namespace signalbox::power {
namespace {

using event_store::LogReader;
using event_store::MovableClock;
using event_store::SqliteEventLog;
using event_store::SqliteEventLogOptions;

const std::string kOneMore = "one more";

SqliteEventLogOptions options_in(const std::string& folder, std::size_t wal_reserve_bytes = 0) {
  SqliteEventLogOptions options;
  options.dir = folder;
  options.partitions = ScriptedLog::kPartitions;
  // Small, so that checkpoints and restarts of the write-ahead log are among what is cut.
  options.checkpoint_bytes = 48U << 10;
  options.wal_reserve_bytes = wal_reserve_bytes;
  options.idle_after = std::chrono::hours(1);
  return options;
}

std::vector<TopicPartition> places() {
  std::vector<TopicPartition> all;
  for (std::int32_t p = 0; p < ScriptedLog::kPartitions; ++p) {
    all.push_back({Topic::inbound, Partition(p)});
    all.push_back({Topic::events, Partition(p)});
  }
  return all;
}

// What was proposed for this place and is there: all of it once and in the order of the proposals.
void expect_proposed(const std::vector<RecordPtr>& stored, const TopicPartition& at,
                     const std::vector<Proposal>& proposals, std::size_t changes) {
  auto next = stored.begin();
  // An event log begins with its genesis.
  if (at.topic == Topic::events && next != stored.end()) ++next;
  for (const Proposal& proposal : proposals) {
    if (proposal.at != at) continue;
    const bool is_there = next != stored.end() && (*next)->value == proposal.value;
    if (is_there) ++next;
    if (proposal.acknowledged_after && *proposal.acknowledged_after <= changes) {
      EXPECT_TRUE(is_there) << "an acknowledged record is missing: "
                            << proposal.value.substr(0, 60);
    }
  }
  EXPECT_EQ(next, stored.end()) << "records nobody proposed, or not in this order";
}

void expect_verified(const std::string& folder) {
  auto log = LogReader::open(folder);
  ASSERT_TRUE(log) << log.error().message;
  const auto report = replay::verify_log(*log, {}, [](const replay::Progress&) { return true; });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(replay::is_whole(*report)) << replay::verdict_text(*report, {});
}

// Runs tasks on a thread, and knows how much of the disk had changed when the one under way was
// posted. What the log answers it posts from the thread that makes the changes, so that this is the
// moment of the answer.
class NotingExecutor final : public Executor {
 public:
  NotingExecutor(Executor& thread, const test_support::FaultVfs& vfs)
      : thread_(thread), vfs_(vfs) {}

  void post(Task task) override {
    thread_.post([this, changes = vfs_.changes(), task = std::move(task)] {
      changes_ = changes;
      task();
    });
  }
  TimerId call_at(MonotonicTime when, Task task) override {
    return thread_.call_at(when, std::move(task));
  }
  void cancel(TimerId timer) override { thread_.cancel(timer); }
  [[nodiscard]] bool is_current() const override { return thread_.is_current(); }
  [[nodiscard]] std::size_t changes() const { return changes_; }  // of the task under way

 private:
  Executor& thread_;
  const test_support::FaultVfs& vfs_;
  std::size_t changes_ = 0;  // on the thread alone
};

}  // namespace

ScriptedLog::ScriptedLog(std::string folder, int rounds, const test_support::FaultVfs& vfs,
                         std::size_t wal_reserve_bytes)
    : folder_(std::move(folder)),
      rounds_(rounds),
      wal_reserve_bytes_(wal_reserve_bytes),
      vfs_(vfs) {}

bool ScriptedLog::open() {
  SqliteEventLogOptions options = options_in(folder_, wal_reserve_bytes_);
  options.fatal = [this](const Error&) { ++fatal_calls_; };
  auto opened = SqliteEventLog::open(options, clock_, random_);
  if (!opened) {
    refused_to_open_ = opened.error();
    return false;
  }
  log_ = *std::move(opened);
  ++openings_;
  return true;
}

void ScriptedLog::play() {
  if (!open()) return;
  claim();
  for (int round = 0; round < rounds_ && !ended_; ++round) {
    if (round == rounds_ / 2) {
      close();
      if (!open()) return;
    }
    add_round(round);
  }
  if (ended_) {
    send({{places().front(), event_store::make_record("anna", "too late")}});
    closed_broken_after_ = vfs_.changes();
  }
  close();
}

void ScriptedLog::claim() {
  Group claims;
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    owners_.emplace_back(log_->describe().log_id, Epoch(1), random_);
    claims.emplace_back(TopicPartition{Topic::events, Partition(p)}, owners_.back().owned());
  }
  append(std::move(claims));
}

void ScriptedLog::add_round(int round) {
  // Some larger than a page.
  const std::string text =
      "round " + std::to_string(round) + std::string(round % 4 == 1 ? 9000 : 20, 'x');
  Group group;
  for (const char* const user : {"anna", "berta", "carla"}) {
    const Partition partition = event_store::partition_of(UserId(user), kPartitions);
    group.emplace_back(TopicPartition{Topic::inbound, partition},
                       event_store::make_record(user, text + user));
  }
  for (const char* const user : {"anna", "carla", "berta"}) {
    const Partition partition = event_store::partition_of(UserId(user), kPartitions);
    const TopicPartition at{Topic::events, partition};
    if (std::ranges::any_of(group, [&](const auto& other) { return other.first == at; }))
      append(std::exchange(group, {}));
    auto& owner = owners_[static_cast<std::size_t>(partition.value())];
    group.emplace_back(at, owner.event(user, Offset(round), text));
  }
  append(std::move(group));
}

void ScriptedLog::append(Group group) {
  group.insert(group.begin(), refused_.begin(), refused_.end());
  refused_.clear();
  const std::size_t first = proposals_.size();
  send(group);
  for (std::size_t i = group.size(); i-- > 0;) {
    const auto proposal = proposals_.begin() + static_cast<std::ptrdiff_t>(first + i);
    if (!proposal->refused) continue;
    if (proposal->refused->code != Errc::disk_full) {
      ended_ = true;
      continue;
    }
    refused_.insert(refused_.begin(), group[i]);
    ++refused_by_full_disk_;
    proposals_.erase(proposal);
  }
}

void ScriptedLog::send(const Group& group) {
  const std::size_t first = proposals_.size();
  for (const auto& [at, record] : group) proposals_.push_back({at, record.value, openings_});
  std::promise<void> all_answered;
  NotingExecutor executor(thread_, vfs_);
  std::size_t left = group.size();  // on thread_ alone
  thread_.run([&] {
    for (std::size_t i = 0; i < group.size(); ++i)
      log_->append(group[i].first, group[i].second, executor, [&, i](Result<Offset> answer) {
        if (answer)
          proposals_[first + i].acknowledged_after = executor.changes();
        else
          proposals_[first + i].refused = answer.error();
        if (--left == 0) all_answered.set_value();
      });
  });
  all_answered.get_future().wait();
}

void recover(const std::string& folder) {
  MovableClock clock;
  Random random(9);
  const auto log = SqliteEventLog::open(options_in(folder), clock, random);
  EXPECT_TRUE(log) << log.error().message;
}

Proposal one_more() { return {places().front(), kOneMore, 0, std::nullopt, 0}; }

void expect_whole(const std::string& folder, const std::vector<Proposal>& proposals,
                  std::size_t changes) {
  std::map<TopicPartition, std::size_t> counts;
  MovableClock clock;
  Random random(8);
  for (const bool again : {false, true}) {
    auto log = SqliteEventLog::open(options_in(folder), clock, random);
    ASSERT_TRUE(log) << log.error().message;
    for (const TopicPartition& at : places()) {
      auto stored = event_store::read_all(**log, at);
      if (again && at == places().front()) {
        ASSERT_FALSE(stored.empty());
        EXPECT_EQ(stored.back()->value, kOneMore);
        stored.pop_back();
      }
      expect_proposed(stored, at, proposals, changes);
      if (again) {
        EXPECT_EQ(stored.size(), counts[at]);
      }
      counts[at] = stored.size();
    }
    if (again) break;
    cli::RoleThread thread("one more");
    std::promise<Result<Offset>> answered;
    (*log)->append(places().front(), event_store::make_record("anna", kOneMore), thread,
                   [&](Result<Offset> answer) { answered.set_value(std::move(answer)); });
    const Result<Offset> answer = answered.get_future().get();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->value(), static_cast<std::int64_t>(counts[places().front()]));
    log->reset();
  }
  expect_verified(folder);
}

}  // namespace signalbox::power
