// ArchiveScan: the events of one partition's archive file in the order they were archived, which is
// that of the log, for who compares the two. It reads only, also beside the writer: up to what the
// file was complete to when it was opened. Each read is a short transaction of its own.
// Thread: one. Memory: one batch, and the names of the users it met. Errors: not_found (no file),
// corrupt (also: another log's file), io_error.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "event-store/archive/archive_format.hpp"

namespace signalbox::event_store {

struct ArchivedEvent {
  std::int64_t number;  // of the row
  std::string user;     // empty: a user the file does not know
  Seq seq;
  Offset offset;
  Timestamp appended_at;
  std::optional<std::string> thread;
  std::string headers;
  std::string value;
  bool is_whole;  // the row matches its SHA-256
};

class ArchiveScan {
 public:
  [[nodiscard]] static Result<ArchiveScan> open(const std::string& folder, Partition partition,
                                                const LogId& log);

  [[nodiscard]] const Position& complete_to() const { return complete_to_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // The next event, good until drop(); null at the end.
  [[nodiscard]] Result<const ArchivedEvent*> peek();
  void drop() { batch_.pop_front(); }

 private:
  // The next batch; none at the end.
  [[nodiscard]] Result<void> fill();
  // Its hash is one of hashes_, to be compared with that of stated_.
  [[nodiscard]] Result<ArchivedEvent> event_of_row();
  [[nodiscard]] Result<const std::string*> user_of(std::int64_t number);
  ArchiveScan(std::string path, SqliteDatabase file, SqliteStatement select,
              SqliteStatement select_user, Position complete_to)
      : path_(std::move(path)),
        file_(std::move(file)),
        select_(std::move(select)),
        select_user_(std::move(select_user)),
        complete_to_(complete_to) {}

  std::string path_;
  SqliteDatabase file_;
  SqliteStatement select_;
  SqliteStatement select_user_;
  std::unordered_map<std::int64_t, std::string> users_;  // met so far
  Position complete_to_;
  std::int64_t last_ = 0;
  bool is_at_end_ = false;
  std::deque<ArchivedEvent> batch_;
  Sha256Batch hashes_{};  // of the rows of the batch, while it is read
  std::vector<std::string> stated_{};
};

}  // namespace signalbox::event_store
