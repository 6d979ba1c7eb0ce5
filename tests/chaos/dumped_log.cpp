#include "tests/chaos/dumped_log.hpp"

#include <memory>
#include <utility>

#include "event-store/contract/json_reader.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::chaos {
namespace {

using event_store::find_member;
using event_store::JsonMember;
using event_store::JsonMembers;
using event_store::JsonType;
using event_store::read_json_object;

const JsonMember* text_member(const JsonMembers& members, std::string_view name) {
  const JsonMember* const found = find_member(members, name);
  const bool is_text = found != nullptr && found->type == JsonType::string;
  return is_text && !found->lone_surrogate ? found : nullptr;
}

template <class Count>
std::optional<Count> count_member(const JsonMembers& members, std::string_view name) {
  const JsonMember* const found = find_member(members, name);
  if (found == nullptr) return std::nullopt;
  const auto number = parse_decimal<typename Count::value_type>(found->raw);
  return number ? std::optional(Count(*number)) : std::nullopt;
}

std::optional<Headers> headers_in(std::string_view json) {
  const auto members = read_json_object(json);
  if (!members) return std::nullopt;
  Headers headers;
  for (const JsonMember& member : *members) {
    if (member.type != JsonType::string || member.lone_surrogate) return std::nullopt;
    headers.add(member.key, member.text);
  }
  return headers;
}

}  // namespace

DumpedLog::DumpedLog(std::ifstream lines, event_store::LogDescription log)
    : lines_(std::move(lines)), log_(std::move(log)) {}

Result<DumpedLog> DumpedLog::open(const std::string& path) {
  std::ifstream lines(path);
  std::string line;
  if (!std::getline(lines, line)) return failure(Errc::io_error, path + " cannot be read");
  auto head = read_json_object(line);
  const auto* const log_text = head ? text_member(*head, "log_id") : nullptr;
  const auto log_id = log_text != nullptr ? Uuid::parse(log_text->text) : std::nullopt;
  const auto partitions = head ? count_member<Partition>(*head, "partitions") : std::nullopt;
  if (!log_id || !partitions) return failure(Errc::corrupt, path + " does not begin as a dump");
  return DumpedLog(std::move(lines), {LogId(*log_id), partitions->value()});
}

Result<std::optional<std::vector<RecordPtr>>> DumpedLog::read() {
  const Partition partition(partitions_read_++);
  std::vector<RecordPtr> events;
  for (;;) {
    if (!waiting_) {
      auto next = next_event();
      if (!next) return tl::unexpected(next.error());
      waiting_ = std::move(*next);
    }
    const bool is_over = !waiting_ || waiting_->at.partition > partition;
    if (is_over && partition.value() >= log_.partitions)
      return waiting_ ? Result<std::optional<std::vector<RecordPtr>>>(refuse("of no partition"))
                      : std::nullopt;
    if (is_over) return std::optional(std::move(events));
    const bool follows = waiting_->at.partition == partition &&
                         (events.empty() || waiting_->offset > events.back()->offset);
    if (!follows) return refuse("a record out of its place");
    events.push_back(std::exchange(waiting_, nullptr));
  }
}

// Null at the end.
Result<RecordPtr> DumpedLog::next_event() {
  std::string line;
  while (std::getline(lines_, line)) {
    ++line_number_;
    auto record = event_of(line);
    if (!record || *record) return record;
  }
  return RecordPtr();
}

tl::unexpected<Error> DumpedLog::refuse(const std::string& why) const {
  return failure(Errc::corrupt, "line " + std::to_string(line_number_) + " of the dump: " + why);
}

// Null: it is of inbound.
Result<RecordPtr> DumpedLog::event_of(const std::string& line) const {
  auto members = read_json_object(line);
  const auto* const topic = members ? text_member(*members, "topic") : nullptr;
  if (topic != nullptr && topic->text == to_text(Topic::inbound)) return RecordPtr();
  if (topic == nullptr || topic->text != to_text(Topic::events)) return refuse("no record");
  const auto partition = count_member<Partition>(*members, "partition");
  const auto offset = count_member<Offset>(*members, "offset");
  const JsonMember* const key = find_member(*members, "key");
  const JsonMember* const headers = find_member(*members, "headers");
  const JsonMember* const value = text_member(*members, "value");
  auto named = headers != nullptr ? headers_in(headers->raw) : std::nullopt;
  if (!partition || !offset || key == nullptr || !named || value == nullptr)
    return refuse("a record that cannot be read");
  Record record{.at = {Topic::events, *partition},
                .offset = *offset,
                .appended_at = {},
                .key = std::nullopt,
                .headers = std::move(*named),
                .value = std::string(value->text)};
  if (key->type == JsonType::string) record.key = key->text;
  return std::make_shared<const Record>(std::move(record));
}

}  // namespace signalbox::chaos
