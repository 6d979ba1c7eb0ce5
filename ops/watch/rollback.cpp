#include "ops/watch/rollback.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace signalbox::watch {
namespace {

constexpr std::chrono::milliseconds kTermGrace{2'000};

// True once the process has ended.
bool wait_for_end(int process, std::chrono::milliseconds time_max) {
  const auto until = std::chrono::steady_clock::now() + time_max;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd ended{process, POLLIN, 0};
    const int ready = poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}

int spawn_shell(const std::string& command, pid_t& child) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t usual;
  sigemptyset(&usual);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) sigaddset(&usual, number);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string shell = "/bin/sh";
  std::string flag = "-c";
  std::string text = command;
  std::array<char*, 4> words{shell.data(), flag.data(), text.data(), nullptr};
  const int failed =
      posix_spawn(&child, shell.c_str(), nullptr, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

}  // namespace

Result<int> run_rollback(const std::string& command, std::chrono::milliseconds time_max) {
  pid_t child = 0;
  if (const int failed = spawn_shell(command, child); failed != 0)
    return failure(Errc::io_error, std::string("/bin/sh cannot be started: ") + strerror(failed));
  // Without the declaration of glibc 2.36, which C++ cannot link.
  const int process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  const bool ended = process >= 0 && wait_for_end(process, time_max);
  if (!ended) {
    kill(-child, SIGTERM);
    if (process >= 0) static_cast<void>(wait_for_end(process, kTermGrace));
    // Also what outlived the shell: the group has its number until the shell is waited for.
    kill(-child, SIGKILL);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (process >= 0) close(process);
  if (!ended)
    return failure(Errc::unavailable,
                   "did not end within " + std::to_string(time_max.count()) + " ms and was ended");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace signalbox::watch
