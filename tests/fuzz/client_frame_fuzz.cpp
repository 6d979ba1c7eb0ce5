// What a client sends over its WebSocket.
#include "event-store/contract/frame_codec.hpp"

#include "event-store/contract/json_reader.hpp"
#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox {
namespace {

// Which errors say what is wrong with the frame, and which field it is (contract 11).
void check_refusal(const ErrorFrame& refusal) {
  SIGNALBOX_ASSERT(!refusal.message.empty());
  SIGNALBOX_ASSERT(refusal.code == Errc::bad_json || (refusal.field && !refusal.field->empty()));
  const std::string answer =
      event_store::encode_server_frame(refusal, event_store::WireDialect::v1);
  SIGNALBOX_ASSERT(event_store::read_json_object(answer).has_value());
}

}  // namespace
}  // namespace signalbox

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const event_store::FrameLimits limits{.content_bytes_max = 1024, .depth_max = 16};
  const auto frame = event_store::decode_client_frame(fuzz::text_of(data, size), limits);
  if (!frame) {
    check_refusal(frame.error());
    return 0;
  }
  if (const auto* message = std::get_if<UserMessageFrame>(&frame->data))
    SIGNALBOX_ASSERT(message->content.size() <= limits.content_bytes_max);
  // The answer echoes what was read.
  const std::string ack = event_store::encode_server_frame(
      AckFrame{frame->id, std::nullopt, std::nullopt}, event_store::WireDialect::v1);
  SIGNALBOX_ASSERT(event_store::read_json_object(ack).has_value());
  fuzz::accept();
  return 0;
}
