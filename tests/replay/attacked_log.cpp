#include "tests/replay/attacked_log.hpp"

#include <set>
#include <utility>

namespace signalbox::replay {

using event_store::SqliteDatabase;

Attacker::Attacker(const std::string& from, const std::string& dir) : dir_(dir) {
  std::filesystem::copy(
      from, dir,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  SqliteDatabase database = open(dir_ + "/log.db");
  auto select = database.prepare("SELECT log_id FROM meta");
  EXPECT_TRUE(select && *select->step());
  Uuid id;
  const std::string_view bytes = select->bytes(0);
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  log_id_ = LogId(id);
}

SqliteDatabase Attacker::open(const std::string& path) const {
  auto database = SqliteDatabase::open(path, SqliteDatabase::Access::read_write);
  EXPECT_TRUE(database) << path;
  return std::move(*database);
}

std::int64_t Attacker::place(const std::string& user) const {
  return event_store::place_number({Topic::events, event_store::partition_of(UserId(user), 2)});
}

std::int64_t Attacker::number(const std::string& sql) {
  SqliteDatabase database = open(dir_ + "/log.db");
  const auto found = database.query_number(sql);
  EXPECT_TRUE(found) << sql;
  return *found;
}

std::int64_t Attacker::offset(const std::string& user, int n) {
  return number("SELECT \"offset\" FROM records WHERE place = " + std::to_string(place(user)) +
                " AND key = CAST('" + user + "' AS BLOB) ORDER BY \"offset\" LIMIT 1 OFFSET " +
                std::to_string(n - 1));
}

std::string Attacker::where(const std::string& user, int n) {
  return " place = " + std::to_string(place(user)) +
         " AND \"offset\" = " + std::to_string(offset(user, n));
}

std::string Attacker::archive(const std::string& user) const {
  return dir_ + "/archive/" + std::to_string(event_store::partition_of(UserId(user), 2).value()) +
         ".db";
}

void Attacker::sql_in(const std::string& path, const std::string& statements) {
  SqliteDatabase database = open(path);
  const auto done = database.execute(statements);
  EXPECT_TRUE(done) << done.error().message;
}

std::vector<EditedRow> Attacker::rows(const std::string& where) {
  SqliteDatabase database = open(dir_ + "/log.db");
  auto select = database.prepare(
      "SELECT id, place, \"offset\", appended_at, key, headers, value FROM records WHERE " + where +
      " ORDER BY id");
  EXPECT_TRUE(select) << where;
  std::vector<EditedRow> found;
  while (*select->step())
    found.push_back(
        {select->number(0),
         select->number(1),
         select->number(2),
         select->number(3),
         select->is_null(4) ? std::nullopt : std::optional<std::string>(select->bytes(4)),
         *Headers::parse(select->bytes(5)),
         std::string(select->bytes(6)),
         {}});
  return found;
}

void Attacker::write(const EditedRow& row) {
  SqliteDatabase database = open(dir_ + "/log.db");
  auto update = database.prepare(
      "UPDATE records SET place = ?2, \"offset\" = ?3, appended_at = ?4, key = ?5, headers = ?6,"
      " value = ?7, sha256 = ?8 WHERE id = ?1");
  EXPECT_TRUE(update);
  const TopicPartition at{static_cast<Topic>(row.place >> 24),
                          Partition(static_cast<std::int32_t>(row.place & 0xffffff))};
  const std::string& headers = row.raw_headers ? *row.raw_headers : row.headers.bytes();
  const auto hash = event_store::row_checksum(
      at, Offset(row.offset), Timestamp(std::chrono::microseconds(row.appended_at)),
      event_store::content_checksum(row.key, headers, row.value));
  update->bind(1, row.number);
  update->bind(2, row.place);
  update->bind(3, row.offset);
  update->bind(4, row.appended_at);
  if (row.key)
    update->bind_blob(5, *row.key);
  else
    update->bind_null(5);
  update->bind_blob(6, headers);
  update->bind_blob(7, row.value);
  update->bind_blob(8, {reinterpret_cast<const char*>(hash.data()), hash.size()});
  EXPECT_TRUE(update->run());
}

void Attacker::edit(const std::string& where, const std::function<void(EditedRow&)>& change) {
  const auto found = rows(where);
  EXPECT_FALSE(found.empty()) << where;
  for (EditedRow row : found) {
    change(row);
    write(row);
  }
}

void Attacker::chain_again(const std::string& user) {
  auto chain = event_store::start_of_chain(log_id_, UserId(user));
  for (EditedRow row :
       rows("place = " + std::to_string(place(user)) + " AND key = CAST('" + user + "' AS BLOB)")) {
    chain.hash =
        event_store::chain_next(chain.hash, event_store::content_hash(row.headers, row.value));
    row.headers.set("ce_chainhash", event_store::to_hex(chain.hash));
    write(row);
  }
}

void Attacker::cut_tail(const std::string& user, int rows) {
  const std::string at = std::to_string(place(user));
  const std::string count = std::to_string(rows);
  sql("DELETE FROM records WHERE place = " + at +
      " AND \"offset\" >= (SELECT next FROM counters WHERE place = " + at + ") - " + count +
      ";UPDATE counters SET next = next - " + count + " WHERE place IN (-1, " + at +
      ");UPDATE counters SET next = max(next, (SELECT max(id) FROM records)) WHERE place = -1");
}

void Attacker::remove_user(const std::string& user) {
  const std::string at = std::to_string(place(user));
  const auto removed = number("SELECT count(*) FROM records WHERE place = " + at +
                              " AND key = CAST('" + user + "' AS BLOB)");
  sql("DELETE FROM records WHERE place = " + at + " AND key = CAST('" + user + "' AS BLOB)");
  std::int64_t offset = 0;
  std::int64_t owner_seq = 0;
  std::set<std::string> others;
  for (EditedRow row : rows("place = " + at)) {
    row.offset = offset++;
    if (row.headers.find("ce_ownerseq")) {
      row.headers.set("ce_ownerseq", std::to_string(++owner_seq));
      others.insert(*row.key);
    }
    write(row);
  }
  for (const std::string& other : others) chain_again(other);
  std::int64_t next = 1;
  for (const EditedRow& row : rows("true"))
    sql("UPDATE records SET id = " + std::to_string(next++) +
        " WHERE id = " + std::to_string(row.number));
  sql("UPDATE counters SET next = next - " + std::to_string(removed) + " WHERE place IN (-1, " +
      at + ")");
}

}  // namespace signalbox::replay
