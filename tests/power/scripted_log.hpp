// ScriptedLog: an embedded log that gets the same records every time, in groups that are waited
// for, and notes of each what it was told and how much of the disk had changed by then; so that
// what is found in the log later can be held against it. As an owner does, it sends again first
// what a full disk refused, and ends with the log.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event-store/log/sqlite_event_log.hpp"
#include "ops/cli/role_thread.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox::power {

struct Proposal {
  TopicPartition at;
  std::string value;
  int opening;  // of the log, in which it was proposed
  std::optional<Error> refused{};
  std::optional<std::size_t> acknowledged_after{};  // changes of the disk
};

class ScriptedLog {
 public:
  static constexpr std::int32_t kPartitions = 2;

  // With so much write-ahead log reserved.
  ScriptedLog(std::string folder, int rounds, const test_support::FaultVfs& vfs,
              std::size_t wal_reserve_bytes = 0);

  // Everything, with one close in the middle; where the log cannot be opened or ends, no further.
  void play();
  [[nodiscard]] const std::vector<Proposal>& proposals() const { return proposals_; }
  [[nodiscard]] const std::optional<Error>& refused_to_open() const { return refused_to_open_; }
  // Appends that found the disk full; they are no proposals any more.
  [[nodiscard]] int refused_by_full_disk() const { return refused_by_full_disk_; }
  [[nodiscard]] int fatal_calls() const { return fatal_calls_; }
  // How much of the disk had changed when a log that had ended was closed; nullopt: none had.
  [[nodiscard]] std::optional<std::size_t> closed_broken_after() const {
    return closed_broken_after_;
  }

 private:
  [[nodiscard]] bool open();
  void close() { log_.reset(); }
  using Group = std::vector<std::pair<TopicPartition, NewRecord>>;
  void claim();
  void add_round(int round);
  // Events of one partition never in one group: one that is refused must not let a later one pass.
  void append(Group group);
  void send(const Group& group);

  const std::string folder_;
  const int rounds_;
  const std::size_t wal_reserve_bytes_;
  const test_support::FaultVfs& vfs_;
  event_store::MovableClock clock_;
  Random random_{5};
  std::vector<test_support::TestOwner> owners_;  // of partition 0, 1
  std::vector<Proposal> proposals_;
  Group refused_;  // by a full disk, to be sent again
  int refused_by_full_disk_ = 0;
  bool ended_ = false;
  int openings_ = 0;
  std::optional<Error> refused_to_open_;
  std::optional<std::size_t> closed_broken_after_;
  std::atomic<int> fatal_calls_ = 0;
  cli::RoleThread thread_{"scripted log"};  // before the log, which posts to it
  std::unique_ptr<event_store::SqliteEventLog> log_;
};

// Opens the log in this folder and closes it, as who comes after a crash; nothing is appended.
void recover(const std::string& folder);

// The record that expect_whole() appends, acknowledged.
[[nodiscard]] Proposal one_more();

// The log in this folder has all that had been acknowledged when so much of the disk had changed,
// each once and in order, and nothing that was refused; what was not answered may be there. It
// verifies, it takes another record, and that is there afterwards.
void expect_whole(const std::string& folder, const std::vector<Proposal>& proposals,
                  std::size_t changes);

}  // namespace signalbox::power
