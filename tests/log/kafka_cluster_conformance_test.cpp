// The log on three brokers, of which two must have a record before it is reported, through the
// conformance suite.
#include <memory>

#include "tests/log/kafka_fixture.hpp"
#include "tests/support/test_broker.hpp"

namespace signalbox::event_store {
namespace {

std::unique_ptr<EventLogFixture> on_three_brokers() {
  const std::string brokers = test_support::test_broker();
  if (brokers.empty()) {
    EXPECT_FALSE(test_support::must_have_broker())
        << "there are no brokers, and with CI=true there must be some";
    return nullptr;
  }
  KafkaEventLogOptions options;
  // What a crash leaves unsent stays so: closing does not wait for it.
  options.close_timeout = std::chrono::milliseconds(0);
  return std::make_unique<KafkaFixture>(
      TestTopicsOptions{.brokers = brokers, .replicas = 3, .min_insync = 2}, std::move(options));
}

INSTANTIATE_TEST_SUITE_P(KafkaOnThree, EventLogConformance,
                         testing::Combine(testing::Values(+[] { return on_three_brokers(); }),
                                          testing::ValuesIn(conformance_checks(
                                              {Hook::crash, Hook::crash_keeps_prefix}))),
                         name_of_check);

}  // namespace
}  // namespace signalbox::event_store
