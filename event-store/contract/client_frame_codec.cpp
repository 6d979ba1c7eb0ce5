#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/frame_contracts.hpp"

namespace signalbox::event_store {
namespace {

using ClientFrameCodec = DataCodec<ClientFrameData>;

ErrorFrame error_frame(Errc code, std::string message, std::string_view field = {}) {
  ErrorFrame frame{std::nullopt, code,         std::move(message), std::nullopt, std::nullopt,
                   std::nullopt, std::nullopt, std::nullopt,       std::nullopt};
  if (!field.empty()) frame.field = std::string(field);
  return frame;
}

// Names the field in the sentence too, for whoever reads only that.
ErrorFrame error_frame(const Error& error) {
  return error_frame(error.code, error.field + " " + error.message, error.field);
}

// What an answer repeats, as far as it can be read.
struct Echo {
  std::optional<std::string> id{};
  std::optional<MessageId> message_id{};
};

Echo read_echo(const JsonMembers& members) {
  Echo echo;
  const JsonMember* const id = find_member(members, "id");
  const bool has_id = id && id->type == JsonType::string && !id->lone_surrogate;
  if (has_id && id->text.size() <= kFrameIdBytesMax) echo.id = std::string(id->text);
  const JsonMember* const message = find_member(members, "message_id");
  const bool has_message = message && message->type == JsonType::string;
  if (has_message && !message->lone_surrogate && is_opaque_id(message->text))
    echo.message_id = MessageId(std::string(message->text));
  return echo;
}

using Refusal = std::optional<ErrorFrame>;

Refusal refuse_old_names(const JsonMembers& members) {
  if (!find_member(members, "websocket_connection_id")) return std::nullopt;
  ErrorFrame frame = error_frame(Errc::deprecated_field, "websocket_connection_id is an old name",
                                 "websocket_connection_id");
  frame.hint = "use websocket_client_id";
  return frame;
}

Refusal refuse_bad_id(const JsonMembers& members, const Echo& echo) {
  if (echo.id || !find_member(members, "id")) return std::nullopt;
  return error_frame(Error{Errc::bad_field, "must be a string of at most 64 bytes", "id"});
}

tl::expected<const ClientFrameCodec::Entry*, ErrorFrame> find_type(const JsonMembers& members) {
  const JsonMember* const type = find_member(members, "type");
  if (!type) return tl::unexpected(error_frame({Errc::missing_field, "is missing", "type"}));
  if (type->type != JsonType::string || type->lone_surrogate)
    return tl::unexpected(error_frame({Errc::bad_field, "must be a string", "type"}));
  const auto* entry = ClientFrameCodec::find(type->text);
  if (entry) return entry;
  return tl::unexpected(error_frame({Errc::unknown_type, "names no frame a client sends", "type"}));
}

Refusal refuse_large_content(const ClientFrameData& data, const FrameLimits& limits) {
  const auto* const message = std::get_if<UserMessageFrame>(&data);
  if (!message || message->content.size() <= limits.content_bytes_max) return std::nullopt;
  return error_frame(
      Error{Errc::too_large,
            "must have at most " + std::to_string(limits.content_bytes_max) + " bytes", "content"});
}

tl::expected<ClientFrameData, ErrorFrame> read_frame(const JsonMembers& members, const Echo& echo,
                                                     const FrameLimits& limits) {
  if (Refusal refusal = refuse_old_names(members)) return tl::unexpected(std::move(*refusal));
  if (Refusal refusal = refuse_bad_id(members, echo)) return tl::unexpected(std::move(*refusal));
  const auto entry = find_type(members);
  if (!entry) return tl::unexpected(entry.error());
  auto data = (*entry)->read(members);
  if (!data) return tl::unexpected(error_frame(data.error()));
  if (Refusal refusal = refuse_large_content(*data, limits))
    return tl::unexpected(std::move(*refusal));
  return std::move(*data);
}

}  // namespace

tl::expected<ClientFrame, ErrorFrame> decode_client_frame(std::string_view text,
                                                          const FrameLimits& limits) {
  auto members = read_json_object(text, limits.depth_max, NestedNames::unique);
  if (!members)
    return tl::unexpected(error_frame(Errc::bad_json, "the frame " + members.error().message));
  Echo echo = read_echo(*members);
  auto data = read_frame(*members, echo, limits);
  if (data) return ClientFrame{std::move(echo.id), std::move(*data)};
  data.error().id = std::move(echo.id);
  data.error().message_id = std::move(echo.message_id);
  return tl::unexpected(std::move(data).error());
}

}  // namespace signalbox::event_store
