#include "event-store/archive/archive_reader.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <optional>
#include <utility>

#include "event-store/archive/archive_file.hpp"
#include "event-store/archive/archive_format.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::event_store {

namespace {

constexpr std::size_t kEventsMax = 1'000'000;  // of one page, whatever was asked for

// The four ways to page: forward or back, of all threads or of one.
std::string select_text(bool forward, bool one_thread) {
  std::string text =
      "SELECT seq, place, appended_at, headers, value, hash FROM events WHERE user = ?1";
  if (one_thread) text += " AND thread = ?4";
  return text + (forward ? " AND seq > ?2 ORDER BY seq" : " AND seq < ?2 ORDER BY seq DESC") +
         " LIMIT ?3";
}

}  // namespace

// One partition's file, open for reading.
class ArchiveReader::File {
 public:
  static Result<std::unique_ptr<File>> open(const std::string& path, Partition partition);
  Result<HistoryPage> read(const HistoryQuery& query, Rows rows);
  Result<ThreadPage> read_threads(const ThreadQuery& query);
  [[nodiscard]] bool is_current() const { return file_.is_current(); }

 private:
  File(ArchiveFile file, std::array<SqliteStatement, 4> pages, SqliteStatement threads)
      : file_(std::move(file)), pages_(std::move(pages)), threads_(std::move(threads)) {}

  // What `read_rows` puts into the page of the user with this number, if there is one.
  template <class Page>
  Result<Page> in_transaction(const UserId& user, Page page,
                              const std::function<Result<void>(std::int64_t, Page&)>& read_rows);
  Result<void> read_events(const HistoryQuery& query, Rows rows, std::int64_t user,
                           HistoryPage& page);
  Result<void> read_summaries(const ThreadQuery& query, std::int64_t user, ThreadPage& page);
  Result<RecordPtr> record_of(const SqliteStatement& row, const UserId& user, Rows rows) const;

  ArchiveFile file_;
  std::array<SqliteStatement, 4> pages_;  // by 2 * forward + one_thread
  SqliteStatement threads_;
};

Result<std::unique_ptr<ArchiveReader::File>> ArchiveReader::File::open(const std::string& path,
                                                                       Partition partition) {
  auto file = ArchiveFile::open(path, partition);
  if (!file) return tl::unexpected<Error>(file.error());
  std::array<std::optional<SqliteStatement>, 4> pages;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    auto page = file->prepare(select_text((i & 2) != 0, (i & 1) != 0));
    if (!page) return tl::unexpected<Error>(page.error());
    pages[i] = std::move(*page);
  }
  auto threads = file->prepare(
      "SELECT thread, seq, time, messages, first_words, hash FROM threads"
      " WHERE user = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3");
  if (!threads) return tl::unexpected<Error>(threads.error());
  return std::unique_ptr<File>(new File(
      *std::move(file),
      {std::move(*pages[0]), std::move(*pages[1]), std::move(*pages[2]), std::move(*pages[3])},
      *std::move(threads)));
}

template <class Page>
Result<Page> ArchiveReader::File::in_transaction(
    const UserId& user, Page page,
    const std::function<Result<void>(std::int64_t, Page&)>& read_rows) {
  auto position = file_.in_transaction([&]() -> Result<void> {
    const auto id = file_.find_user(user);
    if (!id) return tl::unexpected<Error>(id.error());
    return *id ? read_rows(**id, page) : Result<void>();
  });
  if (!position) return tl::unexpected<Error>(position.error());
  page.complete_to = *std::move(position);
  return page;
}

Result<HistoryPage> ArchiveReader::File::read(const HistoryQuery& query, Rows rows) {
  return in_transaction<HistoryPage>(
      query.user, HistoryPage{{}, false, {}},
      [&](std::int64_t user, HistoryPage& page) { return read_events(query, rows, user, page); });
}

Result<ThreadPage> ArchiveReader::File::read_threads(const ThreadQuery& query) {
  return in_transaction<ThreadPage>(
      query.user, ThreadPage{{}, false, {}},
      [&](std::int64_t user, ThreadPage& page) { return read_summaries(query, user, page); });
}

Result<void> ArchiveReader::File::read_events(const HistoryQuery& query, Rows rows,
                                              std::int64_t user, HistoryPage& page) {
  const bool forward = query.after.has_value();
  SqliteStatement& select = pages_[(forward ? 2U : 0U) + (query.thread ? 1U : 0U)];
  select.bind(1, user);
  select.bind(2, forward ? query.after->value() : query.before->value());
  // One more than asked for tells whether there are more.
  select.bind(3, static_cast<std::int64_t>(std::min(query.events_max, kEventsMax)) + 1);
  if (query.thread) select.bind_text(4, query.thread->value());
  std::size_t bytes = 0;
  return ArchiveFile::for_each(select, [&]() -> Result<bool> {
    bytes += select.bytes(3).size() + select.bytes(4).size();
    page.more =
        page.events.size() >= query.events_max || (!page.events.empty() && bytes > query.bytes_max);
    if (page.more) return false;
    auto record = record_of(select, query.user, rows);
    if (!record) return tl::unexpected<Error>(record.error());
    page.events.push_back(*std::move(record));
    page.seqs.emplace_back(select.number(0));
    return true;
  });
}

Result<void> ArchiveReader::File::read_summaries(const ThreadQuery& query, std::int64_t user,
                                                 ThreadPage& page) {
  threads_.bind(1, user);
  threads_.bind(2, query.before.value());
  threads_.bind(3, static_cast<std::int64_t>(std::min(query.threads_max, kEventsMax)) + 1);
  return ArchiveFile::for_each(threads_, [&]() -> Result<bool> {
    page.more = page.threads.size() >= query.threads_max;
    if (page.more) return false;
    ThreadSummary summary{ThreadId(std::string(threads_.bytes(0))), Seq(threads_.number(1)),
                          std::string(threads_.bytes(2)), threads_.number(3),
                          std::string(threads_.bytes(4))};
    const Hash hash = thread_hash(query.user.value(), summary.id.value(), summary.newest,
                                  summary.time, summary.messages, summary.first_words);
    if (threads_.bytes(5) != as_bytes(hash))
      return file_.mismatch("a row of threads (seq " + std::to_string(summary.newest.value()) +
                            ")");
    page.threads.push_back(std::move(summary));
    return true;
  });
}

Result<RecordPtr> ArchiveReader::File::record_of(const SqliteStatement& row, const UserId& user,
                                                 Rows rows) const {
  const std::int64_t seq = row.number(0);
  const std::int64_t offset = row.number(1);
  const std::int64_t appended_at = row.number(2);
  const std::string_view headers = row.bytes(3);
  const std::string_view value = row.bytes(4);
  const auto is_as_written = [&] {
    return row.bytes(5) ==
           as_bytes(row_hash({user.value(), seq, offset, appended_at, headers, value}));
  };
  auto decoded = rows == Rows::chained || is_as_written() ? Headers::parse(headers) : std::nullopt;
  if (!decoded)
    return file_.mismatch("the row of seq " + std::to_string(seq) + " (offset " +
                          std::to_string(offset) + ")");
  return std::make_shared<const Record>(Record{
      .at = {Topic::events, file_.partition()},
      .offset = Offset(offset),
      .appended_at = Timestamp(std::chrono::microseconds(appended_at)),
      .key = user.value(),
      .headers = std::move(*decoded),
      .value = std::string(value),
  });
}

ArchiveReader::ArchiveReader(std::string folder, std::int32_t partitions)
    : partitions_(partitions), files_(std::move(folder)) {}

ArchiveReader::~ArchiveReader() = default;

Partition ArchiveReader::partition_of(const UserId& user) const {
  return event_store::partition_of(user, partitions_);
}

Result<HistoryPage> ArchiveReader::read(const HistoryQuery& query) {
  return read(query, Rows::checked);
}

Result<HistoryPage> ArchiveReader::read_chained(const HistoryQuery& query) {
  return read(query, Rows::chained);
}

Result<HistoryPage> ArchiveReader::read(const HistoryQuery& query, Rows rows) {
  SIGNALBOX_ASSERT(query.after.has_value() != query.before.has_value());
  return files_.ask<HistoryPage>(partition_of(query.user),
                                 [&](File& file) { return file.read(query, rows); });
}

Result<ThreadPage> ArchiveReader::read_threads(const ThreadQuery& query) {
  return files_.ask<ThreadPage>(partition_of(query.user),
                                [&](File& file) { return file.read_threads(query); });
}

Result<HistoryPage> ArchiveReader::user_events(const UserId& user, Seq after_seq,
                                               std::size_t limit) {
  return read({.user = user,
               .after = after_seq,
               .before = std::nullopt,
               .events_max = limit,
               .bytes_max = std::numeric_limits<std::size_t>::max()});
}

struct LocalUserHistory::Shared {
  ArchiveReader reader;  // on the reading executor
  const LocalUserHistoryOptions options;
  std::atomic<std::size_t> waiting = 0;
};

LocalUserHistory::LocalUserHistory(std::string folder, std::int32_t partitions, Executor& reading,
                                   LocalUserHistoryOptions options)
    : reading_(reading), shared_(new Shared{{std::move(folder), partitions}, std::move(options)}) {}

LocalUserHistory::~LocalUserHistory() {
  // The connections close where they were used.
  reading_.post([shared = std::move(shared_)]() mutable { shared.reset(); });
}

template <class Page, class Query>
void LocalUserHistory::ask(Query query, Executor& where, std::function<void(Result<Page>)> done,
                           Result<Page> (ArchiveReader::*look_up)(const Query&)) {
  if (shared_->waiting.fetch_add(1) >= shared_->options.reads_waiting_max) {
    shared_->waiting.fetch_sub(1);
    where.post([done = std::move(done)] {
      done(failure(Errc::unavailable, "too many reads wait for the archive"));
    });
    return;
  }
  reading_.post([shared = std::weak_ptr(shared_), query = std::move(query), &where, look_up,
                 done = std::move(done)]() mutable {
    const auto history = shared.lock();
    if (!history) return;
    Result<Page> page = (history->reader.*look_up)(query);
    history->waiting.fetch_sub(1);
    if (!page && page.error().code == Errc::corrupt)
      history->options.on_damage(history->reader.partition_of(query.user), page.error());
    where.post(
        [done = std::move(done), page = std::move(page)]() mutable { done(std::move(page)); });
  });
}

void LocalUserHistory::read(HistoryQuery query, Executor& where,
                            std::function<void(Result<HistoryPage>)> done) {
  ask<HistoryPage, HistoryQuery>(std::move(query), where, std::move(done), &ArchiveReader::read);
}

void LocalUserHistory::read_threads(ThreadQuery query, Executor& where,
                                    std::function<void(Result<ThreadPage>)> done) {
  ask<ThreadPage, ThreadQuery>(std::move(query), where, std::move(done),
                               &ArchiveReader::read_threads);
}

}  // namespace signalbox::event_store
