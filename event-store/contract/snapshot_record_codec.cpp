#include <variant>

#include "event-store/contract/base64.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"
#include "event-store/contract/snapshot_contracts.hpp"

namespace signalbox::event_store {

NewRecord encode_snapshot_record(const SnapshotRecord& snapshot) {
  using Described = Contract<SnapshotData>;
  EnvelopeWriter writer({snapshot.id, snapshot.source, snapshot.time},
                        {kEventTypePrefix, Described::name, Described::version},
                        snapshot.user ? &*snapshot.user : nullptr);
  const SnapshotData data{snapshot.log_id, snapshot.order, snapshot.fold_version,
                          to_base64(snapshot.zstd), snapshot.sha256};
  return NewRecord{snapshot.key, writer.take(), encode_object(data)};
}

Result<SnapshotRecord> decode_snapshot_record(const Record& record) {
  if (!record.key) return failure(Errc::malformed, "is missing", "key");
  const KnownHeaders headers(record.headers);
  auto envelope = read_envelope(headers, kEventTypePrefix);
  if (!envelope) return tl::unexpected(std::move(envelope).error());
  const auto entry =
      find_entry<DataCodec<std::variant<SnapshotData>>>(*envelope, Errc::unsupported_version);
  if (!entry) return tl::unexpected(entry.error());
  const auto user = optional_id_header<UserId>(headers, "ce_subject");
  if (!user) return tl::unexpected(user.error());
  auto data = decode_object<SnapshotData>(record.value, envelope->version);
  if (!data) return tl::unexpected(malformed_data(std::move(data).error()));
  return SnapshotRecord{std::string(envelope->id),
                        std::string(envelope->source),
                        envelope->time,
                        *record.key,
                        *user,
                        data->log_id,
                        data->order,
                        data->fold_version,
                        parse_base64(data->zstd_base64).value(),  // read as base64
                        std::move(data->sha256)};
}

}  // namespace signalbox::event_store
