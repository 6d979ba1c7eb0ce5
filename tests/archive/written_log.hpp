// WrittenLog: an embedded log in a folder of its own with users' histories in it, written as an
// owner would: claimed, counted and chained. For tests that read it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "event-store/log/user_chain.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::event_store {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "signalbox-archive-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

class WrittenLog {
 public:
  explicit WrittenLog(const std::string& dir, std::int32_t partitions = 2,
                      SqliteEventLogOptions options = {})
      : options_(std::move(options)) {
    options_.dir = dir;
    options_.partitions = partitions;
    open();
    for (std::int32_t p = 0; p < partitions; ++p) claim(Partition(p));
    settle();
  }

  void open() {
    thread_ = std::make_unique<cli::RoleThread>("written-log");
    auto opened = SqliteEventLog::open(options_, clock_, random_);
    EXPECT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }
  void close() {
    log_.reset();
    thread_.reset();
  }

  [[nodiscard]] SqliteEventLog& log() { return *log_; }
  [[nodiscard]] Partition partition_of(const std::string& user) const {
    return event_store::partition_of(UserId(user), log_->describe().partitions);
  }

  void claim(Partition partition) {
    Owner& owner = owners_[partition];
    ++owner.epoch;
    owner.owner_seq = 0;
    append(partition,
           encode_control({"claim", "/test", clock_.now(),
                           PartitionOwned{log_->describe().log_id, Epoch(owner.epoch),
                                          ClaimId(random_.uuid()), "router", Offset(0)}}));
  }

  // The next event of this user; `seq_ahead` breaks his history by so many. `change` makes another
  // record of it before it is chained.
  void add_event(const std::string& user, const std::string& thread, std::int64_t seq_ahead = 0,
                 const std::function<void(NewRecord&)>& change = {}) {
    const Partition partition = partition_of(user);
    Owner& owner = owners_.at(partition);
    auto [place, is_new] =
        chains_.try_emplace(user, start_of_chain(log_->describe().log_id, UserId(user)));
    UserChain& chain = place->second;
    chain.seq = chain.seq + (1 + seq_ahead);
    Event event{
        .id = event_id_of(log_->describe().log_id, partition, Epoch(owner.epoch), UserId(user),
                          chain.seq),
        .source = "/test",
        .time = clock_.now(),
        .user_id = UserId(user),
        .thread_id = ThreadId(thread),
        .run_id = std::nullopt,
        .attempt = std::nullopt,
        .websocket_client_id = WebsocketClientId("ws_test"),
        .seq = chain.seq,
        .inbound_offset = Offset(1),
        .epoch = Epoch(owner.epoch),
        .owner_seq = OwnerSeq(++owner.owner_seq),
        .causation_id = "cause",
        .traceparent = std::nullopt,
        .data = MessageReceived{MessageId(thread + std::to_string(chain.seq.value())),
                                "content " + std::to_string(chain.seq.value()), "assistant"},
    };
    NewRecord record = encode_event(event);
    if (change) change(record);
    chain.hash = chain_next(chain.hash, content_hash(record.headers, record.value));
    add_chain_hash(record, chain.hash);
    append(partition, std::move(record));
  }

  void append(Partition partition, NewRecord record) {
    auto done = std::make_shared<std::promise<Result<Offset>>>();
    appended_.push_back(done->get_future());
    log_->append({Topic::events, partition}, std::move(record), *thread_,
                 [done](Result<Offset> offset) { done->set_value(std::move(offset)); });
  }
  // Waits until all of it is in the log; the offset of the newest.
  Offset settle() {
    Offset newest(-1);
    for (auto& appended : std::exchange(appended_, {})) {
      const auto offset = appended.get();
      EXPECT_TRUE(offset) << offset.error().message;
      if (offset) newest = *offset;
    }
    return newest;
  }

 private:
  struct Owner {
    std::int64_t epoch = 0;
    std::int64_t owner_seq = 0;
  };

  SqliteEventLogOptions options_;
  cli::SystemClock clock_;
  Random random_{7};
  std::unique_ptr<cli::RoleThread> thread_;
  std::unique_ptr<SqliteEventLog> log_;
  std::vector<std::future<Result<Offset>>> appended_;
  std::map<Partition, Owner> owners_;
  std::map<std::string, UserChain> chains_;
};

}  // namespace signalbox::event_store
