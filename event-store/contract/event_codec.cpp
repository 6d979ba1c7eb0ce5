#include "event-store/contract/codec.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"
#include "event-store/contract/event_contracts.hpp"

namespace signalbox::event_store {
namespace {

using EventCodec = DataCodec<EventData>;

Headers event_headers(const Event& event, WriteVersion write) {
  const std::string id = event.id.value().to_string();
  EnvelopeWriter writer({id, event.source, event.time},
                        {kEventTypePrefix, EventCodec::entry_of(event.data).name,
                         EventCodec::written_version(event.data, write)},
                        &event.user_id);
  writer.add("ce_wsclientid", event.websocket_client_id.value());
  writer.add("ce_threadid", event.thread_id);
  writer.add("ce_runid", event.run_id);
  writer.add("ce_attempt", event.attempt);
  writer.add("ce_userseq", event.seq.value());
  writer.add("ce_inboundoffset", event.inbound_offset.value());
  writer.add("ce_ownerepoch", event.epoch.value());
  writer.add("ce_ownerseq", event.owner_seq.value());
  writer.add("ce_causationid", event.causation_id);
  writer.add("ce_traceparent", event.traceparent);
  return writer.take();
}

}  // namespace

NewRecord encode_event(const Event& event, WriteVersion write) {
  return NewRecord{event.user_id.value(), event_headers(event, write),
                   encode_event_value(event.data, event.websocket_client_id, write)};
}

void add_chain_hash(NewRecord& record, const Hash& chain_hash) {
  record.headers.add("ce_chainhash", to_hex(chain_hash));
}

std::string_view event_name(const EventData& data) { return EventCodec::entry_of(data).name; }

std::string encode_event_value(const EventData& data, const WebsocketClientId& client,
                               WriteVersion write) {
  return EventCodec::encode(data, write, client);
}

Result<Event> decode_event(const Record& record) {
  const KnownHeaders headers(record.headers);
  const auto envelope = read_envelope(headers, kEventTypePrefix);
  if (!envelope) return tl::unexpected(envelope.error());
  // Only owners write events, so a type this build does not know is a later build's.
  const auto entry = find_entry<EventCodec>(*envelope, Errc::unsupported_version);
  if (!entry) return tl::unexpected(entry.error());
  const auto id = id_header<EventId>(headers, "ce_id");
  if (!id) return tl::unexpected(id.error());
  auto user = read_user(record, headers);
  if (!user) return tl::unexpected(user.error());
  auto client = id_header<WebsocketClientId>(headers, "ce_wsclientid");
  if (!client) return tl::unexpected(client.error());
  auto thread = optional_id_header<ThreadId>(headers, "ce_threadid");
  if (!thread) return tl::unexpected(thread.error());
  const auto run = optional_id_header<RunId>(headers, "ce_runid");
  if (!run) return tl::unexpected(run.error());
  const auto attempt = optional_id_header<Attempt>(headers, "ce_attempt");
  if (!attempt) return tl::unexpected(attempt.error());
  const auto seq = id_header<Seq>(headers, "ce_userseq");
  if (!seq) return tl::unexpected(seq.error());
  const auto inbound_offset = id_header<Offset>(headers, "ce_inboundoffset");
  if (!inbound_offset) return tl::unexpected(inbound_offset.error());
  const auto epoch = id_header<Epoch>(headers, "ce_ownerepoch");
  if (!epoch) return tl::unexpected(epoch.error());
  const auto owner_seq = id_header<OwnerSeq>(headers, "ce_ownerseq");
  if (!owner_seq) return tl::unexpected(owner_seq.error());
  const auto causation = text_header(headers, "ce_causationid", JsonForm<UserId>::kBounds);
  if (!causation) return tl::unexpected(causation.error());
  auto data = (*entry)->decode(record.value, envelope->version);
  if (!data) return tl::unexpected(malformed_data(std::move(data).error()));
  // Made where it is returned: to move an event is to move a dozen texts.
  return Result<Event>(tl::in_place, *id, std::string(envelope->source), envelope->time,
                       *std::move(user), *std::move(thread), *run, *attempt, *std::move(client),
                       *seq, *inbound_offset, *epoch, *owner_seq, std::string(*causation),
                       read_traceparent(headers), *std::move(data));
}

}  // namespace signalbox::event_store
