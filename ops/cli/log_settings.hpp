// LogSettings: which log a command beside a service looks at, by the service's own settings (file,
// environment, flags): the embedded one of a data directory, or one on Kafka. On Kafka a data
// directory is only looked into where one is named: it is that of an event store or router.
// Thread: main's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "event-store/kafka/kafka_options.hpp"
#include "event-store/log/history_log.hpp"
#include "ops/cli/config.hpp"
#include "ops/cli/config_sources.hpp"

namespace signalbox::cli {

class LogSettings {
 public:
  LogSettings();
  void add_to(CLI::App& app) { sources_.add_to(app, config_); }
  // Errors: bad_config. False: the settings were asked for and have been printed.
  [[nodiscard]] Result<bool> read();

  [[nodiscard]] bool on_kafka() const { return !kafka_.brokers.empty(); }
  [[nodiscard]] const event_store::KafkaOptions& kafka() const { return kafka_; }
  [[nodiscard]] const std::string& data() const { return data_; }
  // Whether there is a folder with files beside the log.
  [[nodiscard]] bool has_folder() const;
  [[nodiscard]] Result<std::unique_ptr<event_store::HistoryLog>> open() const;
  // Of that folder; empty where there is none.
  [[nodiscard]] std::string archive_folder() const { return in_folder("archive"); }
  [[nodiscard]] std::string snapshots() const { return in_folder("snapshots.db"); }
  [[nodiscard]] std::string anchor_key() const { return in_folder("anchor.key"); }
  [[nodiscard]] std::string anchor_folder(const std::string& named) const;

 private:
  [[nodiscard]] std::string in_folder(const std::string& name) const;

  std::string data_ = "signalbox-data";
  std::optional<std::string> anchor_dir_;
  event_store::KafkaOptions kafka_;
  Config config_;
  ConfigSources sources_;
};

}  // namespace signalbox::cli
