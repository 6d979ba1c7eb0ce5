// What of a folder others than its owner may touch, for tests that no file of ours is among it.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

namespace signalbox::test_support {

// The files and folders in it, at any depth, that group or others have a right on.
inline std::vector<std::string> open_to_others(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  constexpr fs::perms kOfOthers = fs::perms::group_all | fs::perms::others_all;
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if ((entry.status().permissions() & kOfOthers) != fs::perms::none)
      found.push_back(entry.path().lexically_relative(folder).string());
  return found;
}

// What files are made with while it lives: all rights they are asked for.
class OpenUmask {
 public:
  OpenUmask() : before_(::umask(0)) {}
  ~OpenUmask() { ::umask(before_); }
  OpenUmask(const OpenUmask&) = delete;
  OpenUmask& operator=(const OpenUmask&) = delete;

 private:
  mode_t before_;
};

}  // namespace signalbox::test_support
