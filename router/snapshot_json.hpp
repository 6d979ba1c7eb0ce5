// How the members of a snapshot are written and read: the JSON below snapshot_codec.hpp. What is
// read is checked as a whole before; reading throws BadSnapshot on whatever is not as it is
// written. Pure.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "event-store/contract/field.hpp"
#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/timestamp.hpp"

namespace signalbox::router::snapshot_json {

using event_store::JsonMember;
using event_store::JsonMembers;
using event_store::JsonWriter;

struct BadSnapshot : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// No snapshot is deeper; what is read and compared goes down a level at a time.
inline constexpr std::size_t kDepthMax = 16;

// ---- reading
template <class Value>
[[nodiscard]] Value value_of(Result<Value> read) {
  if (!read) throw BadSnapshot("a member " + read.error().message);
  return *std::move(read);
}

[[nodiscard]] JsonMembers object_from(const JsonMember& member);
[[nodiscard]] JsonMembers array_from(const JsonMember& member);
[[nodiscard]] const JsonMember& at(const JsonMembers& object, std::string_view name);
[[nodiscard]] const JsonMember& at(const JsonMembers& array, std::size_t place);

// nullopt where the object has no member of that name.
template <class Convert>
auto get_optional(const JsonMembers& object, std::string_view name, Convert convert)
    -> std::optional<decltype(convert(object[0]))> {
  const JsonMember* const member = event_store::find_member(object, name);
  if (member == nullptr) return std::nullopt;
  return convert(*member);
}

template <std::signed_integral N>
[[nodiscard]] N number_from(const JsonMember& member, std::int64_t smallest, std::int64_t largest) {
  return static_cast<N>(
      value_of(event_store::read_integer(member, {.smallest = smallest, .largest = largest})));
}

template <class Count>
[[nodiscard]] Count count_from(const JsonMember& member, typename Count::value_type smallest = 0) {
  using N = typename Count::value_type;
  return Count(number_from<N>(member, smallest, kCountMax<N>));
}

// As long as the members are there.
[[nodiscard]] std::string_view view_of(const JsonMember& member);
[[nodiscard]] std::string string_from(const JsonMember& member);
[[nodiscard]] Uuid uuid_from(const JsonMember& member);
[[nodiscard]] Timestamp time_from(const JsonMember& member);
[[nodiscard]] Offset offset_from(const JsonMember& member);

template <class Id>
[[nodiscard]] Id id_from(const JsonMember& member) {
  return value_of(parse_id<Id>(view_of(member), ""));
}

// ---- writing
[[nodiscard]] std::int64_t microseconds_of(Timestamp time);

void write(JsonWriter& json, std::string_view name, std::string_view text);
void write(JsonWriter& json, std::string_view name, std::int64_t number);
void write(JsonWriter& json, std::string_view name, const Uuid& uuid);
// Nothing, where there is none.
void write(JsonWriter& json, std::string_view name, const std::optional<std::string>& text);
void write(JsonWriter& json, std::string_view name, const std::optional<Timestamp>& time);
void write(JsonWriter& json, std::string_view name, const std::optional<Offset>& offset);

}  // namespace signalbox::router::snapshot_json
