// Watch: how whoever started a long reading follows it and ends it.
#pragma once

#include <cstdint>
#include <functional>

namespace signalbox::replay {

struct Progress {
  std::int64_t done;   // records read
  std::int64_t total;  // there were when it began
};
// Called for every batch of records that is read, or for every record. False: stop; the reading ends with Errc::stopped.
using Watch = std::function<bool(const Progress&)>;

}  // namespace signalbox::replay
