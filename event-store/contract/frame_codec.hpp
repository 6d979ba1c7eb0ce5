// Frames of signalbox.v1 as text (contract 11). Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "event-store/model/frame.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

struct FrameLimits {
  std::size_t content_bytes_max = 32768;  // of user_message.content after decoding
  std::size_t depth_max = 64;
};

// A frame, or the error frame that answers it, with `id` and `message_id` echoed where they could
// be read.
[[nodiscard]] tl::expected<ClientFrame, ErrorFrame> decode_client_frame(std::string_view text,
                                                                        const FrameLimits& limits);

// Clients that negotiated signalbox.v1+legacy also get `websocket_connection_id`, a read-only
// alias.
enum class WireDialect { v1, v1_legacy };

[[nodiscard]] std::string encode_server_frame(const ServerFrame& frame, WireDialect dialect);

// Whether a client sees this member of an event's data.
[[nodiscard]] bool is_on_wire(std::string_view event, std::string_view member);

// The frame of a valid event: header fields, `cursor` (after it) and its data at the current
// version, without what is not for the wire (`memory`). A version this build does not know is
// passed on unchanged.
[[nodiscard]] std::string encode_event_frame(const Record& event, std::string_view cursor,
                                             WireDialect dialect);
// `agent_responding`: no seq, no cursor.
[[nodiscard]] std::string encode_progress_frame(const Record& progress, WireDialect dialect);

}  // namespace signalbox::event_store
