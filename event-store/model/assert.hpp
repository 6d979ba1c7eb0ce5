// SIGNALBOX_ASSERT: a broken promise of our own code. It is on in every build, Release too, because
// a process that goes on after one may write a false history; it prints where and aborts.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace signalbox {

[[noreturn]] inline void assertion_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "signalbox: assertion failed: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace signalbox

#define SIGNALBOX_ASSERT(condition) \
  ((condition) ? void(0) : ::signalbox::assertion_failed(#condition, __FILE__, __LINE__))
