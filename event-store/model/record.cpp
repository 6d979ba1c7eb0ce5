#include "event-store/model/record.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox {

std::string_view to_text(Topic topic) {
  switch (topic) {
    case Topic::inbound: return "inbound";
    case Topic::events: return "events";
    case Topic::progress: return "progress";
    case Topic::connections: return "connections";
    case Topic::snapshots: return "snapshots";
    case Topic::quarantine: return "quarantine";
  }
  SIGNALBOX_ASSERT(false && "a Topic outside its enum");
  return "";
}

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const Header& header : headers)
    if (header.name == name) return header.value;
  return std::nullopt;
}

std::size_t size_bytes(const Record& record) {
  std::size_t bytes = sizeof(Record) + record.value.size() + (record.key ? record.key->size() : 0);
  for (const Header& header : record.headers)
    bytes += sizeof(Header) + header.name.size() + header.value.size();
  return bytes;
}

}  // namespace signalbox
