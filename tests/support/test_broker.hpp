// test_broker(): HOST:PORT of the Apache Kafka that the fixtures kafka_broker and kafka_cluster of
// tests/kafka start, shared by all tests: each takes a topic prefix of its own. A test begins with
//
//   SIGNALBOX_TEST_BROKER(brokers);     // const std::string brokers
//
// and is skipped by it where there is none; with CI=true that is a failure. By hand: set
// SIGNALBOX_TEST_KAFKA to the address of a broker.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace signalbox::test_support {

/// The address, empty where there is no broker.
[[nodiscard]] inline std::string test_broker() {
  if (const char* const address = std::getenv("SIGNALBOX_TEST_KAFKA")) {
    return address;
  }
  std::string address;
  if (const char* const file = std::getenv("SIGNALBOX_TEST_KAFKA_FILE")) {
    std::getline(std::ifstream(file), address);
  }
  return address;
}

[[nodiscard]] inline bool must_have_broker() {
  const char* const ci = std::getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

}  // namespace signalbox::test_support

// A macro because only the test's own body can skip or fail it.
#define SIGNALBOX_TEST_BROKER(brokers)                                    \
  const std::string brokers = ::signalbox::test_support::test_broker();   \
  if (brokers.empty() && ::signalbox::test_support::must_have_broker()) { \
    FAIL() << "there is no broker, and with CI=true there must be one";   \
  }                                                                       \
  if (brokers.empty()) {                                                  \
    GTEST_SKIP() << "there is no broker; the fixture's set-up says why";  \
  }                                                                       \
  static_assert(true)
