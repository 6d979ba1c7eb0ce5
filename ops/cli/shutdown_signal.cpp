#include "ops/cli/shutdown_signal.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "ops/cli/exit_code.hpp"

namespace signalbox::cli {

ShutdownSignal::ShutdownSignal() {
  sigset_t taken;
  sigemptyset(&taken);
  sigaddset(&taken, SIGTERM);
  sigaddset(&taken, SIGINT);
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
  // SIGHUP re-reads keys and limits where there are any to re-read; the only key here is made at
  // the first start and constant. It must not end the process, as it does by default.
  std::signal(SIGHUP, SIG_IGN);
  // A peer that went away is an error of one write, never the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &taken, SFD_CLOEXEC);
  failed_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || failed_ < 0)
    throw std::system_error(errno, std::generic_category(), "cannot wait for signals");
}

ShutdownSignal::~ShutdownSignal() {
  close(signals_);
  close(failed_);
}

void ShutdownSignal::fail(Reason why) {
  const std::lock_guard lock(mutex_);
  if (failure_) return;
  failure_ = std::move(why);
  eventfd_write(failed_, 1);
}

ShutdownSignal::Reason ShutdownSignal::wait() {
  std::array<pollfd, 2> ready{{{signals_, POLLIN, 0}, {failed_, POLLIN, 0}}};
  while (poll(ready.data(), ready.size(), -1) < 0) {
  }
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  signalfd_siginfo taken{};
  const auto bytes = read(signals_, &taken, sizeof taken);
  const int number = bytes == sizeof taken ? static_cast<int>(taken.ssi_signo) : SIGTERM;
  return {kExitOk, strsignal(number)};
}

}  // namespace signalbox::cli
