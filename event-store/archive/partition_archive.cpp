#include "event-store/archive/partition_archive.hpp"

#include <utility>

namespace signalbox::event_store {

namespace {

// Where a file goes on.
struct Begin {
  Position position;
  StoredTree tree;
};

Result<Begin> read_begin(SqliteDatabase& file) {
  auto position = read_position(file);
  if (!position) return tl::unexpected<Error>(position.error());
  auto tree = read_tree(file);
  if (!tree) return tl::unexpected<Error>(tree.error());
  return Begin{*std::move(position), *std::move(tree)};
}

}  // namespace

Result<PartitionArchive> PartitionArchive::open(
    const std::string& path, const LogId& log, std::size_t users_cached_max,
    const std::function<void(const std::string&)>& warn) {
  auto file = open_rebuildable(path, archive_format(), log, warn);
  if (!file) return tl::unexpected<Error>(file.error());
  auto begin = read_begin(*file);
  if (!begin && begin.error().code == Errc::corrupt) {
    // The file closes before it is moved.
    { const SqliteDatabase closing = std::move(*file); }
    file = make_anew(path, archive_format(), log, path + ": " + begin.error().message, warn);
    if (!file) return tl::unexpected<Error>(file.error());
    begin = Begin{};
  }
  if (!begin) return tl::unexpected<Error>(begin.error());
  // The working set of a rebuild is the newest pages of two indexes: 16 MiB hold them.
  if (auto set = file->execute("PRAGMA cache_size=-16384"); !set)
    return tl::unexpected<Error>(set.error());
  auto statements = prepare(*file);
  if (!statements) return tl::unexpected<Error>(statements.error());
  auto audit = AuditTables::prepare(*file);
  if (!audit) return tl::unexpected<Error>(audit.error());
  return PartitionArchive(std::move(*file), std::move(*statements), *std::move(audit), log,
                          users_cached_max, std::move(begin->position), std::move(begin->tree));
}

PartitionArchive::PartitionArchive(SqliteDatabase file, Statements statements, AuditTables audit,
                                   const LogId& log, std::size_t users_cached_max,
                                   Position committed, StoredTree tree)
    : file_(std::move(file)),
      statements_(std::move(statements)),
      audit_(std::move(audit)),
      log_(log),
      users_cached_max_(users_cached_max),
      committed_(std::move(committed)),
      tree_(std::move(tree)),
      committed_tree_(tree_) {}

Result<PartitionArchive::Statements> PartitionArchive::prepare(SqliteDatabase& file) {
  auto select_user = file.prepare("SELECT id, seq, chain, hash FROM users WHERE name = ?1");
  if (!select_user) return tl::unexpected<Error>(select_user.error());
  auto insert_user =
      file.prepare("INSERT INTO users(name, seq, chain, hash) VALUES(?1, ?2, ?3, ?4) RETURNING id");
  if (!insert_user) return tl::unexpected<Error>(insert_user.error());
  auto update_user = file.prepare("UPDATE users SET seq = ?2, chain = ?3, hash = ?4 WHERE id = ?1");
  if (!update_user) return tl::unexpected<Error>(update_user.error());
  // A user whose seq goes back keeps what came first; the break itself is noted as damage.
  auto insert_event = file.prepare(
      "INSERT OR IGNORE INTO events(user, seq, place, appended_at, thread, headers, value, hash)"
      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  if (!insert_event) return tl::unexpected<Error>(insert_event.error());
  auto select_thread = file.prepare(
      "SELECT seq, time, messages, first_words, hash FROM threads WHERE user = ?1 AND thread = ?2");
  if (!select_thread) return tl::unexpected<Error>(select_thread.error());
  auto replace_thread =
      file.prepare("INSERT OR REPLACE INTO threads VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  if (!replace_thread) return tl::unexpected<Error>(replace_thread.error());
  auto insert_damage = file.prepare("INSERT OR REPLACE INTO damage VALUES(?1, ?2, ?3)");
  if (!insert_damage) return tl::unexpected<Error>(insert_damage.error());
  return Statements{std::move(*select_user),  std::move(*insert_user),   std::move(*update_user),
                    std::move(*insert_event), std::move(*select_thread), std::move(*replace_thread),
                    std::move(*insert_damage)};
}

Result<void> PartitionArchive::begin() {
  if (in_transaction_) return {};
  auto begun = file_.execute("BEGIN IMMEDIATE");
  in_transaction_ = begun.has_value();
  return begun;
}

Result<std::optional<Damage>> PartitionArchive::add(const Record& valid_event) {
  if (auto begun = begin(); !begun) return tl::unexpected<Error>(begun.error());
  ContentHash content;
  std::optional<Damage> damage;
  if (!valid_event.key || !is_opaque_id(*valid_event.key)) {
    damage = Damage{valid_event.offset, "", "the event names no user"};
    content = content_hash(valid_event.headers, valid_event.value);
  } else {
    const std::string& name = *valid_event.key;
    const Result<User*> user = find_user(name);
    if (!user) return tl::unexpected<Error>(user.error());
    (*user)->changed = true;
    const Followed followed = follow_hashed((*user)->chain, valid_event);
    content = followed.content;
    if (followed.broken) damage = Damage{followed.broken->offset, name, followed.broken->what};
    if (auto inserted = insert_event(**user, name, valid_event); !inserted)
      return tl::unexpected<Error>(inserted.error());
  }
  if (damage)
    if (auto noted = note(*damage); !noted) return tl::unexpected<Error>(noted.error());
  tree_.tree.append(leaf_hash(leaf_input(valid_event, content)));
  return damage;
}

Result<PartitionArchive::User*> PartitionArchive::find_user(const std::string& name) {
  const auto found = users_.find(name);
  if (found != users_.end()) return &found->second;
  auto loaded = load_user(name);
  if (!loaded) return tl::unexpected<Error>(loaded.error());
  return &users_.emplace(name, *loaded).first->second;
}

Result<PartitionArchive::User> PartitionArchive::load_user(const std::string& name) {
  SqliteStatement& select = statements_.select_user;
  select.bind_text(1, name);
  const auto row = select.step();
  if (!row) {
    select.reset();
    return tl::unexpected<Error>(row.error());
  }
  if (*row) {
    const auto hash = as_hash(select.bytes(2));
    const User user{select.number(0), {Seq(select.number(1)), hash.value_or(Hash{})}, false};
    const bool whole =
        hash && select.bytes(3) == as_bytes(user_hash(name, user.chain.seq, user.chain.hash));
    select.reset();
    if (!whole)
      return failure(Errc::corrupt, "row " + std::to_string(user.id) +
                                        " of the archive's users does not match its SHA-256");
    return user;
  }
  select.reset();
  const UserChain start = start_of_chain(log_, UserId(name));
  const Hash hash = user_hash(name, start.seq, start.hash);
  SqliteStatement& insert = statements_.insert_user;
  insert.bind_text(1, name);
  insert.bind(2, start.seq.value());
  insert.bind_blob(3, as_bytes(start.hash));
  insert.bind_blob(4, as_bytes(hash));
  const auto inserted = insert.step();
  const std::int64_t id = inserted && *inserted ? insert.number(0) : 0;
  insert.reset();
  if (!inserted) return tl::unexpected<Error>(inserted.error());
  return User{id, start, false};
}

Result<void> PartitionArchive::insert_event(const User& user, const std::string& name,
                                            const Record& event) {
  const std::int64_t appended_at = event.appended_at.time_since_epoch().count();
  const std::string& headers = event.headers.bytes();
  const Hash hash = row_hash(
      {name, user.chain.seq.value(), event.offset.value(), appended_at, headers, event.value});
  SqliteStatement& insert = statements_.insert_event;
  insert.bind(1, user.id);
  insert.bind(2, user.chain.seq.value());
  insert.bind(3, event.offset.value());
  insert.bind(4, appended_at);
  if (const auto thread = event.header("ce_threadid")) {
    insert.bind_text(5, *thread);
  } else {
    insert.bind_null(5);
  }
  insert.bind_blob(6, headers);
  insert.bind_blob(7, event.value);
  insert.bind_blob(8, as_bytes(hash));
  if (auto inserted = insert.run(); !inserted) return inserted;
  if (auto noted = audit_.note(user.id, name, user.chain.seq, event); !noted) return noted;
  if (const auto thread = event.header("ce_threadid"))
    return note_thread(user, name, *thread, event);
  return {};
}

Result<void> PartitionArchive::note_thread(const User& user, const std::string& name,
                                           std::string_view thread, const Record& event) {
  const ThreadKey key{user.id, thread};
  auto found = threads_.find(key);
  if (found == threads_.end()) {
    auto loaded = load_thread(key, name);
    if (!loaded) return tl::unexpected<Error>(loaded.error());
    found = threads_.emplace(key, std::move(*loaded)).first;
  }
  note_event(found->second.summary, user.chain.seq, event);
  return {};
}

Result<PartitionArchive::Thread> PartitionArchive::load_thread(const ThreadKey& key,
                                                               const std::string& user_name) {
  SqliteStatement& select = statements_.select_thread;
  select.bind(1, key.first);
  select.bind_text(2, key.second);
  const auto row = select.step();
  Thread thread{user_name, {ThreadId(key.second)}};
  ThreadSummary& summary = thread.summary;
  bool whole = true;
  if (row && *row) {
    summary.newest = Seq(select.number(0));
    summary.time = select.bytes(1);
    summary.messages = select.number(2);
    summary.first_words = select.bytes(3);
    whole =
        select.bytes(4) == as_bytes(thread_hash(user_name, key.second, summary.newest, summary.time,
                                                summary.messages, summary.first_words));
  }
  select.reset();
  if (!row) return tl::unexpected<Error>(row.error());
  if (!whole)
    return failure(Errc::corrupt, "the archive's row of a thread of user number " +
                                      std::to_string(key.first) + " (seq " +
                                      std::to_string(summary.newest.value()) +
                                      ") does not match its SHA-256");
  return thread;
}

Result<void> PartitionArchive::save_threads() {
  SqliteStatement& replace = statements_.replace_thread;
  for (const auto& [key, thread] : threads_) {
    const ThreadSummary& summary = thread.summary;
    const Hash hash = thread_hash(thread.user_name, key.second, summary.newest, summary.time,
                                  summary.messages, summary.first_words);
    replace.bind(1, key.first);
    replace.bind_text(2, key.second);
    replace.bind(3, summary.newest.value());
    replace.bind_text(4, summary.time);
    replace.bind(5, summary.messages);
    replace.bind_text(6, summary.first_words);
    replace.bind_blob(7, as_bytes(hash));
    if (auto done = replace.run(); !done) return done;
  }
  return {};
}

Result<void> PartitionArchive::note(const Damage& damage) {
  SqliteStatement& insert = statements_.insert_damage;
  insert.bind(1, damage.offset.value());
  insert.bind_text(2, damage.user);
  insert.bind_text(3, damage.what);
  return insert.run();
}

Result<void> PartitionArchive::save_users() {
  SqliteStatement& update = statements_.update_user;
  for (auto& [name, user] : users_) {
    if (!user.changed) continue;
    const Hash hash = user_hash(name, user.chain.seq, user.chain.hash);
    update.bind(1, user.id);
    update.bind(2, user.chain.seq.value());
    update.bind_blob(3, as_bytes(user.chain.hash));
    update.bind_blob(4, as_bytes(hash));
    if (auto done = update.run(); !done) return done;
    user.changed = false;
  }
  return {};
}

Result<void> PartitionArchive::commit(const Position& position) {
  const bool is_same = position == committed_ && tree_.anchored == committed_tree_.anchored;
  if (!in_transaction_ && is_same) return {};
  if (auto begun = begin(); !begun) return begun;
  if (auto saved = save_users(); !saved) return saved;
  if (auto saved = save_threads(); !saved) return saved;
  if (auto saved = audit_.save(); !saved) return saved;
  if (auto written = write_position(file_, position); !written) return written;
  if (auto written = write_tree(file_, tree_); !written) return written;
  if (auto done = file_.execute("COMMIT"); !done) return done;
  in_transaction_ = false;
  threads_.clear();
  audit_.forget();
  committed_ = position;
  committed_tree_ = tree_;
  if (users_.size() > users_cached_max_) users_.clear();
  return {};
}

void PartitionArchive::rollback() {
  // It may have been rolled back already by what failed; then there is nothing to undo.
  const Result<void> undone = file_.execute("ROLLBACK");
  static_cast<void>(undone);
  in_transaction_ = false;
  threads_.clear();
  audit_.forget();
  users_.clear();
  tree_ = committed_tree_;
}

void PartitionArchive::set_anchored(const Anchored& anchored) { tree_.anchored = anchored; }

Result<std::int64_t> PartitionArchive::damage_count() {
  return file_.query_number("SELECT count(*) FROM damage");
}

}  // namespace signalbox::event_store
