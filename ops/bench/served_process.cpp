#include "ops/bench/served_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace signalbox::bench {

namespace {

constexpr int kAnswerMaxMs = 120'000;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void check(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

CpuByThread spent_between(const CpuByThread& before, const CpuByThread& after) {
  CpuByThread spent = after;
  for (const auto& [name, time] : before) spent[name] -= time;
  return spent;
}

double seconds_of(const CpuByThread& spent, const std::string& prefix) {
  std::chrono::nanoseconds sum{0};
  for (const auto& [name, time] : spent)
    if (name.starts_with(prefix)) sum += time;
  return std::chrono::duration<double>(sum).count();
}

double seconds_of(const CpuByThread& spent) { return seconds_of(spent, ""); }

std::string describe(const CpuByThread& spent) {
  std::vector<std::pair<std::chrono::nanoseconds, std::string>> sorted;
  for (const auto& [name, time] : spent)
    if (time > std::chrono::milliseconds(1)) sorted.emplace_back(time, name);
  std::sort(sorted.rbegin(), sorted.rend());
  std::ostringstream text;
  text << std::fixed << std::setprecision(3);
  for (const auto& [time, name] : sorted)
    text << (text.tellp() > 0 ? ", " : "") << name << " "
         << std::chrono::duration<double>(time).count() << " s";
  return text.str();
}

ServedProcess::ServedProcess(const std::vector<std::string>& command, const std::string& log) {
  std::array<int, 2> to_child{};
  std::array<int, 2> from_child{};
  check(::pipe2(to_child.data(), O_CLOEXEC) == 0, "pipe2");
  check(::pipe2(from_child.data(), O_CLOEXEC) == 0, "pipe2");
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  check(pid_ >= 0, "fork");
  if (pid_ == 0) {
    const int errors = ::open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
    ::dup2(to_child[0], 0);
    ::dup2(from_child[1], 1);
    if (errors >= 0) ::dup2(errors, 2);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(to_child[0]);
  ::close(from_child[1]);
  input_ = to_child[1];
  output_ = from_child[0];
  std::string line;
  while (line.find("http://") == line.npos) line = read_line();
  address_ = line.substr(line.find("http://") + 7);
  address_ = address_.substr(0, address_.find_first_of(", /"));
}

ServedProcess::~ServedProcess() {
  stop();
  ::close(input_);
  ::close(output_);
}

void ServedProcess::stop() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool ServedProcess::is_running() {
  if (pid_ < 0 || ::waitpid(pid_, nullptr, WNOHANG) == 0) return pid_ >= 0;
  pid_ = -1;
  return false;
}

void ServedProcess::tell(const std::string& line) {
  const std::string text = line + "\n";
  check(::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "write");
}

void ServedProcess::await_answer() { static_cast<void>(read_line()); }

std::string ServedProcess::read_line() {
  for (;;) {
    if (const std::size_t end = read_.find('\n'); end != read_.npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> bytes;
    pollfd waited{.fd = output_, .events = POLLIN, .revents = 0};
    if (::poll(&waited, 1, kAnswerMaxMs) != 1) throw std::runtime_error("the service says nothing");
    const ssize_t got = ::read(output_, bytes.data(), bytes.size());
    if (got <= 0) throw std::runtime_error("the service has ended");
    read_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

CpuByThread ServedProcess::cpu() const {
  CpuByThread spent;
  const std::string tasks = "/proc/" + std::to_string(pid_) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::string name = first_line(task.path() / "comm");
    while (!name.empty() && (std::isdigit(static_cast<unsigned char>(name.back())) != 0 ||
                             name.back() == '-' || name.back() == ' '))
      name.pop_back();
    std::int64_t nanoseconds = 0;
    std::istringstream(first_line(task.path() / "schedstat")) >> nanoseconds;
    spent[name] += std::chrono::nanoseconds(nanoseconds);
  }
  return spent;
}

std::size_t ServedProcess::resident_bytes() const {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::istringstream(first_line("/proc/" + std::to_string(pid_) + "/statm")) >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t ServedProcess::descriptors() const {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid_) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace signalbox::bench
