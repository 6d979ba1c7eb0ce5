// Digests and ids as the contract defines them, computed for the bench alone (contract 1, 6).
// Pure; any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace signalbox::bench {

[[nodiscard]] std::string sha256_hex(std::string_view bytes);
// uuid5(parts...) in the contract's namespace, as text.
[[nodiscard]] std::string contract_uuid(std::initializer_list<std::string_view> parts);

}  // namespace signalbox::bench
