#include "event-store/archive/archive_index.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "event-store/archive/archive_file.hpp"
#include "event-store/archive/archive_format.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::int64_t kNumberMax = std::numeric_limits<std::int64_t>::max();

std::int64_t limit_of(std::size_t rows) {
  // One more than asked for tells whether there are more.
  return static_cast<std::int64_t>(std::min<std::size_t>(rows, 1'000'000)) + 1;
}

}  // namespace

// One partition's file, open for reading. Each question is one transaction, so that complete_to
// speaks of exactly the rows that were found.
class ArchiveIndex::File {
 public:
  static Result<std::unique_ptr<File>> open(const std::string& path, Partition partition);

  // Those of this partition, by id.
  Result<Position> find_users(const UserSearch& search, std::vector<UserSummary>& users);
  Result<RunPage> runs(const RunQuery& query);
  Result<FoundRun> run(const UserId& user, const RunId& id);
  // Those of this partition, newest first.
  Result<Position> views(const ViewQuery& query, std::vector<View>& views);
  Result<bool> is_damaged(const UserId& user);
  [[nodiscard]] bool is_current() const { return file_.is_current(); }

 private:
  struct Statements {
    SqliteStatement users;
    SqliteStatement newest;
    SqliteStatement runs;
    SqliteStatement runs_of_thread;
    SqliteStatement run;
    SqliteStatement views;
    SqliteStatement viewer;
    SqliteStatement damage;
  };
  File(ArchiveFile file, Statements statements)
      : file_(std::move(file)), statements_(std::move(statements)) {}

  Result<std::string> newest_time(std::int64_t user, const std::string& name, Seq seq);
  Result<RunSummary> run_of(const SqliteStatement& row, const UserId& user) const;
  Result<RecordPtr> viewing_event(std::int64_t user, Seq seq);

  ArchiveFile file_;
  Statements statements_;
};

Result<std::unique_ptr<ArchiveIndex::File>> ArchiveIndex::File::open(const std::string& path,
                                                                     Partition partition) {
  auto file = ArchiveFile::open(path, partition);
  if (!file) return tl::unexpected<Error>(file.error());
  static constexpr std::string_view kRun =
      "SELECT run, thread, first_seq, last_seq, events, agent, status, started, ended, hash"
      " FROM runs WHERE user = ?1";
  const std::array<std::string, 8> texts{
      "SELECT id, name, seq, chain, hash FROM users WHERE name >= ?1 AND name <> ?2"
      " ORDER BY name LIMIT ?3",
      "SELECT seq, place, appended_at, headers, value, hash FROM events WHERE user = ?1"
      " ORDER BY seq DESC LIMIT 1",
      std::string(kRun) + " AND first_seq < ?2 ORDER BY first_seq DESC LIMIT ?3",
      std::string(kRun) + " AND thread = ?4 AND first_seq < ?2 ORDER BY first_seq DESC LIMIT ?3",
      std::string(kRun) + " AND run = ?2",
      "SELECT time, place, user, seq, hash FROM views WHERE subject = ?1"
      " AND (time, place) < (?2, ?3) ORDER BY time DESC, place DESC LIMIT ?4",
      "SELECT name, events.seq, place, appended_at, headers, value, events.hash FROM events"
      " JOIN users ON users.id = events.user WHERE events.user = ?1 AND events.seq = ?2",
      "SELECT place FROM damage WHERE user = ?1 LIMIT 1"};
  std::array<SqliteStatement, 8> made;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto statement = file->prepare(texts[i]);
    if (!statement) return tl::unexpected<Error>(statement.error());
    made[i] = *std::move(statement);
  }
  return std::unique_ptr<File>(
      new File(*std::move(file),
               {std::move(made[0]), std::move(made[1]), std::move(made[2]), std::move(made[3]),
                std::move(made[4]), std::move(made[5]), std::move(made[6]), std::move(made[7])}));
}

Result<Position> ArchiveIndex::File::find_users(const UserSearch& search,
                                                std::vector<UserSummary>& users) {
  SqliteStatement& rows = statements_.users;
  return file_.in_transaction([&]() -> Result<void> {
    rows.bind_text(1, std::max(search.prefix, search.after));
    rows.bind_text(2, search.after);
    rows.bind(3, limit_of(search.users_max));
    return ArchiveFile::for_each(rows, [&]() -> Result<bool> {
      const std::string name(rows.bytes(1));
      if (!name.starts_with(search.prefix)) return false;
      const Seq seq(rows.number(2));
      const auto chain = as_hash(rows.bytes(3));
      if (!chain || rows.bytes(4) != as_bytes(user_hash(name, seq, *chain)))
        return file_.mismatch("row " + std::to_string(rows.number(0)) + " of users");
      auto time = newest_time(rows.number(0), name, seq);
      if (!time) return tl::unexpected<Error>(time.error());
      users.push_back({name, file_.partition(), seq, *std::move(time)});
      return true;
    });
  });
}

Result<std::string> ArchiveIndex::File::newest_time(std::int64_t user, const std::string& name,
                                                    Seq seq) {
  SqliteStatement& row = statements_.newest;
  std::string time;
  row.bind(1, user);
  const auto read = ArchiveFile::for_each(row, [&]() -> Result<bool> {
    const Hash hash =
        row_hash({name, row.number(0), row.number(1), row.number(2), row.bytes(3), row.bytes(4)});
    const auto headers = Headers::parse(row.bytes(3));
    if (!headers || row.bytes(5) != as_bytes(hash))
      return file_.mismatch("the row of seq " + std::to_string(seq.value()));
    time = headers->find("ce_time").value_or("");
    return false;
  });
  if (!read) return tl::unexpected<Error>(read.error());
  return time;
}

Result<RunSummary> ArchiveIndex::File::run_of(const SqliteStatement& row,
                                              const UserId& user) const {
  Uuid id;
  const std::string_view bytes = row.bytes(0);
  if (bytes.size() != id.bytes.size()) return file_.mismatch("a row of runs");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  RunSummary run = run_of_row(RunId(id), row, 1);
  if (row.bytes(9) != as_bytes(run_hash(user.value(), run)))
    return file_.mismatch("a row of runs (seq " + std::to_string(run.first.value()) + ")");
  return run;
}

Result<RunPage> ArchiveIndex::File::runs(const RunQuery& query) {
  RunPage page{{}, false, {}};
  SqliteStatement& rows = query.thread ? statements_.runs_of_thread : statements_.runs;
  auto position = file_.in_transaction([&]() -> Result<void> {
    const auto user = file_.find_user(query.user);
    if (!user) return tl::unexpected<Error>(user.error());
    if (!*user) return {};
    rows.bind(1, **user);
    rows.bind(2, query.before.value());
    rows.bind(3, limit_of(query.runs_max));
    if (query.thread) rows.bind_text(4, query.thread->value());
    return ArchiveFile::for_each(rows, [&]() -> Result<bool> {
      page.more = page.runs.size() >= query.runs_max;
      if (page.more) return false;
      auto run = run_of(rows, query.user);
      if (!run) return tl::unexpected<Error>(run.error());
      page.runs.push_back(*std::move(run));
      return true;
    });
  });
  if (!position) return tl::unexpected<Error>(position.error());
  page.complete_to = *std::move(position);
  return page;
}

Result<ArchiveIndex::FoundRun> ArchiveIndex::File::run(const UserId& user, const RunId& id) {
  FoundRun found{std::nullopt, {}};
  SqliteStatement& row = statements_.run;
  const std::string bytes = as_bytes(id);
  auto position = file_.in_transaction([&]() -> Result<void> {
    const auto number = file_.find_user(user);
    if (!number) return tl::unexpected<Error>(number.error());
    if (!*number) return {};
    row.bind(1, **number);
    row.bind_blob(2, bytes);
    return ArchiveFile::for_each(row, [&]() -> Result<bool> {
      auto run = run_of(row, user);
      if (!run) return tl::unexpected<Error>(run.error());
      found.run = *std::move(run);
      return false;
    });
  });
  if (!position) return tl::unexpected<Error>(position.error());
  found.complete_to = *std::move(position);
  return found;
}

Result<Position> ArchiveIndex::File::views(const ViewQuery& query, std::vector<View>& views) {
  // Older than `before` are, of the same microsecond, all of the partitions with a smaller number
  // and those of its own with a smaller offset.
  std::int64_t place = kNumberMax;
  if (query.before && query.before->partition == file_.partition())
    place = query.before->offset.value();
  if (query.before && query.before->partition < file_.partition()) place = -1;
  SqliteStatement& rows = statements_.views;
  ViewPlace last{query.before ? query.before->time : kNumberMax, file_.partition(), Offset(place)};
  const std::size_t had = views.size();
  return file_.in_transaction([&]() -> Result<void> {
    // Rows that are passed over must not make a page look like the last one.
    for (std::int64_t seen = limit_of(query.views_max); seen == limit_of(query.views_max);) {
      if (views.size() - had > query.views_max) return {};
      rows.bind_text(1, query.subject);
      rows.bind(2, last.time);
      rows.bind(3, last.offset.value());
      rows.bind(4, limit_of(query.views_max));
      seen = 0;
      const auto read = ArchiveFile::for_each(rows, [&]() -> Result<bool> {
        ++seen;
        last = {rows.number(0), file_.partition(), Offset(rows.number(1))};
        const std::int64_t user = rows.number(2);
        const Seq seq(rows.number(3));
        if (rows.bytes(4) != as_bytes(view_hash(query.subject, last.time, last.offset, user, seq)))
          return file_.mismatch("a row of views (place " + std::to_string(last.offset.value()) +
                                ")");
        auto event = viewing_event(user, seq);
        if (!event) return tl::unexpected<Error>(event.error());
        // Of a user whose seq went back the archive has what came first.
        if (*event && (*event)->offset == last.offset) views.push_back({last, *std::move(event)});
        return true;
      });
      if (!read) return read;
    }
    return {};
  });
}

Result<bool> ArchiveIndex::File::is_damaged(const UserId& user) {
  bool found = false;
  statements_.damage.bind_text(1, user.value());
  const auto read = ArchiveFile::for_each(statements_.damage, [&]() -> Result<bool> {
    found = true;
    return false;
  });
  if (!read) return tl::unexpected<Error>(read.error());
  return found;
}

Result<RecordPtr> ArchiveIndex::File::viewing_event(std::int64_t user, Seq seq) {
  SqliteStatement& row = statements_.viewer;
  RecordPtr event;
  row.bind(1, user);
  row.bind(2, seq.value());
  const auto read = ArchiveFile::for_each(row, [&]() -> Result<bool> {
    const std::string name(row.bytes(0));
    const Hash hash =
        row_hash({name, row.number(1), row.number(2), row.number(3), row.bytes(4), row.bytes(5)});
    auto headers = Headers::parse(row.bytes(4));
    if (!headers || row.bytes(6) != as_bytes(hash))
      return file_.mismatch("the row of seq " + std::to_string(seq.value()));
    event = std::make_shared<const Record>(
        Record{.at = {Topic::events, file_.partition()},
               .offset = Offset(row.number(2)),
               .appended_at = Timestamp(std::chrono::microseconds(row.number(3))),
               .key = name,
               .headers = *std::move(headers),
               .value = std::string(row.bytes(5))});
    return false;
  });
  if (!read) return tl::unexpected<Error>(read.error());
  return event;
}

ArchiveIndex::ArchiveIndex(std::string folder, std::int32_t partitions,
                           const std::set<Partition>& kept, OnDamage on_damage)
    : partitions_(partitions), on_damage_(std::move(on_damage)), files_(std::move(folder)) {
  for (std::int32_t p = 0; p < partitions; ++p)
    if (kept.empty() || kept.contains(Partition(p))) kept_.emplace_back(p);
}

ArchiveIndex::~ArchiveIndex() = default;

template <class Answer, class Ask>
Result<Answer> ArchiveIndex::ask(Partition partition, const Ask& question) {
  Result<Answer> answer = files_.ask<Answer>(partition, question);
  if (!answer && answer.error().code == Errc::corrupt) on_damage_(partition, answer.error());
  return answer;
}

template <class Item, class Ask, class Order>
Result<IndexPage<Item>> ArchiveIndex::ask_each(std::size_t items_max, const Ask& question,
                                               const Order& is_before) {
  IndexPage<Item> page{{}, false, {}, {}};
  page.complete_to.resize(static_cast<std::size_t>(partitions_));
  std::vector<Item>& items = page.items;
  std::optional<Error> refused;
  std::size_t refusals = 0;
  for (const Partition partition : kept_) {
    const std::size_t had = items.size();
    auto position = ask<Position>(partition, [&](File& file) { return question(file, items); });
    if (position) {
      page.complete_to[static_cast<std::size_t>(partition.value())] = *std::move(position);
      continue;
    }
    // What it gave before it failed is no page of it.
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(had), items.end());
    if (position.error().code == Errc::corrupt) page.damaged.insert(partition);
    refused = position.error();
    ++refusals;
  }
  if (refused && refusals == kept_.size()) return tl::unexpected<Error>(*std::move(refused));
  std::ranges::sort(items, is_before);
  page.more = items.size() > items_max;
  if (page.more) items.erase(items.begin() + static_cast<std::ptrdiff_t>(items_max), items.end());
  return page;
}

Result<IndexPage<UserSummary>> ArchiveIndex::find_users(const UserSearch& search) {
  return ask_each<UserSummary>(
      search.users_max, [&](File& file, auto& users) { return file.find_users(search, users); },
      [](const UserSummary& a, const UserSummary& b) { return a.id < b.id; });
}

Result<RunPage> ArchiveIndex::runs(const RunQuery& query) {
  return ask<RunPage>(partition_of(query.user, partitions_),
                      [&](File& file) { return file.runs(query); });
}

Result<ArchiveIndex::FoundRun> ArchiveIndex::run(const UserId& user, const RunId& id) {
  return ask<FoundRun>(partition_of(user, partitions_),
                       [&](File& file) { return file.run(user, id); });
}

Result<bool> ArchiveIndex::is_damaged(const UserId& user) {
  return ask<bool>(partition_of(user, partitions_),
                   [&](File& file) { return file.is_damaged(user); });
}

Result<IndexPage<View>> ArchiveIndex::views(const ViewQuery& query) {
  return ask_each<View>(
      query.views_max, [&](File& file, auto& views) { return file.views(query, views); },
      [](const View& a, const View& b) { return a.place > b.place; });
}

}  // namespace signalbox::event_store
