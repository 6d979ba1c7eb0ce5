// The key that a command signs tokens with: of a service of --dev, or a private JWK.
#pragma once

#include <string>

#include "event-store/kafka/kafka_options.hpp"
#include "event-store/model/result.hpp"
#include "gateway/token_key.hpp"

namespace signalbox::cli {

// `jwk_file` empty: DATA/dev.key, made where a service's data has none. Errors: not_found (no
// service's data), bad_config, io_error, with the flag or the file as field.
[[nodiscard]] Result<gateway::TokenKey> load_signing_key(const std::string& data,
                                                         const std::string& jwk_file);

// The key of --dev on Kafka, which needs no file: it is made of the log's id. Errors: as
// KafkaEventLog::open.
[[nodiscard]] Result<gateway::TokenKey> kafka_signing_key(const event_store::KafkaOptions& kafka);

}  // namespace signalbox::cli
