// Linked into the test programs that are marked ONE_THREAD and so are not run under
// ThreadSanitizer: whoever starts a thread in one of them is told to take the mark away.

#include <pthread.h>

#include <cstdio>
#include <cstdlib>

extern "C" int pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) noexcept {
  std::fputs(
      "a thread was started in a test program that is marked ONE_THREAD (tests/CMakeLists.txt)\n",
      stderr);
  std::abort();
}
