// A seed from the system, for what is random below ops/cli. Any thread.
#pragma once

#include <cstdint>
#include <random>

namespace signalbox::cli {

[[nodiscard]] inline std::uint64_t system_random() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace signalbox::cli
