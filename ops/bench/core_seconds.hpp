// core_seconds: what this thread has used of a core so far, whatever else the machine does
// meanwhile. Seconds. Thread: any; each counts its own.
#pragma once

#include <time.h>

namespace signalbox::bench {

inline double core_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace signalbox::bench
