#include "replay/timeline.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/overloaded.hpp"
#include "event-store/model/timestamp.hpp"
#include "replay/shown_text.hpp"

namespace signalbox::replay {
namespace {

using event_store::JsonWriter;
using EventCodec = event_store::DataCodec<EventData>;

constexpr std::string_view kTypePrefix = "dev.signalbox.";
constexpr std::size_t kSummaryCharactersMax = 200;

std::string summary_of(const EventData& data) {
  return std::visit(
      Overloaded{
          [](const AgentStarted& d) { return d.agent + " " + d.agent_version; },
          [](const AgentThinking& d) { return d.content; },
          [](const ToolExecuting& d) { return d.name + " " + d.arguments.value(); },
          [](const ToolCompleted& d) {
            return d.name + (d.result ? " -> " + d.result->value()
                                      : " failed: " + d.error->code + ": " + d.error->message);
          },
          [](const AgentCompleted& d) { return d.content; },
          [](const AgentFailed& d) { return std::string(to_text(d.code)) + ": " + d.message; },
          [](const AgentCancelled& d) { return d.reason + " by " + d.by; },
          [](const RunResumed& d) { return std::string(to_text(d.reason)); },
          [](const ModelCompleted& d) { return d.model + " -> " + d.output.value(); },
          [](const InputRequested& d) { return d.prompt; },
          [](const MessageReceived& d) { return d.message_id.value() + ": " + d.content; },
          [](const MessageDuplicate& d) { return d.message_id.value(); },
          [](const MessageRejected& d) { return std::string(to_text(d.code)) + ": " + d.message; },
          [](const CancelRequested& d) { return "by " + d.by; },
          [](const CancelRejected& d) {
            return d.code == CancelRejectCode::run_ended ? std::string("run_ended")
                                                         : std::string("unknown_run");
          },
          [](const RunInputReceived& d) { return d.data.value(); },
          [](const RunInputRejected& d) { return std::string(to_text(d.code)); },
          [](const HistoryViewed& d) { return d.subject + " " + d.query.value(); },
      },
      data);
}

// The members of a line that are headers, in their order; numbers stand as numbers.
struct Member {
  std::string_view name;
  std::string_view header;
  bool is_number;
};
constexpr std::array<Member, 12> kMembers{{{"seq", "ce_userseq", true},
                                           {"time", "ce_time", false},
                                           {"user_id", "ce_subject", false},
                                           {"thread_id", "ce_threadid", false},
                                           {"run_id", "ce_runid", false},
                                           {"attempt", "ce_attempt", true},
                                           {"websocket_client_id", "ce_wsclientid", false},
                                           {"id", "ce_id", false},
                                           {"causation_id", "ce_causationid", false},
                                           {"inbound_offset", "ce_inboundoffset", true},
                                           {"epoch", "ce_ownerepoch", true},
                                           {"owner_seq", "ce_ownerseq", true}}};

}  // namespace

std::string_view bare_type(const Record& event) {
  std::string_view type = event.header("ce_type").value_or("");
  if (type.starts_with(kTypePrefix)) type.remove_prefix(kTypePrefix.size());
  return type;
}

bool is_event_name(std::string_view name) { return EventCodec::find(name) != nullptr; }

std::string event_names() {
  std::string names;
  for (const auto& entry : EventCodec::kEntries)
    names.append(names.empty() ? "" : ", ").append(entry.name);
  return names;
}

bool passes(const TimelineFilter& filter, const Record& event) {
  if (filter.thread && event.header("ce_threadid") != filter.thread->value()) return false;
  if (filter.run && event.header("ce_runid") != filter.run->value().to_string()) return false;
  if (!filter.types.empty() && !filter.types.contains(std::string(bare_type(event)))) return false;
  if (!filter.since && !filter.until) return true;
  const auto time = parse_timestamp(event.header("ce_time").value_or(""));
  return time && (!filter.since || *time >= *filter.since) &&
         (!filter.until || *time < *filter.until);
}

std::string summary_text(const Record& event) {
  const auto decoded = event_store::decode_event(event);
  const std::string summary =
      decoded ? summary_of(decoded->data)
              : "(cannot be read: " +
                    (decoded.error().field.empty() ? "" : decoded.error().field + " ") +
                    decoded.error().message + ") " + event.value;
  return shown_text(summary, kSummaryCharactersMax);
}

void write_data(JsonWriter& writer, const Record& event) {
  const bool is_json = event_store::read_json_object(event.value).has_value();
  writer.key(is_json ? "data" : "value");
  if (is_json)
    writer.raw(event.value);
  else
    writer.string(event.value);
}

std::string readable_line(const Record& event, bool with_user) {
  const auto header = [&event](std::string_view name) {
    return shown_text(event.header(name).value_or("-"), kSummaryCharactersMax);
  };
  std::string line = header("ce_time");
  if (with_user) line += "  " + header("ce_subject");
  line += "  seq " + header("ce_userseq");
  if (event.header("ce_threadid")) line += "  " + header("ce_threadid");
  if (event.header("ce_runid")) line += "  run " + header("ce_runid").substr(0, 8);
  line += "  " + shown_text(bare_type(event), kSummaryCharactersMax);
  return line + "  " + summary_text(event) + "\n";
}

std::string json_line(const Record& event) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("type");
  writer.string(bare_type(event));
  for (const Member& member : kMembers) {
    const auto value = event.header(member.header);
    if (!value) continue;
    writer.key(member.name);
    const auto number = member.is_number ? event_store::header_number(event, member.header)
                                         : std::optional<std::int64_t>();
    if (number)
      writer.integer(*number);
    else
      writer.string(*value);
  }
  writer.key("partition");
  writer.integer(event.at.partition.value());
  writer.key("offset");
  writer.integer(event.offset.value());
  writer.key("chain_hash");
  writer.string(event.header("ce_chainhash").value_or(""));
  write_data(writer, event);
  writer.end_object();
  return writer.take() + "\n";
}

Result<void> write_timeline(ValidEvents& events, const TimelineFilter& filter,
                            const std::function<std::string(const Record&)>& line,
                            const std::function<bool(std::string_view)>& write) {
  for (;;) {
    const auto event = events.next();
    if (!event) return tl::unexpected(event.error());
    if (!*event) return {};
    const Record& record = *(*event)->record;
    if (passes(filter, record) && !write(line(record))) return {};
  }
}

}  // namespace signalbox::replay
