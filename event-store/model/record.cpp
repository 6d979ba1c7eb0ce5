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

std::size_t size_bytes(const Record& record) {
  return sizeof(Record) + (record.key ? record.key->size() : 0) + record.headers.bytes().size() +
         record.value.size();
}

}  // namespace signalbox
