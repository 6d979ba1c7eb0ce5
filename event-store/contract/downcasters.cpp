#include "event-store/contract/downcasters.hpp"

#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::event_store {

std::string add_websocket_connection_id(std::string_view data, const WebsocketClientId& client) {
  const auto members = read_json_object(data);
  SIGNALBOX_ASSERT(members.has_value());
  JsonWriter writer;
  writer.begin_object();
  for (const JsonMember& member : *members) {
    if (member.key == "websocket_client_id") continue;
    writer.key(member.key);
    writer.raw(member.raw);
  }
  writer.key("websocket_connection_id");
  writer.string(client.value());
  writer.end_object();
  return writer.take();
}

}  // namespace signalbox::event_store
