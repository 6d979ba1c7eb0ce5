// A file that holds one input of a target whose code reads files. One for the whole run, in memory
// where the machine has such a folder, and gone with the process.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace signalbox::fuzz {

class ScratchFile {
 public:
  explicit ScratchFile(const std::string& name) : folder_(make_folder()), path_(folder_ / name) {}
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  // The file holds these bytes and nothing else; no other file is beside it.
  void put(std::string_view bytes) const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      std::filesystem::remove_all(entry.path());
    std::ofstream(path_, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string folder() const { return folder_.string(); }

 private:
  static std::filesystem::path make_folder() {
    const std::filesystem::path memory = "/dev/shm";
    const auto base =
        std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
    auto folder = base / ("signalbox-fuzz-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    return folder;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

}  // namespace signalbox::fuzz
