// ServedProcess: a service the bench starts as its child, and what it costs: CPU time by thread,
// resident memory, open descriptors, all read from /proc. The child prints a line that ends with
// `http://HOST:PORT` or more text after it, may be told lines on its standard input, and is
// terminated in the destructor.
// Thread: the owner's. Errors: std::runtime_error where the child does not start or has ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace signalbox::bench {

// CPU time spent so far, by thread name without its trailing number.
using CpuByThread = std::map<std::string, std::chrono::nanoseconds>;
[[nodiscard]] CpuByThread spent_between(const CpuByThread& before, const CpuByThread& after);
[[nodiscard]] double seconds_of(const CpuByThread& spent);
// Of threads whose names begin with the prefix.
[[nodiscard]] double seconds_of(const CpuByThread& spent, const std::string& prefix);
[[nodiscard]] std::string describe(const CpuByThread& spent);

class ServedProcess {
 public:
  // What it writes to standard error goes to `log`.
  ServedProcess(const std::vector<std::string>& command, const std::string& log);
  ~ServedProcess();
  ServedProcess(const ServedProcess&) = delete;
  ServedProcess& operator=(const ServedProcess&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }  // HOST:PORT
  // Begins a command; the child answers each with one line.
  void tell(const std::string& line);
  void await_answer();
  // SIGTERM, then waits for its end.
  void stop();

  [[nodiscard]] CpuByThread cpu() const;
  [[nodiscard]] std::size_t resident_bytes() const;
  [[nodiscard]] std::size_t descriptors() const;
  [[nodiscard]] bool is_running();

 private:
  [[nodiscard]] std::string read_line();

  pid_t pid_ = -1;
  int input_ = -1;   // of the child
  int output_ = -1;  // of the child
  std::string read_;
  std::string address_;
};

}  // namespace signalbox::bench
