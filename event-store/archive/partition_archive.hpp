// PartitionArchive: the writing side of one partition's archive file. Events are added to a
// transaction that commit() ends together with the position they reach, so a file is always
// complete to what it says. Checks each user's chain; a break is noted as damage of that user and
// everything goes on.
// Thread: one. Errors: as SqliteDatabase; after one, rollback() and go on from position(), or for
// corrupt make the file anew.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "event-store/archive/archive_format.hpp"
#include "event-store/archive/audit_tables.hpp"
#include "event-store/archive/thread_summary.hpp"
#include "event-store/log/user_chain.hpp"

namespace signalbox::event_store {

struct Damage {
  Offset offset;
  std::string user;  // empty where the event names none
  std::string what;
};

class PartitionArchive {
 public:
  // `users_cached_max`: users whose chain is kept in memory; the others are read from the file.
  [[nodiscard]] static Result<PartitionArchive> open(
      const std::string& path, const LogId& log, std::size_t users_cached_max,
      const std::function<void(const std::string&)>& warn);

  // What is committed.
  [[nodiscard]] const Position& position() const { return committed_; }
  // Of everything that was added, committed or not.
  [[nodiscard]] const MerkleTree& tree() const { return tree_.tree; }
  [[nodiscard]] const Anchored& anchored() const { return tree_.anchored; }
  // The tree was seen to pass through this anchor, or is about to write it; with the next commit.
  void set_anchored(const Anchored& anchored);
  // Adds one valid event; what was wrong with its user's chain, where something was.
  [[nodiscard]] Result<std::optional<Damage>> add(const Record& valid_event);
  // Everything before `position` is in the file once this returned.
  [[nodiscard]] Result<void> commit(const Position& position);
  void rollback();

  [[nodiscard]] Result<std::int64_t> damage_count();

 private:
  struct Statements {
    SqliteStatement select_user;
    SqliteStatement insert_user;
    SqliteStatement update_user;
    SqliteStatement insert_event;
    SqliteStatement select_thread;
    SqliteStatement replace_thread;
    SqliteStatement insert_damage;
  };
  struct User {
    std::int64_t id;
    UserChain chain;
    bool changed;
  };
  using Users = std::unordered_map<std::string, User>;
  struct Thread {
    std::string user_name;
    ThreadSummary summary;
  };
  using ThreadKey = std::pair<std::int64_t, std::string>;  // user and thread

  PartitionArchive(SqliteDatabase file, Statements statements, AuditTables audit, const LogId& log,
                   std::size_t users_cached_max, Position committed, StoredTree tree);
  [[nodiscard]] static Result<Statements> prepare(SqliteDatabase& file);
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<User*> find_user(const std::string& name);
  [[nodiscard]] Result<User> load_user(const std::string& name);
  [[nodiscard]] Result<void> insert_event(const User& user, const std::string& name,
                                          const Record& event);
  [[nodiscard]] Result<void> note_thread(const User& user, const std::string& name,
                                         std::string_view thread, const Record& event);
  [[nodiscard]] Result<Thread> load_thread(const ThreadKey& key, const std::string& user_name);
  [[nodiscard]] Result<void> save_threads();
  [[nodiscard]] Result<void> note(const Damage& damage);
  [[nodiscard]] Result<void> save_users();

  SqliteDatabase file_;
  Statements statements_;
  AuditTables audit_;
  LogId log_;
  std::size_t users_cached_max_;
  Position committed_;
  StoredTree tree_;
  StoredTree committed_tree_;
  bool in_transaction_ = false;
  Users users_;
  std::map<ThreadKey, Thread> threads_;  // changed since the last commit
};

}  // namespace signalbox::event_store
