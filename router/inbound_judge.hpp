// What a record of inbound is to the owner (contract 4): a command, or something nobody may act on,
// which goes to quarantine and, where it names a user, is answered by message_rejected. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "event-store/model/command.hpp"
#include "event-store/model/quarantine.hpp"
#include "event-store/model/record.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

struct Unusable {
  std::string reason;            // malformed, unsupported_version, wrong_partition, key_mismatch
  std::string detail;            // names the whole field that is wrong
  std::optional<UserId> user{};  // set where the record names one: then `refusal` is his outcome
  std::optional<Refusal> refusal{};
};

using InboundVerdict = std::variant<Command, Unusable>;

[[nodiscard]] InboundVerdict judge_inbound(const Record& record, std::int32_t partitions);

// The user a record names: its key is a valid id that hashes to the record's partition, and its
// subject, if readable, is the same.
[[nodiscard]] std::optional<UserId> named_user(const Record& record, std::int32_t partitions);

// What the outcome of an unusable record names as its cause: the record's id where it has one that
// an event may carry, else the id it has in quarantine.
[[nodiscard]] std::string cause_of(const Record& record);

// The record with at most `bytes_max` of key, headers and value, for when it is larger than a log
// takes: headers that say what it is come first, then the others, then the begin of the value.
[[nodiscard]] Quarantined cut(Quarantined whole, std::size_t bytes_max);

}  // namespace signalbox::router
