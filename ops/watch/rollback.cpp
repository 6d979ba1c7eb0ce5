#include "ops/watch/rollback.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace signalbox::watch {
namespace {

constexpr std::chrono::milliseconds kTermGrace{2'000};
constexpr std::chrono::milliseconds kLookEvery{10};

// True once the process has ended; it is not waited for yet. Asking again and again needs no file
// descriptor and no signal, of which this process may have none left to give.
bool wait_for_end(pid_t child, std::chrono::milliseconds time_max) {
  const auto until = std::chrono::steady_clock::now() + time_max;
  for (;;) {
    siginfo_t ended{};
    const int failed = waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (failed == 0 && ended.si_pid == child) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kLookEvery);
  }
}

// This process's, without the settings of the watch: an earlier release that the command starts may
// not know them all, and refuses what it does not know. Views of environ.
std::vector<char*> environment_of_command() {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with("SIGNALBOX_WATCH_")) kept.push_back(*entry);
  kept.push_back(nullptr);
  return kept;
}

class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    sigset_t usual;
    sigemptyset(&usual);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) sigaddset(&usual, number);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &usual);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// No terminal to read from, and none of this process's sockets: a service that the command starts
// would keep the port of the figures.
class SpawnFiles {
 public:
  SpawnFiles() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
  }
  ~SpawnFiles() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnFiles(const SpawnFiles&) = delete;
  SpawnFiles& operator=(const SpawnFiles&) = delete;
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

int spawn_shell(const std::string& command, pid_t& child) {
  const SpawnAttributes attributes;
  const SpawnFiles files;
  std::string shell = "/bin/sh";
  std::string flag = "-c";
  std::string text = command;
  std::array<char*, 4> words{shell.data(), flag.data(), text.data(), nullptr};
  return posix_spawn(&child, shell.c_str(), files.get(), attributes.get(), words.data(),
                     environment_of_command().data());
}

}  // namespace

Result<int> run_rollback(const std::string& command, std::chrono::milliseconds time_max) {
  // Where whoever started this process left it ignored, no exit code would be kept.
  std::signal(SIGCHLD, SIG_DFL);
  pid_t child = 0;
  if (const int failed = spawn_shell(command, child); failed != 0)
    return failure(Errc::io_error, std::string("/bin/sh cannot be started: ") + strerror(failed));
  const bool ended = wait_for_end(child, time_max);
  if (!ended) {
    kill(-child, SIGTERM);
    static_cast<void>(wait_for_end(child, kTermGrace));
    // Also what outlived the shell: the group has its number until the shell is waited for.
    kill(-child, SIGKILL);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended)
    return failure(Errc::unavailable,
                   "did not end within " + std::to_string(time_max.count()) + " ms and was ended");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace signalbox::watch
