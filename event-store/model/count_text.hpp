// How many of something, as people say it. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace signalbox {

// `1 file`, `7 files`
[[nodiscard]] inline std::string count_text(std::int64_t count, std::string_view one,
                                            std::string_view many) {
  return std::to_string(count).append(" ").append(count == 1 ? one : many);
}

}  // namespace signalbox
