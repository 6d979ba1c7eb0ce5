#include "router/snapshot_json.hpp"

#include <chrono>

namespace signalbox::router::snapshot_json {

JsonMembers object_from(const JsonMember& member) {
  return value_of(event_store::read_json_object(member));
}

JsonMembers array_from(const JsonMember& member) {
  return value_of(event_store::read_json_array(member));
}

const JsonMember& at(const JsonMembers& object, std::string_view name) {
  const JsonMember* const member = event_store::find_member(object, name);
  if (member == nullptr) throw BadSnapshot("no member " + std::string(name));
  return *member;
}

const JsonMember& at(const JsonMembers& array, std::size_t place) {
  if (place >= array.size()) throw BadSnapshot("a list that is too short");
  return array[place];
}

std::string_view view_of(const JsonMember& member) {
  return value_of(event_store::read_text(member, {}));
}

std::string string_from(const JsonMember& member) { return std::string(view_of(member)); }

Uuid uuid_from(const JsonMember& member) { return value_of(event_store::read_uuid(member)); }

Timestamp time_from(const JsonMember& member) {
  return Timestamp(std::chrono::microseconds(number_from<std::int64_t>(
      member, microseconds_of(kTimestampMin), microseconds_of(kTimestampMax))));
}

Offset offset_from(const JsonMember& member) { return count_from<Offset>(member); }

std::int64_t microseconds_of(Timestamp time) { return time.time_since_epoch().count(); }

void write(JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  json.string(text);
}

void write(JsonWriter& json, std::string_view name, std::int64_t number) {
  json.key(name);
  json.integer(number);
}

void write(JsonWriter& json, std::string_view name, const Uuid& uuid) {
  write(json, name, std::string_view(uuid.to_string()));
}

void write(JsonWriter& json, std::string_view name, const std::optional<std::string>& text) {
  if (text) write(json, name, std::string_view(*text));
}

void write(JsonWriter& json, std::string_view name, const std::optional<Timestamp>& time) {
  if (time) write(json, name, microseconds_of(*time));
}

void write(JsonWriter& json, std::string_view name, const std::optional<Offset>& offset) {
  if (offset) write(json, name, offset->value());
}

}  // namespace signalbox::router::snapshot_json
