#include <algorithm>
#include <variant>

#include "event-store/contract/base64.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"
#include "event-store/contract/quarantine_contracts.hpp"

namespace signalbox::event_store {
namespace {

using QuarantineCodec = DataCodec<std::variant<QuarantinedData, QuarantineResolvedData>>;

// A record whose place or key is in doubt names no user (contract 4).
std::optional<UserId> user_of(const Quarantined& quarantined) {
  const bool in_doubt =
      quarantined.reason == "wrong_partition" || quarantined.reason == "key_mismatch";
  if (in_doubt || !quarantined.key || !is_opaque_id(*quarantined.key)) return std::nullopt;
  const auto subject = quarantined.headers.find("ce_subject");
  if (subject && *subject != *quarantined.key) return std::nullopt;
  return UserId(*quarantined.key);
}

QuarantinedData data_of(const Quarantined& quarantined) {
  QuarantinedData data{quarantined.reason,
                       std::string(to_text(quarantined.origin.topic)),
                       quarantined.origin.partition,
                       quarantined.origin_offset,
                       std::nullopt,
                       {},
                       to_base64(quarantined.value)};
  if (quarantined.key) data.key_base64 = to_base64(*quarantined.key);
  for (const Header& header : quarantined.headers)
    data.headers.push_back({to_base64(header.name), to_base64(header.value)});
  return data;
}

// The texts were checked to be base64 when the data was read.
std::string bytes_of(const std::string& checked) { return parse_base64(checked).value(); }

Headers headers_of(const QuarantinedData& data) {
  Headers headers;
  for (const QuarantinedHeader& header : data.headers)
    headers.add(bytes_of(header.name_base64), bytes_of(header.value_base64));
  return headers;
}

Topic topic_of(std::string_view checked) {
  const auto at = std::ranges::find(kTopicNames, checked) - kTopicNames.begin();
  return static_cast<Topic>(at);
}

// The envelope and the data of a quarantine record that must be a Data.
template <class Data>
Result<std::pair<Envelope, Data>> read_record(const Record& record) {
  const KnownHeaders headers(record.headers);
  auto envelope = read_envelope(headers, kEventTypePrefix);
  if (!envelope) return tl::unexpected(std::move(envelope).error());
  const auto entry = find_entry<QuarantineCodec>(*envelope, Errc::unsupported_version);
  if (!entry) return tl::unexpected(entry.error());
  if ((*entry)->name != Contract<Data>::name)
    return failure(Errc::malformed, "must be " + std::string(Contract<Data>::name), "ce_type");
  auto data = decode_object<Data>(record.value, envelope->version);
  if (!data) return tl::unexpected(malformed_data(std::move(data).error()));
  return std::pair(std::move(*envelope), std::move(*data));
}

}  // namespace

NewRecord encode_quarantined(const Quarantined& quarantined) {
  using Described = Contract<QuarantinedData>;
  const std::optional<UserId> user = user_of(quarantined);
  EnvelopeWriter writer({quarantined.id, quarantined.source, quarantined.time},
                        {kEventTypePrefix, Described::name, Described::version},
                        user ? &*user : nullptr);
  if (quarantined.cut_from) writer.add("ce_cutfrom", *quarantined.cut_from);
  auto key = user ? std::optional(user->value()) : std::nullopt;
  return NewRecord{std::move(key), writer.take(), encode_object(data_of(quarantined))};
}

Result<Quarantined> decode_quarantined(const Record& record) {
  auto read = read_record<QuarantinedData>(record);
  if (!read) return tl::unexpected(std::move(read).error());
  auto& [envelope, data] = *read;
  std::optional<std::string> key;
  if (data.key_base64) key = bytes_of(*data.key_base64);
  return Quarantined{std::string(envelope.id),
                     std::string(envelope.source),
                     envelope.time,
                     data.reason,
                     TopicPartition{topic_of(data.topic), data.partition},
                     data.offset,
                     std::move(key),
                     headers_of(data),
                     bytes_of(data.value_base64),
                     header_number(record, "ce_cutfrom")};
}

NewRecord encode_quarantine_resolved(const QuarantineResolved& resolved) {
  using Described = Contract<QuarantineResolvedData>;
  EnvelopeWriter writer({resolved.id, resolved.source, resolved.time},
                        {kEventTypePrefix, Described::name, Described::version}, nullptr);
  const QuarantineResolvedData data{resolved.quarantined_id, resolved.how};
  return NewRecord{std::nullopt, writer.take(), encode_object(data)};
}

Result<QuarantineResolved> decode_quarantine_resolved(const Record& record) {
  auto read = read_record<QuarantineResolvedData>(record);
  if (!read) return tl::unexpected(std::move(read).error());
  auto& [envelope, data] = *read;
  return QuarantineResolved{std::string(envelope.id), std::string(envelope.source), envelope.time,
                            data.ce_id, data.how};
}

}  // namespace signalbox::event_store
