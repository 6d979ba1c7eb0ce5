// The data of records in the topic snapshots, described. A snapshot may be any bytes, and long
// ones: so it is compressed and kept in base64.
#pragma once

#include "event-store/contract/contract_type.hpp"
#include "event-store/model/snapshot_record.hpp"

namespace signalbox::event_store {

// Of SnapshotRecord: what is not in the key and the headers of its record.
struct SnapshotData {
  LogId log_id;
  std::int64_t order;
  std::int64_t fold_version;
  std::string zstd_base64;
  std::string sha256;
};

template <>
struct Contract<SnapshotData> {
  static constexpr ContractKind kind = ContractKind::snapshot;
  static constexpr std::string_view name = "snapshot";
  static constexpr std::string_view about =
      "The folded state of a user or of a partition: a cache that can be rebuilt from the log.";
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
  static constexpr auto fields =
      std::tuple(field("log_id", &SnapshotData::log_id), field("order", &SnapshotData::order),
                 field("fold_version", &SnapshotData::fold_version),
                 field("zstd_base64", &SnapshotData::zstd_base64, {.form = TextForm::base64}),
                 field("sha256", &SnapshotData::sha256, {.form = TextForm::sha256_hex}));
};

}  // namespace signalbox::event_store
