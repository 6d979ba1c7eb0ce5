// Ends of librdkafka's clients that must not hang with a broker: what takes longer than the bound
// is left behind, said in the log, for the process that is ending anyway. Private to this folder.
#pragma once

#include <chrono>
#include <string_view>

#include "event-store/kafka/kafka_handles.hpp"

namespace signalbox::event_store {

inline constexpr std::chrono::milliseconds kClosingMax{5'000};

// All queues, topics and messages of the client are gone already. `what` is for the log line.
void close_client(KafkaClient client, std::string_view what);

}  // namespace signalbox::event_store
