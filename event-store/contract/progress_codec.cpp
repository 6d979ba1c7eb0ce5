#include <variant>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/connection_contracts.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/envelope.hpp"

namespace signalbox::event_store {
namespace {

using ProgressCodec = DataCodec<std::variant<AgentResponding>>;

}  // namespace

NewRecord encode_progress(const Progress& progress) {
  const auto& entry = ProgressCodec::kEntries.front();
  const UserExecutionContext& context = progress.context;
  EnvelopeWriter writer({progress.id, progress.source, progress.time},
                        {kEventTypePrefix, entry.name, entry.version}, &context.user_id);
  writer.add("ce_wsclientid", context.websocket_client_id.value());
  writer.add("ce_threadid", context.thread_id.value());
  writer.add("ce_runid", context.run_id.value().to_string());
  writer.add("ce_attempt", progress.attempt.value());
  return NewRecord{context.user_id.value(), writer.take(), encode_object(progress.data)};
}

Result<Progress> decode_progress(const Record& record) {
  const KnownHeaders headers(record.headers);
  const auto envelope = read_envelope(headers, kEventTypePrefix);
  if (!envelope) return tl::unexpected(envelope.error());
  const auto entry = find_entry<ProgressCodec>(*envelope, Errc::unsupported_version);
  if (!entry) return tl::unexpected(entry.error());
  const auto user = read_user(record, headers);
  if (!user) return tl::unexpected(user.error());
  const auto client = id_header<WebsocketClientId>(headers, "ce_wsclientid");
  if (!client) return tl::unexpected(client.error());
  const auto thread = id_header<ThreadId>(headers, "ce_threadid");
  if (!thread) return tl::unexpected(thread.error());
  const auto run = id_header<RunId>(headers, "ce_runid");
  if (!run) return tl::unexpected(run.error());
  const auto attempt = id_header<Attempt>(headers, "ce_attempt");
  if (!attempt) return tl::unexpected(attempt.error());
  auto data = decode_object<AgentResponding>(record.value, envelope->version);
  if (!data) return tl::unexpected(malformed_data(std::move(data).error()));
  return Progress{std::string(envelope->id),
                  std::string(envelope->source),
                  envelope->time,
                  UserExecutionContext{*user, *thread, *run, *client},
                  *attempt,
                  std::move(*data)};
}

}  // namespace signalbox::event_store
