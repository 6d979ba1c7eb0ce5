// Where Kafka is and how to talk to it: what gateway, router, event store, replay and `topics`
// share.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "event-store/model/record.hpp"

namespace signalbox::event_store {

struct KafkaOptions {
  std::string brokers{};                   // HOST:PORT[,…]
  std::string topic_prefix = "signalbox";  // `<prefix>.inbound` and so on (contract 2)
  std::string client_id = "signalbox";     // as the broker's logs and quotas name this process
  std::map<std::string, std::string> properties{};  // any of librdkafka's, but for the fixed ones
};

// `<prefix>.<topic>`.
[[nodiscard]] std::string topic_name(const KafkaOptions& options, Topic topic);

}  // namespace signalbox::event_store
