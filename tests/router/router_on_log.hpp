// RouterOnLog: a real router on the real embedded log in a temporary folder, with test agents.
// crash() takes the router away without a word, as kill -9 does to its memory; start() is the next
// process.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/snapshot/sqlite_snapshot_store.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"
#include "router/router.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/router/counted_reads.hpp"
#include "tests/snapshot/memory_snapshot_store.hpp"

namespace signalbox::router {

class RouterOnLog {
 public:
  RouterOnLog() {
    folder_ = std::filesystem::temp_directory_path() /
              ("signalbox-router-" + std::to_string(::getpid()) + "-" + std::to_string(++folders_));
    std::filesystem::create_directories(folder_);
    agents_.add(std::make_unique<testing::EchoAgent>());
    agents_.add(std::make_unique<testing::AskAgent>());
    agents_.add(std::make_unique<testing::CrashAgent>());
    agents_.add(std::make_unique<testing::HugeAnswerAgent>());
    agents_.add(std::make_unique<testing::DivergingAgent>());
    agents_.add(
        std::make_unique<testing::SlowToolAgent>(std::chrono::seconds(3), OnUnknown::retry, calls));
    options.rules.default_agent = "echo";
    open();
  }
  ~RouterOnLog() {
    crash();
    log_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    auto opened = event_store::SqliteEventLog::open({.dir = folder_.string()}, clock_, random_);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }

  // Instead of `snapshots`, from the next start() on.
  void keep_snapshots_in_a_file() { file_snapshots_ = open_snapshot_file(); }
  void close_snapshots() { file_snapshots_.reset(); }
  std::unique_ptr<event_store::SqliteSnapshotStore> open_snapshot_file() {
    auto opened =
        event_store::SqliteSnapshotStore::open(snapshot_file(), log_->describe().log_id, {});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  [[nodiscard]] std::string folder() const { return folder_.string(); }
  [[nodiscard]] std::string snapshot_file() const { return (folder_ / "snapshots.db").string(); }
  event_store::SnapshotStore& snapshot_store() {
    if (other_snapshots != nullptr) return *other_snapshots;
    if (file_snapshots_) return *file_snapshots_;
    return snapshots;
  }

  void start() {
    reads_ = std::make_unique<CountedReads>(*log_);
    if (silent_partition) reads_->be_silent_about(*silent_partition);
    if (withheld_partition) reads_->withhold_records_of(*withheld_partition);
    thread_ = std::make_unique<cli::RoleThread>("router");
    thread_->run([this] {
      router_ = std::make_unique<Router>(
          RouterServices{*reads_, snapshot_store(), clock_, *thread_, random_, agents_}, options,
          [this](const Error& error) { fatal = error.message; });
      router_->start();
    });
  }

  void crash() {
    if (!thread_) return;
    thread_->run([this] { router_.reset(); });
    thread_->stop();
    // The log may still post to it: an executor outlives whoever knows it.
    stopped_threads_.push_back(std::move(thread_));
  }

  void drain() {
    std::atomic<bool> done = false;
    thread_->run([&] { router_->drain([&] { done = true; }); });
    EXPECT_TRUE(eventually([&] { return done.load(); }));
    crash();
  }

  void reopen_log() {
    log_.reset();
    open();
  }

  static bool eventually(const std::function<bool()>& condition,
                         std::chrono::seconds limit = std::chrono::seconds(20)) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  // ---- commands
  void says(const std::string& user, const std::string& message, const std::string& agent = "echo",
            const std::string& content = "hello", const std::string& thread = "t") {
    send(user, UserMessage{MessageId(message), ThreadId(thread), content, agent});
  }
  void cancels(const std::string& user, const std::string& message) {
    send(user, CancelRun{event_store::run_id_of(UserId(user), MessageId(message))});
  }
  void send(const std::string& user, CommandData data) {
    append(event_store::encode_command({.id = client_random_.uuid().to_string(),
                                        .source = "/test",
                                        .time = clock_.now(),
                                        .user_id = UserId(user),
                                        .websocket_client_id = WebsocketClientId("ws_test"),
                                        .traceparent = std::nullopt,
                                        .data = std::move(data)}),
           partition_of(user));
  }
  void append(NewRecord record, Partition partition) {
    std::atomic<int> answered = 0;
    log_->append({Topic::inbound, partition}, std::move(record), clients_,
                 [&](const Result<Offset>& offset) { answered = offset ? 1 : -1; });
    ASSERT_TRUE(eventually([&] { return answered != 0; }));
    ASSERT_EQ(answered, 1);
  }
  [[nodiscard]] Partition partition_of(const std::string& user) {
    return event_store::partition_of(UserId(user), log_->describe().partitions);
  }

  // ---- what the log holds
  // Valid events of a user, as every reader judges them; checks seq and chain on the way.
  std::vector<Event> history(const std::string& user) {
    std::vector<Event> events;
    event_store::Position position;
    auto chain = event_store::start_of_chain(log_->describe().log_id, UserId(user));
    for (const RecordPtr& record : records(Topic::events, partition_of(user))) {
      if (event_store::fold(position, *record).verdict != event_store::Verdict::valid) continue;
      if (record->key != user) continue;
      const auto broken = event_store::follow(chain, *record);
      EXPECT_FALSE(broken) << broken->what;
      auto event = event_store::decode_event(*record);
      EXPECT_TRUE(event) << event.error().message;
      if (event) events.push_back(std::move(*event));
    }
    return events;
  }
  std::vector<RecordPtr> records(Topic topic, Partition partition) {
    std::vector<RecordPtr> all;
    Offset next = log_->bounds({topic, partition})->first;
    while (true) {
      const auto page = log_->read({topic, partition}, next, {});
      EXPECT_TRUE(page);
      if (!page || page->empty()) return all;
      next = page->back()->offset.next();
      all.insert(all.end(), page->begin(), page->end());
    }
  }
  // Names of a user's events, once there are `count` of them.
  std::vector<std::string> names(const std::string& user, std::size_t count) {
    std::vector<Event> events;
    eventually([&] { return (events = history(user)).size() >= count; });
    std::vector<std::string> names;
    for (const Event& event : events) names.emplace_back(event_store::event_name(event.data));
    return names;
  }
  std::size_t count(const std::string& user, std::string_view name) {
    std::size_t found = 0;
    for (const Event& event : history(user)) found += event_store::event_name(event.data) == name;
    return found;
  }
  bool has(const std::string& user, std::string_view name, std::size_t times = 1) {
    return eventually([&] { return count(user, name) >= times; });
  }

  RouterOptions options{};
  event_store::MemorySnapshotStore snapshots;
  event_store::SnapshotStore* other_snapshots = nullptr;  // instead of these; outlives the router
  std::shared_ptr<testing::SlowToolCalls> calls = std::make_shared<testing::SlowToolCalls>();
  std::optional<Partition> silent_partition;    // as reads().be_silent_about(), from start() on
  std::optional<Partition> withheld_partition;  // as reads().withhold_records_of(), the same
  std::string fatal;
  [[nodiscard]] Router& router() { return *router_; }
  [[nodiscard]] bool is_serving() {
    return eventually([this] { return router_->not_ready().empty(); });
  }
  // Of the router since its start.
  [[nodiscard]] CountedReads& reads() { return *reads_; }
  [[nodiscard]] event_store::SqliteEventLog& log() { return *log_; }
  [[nodiscard]] cli::RoleThread& thread() { return *thread_; }

 private:
  static inline int folders_ = 0;
  std::filesystem::path folder_;
  cli::SystemClock clock_;
  Random random_{20261121};         // the router's, on its thread
  Random client_random_{20261122};  // the test's
  AgentRegistry agents_;
  cli::RoleThread clients_{"clients"};
  std::vector<std::unique_ptr<cli::RoleThread>> stopped_threads_;
  std::unique_ptr<event_store::SqliteEventLog> log_;
  std::unique_ptr<CountedReads> reads_;
  std::unique_ptr<event_store::SqliteSnapshotStore> file_snapshots_;
  std::unique_ptr<cli::RoleThread> thread_;
  std::unique_ptr<Router> router_;
};

}  // namespace signalbox::router
