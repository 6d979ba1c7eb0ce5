#include "ops/doctor/mount.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace signalbox::doctor {
namespace {

// The kernel writes a space in a path as \040, and so on.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool lies_below(const std::string& path, const std::string& folder) {
  if (folder == "/") return path.starts_with('/');
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

std::string to_text(const Mount& mount) {
  if (!mount.is_known()) return "an unknown file system";
  return mount.type + " mounted at " + mount.point;
}

Mount find_mount(std::string_view mountinfo, const std::string& path) {
  Mount found;
  std::istringstream lines{std::string(mountinfo)};
  // `36 35 98:0 /root /point options fields - type source options`; a later one covers an earlier.
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    std::string point;
    for (int i = 0; i < 5 && words >> word; ++i) point = word;
    while (words >> word && word != "-") continue;
    std::string type;
    words >> type;
    point = unescaped(point);
    if (!type.empty() && lies_below(path, point) && point.size() >= found.point.size())
      found = {point, type};
  }
  return found;
}

Mount mount_of(const std::string& path) {
  std::error_code ignored;
  const std::string real = std::filesystem::weakly_canonical(path, ignored).string();
  std::ifstream file("/proc/self/mountinfo");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return find_mount(text, real.starts_with('/') ? real : "/" + real);
}

}  // namespace signalbox::doctor
