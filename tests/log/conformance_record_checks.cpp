// Checks of records, tails and bounds: what goes in comes out, once, in order, for good.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "event-store/contract/codec.hpp"
#include "tests/log/conformance_checks.hpp"
#include "tests/log/conformance_support.hpp"

namespace signalbox::event_store {
namespace {

constexpr TopicPartition kInbound{Topic::inbound, Partition(2)};

std::vector<NewRecord> numbered(int count, std::string_view key = "anna") {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i)
    records.push_back(make_record(key, std::string(key) + " " + std::to_string(i)));
  return records;
}

// Every append that was reported ok is at the offset it was told, once, as it was given.
void expect_acknowledged_are_there(EventLog& log, const TopicPartition& at,
                                   const std::vector<NewRecord>& records, const Answers& answers) {
  std::map<Offset, RecordPtr> by_offset;
  std::map<std::string, int> copies;
  const auto bounds = log.bounds(at);
  ASSERT_TRUE(bounds);
  for (const RecordPtr& record : read_all(log, at)) {
    by_offset.emplace(record->offset, record);
    ++copies[record->value];
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!answers[i]) continue;
    EXPECT_LT(*answers[i], bounds->end) << "acknowledged before bounds() was asked";
    const auto found = by_offset.find(*answers[i]);
    ASSERT_NE(found, by_offset.end()) << "acknowledged at " << answers[i]->value() << ", not there";
    EXPECT_TRUE(same_bytes(*found->second, records[i])) << "at " << answers[i]->value();
    EXPECT_EQ(copies[records[i].value], 1) << "acknowledged once, so in the log once";
  }
}

}  // namespace

void check_offsets_begin_at_0_without_gaps(EventLogFixture& fixture) {
  const auto records = numbered(60);
  const Answers answers = append_all(fixture, kInbound, records);
  const auto stored = read_all(fixture.log(), kInbound);
  ASSERT_FALSE(stored.empty());
  EXPECT_EQ(stored.front()->offset, Offset(0));
  const auto bounds = fixture.log().bounds(kInbound);
  ASSERT_TRUE(bounds);
  EXPECT_EQ(bounds->first, Offset(0));
  EXPECT_EQ(bounds->end, stored.back()->offset.next());
  expect_acknowledged_are_there(fixture.log(), kInbound, records, answers);
}

void check_appends_of_one_thread_keep_their_order(EventLogFixture& fixture) {
  for (int round = 0; round < 4; ++round) {
    const auto records = numbered(100, "round " + std::to_string(round));
    const Answers answers = append_all(fixture, kInbound, records);
    Offset previous(-1);
    for (const auto& answer : answers) {
      if (!answer) continue;
      EXPECT_GT(*answer, previous) << "call order is log order";
      previous = *answer;
    }
    expect_acknowledged_are_there(fixture.log(), kInbound, records, answers);
  }
}

void check_two_threads_keep_each_its_order(EventLogFixture& fixture) {
  struct Collected {
    std::mutex mutex;
    std::map<int, std::vector<std::pair<int, Result<Offset>>>> answers;
  };
  const auto collected = std::make_shared<Collected>();
  constexpr int kEach = 200;
  for (int thread = 0; thread < 2; ++thread)
    fixture.executor(thread).post([&fixture, collected, thread] {
      for (int i = 0; i < kEach; ++i)
        fixture.log().append(
            kInbound, make_record("t", std::to_string(thread) + "/" + std::to_string(i)),
            fixture.executor(thread), [collected, thread, i](Result<Offset> answer) {
              const std::lock_guard lock(collected->mutex);
              collected->answers[thread].emplace_back(i, std::move(answer));
            });
    });
  ASSERT_TRUE(fixture.wait_until([&] {
    const std::lock_guard lock(collected->mutex);
    return collected->answers[0].size() == kEach && collected->answers[1].size() == kEach;
  }));
  std::map<Offset, std::string> stored;
  for (const RecordPtr& record : read_all(fixture.log(), kInbound))
    stored.emplace(record->offset, record->value);
  const std::lock_guard lock(collected->mutex);
  for (const auto& [thread, answers] : collected->answers) {
    std::pair<int, Offset> previous{-1, Offset(-1)};
    for (const auto& [i, answer] : answers) {
      if (!answer) continue;
      EXPECT_GT(i, previous.first) << "answers come in call order";
      EXPECT_GT(*answer, previous.second) << "call order is log order";
      EXPECT_EQ(stored[*answer], std::to_string(thread) + "/" + std::to_string(i));
      previous = {i, *answer};
    }
  }
}

Headers many_headers() {
  Headers headers;
  for (int i = 0; i < 60; ++i) headers.add("name" + std::to_string(i), "value");
  return headers;
}

void check_bytes_are_unchanged(EventLogFixture& fixture) {
  std::string binary(1000, '\0');
  for (std::size_t i = 0; i < binary.size(); ++i) binary[i] = static_cast<char>(i * 7);
  const std::vector<NewRecord> records{
      {std::nullopt, {}, ""},
      {"", {}, ""},
      {"key", {{"h", ""}}, "value"},
      {binary, {{"ce_x", binary}, {"tracer", "\xff\x00\xfe"}}, binary},
      {"userin \xf0\x9f\x9a\x82", {{"ce_subject", "\xc3\xa4"}}, "\xe7\x94\xa8"},
      {"k", {{"b", "2"}, {"a", "1"}, {"c", "3"}}, "order of headers is kept"},
      {"large", {{"content-type", "application/json"}}, std::string(512 * 1024, 'x')},
      {"many", many_headers(), "x"},
  };
  std::vector<Offset> offsets;
  for (const NewRecord& record : records)
    offsets.push_back(append_surely(fixture, kInbound, record));
  Collector collector;
  const TailOn tail(fixture, kInbound, Offset(0), collector);
  ASSERT_TRUE(fixture.wait_until(
      [&] { return collector.caught_up() && *collector.caught_up() > offsets.back(); }));
  const auto delivered = collector.records();
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto read = fixture.log().read(kInbound, offsets[i], {.records_max = 1});
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 1u);
    EXPECT_TRUE(same_bytes(*read->front(), records[i])) << "record " << i << " by read";
    const auto found = std::ranges::find_if(
        delivered, [&](const RecordPtr& record) { return record->offset == offsets[i]; });
    ASSERT_NE(found, delivered.end());
    EXPECT_TRUE(same_bytes(**found, records[i])) << "record " << i << " by tail";
  }
}

void check_acknowledged_survives_reopening(EventLogFixture& fixture) {
  const LogDescription before = fixture.log().describe();
  const auto records = numbered(120);
  std::map<TopicPartition, Answers> answers;
  for (const Topic topic : {Topic::inbound, Topic::connections, Topic::quarantine})
    for (std::int32_t p = 0; p < 3; ++p)
      answers[{topic, Partition(p)}] = append_all(fixture, {topic, Partition(p)}, records);
  const auto end = fixture.log().bounds(kInbound);
  fixture.reopen();
  EXPECT_EQ(fixture.log().describe().log_id, before.log_id);
  EXPECT_EQ(fixture.log().describe().partitions, before.partitions);
  for (const auto& [at, of_this] : answers)
    expect_acknowledged_are_there(fixture.log(), at, records, of_this);
  const auto again = fixture.log().bounds(kInbound);
  ASSERT_TRUE(end && again);
  EXPECT_GE(again->end, end->end);
  const Offset next = append_surely(fixture, kInbound, make_record("anna", "after"));
  EXPECT_GE(next, end->end) << "offsets are never given twice";
}

void check_a_tail_delivers_old_and_then_new(EventLogFixture& fixture) {
  for (const NewRecord& record : numbered(30)) append_surely(fixture, kInbound, record);
  Collector collector;
  const TailOn tail(fixture, kInbound, Offset(10), collector, 1);
  const auto delivered_up_to = [&](Offset end) {
    return fixture.wait_until([&] { return collector.caught_up() >= end; });
  };
  ASSERT_TRUE(delivered_up_to(fixture.log().bounds(kInbound)->end));
  for (const NewRecord& record : numbered(30, "new")) append_surely(fixture, kInbound, record);
  ASSERT_TRUE(delivered_up_to(fixture.log().bounds(kInbound)->end));
  const auto expected = read_all(fixture.log(), kInbound, Offset(10));
  const auto delivered = collector.records();
  ASSERT_GE(delivered.size(), expected.size());
  for (std::size_t i = 0; i < delivered.size(); ++i)
    ASSERT_EQ(delivered[i]->offset, Offset(10 + static_cast<std::int64_t>(i)))
        << "no gap, no repeat";
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(delivered[i]->value, expected[i]->value);
}

void check_every_tail_sees_the_same(EventLogFixture& fixture) {
  std::vector<std::unique_ptr<Collector>> collectors;
  std::vector<std::unique_ptr<TailOn>> tails;
  for (int i = 0; i < 6; ++i) {
    collectors.push_back(std::make_unique<Collector>());
    tails.push_back(std::make_unique<TailOn>(fixture, kInbound, Offset(0), *collectors.back(),
                                             i % EventLogFixture::kExecutors));
  }
  for (int round = 0; round < 5; ++round)
    static_cast<void>(append_all(fixture, kInbound, numbered(80), round % 3));
  const Offset end = append_surely(fixture, kInbound, make_record("anna", "last")).next();
  ASSERT_TRUE(fixture.wait_until([&] {
    return std::ranges::all_of(collectors, [&](const auto& c) { return c->caught_up() >= end; });
  }));
  const auto expected = read_all(fixture.log(), kInbound);
  ASSERT_GE(expected.size(), static_cast<std::size_t>(end.value()));
  for (const auto& collector : collectors) {
    const auto delivered = collector->records();
    ASSERT_GE(delivered.size(), static_cast<std::size_t>(end.value()));
    for (std::size_t i = 0; i < static_cast<std::size_t>(end.value()); ++i) {
      ASSERT_EQ(delivered[i]->offset, expected[i]->offset);
      ASSERT_EQ(delivered[i]->value, expected[i]->value);
    }
    EXPECT_FALSE(collector->overlapped()) << "one call in flight per tail";
  }
}

void check_a_destroyed_tail_is_silent(EventLogFixture& fixture) {
  Collector collector;
  {
    TailOn tail(fixture, kInbound, Offset(0), collector);
    append_surely(fixture, kInbound, make_record("anna", "seen"));
    ASSERT_TRUE(fixture.wait_until([&] { return collector.records().size() >= 1; }));
    tail.end();
  }
  const std::size_t seen = collector.records().size();
  Collector other;
  const TailOn witness(fixture, kInbound, Offset(0), other);
  const Offset last = append_surely(fixture, kInbound, make_record("anna", "unseen"));
  ASSERT_TRUE(fixture.wait_until([&] { return other.caught_up() > last; }));
  fixture.run_on(0, [] {});
  EXPECT_EQ(collector.records().size(), seen);
}

void check_a_tail_may_end_inside_its_own_call(EventLogFixture& fixture) {
  for (const NewRecord& record : numbered(20)) append_surely(fixture, kInbound, record);
  Collector collector;
  std::unique_ptr<Tail> tail;
  collector.then = [&] { tail.reset(); };
  fixture.run_on(
      0, [&] { tail = fixture.log().tail(kInbound, Offset(0), fixture.executor(0), collector); });
  Collector other;
  const TailOn witness(fixture, kInbound, Offset(0), other);
  const Offset last = append_surely(fixture, kInbound, make_record("anna", "later"));
  ASSERT_TRUE(fixture.wait_until([&] { return other.caught_up() > last; }));
  ASSERT_TRUE(fixture.wait_until([&] { return collector.calls() > 0; }));
  fixture.run_on(0, [] {});
  EXPECT_EQ(collector.calls(), 1u);
  EXPECT_FALSE(collector.caught_up());
}

void check_reads_keep_their_limits(EventLogFixture& fixture) {
  for (int i = 0; i < 12; ++i)
    append_surely(fixture, kInbound, make_record("anna", std::string(1000, 'x')));
  EventLog& log = fixture.log();
  const auto five = log.read(kInbound, Offset(0), {.records_max = 5});
  ASSERT_TRUE(five);
  EXPECT_EQ(five->size(), 5u);
  const auto bytes = log.read(kInbound, Offset(0), {.records_max = 100, .bytes_max = 5000});
  ASSERT_TRUE(bytes);
  EXPECT_LE(bytes->size(), 5u);
  EXPECT_GE(bytes->size(), 1u);
  const auto one = log.read(kInbound, Offset(3), {.records_max = 100, .bytes_max = 1});
  ASSERT_TRUE(one);
  ASSERT_EQ(one->size(), 1u) << "at least one record however large";
  EXPECT_EQ(one->front()->offset, Offset(3));
  const auto end = log.bounds(kInbound)->end;
  EXPECT_EQ(log.read(kInbound, end, {})->size(), 0u);
  EXPECT_EQ(log.read(kInbound, end + 100, {})->size(), 0u);
}

void check_partitions_and_topics_are_apart(EventLogFixture& fixture) {
  const std::vector<TopicPartition> all{
      {Topic::inbound, Partition(0)},     {Topic::inbound, Partition(1)},
      {Topic::connections, Partition(0)}, {Topic::snapshots, Partition(0)},
      {Topic::quarantine, Partition(1)},
  };
  for (const TopicPartition& at : all) {
    const auto empty = fixture.log().bounds(at);
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->first, Offset(0));
    EXPECT_EQ(empty->end, Offset(0));
    append_surely(
        fixture, at,
        make_record("k", std::string(to_text(at.topic)) + std::to_string(at.partition.value())));
  }
  for (const TopicPartition& at : all)
    for (const RecordPtr& record : read_all(fixture.log(), at))
      EXPECT_EQ(record->value,
                std::string(to_text(at.topic)) + std::to_string(at.partition.value()));
}

void check_bounds_are_told_to_who_must_not_wait(EventLogFixture& fixture) {
  struct Told {
    std::atomic<int> times = 0;
    std::optional<LogBounds> bounds;
  };
  const auto told = std::make_shared<Told>();
  for (int round = 1; round <= 3; ++round) {
    const Offset last = append_surely(fixture, kInbound, make_record("anna", "one more"));
    fixture.run_on(0, [&fixture, told, round] {
      fixture.log().ask_bounds(kInbound, fixture.executor(0),
                               [told](const Result<LogBounds>& found) {
                                 told->bounds = found ? std::optional(*found) : std::nullopt;
                                 ++told->times;
                               });
      EXPECT_EQ(told->times, round - 1) << "told inside the call";
    });
    ASSERT_TRUE(fixture.wait_until([&] { return told->times == round; }));
    ASSERT_TRUE(told->bounds);
    EXPECT_EQ(told->bounds->first, Offset(0));
    EXPECT_GT(told->bounds->end, last) << "acknowledged before it was asked";
    EXPECT_LE(told->bounds->end, fixture.log().bounds(kInbound)->end);
  }
}

void check_records_are_given_to_who_must_not_wait(EventLogFixture& fixture) {
  struct Given {
    std::atomic<int> times = 0;
    std::vector<RecordPtr> records;
  };
  const auto given = std::make_shared<Given>();
  const Offset first = append_surely(fixture, kInbound, make_record("anna", "one"));
  append_surely(fixture, kInbound, make_record("anna", "two"));
  const Offset last = append_surely(fixture, kInbound, make_record("anna", "three"));
  fixture.run_on(0, [&] {
    fixture.log().ask_records(kInbound, {last, first, Offset(last.value() + 1000)},
                              fixture.executor(0),
                              [given](const Result<std::vector<RecordPtr>>& found) {
                                if (found) given->records = *found;
                                ++given->times;
                              });
    EXPECT_EQ(given->times, 0) << "given inside the call";
  });
  ASSERT_TRUE(fixture.wait_until([&] { return given->times == 1; }));
  ASSERT_EQ(given->records.size(), 3u);
  ASSERT_TRUE(given->records[0] && given->records[1]);
  EXPECT_EQ(given->records[0]->value, "three");
  EXPECT_EQ(given->records[1]->value, "one");
  EXPECT_EQ(given->records[2], nullptr) << "the log has no such record";
}

void check_a_slow_reader_gets_everything(EventLogFixture& fixture) {
  Collector slow;
  int stalls = 0;
  slow.then = [&] {
    // Many records are appended while the first batch is being looked at.
    if (++stalls > 1) return;
    for (const NewRecord& record : numbered(700, "meanwhile"))
      fixture.log().append(kInbound, record, fixture.executor(1), [](Result<Offset>) {});
  };
  const TailOn tail(fixture, kInbound, Offset(0), slow, 0);
  append_surely(fixture, kInbound, make_record("anna", "first"));
  ASSERT_TRUE(fixture.wait_until([&] { return slow.calls() > 0; }));
  const Offset last = append_surely(fixture, kInbound, make_record("anna", "last"));
  ASSERT_TRUE(fixture.wait_until([&] { return slow.caught_up() > last; }));
  const auto delivered = slow.records();
  for (std::size_t i = 0; i < delivered.size(); ++i)
    ASSERT_EQ(delivered[i]->offset, Offset(static_cast<std::int64_t>(i)));
  EXPECT_LE(slow.batch_max(), 256u);
  EXPECT_FALSE(slow.overlapped());
}

void check_the_volatile_topic_reaches_live_readers(EventLogFixture& fixture) {
  const TopicPartition progress{Topic::progress, Partition(1)};
  Collector collector;
  const TailOn tail(fixture, progress, Offset(0), collector, 1);
  for (const NewRecord& record : numbered(50)) append_surely(fixture, progress, record);
  const auto bounds = fixture.log().bounds(progress);
  ASSERT_TRUE(bounds);
  ASSERT_TRUE(fixture.wait_until([&] { return collector.caught_up() >= bounds->end; }));
  const auto delivered = collector.records();
  Offset previous(-1);
  for (const RecordPtr& record : delivered) {
    EXPECT_GT(record->offset, previous);
    previous = record->offset;
  }
  EXPECT_GE(delivered.size(), 50u) << "a reader that keeps up loses nothing";
  // Whatever was lost of it, the log goes on.
  for (const NewRecord& record : numbered(3000, "burst"))
    fixture.log().append(progress, record, fixture.executor(0), [](Result<Offset>) {});
  const Offset last = append_surely(fixture, progress, make_record("anna", "last"));
  EXPECT_TRUE(fixture.wait_until([&] { return collector.caught_up() > last; }));
  EXPECT_FALSE(collector.failed());
}

void check_events_begin_with_genesis(EventLogFixture& fixture) {
  const LogDescription log = fixture.log().describe();
  ASSERT_GE(log.partitions, 1);
  for (std::int32_t p = 0; p < log.partitions; ++p) {
    const auto first = fixture.log().read({Topic::events, Partition(p)}, Offset(0), {});
    ASSERT_TRUE(first);
    ASSERT_FALSE(first->empty());
    const auto control = decode_control(*first->front());
    ASSERT_TRUE(control) << control.error().message;
    EXPECT_EQ(control->data, ControlData(LogGenesis{log.log_id, log.partitions, "murmur2-java"}));
  }
}

void check_a_single_member_is_assigned_everything(EventLogFixture& fixture) {
  class Sink final : public MembershipSink {
   public:
    void on_assigned(std::span<const Partition> partitions) override {
      const std::lock_guard lock(mutex);
      assigned.emplace(partitions.begin(), partitions.end());
    }
    std::mutex mutex;
    std::optional<std::vector<Partition>> assigned;
  } sink;
  std::unique_ptr<Membership> membership;
  fixture.run_on(0, [&] { membership = fixture.log().join("routers", fixture.executor(0), sink); });
  std::vector<Partition> all;
  for (std::int32_t p = 0; p < fixture.log().describe().partitions; ++p) all.emplace_back(p);
  EXPECT_TRUE(fixture.wait_until([&] {
    const std::lock_guard lock(sink.mutex);
    return sink.assigned == all;
  }));
  fixture.run_on(0, [&] { membership.reset(); });
}

}  // namespace signalbox::event_store
