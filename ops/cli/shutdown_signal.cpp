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
  sigaddset(&taken, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
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

bool ShutdownSignal::sleep(std::chrono::milliseconds time) {
  std::array<pollfd, 2> ready{{{signals_, POLLIN, 0}, {failed_, POLLIN, 0}}};
  return poll(ready.data(), ready.size(), static_cast<int>(time.count())) != 0;
}

void ShutdownSignal::sleep_until_signal(std::chrono::milliseconds time_max) {
  pollfd ready{signals_, POLLIN, 0};
  poll(&ready, 1, static_cast<int>(time_max.count()));
}

ShutdownSignal::Reason ShutdownSignal::wait(const std::function<void()>& reload) {
  for (;;) {
    std::array<pollfd, 2> ready{{{signals_, POLLIN, 0}, {failed_, POLLIN, 0}}};
    while (poll(ready.data(), ready.size(), -1) < 0) {
    }
    if (ready[1].revents != 0) {
      const std::lock_guard lock(mutex_);
      return *failure_;
    }
    signalfd_siginfo taken{};
    const auto bytes = read(signals_, &taken, sizeof taken);
    const int number = bytes == sizeof taken ? static_cast<int>(taken.ssi_signo) : SIGTERM;
    if (number != SIGHUP) return {kExitOk, strsignal(number)};
    reload();
  }
}

}  // namespace signalbox::cli
