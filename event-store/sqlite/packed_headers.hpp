// The headers of a record as one blob, as rows of the log and of the archive hold them:
// lp(name) lp(value) for each header, in order; lp as in contract 1. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/record.hpp"

namespace signalbox::event_store {

[[nodiscard]] std::string pack_headers(const Headers& headers);
// nullopt where the bytes are not what pack_headers makes.
[[nodiscard]] std::optional<Headers> unpack_headers(std::string_view bytes);

}  // namespace signalbox::event_store
