// Under which key a snapshot lies, in a store and in the topic snapshots (contract 9). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/ids.hpp"

namespace signalbox::event_store {

// `!partition/<p>` and the user id. A user id that begins with `!` gets a second one in front, so
// that no user can name himself like a partition.
[[nodiscard]] std::string partition_snapshot_key(Partition partition);
[[nodiscard]] std::string user_snapshot_key(const UserId& user);

// nullopt: it is no user's.
[[nodiscard]] std::optional<UserId> user_of_snapshot_key(std::string_view key);
// The partition whose snapshot this is. nullopt: it is none's.
[[nodiscard]] std::optional<Partition> partition_of_snapshot_key(std::string_view key);
// Where records with this key belong. nullopt: nowhere, in a log of so many partitions.
[[nodiscard]] std::optional<Partition> place_of_snapshot_key(std::string_view key,
                                                             std::int32_t partitions);

}  // namespace signalbox::event_store
