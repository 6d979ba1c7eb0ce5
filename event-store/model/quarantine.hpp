// Records nobody may act on, kept byte for byte with the reason (topic quarantine, contract 2, 4).
#pragma once

#include <optional>
#include <string>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox {

struct Quarantined {
  std::string id;  // ce_id = uuid5("quarantine", topic, partition, offset): a repeat is recognised
  std::string source;
  Timestamp time;
  std::string reason;     // malformed, unsupported_version, wrong_partition, key_mismatch, poison
  TopicPartition origin;  // where the record was read
  Offset origin_offset;
  std::optional<std::string> key;
  Headers headers;  // of the original record, names and values unchanged
  std::string value;
  // Bytes of key, headers and value where no log would take the record whole: then headers are
  // missing and the value is a prefix. The original stands at `origin` as long as inbound is kept.
  std::optional<std::int64_t> cut_from{};
};

struct QuarantineResolved {
  std::string id;
  std::string source;
  Timestamp time;
  std::string quarantined_id;  // ce_id of the quarantine record
  std::string how;             // "retry" or "drop"
};

}  // namespace signalbox
