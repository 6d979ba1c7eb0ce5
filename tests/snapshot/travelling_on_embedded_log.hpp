// TravellingOnEmbeddedLog: a TravellingSnapshotStore with all it needs, real threads and the
// embedded log in a folder, as one SnapshotStore.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "event-store/log/sqlite_event_log.hpp"
#include "event-store/snapshot/travelling_snapshot_store.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::event_store {

class TravellingOnEmbeddedLog final : public SnapshotStore {
 public:
  explicit TravellingOnEmbeddedLog(const std::string& folder) {
    auto log = SqliteEventLog::open({.dir = folder}, clock_, log_random_);
    EXPECT_TRUE(log) << log.error().message;
    log_ = std::move(*log);
    auto store = TravellingSnapshotStore::open(folder + "/snapshots.db", *log_, thread_, clock_,
                                               random_, {});
    EXPECT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    thread_.run([this] { store_->start(); });
  }
  ~TravellingOnEmbeddedLog() override {
    thread_.run([this] { store_.reset(); });
    thread_.stop();
  }

  [[nodiscard]] Result<void> put(std::string_view key, Snapshot snapshot) override {
    return store_->put(key, std::move(snapshot));
  }
  [[nodiscard]] Result<std::optional<Snapshot>> get(std::string_view key) override {
    return store_->get(key);
  }
  void refuse(std::string_view key) override { store_->refuse(key); }
  [[nodiscard]] Result<void> flush() override { return store_->flush(); }
  [[nodiscard]] std::uint64_t behind(Partition partition) const override {
    return store_->behind(partition);
  }
  void set_owned(Partition partition, bool owned) override { store_->set_owned(partition, owned); }

 private:
  cli::SystemClock clock_;
  Random log_random_{1};
  Random random_{2};
  cli::RoleThread thread_{"standby"};
  std::unique_ptr<SqliteEventLog> log_;
  std::unique_ptr<TravellingSnapshotStore> store_;
};

}  // namespace signalbox::event_store
