// A record as exports and the event store's read API show it (contract 15):
// {"offset","key","headers":{name:text},"value"}, value in base64. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

[[nodiscard]] std::string record_json(const Record& record);

// The same read back, byte for byte; appended_at is not in it and stays at its beginning. Errors:
// malformed, with the field.
[[nodiscard]] Result<Record> parse_record_json(std::string_view text, TopicPartition at);

}  // namespace signalbox::event_store
