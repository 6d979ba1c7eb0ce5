#include "event-store/snapshot/snapshot_key.hpp"

#include "event-store/contract/identity.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::string_view kPartitionKey = "!partition/";

}  // namespace

std::string partition_snapshot_key(Partition partition) {
  return std::string(kPartitionKey) + std::to_string(partition.value());
}

std::string user_snapshot_key(const UserId& user) {
  // A user may be called "!partition/3": his key gets a second mark in front, as every key with one
  // does.
  return user.value().starts_with('!') ? "!" + user.value() : user.value();
}

std::optional<UserId> user_of_snapshot_key(std::string_view key) {
  if (key.starts_with("!!"))
    key.remove_prefix(1);
  else if (key.starts_with('!'))
    return std::nullopt;
  if (!is_opaque_id(key)) return std::nullopt;
  return UserId(std::string(key));
}

std::optional<Partition> partition_of_snapshot_key(std::string_view key) {
  if (!key.starts_with(kPartitionKey)) return std::nullopt;
  const auto number = parse_decimal<std::int32_t>(key.substr(kPartitionKey.size()));
  // One key has one partition: no leading zeros.
  if (!number || partition_snapshot_key(Partition(*number)) != key) return std::nullopt;
  return Partition(*number);
}

std::optional<Partition> place_of_snapshot_key(std::string_view key, std::int32_t partitions) {
  if (const auto user = user_of_snapshot_key(key)) return partition_of(*user, partitions);
  const auto partition = partition_of_snapshot_key(key);
  if (partition && partition->value() >= partitions) return std::nullopt;
  return partition;
}

}  // namespace signalbox::event_store
