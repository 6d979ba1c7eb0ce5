// Records as exports and the event store's read API show them, and headers as the log holds them.
#include "event-store/contract/record_json.hpp"

#include "event-store/contract/json_reader.hpp"
#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  constexpr TopicPartition kAt{Topic::events, Partition(3)};
  if (const auto record = event_store::parse_record_json(text, kAt)) {
    const auto again = event_store::parse_record_json(event_store::record_json(*record), kAt);
    SIGNALBOX_ASSERT(again && again->offset == record->offset && again->key == record->key &&
                     again->headers == record->headers && again->value == record->value);
    fuzz::accept();
  }
  if (const auto headers = Headers::parse(text)) {
    SIGNALBOX_ASSERT(headers->bytes() == text);
    for (const Header header : headers->split()) SIGNALBOX_ASSERT(headers->find(header.name));
    fuzz::accept();
  }
  // What one reader of JSON takes the others take as well, or say why not.
  static_cast<void>(event_store::read_json_array(text, 64));
  return 0;
}
