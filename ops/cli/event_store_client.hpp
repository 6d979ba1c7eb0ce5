// How a gateway finds the event stores elsewhere: settings [event_store], and the UserHistory made
// of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/remote_user_history.hpp"
#include "event-store/model/clock.hpp"
#include "gateway/token_key.hpp"
#include "ops/cli/config.hpp"

namespace signalbox::cli {

struct EventStoreSettings {
  std::vector<std::string> urls{};          // empty: none, and old events are read from the log
  std::optional<std::string> token_file{};  // read anew when it changes
  std::optional<std::string> ca_file{};
};
void add_event_store(Config& config, EventStoreSettings& settings);

// Null where no url is set. The token is that of the file, or signed anew with the dev key for each
// request. `clock` outlives it. Errors: bad_config (a url, a file that cannot be read, no token).
[[nodiscard]] Result<std::unique_ptr<event_store::RemoteUserHistory>> make_remote_history(
    const EventStoreSettings& settings, const event_store::LogDescription& log,
    const std::optional<gateway::TokenKey>& dev_key, const Clock& clock,
    std::function<void(const std::string&)> warn);

}  // namespace signalbox::cli
