#include "event-store/sqlite/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "event-store/sqlite/system_failure.hpp"

namespace signalbox::event_store {
namespace {

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : number_(::open(path.c_str(), flags, 0600)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

bool write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<void> write_file(const std::string& path, std::string_view content, bool is_synced) {
  const Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  if (file.get() < 0 || !write_all(file.get(), content) || (is_synced && ::fsync(file.get()) != 0))
    return system_failure("cannot write", path);
  return {};
}

}  // namespace

Result<void> write_durably(const std::string& path, std::string_view content) {
  const std::string made = path + std::string(kUnfinished);
  if (auto written = write_file(made, content, true); !written) return written;
  if (std::rename(made.c_str(), path.c_str()) != 0) return system_failure("cannot write", path);
  return sync_folder_of(path);
}

Result<bool> make_durably(const std::string& path, std::string_view content) {
  static std::atomic<int> made_so_far{0};
  const std::string made = path + "." + std::to_string(::getpid()) + "-" +
                           std::to_string(++made_so_far) + std::string(kUnfinished);
  auto written = write_file(made, content, true);
  const bool is_new = written.has_value() && ::link(made.c_str(), path.c_str()) == 0;
  if (written && !is_new && errno != EEXIST) written = system_failure("cannot make", path);
  ::unlink(made.c_str());
  if (!written) return tl::unexpected(written.error());
  if (auto synced = sync_folder_of(path); !synced) return tl::unexpected(synced.error());
  return is_new;
}

Result<void> write_for_later_sync(const std::string& path, std::string_view content) {
  return write_file(path, content, false);
}

Result<void> sync_file_system_of(const std::string& path) {
  const Descriptor any(path, O_RDONLY | O_CLOEXEC);
  if (any.get() < 0 || ::syncfs(any.get()) != 0)
    return system_failure("cannot sync the file system of", path);
  return {};
}

Result<void> sync_folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const Descriptor folder(parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder.get() < 0 || ::fsync(folder.get()) != 0)
    return system_failure("cannot sync the folder of", path);
  return {};
}

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(path, O_RDONLY | O_CLOEXEC);
  if (file.get() < 0 && errno == ENOENT)
    return failure(Errc::not_found, path + ": there is no such file");
  if (file.get() < 0) return system_failure("cannot open", path);
  std::string content(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("cannot read", path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > bytes_max)
    return failure(Errc::too_large,
                   path + " is longer than the " + std::to_string(bytes_max) + " bytes it may be");
  content.resize(size);
  return content;
}

}  // namespace signalbox::event_store
