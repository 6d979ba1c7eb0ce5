// NoDescriptors: while it lives, this process can open nothing more. A test that holds it opens
// what it needs before, and prints nothing that wants a file.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <vector>

namespace signalbox::test_support {

class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{kFew, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int taken = ::dup(STDERR_FILENO); taken >= 0; taken = ::dup(STDERR_FILENO))
      taken_.push_back(taken);
  }
  ~NoDescriptors() {
    for (const int taken : taken_) ::close(taken);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  static constexpr rlim_t kFew = 64;
  rlimit before_{};
  std::vector<int> taken_;
};

}  // namespace signalbox::test_support
