// The data of records in quarantine, described. Key, headers and value of the original may be any
// bytes, so they are kept in base64.
#pragma once

#include "event-store/contract/contract_type.hpp"
#include "event-store/model/quarantine.hpp"

namespace signalbox::event_store {

struct QuarantinedHeader {
  std::string name_base64;
  std::string value_base64;
};

// Of Quarantined: what is not in the headers of its own record.
struct QuarantinedData {
  std::string reason;
  std::string topic;
  Partition partition;
  Offset offset;
  std::optional<std::string> key_base64;
  std::vector<QuarantinedHeader> headers;
  std::string value_base64;
};

struct QuarantineResolvedData {
  std::string ce_id;
  std::string how;
};

inline constexpr std::array<std::string_view, 5> kQuarantineReasons = {
    "malformed", "unsupported_version", "wrong_partition", "key_mismatch", "poison"};
inline constexpr std::array<std::string_view, kTopicCount> kTopicNames = {
    "inbound", "events", "progress", "connections", "snapshots", "quarantine"};
inline constexpr std::array<std::string_view, 2> kQuarantineAnswers = {"retry", "drop"};

struct FirstQuarantine {
  static constexpr ContractKind kind = ContractKind::quarantine;
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
};

template <>
struct Contract<QuarantinedHeader> {
  static constexpr auto fields = std::tuple(
      field("name_base64", &QuarantinedHeader::name_base64, {.form = TextForm::base64}),
      field("value_base64", &QuarantinedHeader::value_base64, {.form = TextForm::base64}));
};

template <>
struct Contract<QuarantinedData> : FirstQuarantine {
  static constexpr std::string_view name = "quarantined";
  static constexpr std::string_view about =
      "A record nobody may act on, byte for byte, with the reason.";
  static constexpr auto fields = std::tuple(
      field("reason", &QuarantinedData::reason, {.one_of = kQuarantineReasons}),
      field("topic", &QuarantinedData::topic, {.one_of = kTopicNames}),
      field("partition", &QuarantinedData::partition), field("offset", &QuarantinedData::offset),
      field("key_base64", &QuarantinedData::key_base64, {.form = TextForm::base64}),
      field("headers", &QuarantinedData::headers),
      field("value_base64", &QuarantinedData::value_base64, {.form = TextForm::base64}));
};

template <>
struct Contract<QuarantineResolvedData> : FirstQuarantine {
  static constexpr std::string_view name = "quarantine_resolved";
  static constexpr std::string_view about = "What a person decided about a record in quarantine.";
  static constexpr auto fields =
      std::tuple(field("ce_id", &QuarantineResolvedData::ce_id, JsonForm<UserId>::kBounds),
                 field("how", &QuarantineResolvedData::how, {.one_of = kQuarantineAnswers}));
};

}  // namespace signalbox::event_store
