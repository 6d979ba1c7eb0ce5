// The settings of `[kafka]`: where the cluster is, how its topics are called, and any property of
// librdkafka but those the log's guarantees rest on. At start-up; one thread.
#pragma once

#include "event-store/kafka/kafka_options.hpp"
#include "ops/cli/config.hpp"

namespace signalbox::cli {

// In the fields of `options`, which must outlive `config`.
void add_kafka(Config& config, event_store::KafkaOptions& options);

}  // namespace signalbox::cli
