// The log on a real Kafka through the conformance suite: as it is, and with memory so small that
// every tail lags and reads like one that is far behind.
#include <memory>
#include <utility>

#include "tests/log/kafka_fixture.hpp"
#include "tests/support/test_broker.hpp"

namespace signalbox::event_store {
namespace {

std::unique_ptr<EventLogFixture> on_the_broker(KafkaEventLogOptions options) {
  const std::string brokers = test_support::test_broker();
  if (brokers.empty()) {
    EXPECT_FALSE(test_support::must_have_broker())
        << "there is no broker, and with CI=true there must be one";
    return nullptr;
  }
  // What a crash leaves unsent stays so: closing does not wait for it.
  options.close_timeout = std::chrono::milliseconds(0);
  return std::make_unique<KafkaFixture>(TestTopicsOptions{.brokers = brokers}, std::move(options));
}

std::vector<ConformanceCheck> all_checks() {
  return conformance_checks({Hook::crash, Hook::crash_keeps_prefix});
}

INSTANTIATE_TEST_SUITE_P(Kafka, EventLogConformance,
                         testing::Combine(testing::Values(+[] { return on_the_broker({}); }),
                                          testing::ValuesIn(all_checks())),
                         name_of_check);

INSTANTIATE_TEST_SUITE_P(KafkaFromBehind, EventLogConformance,
                         testing::Combine(testing::Values(+[] {
                                            return on_the_broker(
                                                {.recent_bytes_max = 0, .readers_max = 1});
                                          }),
                                          testing::ValuesIn(all_checks())),
                         name_of_check);

}  // namespace
}  // namespace signalbox::event_store
