// Subject: what the doctor looks at: the settings of a service, as far as they name something that
// can be broken, and how far to look.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "event-store/kafka/kafka_options.hpp"

namespace signalbox::doctor {

struct Subject {
  std::string data;
  bool has_folder = true;                            // false: what is looked at needs none
  std::optional<event_store::KafkaOptions> kafka{};  // none: an embedded log in `data`
  bool dev = false;
  std::optional<std::string> playbook{};
  std::int32_t partitions = 0;  // as the settings want them; 0: as the log has them

  std::string listen;
  std::optional<std::string> admin_listen{};  // none: the public one
  std::size_t io_threads = 0;                 // 0: one per core

  std::optional<std::string> tls_certificate{};  // both or none
  std::optional<std::string> tls_key{};
  std::optional<std::string> jwks{};
  std::optional<std::string> ca_file{};
  std::optional<std::string> revoked_file{};

  std::string anchor_dir;
  std::chrono::milliseconds anchor_interval{60'000};

  std::int64_t window_bytes_max = 0;  // of one partition in memory
  std::int64_t queue_bytes_max = 0;   // of appends that wait

  // How far to look.
  std::int64_t newest_records = 1000;  // of each topic and partition that are verified
  std::int64_t sockets = 10'000;       // at a time that the machine shall carry

  // `signalbox serve` with what it needs to find the same settings, for commands that mend.
  std::string serve_command = "signalbox serve";
};

}  // namespace signalbox::doctor
