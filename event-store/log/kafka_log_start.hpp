// What must be true of the topics before anything is read or written: they are all there, of one
// size, and genesis says which log it is. Private to this folder.
#pragma once

#include "event-store/log/event_log.hpp"
#include "event-store/log/kafka_log_options.hpp"
#include "event-store/log/kafka_reader.hpp"

namespace signalbox::event_store {

// Blocking, up to open_timeout. Errors: unavailable (no broker answers), not_found (a topic or
// genesis is missing), bad_config (numbers of partitions differ), corrupt (offset 0 of events is no
// genesis).
[[nodiscard]] Result<LogDescription> find_kafka_log(KafkaReader& reader,
                                                    const KafkaEventLogOptions& options);

}  // namespace signalbox::event_store
