// KeyWatch: keeps the keys and revocations of a gateway as their sources have them (contract 11):
// files are looked at every second and read when they have changed, an https address is asked again
// after `address_interval` with its ETag. What cannot be read or is not sound is told by `warn`,
// and the last good one stays. Threads: one of its own for each of the two, where its callback and
// `warn` run. Lifetime: the callbacks' targets outlive it; the destructor waits at most for the
// answer under way to be cut.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/auth.hpp"
#include "gateway/revocations.hpp"

namespace signalbox::gateway {

struct KeyWatchOptions {
  std::string jwks;            // file or https address of a JWK set
  std::string revoked_file{};  // empty: none
  std::string ca_file{};       // PEM that an https address is checked with; empty: the system's
  std::chrono::milliseconds file_interval{1'000};
  std::chrono::milliseconds address_interval{60'000};
  std::chrono::milliseconds fetch_max{10'000};  // for the whole answer of an address
  std::size_t bytes_max = 1 << 20;              // of a set or list
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

class KeyWatch {
 public:
  // Reads both for the first time. Blocking. Errors: bad_config (not sound, or no https address),
  // io_error (a file that cannot be read), unavailable (an address that does not answer).
  [[nodiscard]] static Result<std::unique_ptr<KeyWatch>> open(KeyWatchOptions options);
  ~KeyWatch();

  // As read by open().
  [[nodiscard]] const KeySet& keys() const;
  [[nodiscard]] const Revocations& revocations() const;

  // Once: begins to watch.
  void start(std::function<void(KeySet)> on_keys, std::function<void(Revocations)> on_revocations);
  // Any thread: reads everything anew soon, changed or not.
  void reload();

 private:
  class Watcher;
  explicit KeyWatch(std::unique_ptr<Watcher> watcher);
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace signalbox::gateway
