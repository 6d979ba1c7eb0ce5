// TextSource: a text that somebody else keeps, in a file or at an https address, and whether it has
// changed since it was last read. Reading blocks. Thread: one at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::gateway {

class TextSource {
 public:
  virtual ~TextSource() = default;
  // None: it is as it was. Errors: io_error, unavailable, bad_config (longer than allowed).
  [[nodiscard]] virtual Result<std::optional<std::string>> read_if_changed() = 0;
  // The next read counts as changed.
  virtual void forget() = 0;
  [[nodiscard]] virtual const std::string& name() const = 0;
};

// Looks at the file's inode, size and time of change before it reads.
[[nodiscard]] std::unique_ptr<TextSource> make_file_source(std::string path, std::size_t bytes_max);

// Asks with the ETag of what it has. `ca_file`: PEM the server is checked with, empty for the
// system's. `stopping` cuts a read short and outlives the source.
[[nodiscard]] std::unique_ptr<TextSource> make_address_source(std::string url, std::string ca_file,
                                                              std::chrono::milliseconds fetch_max,
                                                              std::size_t bytes_max,
                                                              const std::atomic<bool>& stopping);

}  // namespace signalbox::gateway
