#include "event-store/contract/codec.hpp"
#include "event-store/contract/connection_contracts.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"

namespace signalbox::event_store {
namespace {

using ConnectionCodec = DataCodec<ConnectionData>;

}  // namespace

NewRecord encode_connection(const ConnectionRecord& connection) {
  const auto& entry = ConnectionCodec::entry_of(connection.data);
  const UserId* const user = connection.user_id ? &*connection.user_id : nullptr;
  EnvelopeWriter writer({connection.id, connection.source, connection.time},
                        {kEventTypePrefix, entry.name, entry.version}, user);
  writer.add("ce_wsclientid", connection.websocket_client_id);
  auto key = user ? std::optional(user->value()) : std::nullopt;
  return NewRecord{std::move(key), writer.take(), ConnectionCodec::encode(connection.data)};
}

Result<ConnectionRecord> decode_connection(const Record& record) {
  const KnownHeaders headers(record.headers);
  const auto envelope = read_envelope(headers, kEventTypePrefix);
  if (!envelope) return tl::unexpected(envelope.error());
  const auto entry = find_entry<ConnectionCodec>(*envelope, Errc::unsupported_version);
  if (!entry) return tl::unexpected(entry.error());
  std::optional<UserId> user;
  if (record.key) {
    auto read = read_user(record, headers);
    if (!read) return tl::unexpected(std::move(read).error());
    user = std::move(*read);
  }
  const auto client = optional_id_header<WebsocketClientId>(headers, "ce_wsclientid");
  if (!client) return tl::unexpected(client.error());
  auto data = (*entry)->decode(record.value, envelope->version);
  if (!data) return tl::unexpected(malformed_data(std::move(data).error()));
  return ConnectionRecord{std::string(envelope->id),
                          std::string(envelope->source),
                          envelope->time,
                          std::move(user),
                          *client,
                          std::move(*data)};
}

}  // namespace signalbox::event_store
