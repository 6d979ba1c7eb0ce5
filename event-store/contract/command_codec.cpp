#include "event-store/contract/codec.hpp"
#include "event-store/contract/command_contracts.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"

namespace signalbox::event_store {
namespace {

using CommandCodec = DataCodec<CommandData>;

// What a command is about, for readers of headers: its thread, or the run it names.
void add_place(EnvelopeWriter& writer, const UserMessage& message) {
  writer.add("ce_threadid", message.thread_id.value());
}
void add_place(EnvelopeWriter& writer, const CancelRun& cancel) {
  writer.add("ce_runid", cancel.run_id.value().to_string());
}
void add_place(EnvelopeWriter& writer, const RunInput& input) {
  writer.add("ce_runid", input.run_id.value().to_string());
}
void add_place(EnvelopeWriter&, const ViewHistory&) {}

}  // namespace

NewRecord encode_command(const Command& command) {
  const auto& entry = CommandCodec::entry_of(command.data);
  EnvelopeWriter writer({command.id, command.source, command.time},
                        {kCommandTypePrefix, entry.name, entry.version}, &command.user_id);
  writer.add("ce_wsclientid", command.websocket_client_id.value());
  std::visit([&](const auto& data) { add_place(writer, data); }, command.data);
  writer.add("ce_traceparent", command.traceparent);
  return NewRecord{command.user_id.value(), writer.take(), CommandCodec::encode(command.data)};
}

Result<Command> decode_command(const Record& record) {
  const KnownHeaders headers(record.headers);
  // First of all, because a record whose user is in doubt must not be answered to anybody.
  const auto user = read_user(record, headers);
  if (!user) return tl::unexpected(user.error());
  const auto envelope = read_envelope(headers, kCommandTypePrefix);
  if (!envelope) return tl::unexpected(envelope.error());
  const auto entry = find_entry<CommandCodec>(*envelope, Errc::malformed);
  if (!entry) return tl::unexpected(entry.error());
  const auto client = id_header<WebsocketClientId>(headers, "ce_wsclientid");
  if (!client) return tl::unexpected(client.error());
  auto data = (*entry)->decode(record.value, envelope->version);
  if (!data) return tl::unexpected(malformed_data(std::move(data).error()));
  return Command{std::string(envelope->id),
                 std::string(envelope->source),
                 envelope->time,
                 *user,
                 *client,
                 read_traceparent(headers),
                 std::move(*data)};
}

}  // namespace signalbox::event_store
