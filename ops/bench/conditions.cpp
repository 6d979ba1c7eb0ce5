#include "ops/bench/conditions.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "ops/bench/percentile.hpp"

namespace signalbox::bench {

namespace {

constexpr int kBlockBytes = 4096;
constexpr int kFloorBlocks = 256;

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "unknown";
}

struct ClosePipe {
  void operator()(FILE* pipe) const noexcept { pclose(pipe); }
};

std::string commit() {
  if (const char* given = std::getenv("BENCH_COMMIT"); given != nullptr) return given;
  // Of the checkout it is run in: the program itself must not know where it was built.
  const std::unique_ptr<FILE, ClosePipe> pipe(
      popen("git describe --always --dirty 2>/dev/null", "r"));
  std::array<char, 100> line{};
  if (!pipe || fgets(line.data(), static_cast<int>(line.size()), pipe.get()) == nullptr)
    return "unknown";
  std::string text(line.data());
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

std::string describe_conditions() {
  utsname system{};
  uname(&system);
  return "machine   " + std::to_string(std::thread::hardware_concurrency()) + " cores, " +
         cpu_model() + "\nkernel    " + system.sysname + " " + system.release + "\ncommit    " +
         commit() + "\nbuild     " SIGNALBOX_BUILD_TYPE "\n";
}

Result<SyncFloor> measure_fdatasync(const std::string& folder, int samples,
                                    std::chrono::milliseconds pause,
                                    const std::stop_token& stop) {
  const std::string path = folder + "/fdatasync-floor";
  const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return failure(Errc::io_error, path + ": cannot be created");
  const auto write_at = [&](const std::string& bytes, off_t offset) {
    return ::pwrite(file, bytes.data(), bytes.size(), offset) ==
               static_cast<ssize_t>(bytes.size()) &&
           ::fdatasync(file) == 0;
  };
  const std::string block(kBlockBytes, 'x');
  std::vector<double> milliseconds;
  bool written = write_at(std::string(kFloorBlocks * kBlockBytes, '0'), 0);
  for (int i = 0; i < samples && written && (i == 0 || !stop.stop_requested()); ++i) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    const auto start = std::chrono::steady_clock::now();
    written = write_at(block, static_cast<off_t>(i) % kFloorBlocks * kBlockBytes);
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  ::close(file);
  ::unlink(path.c_str());
  if (!written) return failure(Errc::io_error, path + ": cannot be written");
  return SyncFloor{percentile(milliseconds, 50), percentile(milliseconds, 99)};
}

}  // namespace signalbox::bench
