// What Kafka's messages and our records have in common. Private to this folder.
#pragma once

#include <memory>

#include "event-store/kafka/kafka_config.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

// As it lies in the log: no header is required, a value that is absent is empty.
[[nodiscard]] RecordPtr to_record(const TopicPartition& at, const rd_kafka_message_t& message);

// Null where there are none.
[[nodiscard]] KafkaHeaders to_kafka_headers(const Headers& headers);

// What a client of ours asks for unless the operator did: he may know his network better.
[[nodiscard]] KafkaOptions with_defaults(KafkaOptions options, KafkaSettings defaults);

}  // namespace signalbox::event_store
