#include "router/inbound_judge.hpp"

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::router {
namespace {

Unusable unusable(std::string reason, std::string detail) {
  return Unusable{.reason = std::move(reason), .detail = std::move(detail)};
}

// What a command carries comes back in its outcome event, which must fit 512 KiB and be refused by
// no log: so it is judged before anything is stated (ownership rule 7). Clients are held to 256
// KiB.
constexpr std::size_t kCommandBytesMax = std::size_t{384} * 1024;

std::size_t size_of_command(const Record& record) {
  const auto id = record.header("ce_id");
  const auto trace = record.header("ce_traceparent");
  constexpr std::size_t kHeaderBytesMax = 256;
  const bool long_header =
      (id && id->size() > kHeaderBytesMax) || (trace && trace->size() > kHeaderBytesMax);
  return long_header ? kCommandBytesMax + 1 : record.value.size();
}

bool says_what_it_is(const Header& header) {
  return header.name == "ce_id" || header.name == "ce_source" || header.name == "ce_type" ||
         header.name == "ce_subject";
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

std::string cause_of(const Record& record) {
  const auto id = record.header("ce_id");
  if (id && is_opaque_id(*id)) return std::string(*id);
  return event_store::quarantine_id_of(record.at, record.offset).to_string();
}

Quarantined cut(Quarantined whole, std::size_t bytes_max) {
  // What a header costs besides its bytes when it is written down.
  constexpr std::size_t kHeaderBytes = 64;
  std::size_t present = whole.value.size() + (whole.key ? whole.key->size() : 0);
  for (const Header& header : whole.headers)
    present += header.name.size() + header.value.size() + kHeaderBytes;
  if (present <= bytes_max) return whole;
  whole.cut_from = static_cast<std::int64_t>(present);
  std::size_t left = bytes_max;
  if (whole.key) {
    whole.key->resize(std::min(whole.key->size(), left));
    left -= whole.key->size();
  }
  // Its identity first, in whatever place it stands.
  for (const bool identity : {true, false})
    whole.headers.erase_if([&](const Header& header) {
      if (says_what_it_is(header) != identity) return false;
      const std::size_t bytes = header.name.size() + header.value.size() + kHeaderBytes;
      if (bytes > left) return true;
      left -= bytes;
      return false;
    });
  whole.value.resize(std::min(whole.value.size(), left));
  return whole;
}

InboundVerdict judge_inbound(const Record& record, std::int32_t partitions) {
  if (!record.key || !is_opaque_id(*record.key)) return unusable("malformed", "key is no user id");
  if (event_store::partition_of_key(*record.key, partitions) != record.at.partition)
    return unusable("wrong_partition", "key hashes to another partition");
  const auto user = named_user(record, partitions);
  if (!user) return unusable("key_mismatch", "ce_subject is not the key");
  auto command = size_of_command(record) <= kCommandBytesMax
                     ? event_store::decode_command(record)
                     : failure(Errc::malformed, "it is larger than a command may be");
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
              .causation_id = cause_of(record),
              .websocket_client_id = client_of(record)};
  return bad;
}

}  // namespace signalbox::router
