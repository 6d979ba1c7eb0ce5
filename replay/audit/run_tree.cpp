#include "replay/audit/run_tree.hpp"

#include <chrono>
#include <map>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/overloaded.hpp"
#include "event-store/model/timestamp.hpp"
#include "replay/timeline.hpp"

namespace signalbox::replay {
namespace {

using event_store::JsonWriter;

struct Node {
  RecordPtr event;
  std::optional<std::int64_t> duration{};
  std::vector<std::size_t> children{};
};

std::string_view time_of(const Record& event) { return event.header("ce_time").value_or(""); }

class Tree {
 public:
  void add(const RecordPtr& event) {
    const std::size_t number = nodes_.size();
    nodes_.push_back({event});
    const auto decoded = event_store::decode_event(*event);
    const std::size_t parent = decoded ? place(number, decoded->data) : agent_.value_or(0);
    if (number > 0) nodes_[parent].children.push_back(number);
  }

  [[nodiscard]] std::string write() const {
    JsonWriter json;
    write(json, 0);
    return json.take();
  }

 private:
  // The number of its parent; what it says of others is noted.
  std::size_t place(std::size_t number, const EventData& data) {
    const std::size_t usual = agent_.value_or(0);
    return std::visit(
        Overloaded{
            [&](const AgentStarted&) {
              agent_ = number;
              return std::size_t{0};
            },
            [&](const ToolExecuting& tool) {
              const auto [first, is_new] = tools_.try_emplace(tool.step, number);
              return is_new ? usual : first->second;
            },
            [&](const ToolCompleted& tool) { return end(tools_, tool.step, number, usual); },
            [&](const InputRequested& question) {
              questions_.emplace(question.request_id, number);
              return usual;
            },
            [&](const RunInputReceived& answer) {
              return end(questions_, answer.request_id, number, usual);
            },
            [&](const CancelRequested&) {
              if (!cancel_) cancel_ = number;
              return usual;
            },
            [&](const AgentCancelled&) {
              end_agent(number);
              return cancel_.value_or(usual);
            },
            [&](const AgentCompleted&) { return end_agent(number); },
            [&](const AgentFailed&) { return end_agent(number); },
            [&](const auto&) { return usual; },
        },
        data);
  }

  // What began there ends with this node, which hangs below it.
  template <class Key>
  std::size_t end(const std::map<Key, std::size_t>& begun, const Key& key, std::size_t number,
                  std::size_t usual) {
    const auto found = begun.find(key);
    if (found == begun.end()) return usual;
    note_duration(found->second, number);
    return found->second;
  }
  std::size_t end_agent(std::size_t number) {
    if (agent_) note_duration(*agent_, number);
    return agent_.value_or(0);
  }
  void note_duration(std::size_t from, std::size_t to) {
    nodes_[from].duration =
        milliseconds_between(time_of(*nodes_[from].event), time_of(*nodes_[to].event));
  }

  // At most four levels deep.
  void write(JsonWriter& json, std::size_t number) const {
    const Node& node = nodes_[number];
    json.begin_object();
    json.key("seq");
    json.integer(event_store::header_number(*node.event, "ce_userseq").value_or(0));
    json.key("time");
    json.string(time_of(*node.event));
    json.key("type");
    json.string(bare_type(*node.event));
    json.key("title");
    json.string(summary_text(*node.event));
    if (node.duration) {
      json.key("duration_ms");
      json.integer(*node.duration);
    }
    write_data(json, *node.event);
    json.key("children");
    json.begin_array();
    for (const std::size_t child : node.children) write(json, child);
    json.end_array();
    json.end_object();
  }

  std::vector<Node> nodes_;
  std::optional<std::size_t> agent_{};
  std::optional<std::size_t> cancel_{};
  std::map<Step, std::size_t> tools_;
  std::map<RequestId, std::size_t> questions_;
};

}  // namespace

std::optional<std::int64_t> milliseconds_between(std::string_view start, std::string_view end) {
  const auto from = parse_timestamp(start);
  const auto to = parse_timestamp(end);
  if (!from || !to || *to < *from) return std::nullopt;
  return std::chrono::round<std::chrono::milliseconds>(*to - *from).count();
}

std::string run_tree(const std::vector<RecordPtr>& events) {
  Tree tree;
  for (const RecordPtr& event : events) tree.add(event);
  return tree.write();
}

}  // namespace signalbox::replay
