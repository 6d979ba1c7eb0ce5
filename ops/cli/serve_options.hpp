// ServeOptions: everything `signalbox serve` can be told, and the settings that tell it. The
// options structs are those of the libraries; a setting here names one of their fields.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/anchor_writer.hpp"
#include "event-store/kafka/kafka_options.hpp"
#include "event-store/log/sqlite_log_options.hpp"
#include "event-store/model/ids.hpp"
#include "gateway/address_range.hpp"
#include "gateway/auth.hpp"
#include "gateway/limits.hpp"
#include "ops/cli/config.hpp"
#include "ops/cli/event_store_client.hpp"
#include "ops/cli/own_agents.hpp"
#include "ops/cli/setting.hpp"
#include "router/router_options.hpp"

namespace signalbox::cli {

// Where operators and auditors connect when nothing else is said (contract 12: loopback).
inline constexpr const char* kAdminListen = "127.0.0.1:8081";

// What one process does of it all; on Kafka each may be a process of its own.
struct Roles {
  bool gateway = true;
  bool router = true;
  bool event_store = true;
};

struct ServeOptions {
  AddAgents add_agents{};  // of the embedding program; none of the settings
  Roles roles{};           // by the subcommand; none of the settings
  bool dev = false;
  std::string data = "signalbox-data";  // folder, made where it does not exist
  std::optional<std::string> playbook;  // recorded dialogues; without it no agent `playbook`
  std::int32_t playbook_latency_scale = 1;

  std::string listen = "127.0.0.1:8080";
  std::optional<std::string> admin_listen;  // none: the public one with dev, else kAdminListen
  std::vector<std::string> origins;
  std::vector<std::string> connects_exempt{"127.0.0.0/8", "::1"};
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> agents{"assistant", "playbook"};
  EventStoreSettings event_stores{};  // elsewhere, of a gateway that keeps no archive itself
  std::string gateway_instance;       // in records; empty: `gateway`, on Kafka HOST:PID
  std::size_t io_threads = 0;         // 0: one per core
  std::int32_t partitions = 0;        // of a new log; 0: its default

  std::optional<std::string> tls_certificate;  // PEM files; both or none
  std::optional<std::string> tls_key;

  std::vector<Partition> archived;  // partitions that the event store keeps; none named: all

  std::optional<std::string> anchor_dir;  // none: DATA/anchors
  event_store::AnchorOptions anchors;     // its folder: anchor_dir

  std::optional<std::string> jwks;  // file or https address; without it only dev
  std::optional<std::string> ca_file;
  std::optional<std::string> revoked_file;
  std::chrono::milliseconds refetch{60'000};  // of an https address
  gateway::TokenRules tokens;
  std::chrono::milliseconds expiry_warning{60'000};
  gateway::GatewayLimits limits;
  event_store::SqliteEventLogOptions log;
  event_store::KafkaOptions kafka;  // without brokers the log is embedded
  std::string router_instance;      // as gateway_instance
  router::RouterOptions router;
};

// The settings of `serve`, in the fields of `options`, which must outlive them; of its roles those
// are here that it has.
[[nodiscard]] Config describe(ServeOptions& options);
[[nodiscard]] Config::Keys keys_of_service();

// What no single setting can see: a bad_config where settings do not go together.
[[nodiscard]] Result<void> check(const ServeOptions& options);
// The same, all of them.
[[nodiscard]] std::vector<Error> problems_of(const ServeOptions& options);

}  // namespace signalbox::cli
