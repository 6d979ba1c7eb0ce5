#include "event-store/log/sqlite_event_log.hpp"

#include <atomic>
#include <filesystem>
#include <mutex>
#include <utility>
#include <vector>

#include "event-store/log/data_lock.hpp"
#include "event-store/log/log_tails.hpp"
#include "event-store/log/post_batch.hpp"
#include "event-store/log/sqlite_rows.hpp"
#include "event-store/log/sqlite_store.hpp"
#include "event-store/log/sqlite_writer.hpp"
#include "event-store/sqlite/private_file.hpp"

namespace signalbox::event_store {
namespace {

class AllPartitions final : public Membership {
 public:
  AllPartitions(std::int32_t partitions, Executor& where, MembershipSink& sink)
      : left_(std::make_shared<std::atomic<bool>>(false)) {
    where.post([left = left_, &sink, partitions] {
      if (*left) return;
      std::vector<Partition> all;
      for (std::int32_t p = 0; p < partitions; ++p) all.emplace_back(p);
      sink.on_assigned(all);
    });
  }
  ~AllPartitions() override { *left_ = true; }

 private:
  std::shared_ptr<std::atomic<bool>> left_;
};

// The volatile topic begins anew with every process.
std::vector<LogTails::Start> all_starts(const StoredLog& stored) {
  std::vector<LogTails::Start> starts = stored.starts;
  for (std::int32_t p = 0; p < stored.description.partitions; ++p)
    starts.push_back({{Topic::progress, Partition(p)}, {Offset(0), Offset(0)}});
  return starts;
}

}  // namespace

// Torn down from the bottom up: the writer still uses all above it.
struct SqliteEventLog::Parts {
  Parts(SqliteEventLogOptions given, LogDescription log, std::optional<DataLock> held,
        std::unique_ptr<SqliteStore> opened, SqliteRowReader row_reader)
      : options(std::move(given)),
        description(std::move(log)),
        lock(std::move(held)),
        store(std::move(opened)),
        reader(std::move(row_reader)) {}

  const SqliteEventLogOptions options;
  const LogDescription description;
  const std::optional<DataLock> lock;
  const std::unique_ptr<SqliteStore> store;  // null: read-only
  std::mutex reading;                        // nothing else is waited for while holding it
  SqliteRowReader reader;                    // guarded by reading
  std::unique_ptr<LogTails> tails{};
  std::unique_ptr<SqliteWriter> writer{};  // null: read-only

  void start_tails(const StoredLog& stored) {
    tails = std::make_unique<LogTails>(
        all_starts(stored), options.tails,
        [this](const TopicPartition& at, Offset from, ReadLimits limits) {
          const std::lock_guard one(reading);
          return reader.read(at, from, limits);
        });
  }
};

SqliteEventLog::SqliteEventLog(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SqliteEventLog::~SqliteEventLog() = default;

Result<std::unique_ptr<SqliteEventLog>> SqliteEventLog::open(SqliteEventLogOptions options,
                                                             const Clock& clock, Random& random) {
  if (auto made = make_private_folders(options.dir); !made) return tl::unexpected(made.error());
  auto lock = DataLock::acquire(options.dir);
  if (!lock) return tl::unexpected(lock.error());
  auto store = SqliteStore::open(options, clock, random);
  if (!store) return tl::unexpected(store.error());
  auto reader = SqliteRowReader::open(options.dir + "/log.db", options.vfs_name);
  if (!reader) return tl::unexpected(reader.error());
  const StoredLog stored = (*store)->stored();
  auto parts = std::make_unique<Parts>(std::move(options), stored.description, std::move(*lock),
                                       std::move(*store), std::move(*reader));
  parts->start_tails(stored);
  parts->writer =
      std::make_unique<SqliteWriter>(*parts->store, *parts->tails, parts->options, clock);
  return std::unique_ptr<SqliteEventLog>(new SqliteEventLog(std::move(parts)));
}

Result<std::unique_ptr<SqliteEventLog>> SqliteEventLog::open_read_only(const std::string& dir) {
  const std::string path = dir + "/log.db";
  if (!std::filesystem::exists(path))
    return failure(Errc::not_found, "there is no log in " + dir + ": " + path + " is missing");
  auto database = SqliteDatabase::open(path, SqliteDatabase::Access::read_only);
  if (!database) return tl::unexpected(database.error());
  const auto known = check_format(*database, path);
  if (!known) return tl::unexpected(known.error());
  if (!*known) return failure(Errc::corrupt, path + " is empty");
  auto reader = SqliteRowReader::open(path, "");
  if (!reader) return tl::unexpected(reader.error());
  const auto stored = load_stored_log(*reader, path);
  if (!stored) return tl::unexpected(stored.error());
  SqliteEventLogOptions options;
  options.dir = dir;
  auto parts = std::make_unique<Parts>(std::move(options), stored->description, std::nullopt,
                                       nullptr, std::move(*reader));
  parts->start_tails(*stored);
  return std::unique_ptr<SqliteEventLog>(new SqliteEventLog(std::move(parts)));
}

LogDescription SqliteEventLog::describe() const { return parts_->description; }

void SqliteEventLog::append(TopicPartition at, NewRecord record, Executor& where, AppendDone done) {
  auto made = std::make_shared<Record>(Record{at, Offset(-1), Timestamp{}, std::move(record.key),
                                              std::move(record.headers), std::move(record.value)});
  if (!parts_->writer) {
    where.post([done = std::move(done)] {
      done(failure(Errc::unavailable, "the log was opened for reading only"));
    });
  } else if (at.topic == Topic::progress) {
    parts_->writer->append_volatile(std::move(made), where, std::move(done));
  } else {
    parts_->writer->append(std::move(made), where, std::move(done));
  }
}

std::unique_ptr<Tail> SqliteEventLog::tail(TopicPartition at, Offset from, Executor& where,
                                           TailSink& sink) {
  return parts_->tails->tail(at, from, where, sink);
}

Result<std::vector<RecordPtr>> SqliteEventLog::read(TopicPartition at, Offset from,
                                                    ReadLimits limits) {
  return parts_->tails->read(at, from, limits);
}

Result<LogBounds> SqliteEventLog::bounds(TopicPartition at) {
  if (!parts_->writer && at.topic != Topic::progress) {
    const auto now = [&] {
      const std::lock_guard one(parts_->reading);
      return parts_->reader.bounds(at);
    }();
    if (!now) return now;
    parts_->tails->raise_first(at, now->first);
    parts_->tails->raise_end(at, now->end);
  }
  return parts_->tails->bounds(at);
}

std::unique_ptr<Membership> SqliteEventLog::join(std::string, Executor& where,
                                                 MembershipSink& sink) {
  return std::make_unique<AllPartitions>(parts_->description.partitions, where, sink);
}

void SqliteEventLog::set_inbound_floor(Partition partition, Offset resume_point) {
  if (parts_->writer) parts_->writer->set_inbound_floor(partition, resume_point);
}

SqliteEventLogStatistics SqliteEventLog::statistics() const {
  return parts_->writer ? parts_->writer->statistics() : SqliteEventLogStatistics{};
}

}  // namespace signalbox::event_store
