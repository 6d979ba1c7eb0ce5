// Checks of what happens when the process, the disk or the rule of one writer fails: each needs a
// hook of the fixture.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "tests/log/conformance_checks.hpp"
#include "tests/log/conformance_support.hpp"

namespace signalbox::event_store {
namespace {

constexpr TopicPartition kInbound{Topic::inbound, Partition(2)};
constexpr int kCrashes = 4;
constexpr int kThreads = 2;
constexpr int kAppendsPerThread = 300;

std::string value_of(int thread, int number) {
  return std::to_string(thread) + "/" + std::to_string(number);
}

// Appends of two threads, and those of their answers that came before the crash.
class BeforeTheCrash {
 public:
  BeforeTheCrash(EventLogFixture& fixture, TopicPartition at) {
    for (int thread = 0; thread < kThreads; ++thread)
      fixture.run_on(thread, [&] {
        for (int i = 0; i < kAppendsPerThread; ++i)
          fixture.log().append(
              at, make_record("t", value_of(thread, i)), fixture.executor(thread),
              [told = told_, value = value_of(thread, i)](const Result<Offset>& answer) {
                const std::lock_guard lock(told->mutex);
                if (!told->counts || !answer) return;
                told->acknowledged.emplace(*answer, value);
              });
      });
    EXPECT_TRUE(fixture.wait_until([&] {
      const std::lock_guard lock(told_->mutex);
      return !told_->acknowledged.empty();
    }));
    const std::lock_guard lock(told_->mutex);
    told_->counts = false;
  }
  [[nodiscard]] std::map<Offset, std::string> acknowledged() const {
    const std::lock_guard lock(told_->mutex);
    return told_->acknowledged;
  }

 private:
  struct Told {
    std::mutex mutex;
    bool counts = true;
    std::map<Offset, std::string> acknowledged;
  };
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

std::vector<std::string> values_in(EventLog& log, const TopicPartition& at) {
  std::vector<std::string> values;
  for (const RecordPtr& record : read_all(log, at)) values.push_back(record->value);
  return values;
}

void expect_refused(const Answers& answers, Errc with) {
  for (const Result<Offset>& answer : answers) {
    ASSERT_FALSE(answer) << "acknowledged at " << answer->value();
    EXPECT_EQ(answer.error().code, with) << answer.error().message;
  }
}

const std::vector<NewRecord> kNever(20, make_record("anna", "never"));

}  // namespace

void check_acknowledged_survives_a_crash(EventLogFixture& fixture) {
  const LogDescription before = fixture.log().describe();
  for (int round = 0; round < kCrashes; ++round) {
    const TopicPartition at{Topic::inbound, Partition(round)};
    const BeforeTheCrash told(fixture, at);
    fixture.crash();
    EXPECT_EQ(fixture.log().describe().log_id, before.log_id);
    std::map<Offset, std::string> stored;
    for (const RecordPtr& record : read_all(fixture.log(), at))
      stored.emplace(record->offset, record->value);
    for (const auto& [offset, value] : told.acknowledged()) {
      const auto found = stored.find(offset);
      ASSERT_NE(found, stored.end()) << "acknowledged at " << offset.value() << ", gone";
      EXPECT_EQ(found->second, value) << "at " << offset.value();
    }
    const Offset next = append_surely(fixture, at, make_record("t", "after"));
    EXPECT_FALSE(stored.contains(next)) << "offsets are never given twice";
  }
}

void check_a_crash_leaves_a_prefix_of_each_thread(EventLogFixture& fixture) {
  for (int round = 0; round < kCrashes; ++round) {
    const TopicPartition at{Topic::inbound, Partition(round)};
    const BeforeTheCrash told(fixture, at);
    fixture.crash();
    std::map<std::string, int> next;
    for (const std::string& value : values_in(fixture.log(), at)) {
      const std::string thread = value.substr(0, value.find('/'));
      ASSERT_EQ(value, thread + "/" + std::to_string(next[thread]++)) << "no gap, no repeat";
    }
  }
}

void check_a_second_opener_is_refused(EventLogFixture& fixture) {
  append_surely(fixture, kInbound, make_record("anna", "before"));
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto opened = fixture.open_second();
    ASSERT_FALSE(opened) << "two write the same log";
    EXPECT_EQ(opened.error().code, Errc::already_running);
    EXPECT_FALSE(opened.error().message.empty());
  }
  append_surely(fixture, kInbound, make_record("anna", "after"));
  EXPECT_EQ(values_in(fixture.log(), kInbound), (std::vector<std::string>{"before", "after"}));
  fixture.reopen();
  append_surely(fixture, kInbound, make_record("anna", "reopened"));
}

void check_a_full_disk_refuses_until_there_is_room(EventLogFixture& fixture) {
  append_surely(fixture, kInbound, make_record("anna", "before"));
  const auto kept = values_in(fixture.log(), kInbound);
  fixture.fail_appends(DiskFault::full);
  for (int attempt = 0; attempt < 3; ++attempt)
    expect_refused(append_all(fixture, kInbound, kNever), Errc::disk_full);
  EXPECT_EQ(values_in(fixture.log(), kInbound), kept) << "reads go on, of what there was";
  fixture.heal();
  const Offset after = append_surely(fixture, kInbound, make_record("anna", "after"));
  for (const bool reopened : {false, true}) {
    if (reopened) fixture.reopen();
    auto values = values_in(fixture.log(), kInbound);
    ASSERT_GT(values.size(), static_cast<std::size_t>(after.value()));
    EXPECT_EQ(values[static_cast<std::size_t>(after.value())], "after");
    EXPECT_EQ(std::ranges::count(values, "never"), 0) << "refused, so not there";
    values.resize(kept.size());
    EXPECT_EQ(values, kept);
  }
}

void check_a_failed_sync_ends_appending(EventLogFixture& fixture) {
  const Offset before = append_surely(fixture, kInbound, make_record("anna", "before"));
  fixture.fail_appends(DiskFault::sync);
  expect_refused(append_all(fixture, kInbound, kNever), Errc::log_unavailable);
  // A sync that succeeds now says nothing about what the failed one was for.
  fixture.heal();
  for (int attempt = 0; attempt < 3; ++attempt)
    expect_refused(append_all(fixture, kInbound, kNever), Errc::log_unavailable);
  const auto read = fixture.log().read(kInbound, before, {.records_max = 1});
  ASSERT_TRUE(read && read->size() == 1) << "reads go on, of what there was";
  fixture.reopen();
  const auto kept = fixture.log().read(kInbound, before, {.records_max = 1});
  ASSERT_TRUE(kept && kept->size() == 1);
  EXPECT_EQ(kept->front()->value, "before");
  append_surely(fixture, kInbound, make_record("anna", "after"));
}

}  // namespace signalbox::event_store
