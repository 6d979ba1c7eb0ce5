// Mount: which file system a path lies on, by what the kernel lists in /proc/self/mountinfo.
// Any thread.
#pragma once

#include <string>
#include <string_view>

namespace signalbox::doctor {

struct Mount {
  std::string point;  // `/var/lib`
  std::string type;   // `ext4`, `tmpfs`, `nfs4`
  bool is_known() const { return !type.empty(); }
};
// `ext4 mounted at /var/lib`
[[nodiscard]] std::string to_text(const Mount& mount);

// Of an absolute path without symbolic links, from the text of a mountinfo.
[[nodiscard]] Mount find_mount(std::string_view mountinfo, const std::string& path);
// Of a path that exists, or whose nearest folder that exists.
[[nodiscard]] Mount mount_of(const std::string& path);

}  // namespace signalbox::doctor
