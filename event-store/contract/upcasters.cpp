#include "event-store/contract/upcasters.hpp"

#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"

namespace signalbox::event_store {

Result<std::string> rename_websocket_connection_id(std::string_view data) {
  const auto members = read_json_object(data);
  if (!members) return tl::unexpected(members.error());
  JsonWriter writer;
  writer.begin_object();
  for (const JsonMember& member : *members) {
    const bool renamed = member.key == "websocket_connection_id";
    writer.key(renamed ? "websocket_client_id" : member.key);
    writer.raw(member.raw);
  }
  writer.end_object();
  return writer.take();
}

}  // namespace signalbox::event_store
