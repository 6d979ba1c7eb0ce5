#include "event-store/contract/known_headers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace signalbox::event_store {
namespace {

TEST(KnownHeaders, EachIsFoundInWhateverOrderTheyStand) {
  Headers forward;
  Headers back;
  for (std::size_t i = 0; i < kKnownHeaders.size(); ++i) {
    forward.add(kKnownHeaders[i], std::to_string(i));
    const std::size_t other = kKnownHeaders.size() - 1 - i;
    back.add(kKnownHeaders[other], std::to_string(other));
  }
  for (const Headers& headers : {forward, back}) {
    const KnownHeaders known(headers);
    EXPECT_EQ(known.find("content-type"), "0");
    EXPECT_EQ(known.find("ce_threadid"), "10");
    EXPECT_EQ(known.find("ce_chainhash"), "19");
  }
}

TEST(KnownHeaders, OfANameThatStandsTwiceTheFirstCounts) {
  const Headers headers{{"ce_id", "first"}, {"ce_time", ""}, {"ce_id", "second"}, {"ce_time", "t"}};
  const KnownHeaders known(headers);
  EXPECT_EQ(known.find("ce_id"), headers.find("ce_id"));
  EXPECT_EQ(known.find("ce_id"), "first");
  EXPECT_EQ(known.find("ce_time"), "") << "an empty value is one";
}

TEST(KnownHeaders, WhatIsNotThereOrHasNoMeaningHereIsPassedOver) {
  const KnownHeaders known(Headers{{"traceparent", "x"}, {"ce_i", "x"}, {"ce_runid", "run"}});
  EXPECT_EQ(known.find("ce_runid"), "run");
  EXPECT_EQ(known.find("ce_id"), std::nullopt);
  EXPECT_EQ(known.find("ce_traceparent"), std::nullopt);
}

}  // namespace
}  // namespace signalbox::event_store
