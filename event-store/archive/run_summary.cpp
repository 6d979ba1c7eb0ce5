#include "event-store/archive/run_summary.hpp"

#include <string_view>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/envelope.hpp"

namespace signalbox::event_store {
namespace {

std::string agent_of(const Record& event) {
  const auto decoded = decode_event(event);
  if (!decoded) return "";
  if (const auto* received = std::get_if<MessageReceived>(&decoded->data)) return received->agent;
  if (const auto* started = std::get_if<AgentStarted>(&decoded->data)) return started->agent;
  return "";
}

}  // namespace

void note_event(RunSummary& run, Seq seq, const Record& event) {
  std::string_view type = event.header("ce_type").value_or("");
  if (type.starts_with(kEventTypePrefix)) type.remove_prefix(kEventTypePrefix.size());
  const std::string time(event.header("ce_time").value_or(""));
  const bool is_first = run.first == Seq(0) && type == "message_received";
  if (!is_first && (run.first == Seq(0) || !run.ended.empty() || seq <= run.last)) return;
  if (is_first) {
    run.first = seq;
    run.thread = event.header("ce_threadid").value_or("");
    run.status = "queued";
    run.agent = agent_of(event);
  }
  run.last = seq;
  ++run.events;
  if (type == "agent_started") {
    run.status = "running";
    run.started = time;
    if (std::string agent = agent_of(event); !agent.empty()) run.agent = std::move(agent);
  } else if (type == "input_requested") {
    run.status = "waiting_for_input";
  } else if (type == "run_input_received" && run.status == "waiting_for_input") {
    run.status = "running";
  } else if (type == "agent_completed" || type == "agent_failed" || type == "agent_cancelled") {
    run.status = type.substr(std::string_view("agent_").size());
    run.ended = time;
  }
}

}  // namespace signalbox::event_store
