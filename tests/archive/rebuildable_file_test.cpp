#include "event-store/sqlite/rebuildable_file.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/archive/written_log.hpp"

namespace signalbox::event_store {
namespace {

constexpr FileFormat kFormat{77, 1, "CREATE TABLE numbers(number INTEGER) STRICT"};

void ignore(const std::string&) {}

// A reader that came by the old file cut off the shared memory of the new one: SIGBUS. Found by
// running the archive's tests on a file system in memory, once in 200 times.
TEST(RebuildableFile, WhoOpensItWhileItIsMadeAnewDoesNotHarmIt) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/file.db";
  const LogId log(Uuid{{1, 2, 3}});
  ASSERT_TRUE(open_rebuildable(path, kFormat, log, ignore));
  std::atomic<bool> over = false;
  std::atomic<int> opened = 0;
  std::thread reader([&] {
    while (!over)
      if (open_beside_writer(path, SqliteDatabase::Access::read_only)) ++opened;
  });
  for (int round = 0; round < 100; ++round) {
    auto writer = make_anew(path, kFormat, log, "for a test", ignore);
    ASSERT_TRUE(writer) << writer.error().message;
    for (int row = 0; row < 3; ++row)
      ASSERT_TRUE(writer->execute("INSERT INTO numbers VALUES(" + std::to_string(row) + ")"));
    ASSERT_EQ(*writer->query_number("SELECT count(*) FROM numbers"), 3);
  }
  while (opened == 0) std::this_thread::yield();  // where none ever is, the time is up some day
  over = true;
  reader.join();
}

}  // namespace
}  // namespace signalbox::event_store
