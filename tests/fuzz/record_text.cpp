#include "tests/fuzz/record_text.hpp"

#include <algorithm>

namespace signalbox::fuzz {
namespace {

constexpr std::string_view kBetween = "\n%%\n";

// What is before the mark, which goes too.
std::string_view take_until(std::string_view& text, std::string_view mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + mark.size()));
  return taken;
}

Record read_record(std::string_view text, TopicPartition at, Offset offset) {
  Record record{at, offset, {}, std::nullopt, {}, {}};
  while (!text.empty()) {
    std::string_view value = take_until(text, "\n");
    if (value.empty()) break;
    const std::string_view name = take_until(value, ": ");
    if (name == "key")
      record.key = value;
    else
      record.headers.add(name, value);
  }
  record.value = text;
  return record;
}

}  // namespace

std::vector<Record> records_of(std::string_view text, Topic topic) {
  std::vector<Record> records;
  for (std::int64_t offset = 0; !text.empty(); ++offset)
    records.push_back(
        read_record(take_until(text, kBetween), {topic, Partition(0)}, Offset(offset)));
  return records;
}

Record record_of(std::string_view text, Topic topic) {
  return read_record(text, {topic, Partition(0)}, Offset(0));
}

std::string text_of(const NewRecord& record) {
  std::string text;
  if (record.key) text += "key: " + *record.key + "\n";
  for (const Header header : record.headers)
    text.append(header.name).append(": ").append(header.value).append("\n");
  return text + "\n" + record.value;
}

}  // namespace signalbox::fuzz
