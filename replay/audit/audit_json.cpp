#include "replay/audit/audit_json.hpp"

#include <array>
#include <string_view>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/json_writer.hpp"
#include "replay/audit/run_tree.hpp"
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

void write_text(JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  json.string(text);
}

}  // namespace

void write_summary(JsonWriter& json, const event_store::RunSummary& run) {
  write_text(json, "run_id", run.id.value().to_string());
  write_text(json, "thread_id", run.thread);
  write_text(json, "agent", run.agent);
  write_text(json, "status", run.status);
  if (!run.started.empty()) write_text(json, "started", run.started);
  if (!run.ended.empty()) write_text(json, "ended", run.ended);
  if (const auto duration = milliseconds_between(run.started, run.ended)) {
    json.key("duration_ms");
    json.integer(*duration);
  }
  json.key("first_seq");
  json.integer(run.first.value());
  json.key("last_seq");
  json.integer(run.last.value());
  json.key("events");
  json.integer(run.events);
}

void write_complete_to(JsonWriter& json, const event_store::Position& position) {
  json.key("complete_to");
  json.begin_object();
  json.key("offset");
  json.integer(position.next_offset.value());
  json.key("epoch");
  json.integer(position.epoch.value());
  json.key("ownerseq");
  json.integer(position.owner_seq.value());
  json.end_object();
}

void write_incomplete(JsonWriter& json, const std::set<Partition>& lacking,
                      const std::vector<event_store::Position>& complete_to,
                      const std::set<Partition>& damaged) {
  if (lacking.empty()) return;
  json.key("incomplete");
  json.begin_array();
  for (const Partition partition : lacking) {
    json.begin_object();
    json.key("partition");
    json.integer(partition.value());
    write_complete_to(json, complete_to[static_cast<std::size_t>(partition.value())]);
    if (damaged.contains(partition)) {
      json.key("reason");
      json.string("archive_damaged");
    }
    json.end_object();
  }
  json.end_array();
}

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
