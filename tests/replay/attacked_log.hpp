// A data directory with a log and its archive, and somebody who may write to its files: changes of
// rows with or without the checksums, chains, counters and witness made to fit.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/sqlite_rows.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/sqlite/sqlite_database.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::replay {

struct EditedRow {
  std::int64_t number;
  std::int64_t place;
  std::int64_t offset;
  std::int64_t appended_at;
  std::optional<std::string> key;
  Headers headers;
  std::string value;
  std::optional<std::string> raw_headers{};  // instead
};

class Attacker {
 public:
  // Copies the data directory `from` to `dir`.
  Attacker(const std::string& from, const std::string& dir);

  [[nodiscard]] const std::string& dir() const { return dir_; }
  [[nodiscard]] LogId log_id() const { return log_id_; }
  [[nodiscard]] std::int64_t place(const std::string& user) const;
  // Of the user's n-th event, from 1.
  [[nodiscard]] std::int64_t offset(const std::string& user, int n);
  [[nodiscard]] std::string where(const std::string& user, int n);  // of records
  [[nodiscard]] std::string archive(const std::string& user) const;
  [[nodiscard]] std::int64_t number(const std::string& sql);

  void sql(const std::string& statements) { sql_in(dir_ + "/log.db", statements); }
  void sql_in(const std::string& path, const std::string& statements);
  // Changes rows and gives them the checksum that belongs to them.
  void edit(const std::string& where, const std::function<void(EditedRow&)>& change);
  void edit(const std::string& user, int n, const std::function<void(EditedRow&)>& change) {
    edit(where(user, n), change);
  }
  // Gives the user's events the chain that follows from them.
  void chain_again(const std::string& user);
  // Removes the newest rows of his partition and lowers the counters.
  void cut_tail(const std::string& user, int rows);
  void forget(const std::string& name) { std::filesystem::remove_all(dir_ + "/" + name); }
  // The other users keep gapless offsets, owner seqs and chains; counters and row numbers fit.
  void remove_user(const std::string& user);

 private:
  [[nodiscard]] event_store::SqliteDatabase open(const std::string& path) const;
  [[nodiscard]] std::vector<EditedRow> rows(const std::string& where);
  void write(const EditedRow& row);

  std::string dir_;
  LogId log_id_{Uuid{}};
};

}  // namespace signalbox::replay
