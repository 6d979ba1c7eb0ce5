// Whose address a request counts for where proxies stand in front of the gateway. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/address_range.hpp"

namespace signalbox::gateway {

// The peer of the connection, unless it is a trusted proxy: then the last address of
// X-Forwarded-For that is none, because only what trusted ones have appended can be believed. An
// entry that is no address ends the search at the proxy that passed it on; where all are trusted it
// is the first. Without port and brackets.
[[nodiscard]] std::string client_address(const std::string& peer,
                                         std::optional<std::string_view> forwarded_for,
                                         std::span<const AddressRange> trusted);

}  // namespace signalbox::gateway
