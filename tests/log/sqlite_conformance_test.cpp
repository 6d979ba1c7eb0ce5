// The embedded log through the conformance suite, as it is and with memory so small that every
// reader lags and reads from disk.
#include <memory>

#include "tests/log/sqlite_fixture.hpp"

namespace signalbox::event_store {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Sqlite, EventLogConformance,
    testing::Combine(testing::Values(+[]() -> std::unique_ptr<EventLogFixture> {
                       return std::make_unique<SqliteFixture>();
                     }),
                     testing::ValuesIn(conformance_checks())),
    name_of_check);

INSTANTIATE_TEST_SUITE_P(
    SqliteFromDisk, EventLogConformance,
    testing::Combine(testing::Values(+[]() -> std::unique_ptr<EventLogFixture> {
                       return std::make_unique<SqliteFixture>(
                           SqliteEventLogOptions{.tails = {.recent_bytes_max = 0},
                                                 .checkpoint_bytes = 256U << 10,
                                                 .idle_checkpoint_bytes = 1,
                                                 .idle_after = std::chrono::milliseconds(1)});
                     }),
                     testing::ValuesIn(conformance_checks())),
    name_of_check);

}  // namespace
}  // namespace signalbox::event_store
