#include "router/inbound_judge.hpp"

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::router {
namespace {

Unusable unusable(std::string reason, std::string detail) {
  return Unusable{.reason = std::move(reason), .detail = std::move(detail)};
}

std::optional<WebsocketClientId> client_of(const Record& record) {
  const auto client = record.header("ce_wsclientid");
  if (!client || !(is_websocket_client_id(*client) || is_service_client_id(*client)))
    return std::nullopt;
  return WebsocketClientId(std::string(*client));
}

}  // namespace

std::optional<UserId> named_user(const Record& record, std::int32_t partitions) {
  if (!record.key || !is_opaque_id(*record.key)) return std::nullopt;
  if (event_store::partition_of_key(*record.key, partitions) != record.at.partition)
    return std::nullopt;
  const auto subject = record.header("ce_subject");
  if (subject && *subject != *record.key) return std::nullopt;
  return UserId(*record.key);
}

InboundVerdict judge_inbound(const Record& record, std::int32_t partitions) {
  if (!record.key || !is_opaque_id(*record.key)) return unusable("malformed", "key is no user id");
  if (event_store::partition_of_key(*record.key, partitions) != record.at.partition)
    return unusable("wrong_partition", "key hashes to another partition");
  const auto user = named_user(record, partitions);
  if (!user) return unusable("key_mismatch", "ce_subject is not the key");
  auto command = event_store::decode_command(record);
  if (command) return std::move(*command);
  const bool is_version = command.error().code == Errc::unsupported_version;
  Unusable bad = unusable(is_version ? "unsupported_version" : "malformed",
                          command.error().field.empty()
                              ? command.error().message
                              : command.error().field + ": " + command.error().message);
  bad.user = user;
  bad.refusal =
      Refusal{.code = is_version ? RejectCode::unsupported_version : RejectCode::malformed,
              .message = bad.detail,
              .message_id = std::nullopt,
              .causation_id = std::string(record.header("ce_id").value_or("")),
              .websocket_client_id = client_of(record)};
  return bad;
}

}  // namespace signalbox::router
