// ArchiveReader: a user's events from the archive files, through read-only connections of its own.
// Thread: one; reads block on the disk. Every row is checked against its SHA-256, but for
// read_chained(). Errors: unavailable (there is no file yet), corrupt (named with file and place),
// io_error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "event-store/archive/archive_files.hpp"
#include "event-store/archive/user_history.hpp"

namespace signalbox::event_store {

class ArchiveReader {
 public:
  // `partitions`: of every topic of the log, to find a user's file.
  ArchiveReader(std::string folder, std::int32_t partitions);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  [[nodiscard]] Result<HistoryPage> read(const HistoryQuery& query);
  // The same for who follows the user's chain (contract 7) over all that is read, and takes a break
  // for damage of the archive: the chain says of headers and value what the SHA-256 of their row
  // does, and to hash all of it once is half the work of reading. Of no chain, and so as the file
  // has them: offset, time of append, ce_traceparent.
  [[nodiscard]] Result<HistoryPage> read_chained(const HistoryQuery& query);
  [[nodiscard]] Result<ThreadPage> read_threads(const ThreadQuery& query);
  // The user's events after that seq, oldest first, at most `limit`, without a limit in bytes.
  [[nodiscard]] Result<HistoryPage> user_events(const UserId& user, Seq after_seq,
                                                std::size_t limit);

  [[nodiscard]] Partition partition_of(const UserId& user) const;

 private:
  class File;
  enum class Rows { checked, chained };
  [[nodiscard]] Result<HistoryPage> read(const HistoryQuery& query, Rows rows);

  const std::int32_t partitions_;
  ArchiveFiles<File> files_;
};

struct LocalUserHistoryOptions {
  std::size_t reads_waiting_max = 256;  // beyond it a read is answered `unavailable` at once
  // A row or file was found damaged; called on the reading executor.
  std::function<void(Partition, const Error&)> on_damage = [](Partition, const Error&) {};
};

// UserHistory over the archive of this process. Lifetime: both executors outlive it; it may be
// destroyed on any thread, then reads that wait are dropped without an answer.
class LocalUserHistory final : public UserHistory {
 public:
  // Reads run on `reading` (a thread that may block).
  LocalUserHistory(std::string folder, std::int32_t partitions, Executor& reading,
                   LocalUserHistoryOptions options);
  ~LocalUserHistory() override;

  void read(HistoryQuery query, Executor& where,
            std::function<void(Result<HistoryPage>)> done) override;
  void read_threads(ThreadQuery query, Executor& where,
                    std::function<void(Result<ThreadPage>)> done) override;

 private:
  struct Shared;
  template <class Page, class Query>
  void ask(Query query, Executor& where, std::function<void(Result<Page>)> done,
           Result<Page> (ArchiveReader::*look_up)(const Query&));

  Executor& reading_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace signalbox::event_store
