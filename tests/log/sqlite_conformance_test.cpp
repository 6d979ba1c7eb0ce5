// The embedded log through the conformance suite, as it is and with memory so small that every
// reader lags and reads from disk; on a disk that can fail, so that it can be asked everything.
#include <filesystem>
#include <memory>
#include <utility>

#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/support/fault_vfs.hpp"

namespace signalbox::event_store {
namespace {

using test_support::Crash;
using test_support::FaultVfs;

// There before the log opens and until it is closed.
struct FaultyDisk {
  FaultVfs vfs;
};

class FaultySqliteFixture final : private FaultyDisk, public SqliteFixture {
 public:
  explicit FaultySqliteFixture(SqliteEventLogOptions options = {})
      : SqliteFixture(on_faulty_disk(std::move(options))) {}

  // In turn: the power fails, the process is killed.
  void crash() override {
    const Crash how = std::exchange(next_, next_ == Crash::kill ? Crash::power_cut : Crash::kill);
    const auto left = vfs.files_after(how, directory());
    close();
    for (const char* const name : {"log.db", "log.db-wal", "log.db-shm", "head"})
      std::filesystem::remove(directory() + "/" + name);
    for (const auto& [name, bytes] : left) write_file(directory() + "/" + name, bytes);
    open();
  }
  [[nodiscard]] Result<void> open_second() override {
    Random random(1);
    const auto opened = SqliteEventLog::open(options(), clock(), random);
    if (!opened) return tl::unexpected(opened.error());
    return {};
  }
  void fail_appends(DiskFault fault) override {
    if (fault == DiskFault::full)
      vfs.fail_writes(0, FaultVfs::Fault::disk_full);
    else
      vfs.fail_syncs(0, 1);
  }
  void heal() override { vfs.heal(); }

 private:
  static SqliteEventLogOptions on_faulty_disk(SqliteEventLogOptions options) {
    options.vfs_name = FaultVfs::kName;
    return options;
  }

  Crash next_ = Crash::power_cut;
};

std::vector<ConformanceCheck> all_checks() {
  return conformance_checks(
      {Hook::crash, Hook::crash_keeps_prefix, Hook::second_opener, Hook::failing_disk});
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, EventLogConformance,
    testing::Combine(testing::Values(+[]() -> std::unique_ptr<EventLogFixture> {
                       return std::make_unique<FaultySqliteFixture>();
                     }),
                     testing::ValuesIn(all_checks())),
    name_of_check);

INSTANTIATE_TEST_SUITE_P(
    SqliteFromDisk, EventLogConformance,
    testing::Combine(testing::Values(+[]() -> std::unique_ptr<EventLogFixture> {
                       return std::make_unique<FaultySqliteFixture>(
                           SqliteEventLogOptions{.tails = {.recent_bytes_max = 0},
                                                 .checkpoint_bytes = 256U << 10,
                                                 .idle_checkpoint_bytes = 1,
                                                 .idle_after = std::chrono::milliseconds(1)});
                     }),
                     testing::ValuesIn(all_checks())),
    name_of_check);

}  // namespace
}  // namespace signalbox::event_store
