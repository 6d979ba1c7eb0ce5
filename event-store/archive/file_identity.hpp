// FileIdentity: which file lies at a path, to notice when another one took its place. Any thread.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace signalbox::event_store {

struct FileIdentity {
  dev_t device;
  ino_t number;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// None where there is no file.
[[nodiscard]] inline std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace signalbox::event_store
