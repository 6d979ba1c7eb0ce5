// ServeOptions: everything `signalbox serve` can be told, and the settings that tell it. The
// options structs are those of the libraries; a setting here names one of their fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/sqlite_log_options.hpp"
#include "gateway/limits.hpp"
#include "ops/cli/config.hpp"
#include "ops/cli/setting.hpp"
#include "router/router_options.hpp"

namespace signalbox::cli {

struct ServeOptions {
  bool dev = false;
  std::string data = "signalbox-data";  // folder, made where it does not exist
  std::optional<std::string> playbook;  // recorded dialogues; without it no agent `playbook`
  std::int32_t playbook_latency_scale = 1;

  std::string listen = "127.0.0.1:8080";
  std::optional<std::string> admin_listen;  // none: admin paths are on the public port
  std::vector<std::string> origins;
  std::vector<std::string> agents{"assistant", "playbook"};
  std::size_t io_threads = 0;   // 0: one per core
  std::int32_t partitions = 0;  // of a new log; 0: its default

  gateway::GatewayLimits limits;
  event_store::SqliteEventLogOptions log;
  router::RouterOptions router;
};

// The settings of `serve`, in the fields of `options`, which must outlive them.
[[nodiscard]] Config describe(ServeOptions& options);

// What no single setting can see: a bad_config where settings do not go together.
[[nodiscard]] Result<void> check(const ServeOptions& options);

}  // namespace signalbox::cli
