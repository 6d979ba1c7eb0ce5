#include "ops/cli/log_settings.hpp"

#include <cstdio>

#include "event-store/log/event_log_history.hpp"
#include "event-store/log/log_reader.hpp"
#include "ops/cli/kafka_settings.hpp"
#include "ops/cli/serve_options.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/system_random.hpp"
#include "ops/cli/watch_options.hpp"

namespace signalbox::cli {

LogSettings::LogSettings() {
  config_.add(text_setting("data",
                           "data directory, of a running service or a copy; on Kafka: of an event "
                           "store, for its archive and anchors",
                           data_)
                  .with_flag("--data"));
  config_.add(
      optional_text_setting("audit.anchor_dir", "folder of the signed anchors", anchor_dir_));
  add_kafka(config_, kafka_);
  config_.leave_to_others(keys_of_service);
  config_.leave_to_others(keys_of_watch);
}

Result<bool> LogSettings::read() {
  if (auto done = sources_.read(config_); !done) return tl::unexpected(done.error());
  if (!sources_.print_config()) return true;
  std::fputs(config_.print().c_str(), stdout);
  return false;
}

bool LogSettings::has_folder() const {
  return !on_kafka() || config_.entries().at("data").origin != "default";
}

Result<std::unique_ptr<event_store::HistoryLog>> LogSettings::open() const {
  if (!on_kafka()) {
    auto log = event_store::open_file_history(data_);
    if (!log && log.error().code == Errc::not_found)
      log.error().message +=
          "; name a service's data directory with --data, or its cluster with --kafka";
    return log;
  }
  Random random(system_random());
  return event_store::open_kafka_history(kafka_, SystemClock(), random);
}

std::string LogSettings::in_folder(const std::string& name) const {
  return has_folder() ? data_ + "/" + name : std::string();
}

std::string LogSettings::anchor_folder(const std::string& named) const {
  if (!named.empty()) return named;
  return anchor_dir_.value_or(in_folder("anchors"));
}

}  // namespace signalbox::cli
