// Configurations of librdkafka's clients: the settings that correctness rests on, and beneath them
// what an operator chose. Threads: any.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

#include "event-store/kafka/kafka_handles.hpp"
#include "event-store/kafka/kafka_options.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

using KafkaSettings = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// `settings` are those of the kind of client, which no operator may change; what every client of
// ours has in common comes with them. Errors: bad_config, naming `kafka.<property>` as field.
[[nodiscard]] Result<KafkaConf> make_kafka_conf(const KafkaOptions& options,
                                                KafkaSettings settings);

// Takes the configuration over. Errors: bad_config, with librdkafka's reason.
[[nodiscard]] Result<KafkaClient> make_kafka_client(rd_kafka_type_t type, KafkaConf conf);

// Whether an operator may set it, and to that: refuses unknown properties, bad values, and those
// whose value the design fixes (acks, idempotence, group membership, what a reader may skip).
[[nodiscard]] Result<void> check_kafka_property(std::string_view name, std::string_view value);

}  // namespace signalbox::event_store
