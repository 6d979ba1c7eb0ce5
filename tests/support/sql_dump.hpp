// A SQLite file as the SQL that makes one with the same content: what kind of file it is, its
// schema, its rows in the order of their first column. For golden files of what lies on disk.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::test_support {

// The first column of every row.
inline std::vector<std::string> texts_of(event_store::SqliteDatabase& file, std::string_view sql) {
  std::vector<std::string> texts;
  auto select = file.prepare(sql);
  EXPECT_TRUE(select) << select.error().message;
  if (!select) return texts;
  auto row = select->step();
  for (; row && *row; row = select->step()) texts.emplace_back(select->bytes(0));
  EXPECT_TRUE(row) << row.error().message;
  return texts;
}

inline std::string sql_dump(event_store::SqliteDatabase& file) {
  std::string dump;
  for (const char* const name : {"application_id", "user_version"})
    dump += "PRAGMA " + std::string(name) + "=" +
            std::to_string(file.query_number("PRAGMA " + std::string(name)).value_or(-1)) + ";\n";
  for (const std::string& made : texts_of(
           file,
           "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type<>'table', rowid"))
    dump += made + ";\n";
  for (const std::string& table :
       texts_of(file, "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY rowid")) {
    const auto columns = texts_of(
        file,
        "SELECT group_concat('quote(' || name || ')', '||'', ''||') FROM pragma_table_info('" +
            table + "')");
    for (const std::string& row :
         texts_of(file, "SELECT " + columns.at(0) + " FROM " + table + " ORDER BY 1"))
      dump += "INSERT INTO " + table + " VALUES(" + row + ");\n";
  }
  return dump;
}

}  // namespace signalbox::test_support
