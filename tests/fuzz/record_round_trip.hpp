// What every codec of records must do with any record: refuse it and name the field, or read it so
// that what it read is written and read back as the same bytes.
#pragma once

#include <utility>

#include "event-store/model/assert.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/record_text.hpp"

namespace signalbox::fuzz {

// Decode(const Record&) -> Result<Data>; Encode(const Data&) -> NewRecord.
template <class Decode, class Encode>
void check_round_trip(const Record& record, Decode decode, Encode encode) {
  const auto read = decode(record);
  if (!read) {
    SIGNALBOX_ASSERT(!read.error().field.empty() && !read.error().message.empty());
    return;
  }
  NewRecord written = encode(*read);
  const auto again =
      decode(Record{record.at, record.offset, {}, written.key, written.headers, written.value});
  SIGNALBOX_ASSERT(again.has_value());
  SIGNALBOX_ASSERT(encode(*again) == written);
  accept();
}

}  // namespace signalbox::fuzz
