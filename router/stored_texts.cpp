#include "router/stored_texts.hpp"

#include "event-store/contract/codec.hpp"

namespace signalbox::router {

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
