#include "event-store/log/head_witness.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <span>
#include <string_view>

#include "event-store/sqlite/durable_file.hpp"
#include "event-store/sqlite/system_failure.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::size_t kFileBytes = 4096;
constexpr std::string_view kMagic = "sbxhead1";
constexpr std::size_t kLogIdAt = 8;
constexpr std::size_t kRowsAt = 24;

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::uint64_t load_rows(std::uint8_t* page) {
  return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(page + kRowsAt)).load();
}

Result<void> write_new(const std::string& path, const LogId& log, std::uint64_t rows) {
  std::string page(kFileBytes, '\0');
  std::ranges::copy(kMagic, page.begin());
  std::memcpy(page.data() + kLogIdAt, log.value().bytes.data(), log.value().bytes.size());
  std::memcpy(page.data() + kRowsAt, &rows, sizeof rows);
  return write_durably(path, page);
}

Result<void> compare(std::uint8_t* page, const std::string& path, const LogId& log,
                     std::uint64_t rows) {
  if (!std::equal(kMagic.begin(), kMagic.end(), page))
    return failure(Errc::corrupt, path +
                                      " is damaged; it says how long the log was. If the log is "
                                      "known to be whole, remove that file and start again");
  if (!std::ranges::equal(log.value().bytes, std::span(page + kLogIdAt, 16)))
    return failure(Errc::corrupt, path + " belongs to another log than log.db beside it");
  const std::uint64_t seen = load_rows(page);
  if (seen > rows)
    return failure(Errc::corrupt, "the log has lost its newest " + std::to_string(seen - rows) +
                                      " records: " + path + " has seen " + std::to_string(seen) +
                                      ", log.db has " + std::to_string(rows) +
                                      ". If an older copy was restored on purpose, remove that "
                                      "file and start again");
  return {};
}

}  // namespace

bool HeadWitness::exists(const std::string& dir) {
  return access((dir + "/head").c_str(), F_OK) == 0;
}

std::optional<std::int64_t> HeadWitness::peek(const std::string& dir, const LogId& log) {
  const File file(::open((dir + "/head").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<std::uint8_t, kFileBytes> page{};
  if (file.get() < 0 || pread(file.get(), page.data(), page.size(), 0) != kFileBytes)
    return std::nullopt;
  if (!std::equal(kMagic.begin(), kMagic.end(), page.begin()) ||
      !std::ranges::equal(log.value().bytes, std::span(page).subspan(kLogIdAt, 16)))
    return std::nullopt;
  std::int64_t rows = 0;
  std::memcpy(&rows, page.data() + kRowsAt, sizeof rows);
  return rows;
}

Result<HeadWitness> HeadWitness::open(const std::string& dir, const LogId& log,
                                      std::uint64_t rows) {
  const std::string path = dir + "/head";
  if (!exists(dir))
    if (auto written = write_new(path, log, rows); !written) return tl::unexpected(written.error());
  const File file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) return system_failure("cannot open", path);
  if (status.st_size != kFileBytes)
    return failure(Errc::corrupt, path +
                                      " has a wrong size; it says how long the log was. If the "
                                      "log is known to be whole, remove that file and start again");
  void* const mapped = mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return system_failure("cannot map", path);
  HeadWitness witness(static_cast<std::uint8_t*>(mapped));
  if (auto same = compare(witness.page_.get(), path, log, rows); !same)
    return tl::unexpected(same.error());
  witness.set(rows);
  return witness;
}

void HeadWitness::set(std::uint64_t rows) {
  std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(page_.get() + kRowsAt))
      .store(rows);
}

void HeadWitness::Unmap::operator()(std::uint8_t* page) const noexcept { munmap(page, kFileBytes); }

}  // namespace signalbox::event_store
