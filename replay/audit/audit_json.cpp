#include "replay/audit/audit_json.hpp"

#include <array>
#include <string_view>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/json_writer.hpp"
#include "replay/timeline.hpp"

namespace signalbox::replay {
namespace {

using event_store::JsonWriter;

struct Member {
  std::string_view name;
  std::string_view header;
};
constexpr std::array<Member, 2> kContext{{{"thread_id", "ce_threadid"}, {"run_id", "ce_runid"}}};
constexpr std::array<Member, 4> kOrigin{{{"websocket_client_id", "ce_wsclientid"},
                                         {"id", "ce_id"},
                                         {"causation_id", "ce_causationid"},
                                         {"chain", "ce_chainhash"}}};

template <std::size_t N>
void write_texts(JsonWriter& json, const Record& event, const std::array<Member, N>& members) {
  for (const Member& member : members) {
    const auto value = event.header(member.header);
    if (!value) continue;
    json.key(member.name);
    json.string(*value);
  }
}

}  // namespace

std::string event_json(const Record& event) {
  JsonWriter json;
  json.reserve(event.value.size() + 1024);
  json.begin_object();
  json.key("seq");
  json.integer(event_store::header_number(event, "ce_userseq").value_or(0));
  json.key("offset");
  json.integer(event.offset.value());
  json.key("time");
  json.string(event.header("ce_time").value_or(""));
  json.key("type");
  json.string(bare_type(event));
  write_texts(json, event, kContext);
  if (const auto attempt = event_store::header_number(event, "ce_attempt")) {
    json.key("attempt");
    json.integer(*attempt);
  }
  write_texts(json, event, kOrigin);
  write_data(json, event);
  json.end_object();
  return json.take();
}

}  // namespace signalbox::replay
