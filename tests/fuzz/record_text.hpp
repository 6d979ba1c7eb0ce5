// Records as the inputs of targets: texts a fuzzer can take apart line by line, which say nothing
// that is not in the record, so that most changes of them are another record.
//
//   key: anna                 absent: no key
//   ce_id: ...                a header a line
//   <empty line>
//   {"value":...}
//   %%                        between two records
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/record.hpp"

namespace signalbox::fuzz {

// Of any text: the records in it, at offsets 0, 1, 2 ... of partition 0 of `topic`.
[[nodiscard]] std::vector<Record> records_of(std::string_view text, Topic topic);
// The first of them; of an empty text, one without anything.
[[nodiscard]] Record record_of(std::string_view text, Topic topic);

[[nodiscard]] std::string text_of(const NewRecord& record);

}  // namespace signalbox::fuzz
