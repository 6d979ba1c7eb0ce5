// WatchOptions: everything `signalbox watch` can be told, and the settings that tell it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "ops/cli/config.hpp"
#include "ops/watch/watch.hpp"

namespace signalbox::cli {

struct WatchOptions {
  std::string url = "ws://127.0.0.1:8080/ws";
  std::optional<std::string> ca_file;  // PEM; none: those of the system
  watch::WatchPlan plan;               // its service and tls: url and ca_file

  std::string user = "signalbox-watch";
  std::optional<std::string> token_file;
  std::optional<std::string> key_file;  // private JWK that signs a token before every probe
  std::optional<std::string> issuer;
  bool dev = false;  // signs with the key in `data`
  std::string data = "signalbox-data";

  std::optional<std::string> metrics_listen;
  std::optional<std::string> rollback_command;
  std::chrono::milliseconds rollback_deadline{120'000};
};

// The settings of `watch`, in the fields of `options`, which must outlive them.
[[nodiscard]] Config describe(WatchOptions& options);
[[nodiscard]] Config::Keys keys_of_watch();

// What no single setting can see: a bad_config where settings do not go together.
[[nodiscard]] Result<void> check(const WatchOptions& options);

}  // namespace signalbox::cli
