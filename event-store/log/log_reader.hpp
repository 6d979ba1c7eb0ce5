// LogReader: the embedded log for tools that only look: beside the process that writes it, or in a
// copied folder with or without the write-ahead log. It takes no lock, writes nothing, and opens
// damaged logs too: what is wrong with them is for its caller to find.
// Every call is a read transaction of its own, so that the writer's checkpoints are never held up
// for longer than one call lasts.
// Thread: one at a time. Errors: not_found (no log there), bad_config (another program's file, or a
// newer one), corrupt (the file is no database any more), io_error.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/history_log.hpp"
#include "event-store/log/sqlite_rows.hpp"
#include "event-store/log/stored_row.hpp"

namespace signalbox::event_store {

struct NumberedRecord {
  std::int64_t row;  // StoredRow::number
  RecordPtr record;
};

class LogReader final : public HistoryLog {
 public:
  [[nodiscard]] static Result<LogReader> open(const std::string& dir);

  [[nodiscard]] const LogDescription& describe() const override { return description_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // By the stored counters, whatever rows are left.
  [[nodiscard]] Result<std::int64_t> rows_written();
  [[nodiscard]] Result<LogBounds> bounds(const TopicPartition& at) override;
  // All of them at one instant: place -> next offset, and kRowsCounter -> rows_written().
  [[nodiscard]] Result<std::map<std::int64_t, std::int64_t>> counters();
  // Rows with numbers that were never given.
  [[nodiscard]] Result<std::int64_t> rows_beyond_count();
  // Whether a row with this offset is there at all.
  [[nodiscard]] Result<bool> has_row(const TopicPartition& at, Offset offset);
  // What the file `head` beside the log says: how many rows were once committed. nullopt where
  // there is none, or none that can be read.
  [[nodiscard]] std::optional<std::int64_t> rows_witnessed() const;

  [[nodiscard]] Result<std::vector<RecordPtr>> read(const TopicPartition& at, Offset from,
                                                    ReadLimits limits) override;
  // Records of topic events, of all partitions in the order they were written, verified. A bad row
  // ends what is returned; it is an error (corrupt) only when it is the first.
  [[nodiscard]] Result<std::vector<NumberedRecord>> read_events(std::int64_t after_row,
                                                                ReadLimits limits);
  // Visits rows as they lie there, nothing verified, in the order they were written: those behind
  // `after_row` up to `last_row`, at most `rows_max`. The number of the last one visited; nullopt:
  // none was left.
  [[nodiscard]] Result<std::optional<std::int64_t>> scan(std::int64_t after_row,
                                                         std::int64_t last_row,
                                                         std::int64_t rows_max, const Visit& visit);
  // Not verified either.
  [[nodiscard]] Result<std::optional<std::int64_t>> scan(const TopicPartition& at, Offset from,
                                                         std::int64_t rows_max,
                                                         const Visit& visit) override;
  [[nodiscard]] LogReader* file() override { return this; }

 private:
  LogReader(std::string dir, LogDescription description, SqliteRowReader rows,
            SqliteStatement events, SqliteStatement all, SqliteStatement partition)
      : dir_(std::move(dir)),
        path_(dir_ + "/log.db"),
        description_(std::move(description)),
        rows_(std::move(rows)),
        events_(std::move(events)),
        all_(std::move(all)),
        partition_(std::move(partition)) {}
  // Visits what the bound statement gives; all of it comes after `after`.
  Result<std::optional<std::int64_t>> visit_all(SqliteStatement& rows, const Visit& visit,
                                                bool by_number, std::int64_t after);
  [[nodiscard]] static Result<LogReader> open_as(const std::string& dir,
                                                 SqliteDatabase::Access access);

  std::string dir_;
  std::string path_;
  LogDescription description_;
  SqliteRowReader rows_;
  SqliteStatement events_;
  SqliteStatement all_;
  SqliteStatement partition_;
  RowChecks checks_{};
};

// Of the embedded log in that folder. Errors: as LogReader::open.
[[nodiscard]] Result<std::unique_ptr<HistoryLog>> open_file_history(const std::string& dir);

}  // namespace signalbox::event_store
