#include "replay/audit/state_difference.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "event-store/contract/json_writer.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/timestamp.hpp"
#include "replay/state_report.hpp"

namespace signalbox::replay {
namespace {

using Json = nlohmann::json;

bool is_of_steps(const Json& list) {
  return list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& step) {
           return step.is_object() && step.contains("step") && step["step"].is_number_integer();
         });
}

// Steps stand in a list, and are known by their number.
Json by_number(const Json& steps) {
  Json named = Json::object();
  for (const Json& step : steps) named[std::to_string(step.at("step").get<std::int64_t>())] = step;
  return named;
}

class Differences {
 public:
  void compare(const std::string& path, const Json& before, const Json& after) {
    if (before == after) return;
    if (path.ends_with(".steps") && is_of_steps(before) && is_of_steps(after))
      return compare(path, by_number(before), by_number(after));
    if (!before.is_object() || !after.is_object()) return add(path, before, after);
    std::set<std::string> names;
    for (const auto* side : {&before, &after})
      for (const auto& [name, value] : side->items()) names.insert(name);
    for (const std::string& name : names)
      compare(path.empty() ? name : path + "." + name, member(before, name), member(after, name));
  }
  [[nodiscard]] std::string take() {
    list_.end_array();
    return list_.take();
  }

  Differences() { list_.begin_array(); }

 private:
  static Json member(const Json& object, const std::string& name) {
    const auto found = object.find(name);
    return found == object.end() ? Json() : *found;
  }
  void add(const std::string& path, const Json& before, const Json& after) {
    list_.begin_object();
    list_.key("path");
    list_.string(path);
    list_.key("before");
    list_.raw(before.dump());
    list_.key("after");
    list_.raw(after.dump());
    list_.end_object();
  }

  event_store::JsonWriter list_;
};

Json members_of(const KnownState& state) {
  Json members{{"seq", state.routing.chain.seq.value()},
               {"chain_hash", event_store::to_hex(state.routing.chain.hash)}};
  if (state.events > 0) members["time"] = signalbox::to_text(state.routing.last_time);
  if (state.damage) {
    members["damaged_at"] = state.routing.damaged_at->value();
    members["damage"] = *state.damage;
  }
  return members;
}

Json thread_of(const KnownState& state, const ThreadId& thread) {
  if (!state.threads.contains(thread)) return {};
  Json members = Json::object();
  const auto memory = state.routing.memories.find(thread);
  if (memory != state.routing.memories.end()) members["memory"] = memory->second.memory;
  return members;
}

template <class Key, class Value>
std::set<Key> keys_of(const std::map<Key, Value>& a, const std::map<Key, Value>& b) {
  std::set<Key> keys;
  for (const auto* side : {&a, &b})
    for (const auto& [key, value] : *side) keys.insert(key);
  return keys;
}

std::string text_of(const KnownState& state, const RunId& id) {
  const auto run = state.runs.find(id);
  return run == state.runs.end() ? "null" : run_json(run->second);
}

}  // namespace

std::string state_differences(const KnownState& before, const KnownState& after) {
  Differences differences;
  differences.compare("", members_of(before), members_of(after));
  for (const ThreadId& thread : keys_of(before.threads, after.threads))
    differences.compare("threads." + thread.value(), thread_of(before, thread),
                        thread_of(after, thread));
  for (const RunId& id : keys_of(before.runs, after.runs)) {
    const std::string old_text = text_of(before, id);
    const std::string new_text = text_of(after, id);
    if (old_text != new_text)  // most have not changed, and are not parsed
      differences.compare("runs." + id.value().to_string(), Json::parse(old_text),
                          Json::parse(new_text));
  }
  const auto questions_of = [](const KnownState& state) {
    const auto listed = pending_questions(state);
    return std::map<std::string, std::string>(listed.begin(), listed.end());
  };
  const auto old_questions = questions_of(before);
  const auto new_questions = questions_of(after);
  for (const std::string& id : keys_of(old_questions, new_questions)) {
    const auto side = [&id](const std::map<std::string, std::string>& questions) {
      const auto found = questions.find(id);
      return found == questions.end() ? Json() : Json::parse(found->second);
    };
    differences.compare("pending_questions." + id, side(old_questions), side(new_questions));
  }
  return differences.take();
}

}  // namespace signalbox::replay
