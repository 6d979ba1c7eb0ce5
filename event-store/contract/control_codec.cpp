#include "event-store/contract/codec.hpp"
#include "event-store/contract/control_contracts.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"

namespace signalbox::event_store {
namespace {

using ControlCodec = DataCodec<ControlData>;

}  // namespace

NewRecord encode_control(const ControlRecord& control) {
  const auto& entry = ControlCodec::entry_of(control.data);
  EnvelopeWriter writer({control.id, control.source, control.time},
                        {kControlTypePrefix, entry.name, entry.version}, nullptr);
  return NewRecord{std::nullopt, writer.take(), ControlCodec::encode(control.data)};
}

Result<ControlRecord> decode_control(const Record& record) {
  const KnownHeaders headers(record.headers);
  const auto envelope = read_envelope(headers, kControlTypePrefix);
  if (!envelope) return tl::unexpected(envelope.error());
  // Only owners write them, so a type this build does not know is a later build's.
  const auto entry = find_entry<ControlCodec>(*envelope, Errc::unsupported_version);
  if (!entry) return tl::unexpected(entry.error());
  auto data = (*entry)->decode(record.value, envelope->version);
  if (!data) return tl::unexpected(malformed_data(std::move(data).error()));
  return ControlRecord{std::string(envelope->id), std::string(envelope->source), envelope->time,
                       std::move(*data)};
}

bool is_control(const Record& record) {
  const auto type = record.header("ce_type");
  return type && type->starts_with(kControlTypePrefix);
}

}  // namespace signalbox::event_store
