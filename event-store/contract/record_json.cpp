#include "event-store/contract/record_json.hpp"

#include <optional>
#include <utility>

#include "event-store/contract/base64.hpp"
#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

tl::unexpected<Error> malformed(const std::string& field, const std::string& what) {
  return failure(Errc::malformed, field + " " + what, field);
}

Result<Headers> read_headers(std::string_view raw) {
  const auto members = read_json_object(raw);
  if (!members) return malformed("headers", members.error().message);
  Headers headers;
  headers.reserve(raw.size());
  for (const JsonMember& member : *members) {
    if (member.type != JsonType::string)
      return malformed("headers." + std::string(member.key), "must be a string");
    headers.add(member.key, member.text);
  }
  return headers;
}

}  // namespace

std::string record_json(const Record& record) {
  JsonWriter json;
  json.reserve(2 * record.value.size() + record.headers.bytes().size() + 256);
  json.begin_object();
  json.key("offset");
  json.integer(record.offset.value());
  json.key("key");
  json.string(record.key.value_or(""));
  json.key("headers");
  json.begin_object();
  for (const Header& header : record.headers.split()) {
    json.key(header.name);
    json.string(header.value);
  }
  json.end_object();
  json.key("value");
  json.string(to_base64(record.value));
  json.end_object();
  return json.take();
}

Result<Record> parse_record_json(std::string_view text, TopicPartition at) {
  auto members = read_json_object(text);
  if (!members) return tl::unexpected(members.error());
  const JsonMember* const offset = find_member(*members, "offset");
  const auto number = offset != nullptr ? parse_decimal<std::int64_t>(offset->raw) : std::nullopt;
  if (!number) return malformed("offset", "must be a whole number");
  const JsonMember* const key = find_member(*members, "key");
  if (key == nullptr || key->type != JsonType::string) return malformed("key", "must be a string");
  const JsonMember* const headers = find_member(*members, "headers");
  if (headers == nullptr || headers->type != JsonType::object)
    return malformed("headers", "must be an object");
  auto read = read_headers(headers->raw);
  if (!read) return tl::unexpected(read.error());
  const JsonMember* const value = find_member(*members, "value");
  auto bytes = value != nullptr && value->type == JsonType::string ? parse_base64(value->text)
                                                                   : std::nullopt;
  if (!bytes) return malformed("value", "must be base64");
  return Record{.at = at,
                .offset = Offset(*number),
                .appended_at = {},
                .key = std::string(key->text),
                .headers = *std::move(read),
                .value = *std::move(bytes)};
}

}  // namespace signalbox::event_store
