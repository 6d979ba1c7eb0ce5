#include "router/stored_texts.hpp"

#include <set>

#include "event-store/contract/codec.hpp"

namespace signalbox::router {

std::vector<Offset> places_of_texts(RoutingState& state) {
  std::set<Offset> places;  // a question's prompt and schema are in one record
  for (auto& [run_id, run] : state.runs)
    for_each_text(run, [&](const StoredText& text) {
      if (!text.loaded) places.insert(*text.offset);
    });
  return {places.begin(), places.end()};
}

bool load_texts(RoutingState& state, const ReadRecord& read) {
  bool complete = true;
  for (auto& [run_id, run] : state.runs) {
    for_each_text(run, [&](StoredText& text) {
      if (text.loaded || !complete) return;
      const RecordPtr record = read(*text.offset);
      if (!record || record->offset != *text.offset) {
        complete = false;
        return;
      }
      const auto event = event_store::decode_event(*record);
      const auto found = event ? text_in(event->data, text.part) : std::nullopt;
      complete = found.has_value();
      if (found) text.text = *found;
      text.loaded = true;
    });
  }
  return complete;
}

}  // namespace signalbox::router
