// How the members of our data structs look as JSON: one JsonForm per C++ type, and Field, which
// names one member of a struct. Encoders, decoders and the tests of the schemas all go through
// these, so they cannot drift. Pure; any thread.
//
// Errors of reading: Errc::missing_field and Errc::bad_field, with the path of the field below the
// value that was read.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/json_text.hpp"
#include "event-store/model/result.hpp"
#include "event-store/model/timestamp.hpp"

namespace signalbox::event_store {

inline constexpr std::size_t kNoBytesMax = std::numeric_limits<std::size_t>::max();

// What a text has to be beyond its length.
enum class TextForm { any, opaque_id, client_id, uuid, timestamp, sha256_hex, base64 };

// What a value of a field may be. Of texts the bytes and the form count, of integers the range.
struct Bounds {
  std::size_t bytes_min = 0;
  std::size_t bytes_max = kNoBytesMax;
  std::int64_t smallest = std::numeric_limits<std::int64_t>::min();
  std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  TextForm form = TextForm::any;
  std::span<const std::string_view> one_of{};
};

enum class ShapeKind { text, integer, object, array, any };

// A field as a schema describes it.
struct FieldShape {
  std::string_view name;
  ShapeKind kind = ShapeKind::any;
  bool required = true;
  Bounds bounds{};
  std::vector<FieldShape> members{};  // of an object, or of the objects of an array
};

// What the text must be and is not; nullopt: the bounds allow it.
[[nodiscard]] std::optional<Error> refusal_of(std::string_view text, const Bounds& bounds);
// The member says what the bounds allow; otherwise the error says what it must be. The view is good
// as long as the member.
[[nodiscard]] Result<std::string_view> read_text(const JsonMember& member, const Bounds& bounds);
[[nodiscard]] Result<std::int64_t> read_integer(const JsonMember& member, const Bounds& bounds);
// Any value; whatever it is, it holds no half of a code point.
[[nodiscard]] Result<std::string> read_any(const JsonMember& member);
// Texts that have a form and no other bounds.
[[nodiscard]] Result<Uuid> read_uuid(const JsonMember& member);
[[nodiscard]] Result<Timestamp> read_timestamp(const JsonMember& member);

// What is known of a C++ type without its field: how it is written and read, and its own bounds.
template <class M>
struct JsonForm;

// Declares a data struct: its specialisation has `static constexpr auto fields = std::tuple(...)`.
template <class T>
struct Contract;

template <class T>
concept HasFields = requires { Contract<T>::fields; };

template <class T>
void write_members(JsonWriter& writer, const T& data);
template <class T>
[[nodiscard]] Result<T> read_members_of(const JsonMembers& members);
template <class T>
[[nodiscard]] std::vector<FieldShape> shapes_of();

// ---- texts
struct TextJson {
  static constexpr ShapeKind kKind = ShapeKind::text;
};

template <>
struct JsonForm<std::string> : TextJson {
  static constexpr Bounds kBounds{};
  static void write(JsonWriter& writer, const std::string& text) { writer.string(text); }
  static Result<std::string> read(const JsonMember& member, const Bounds& bounds) {
    return read_text(member, bounds).map([](std::string_view text) { return std::string(text); });
  }
};

// UserId, ThreadId, MessageId, RequestId, WebsocketClientId.
template <class Tag>
struct JsonForm<Tagged<std::string, Tag>> : TextJson {
  using Id = Tagged<std::string, Tag>;
  static constexpr bool kOfClient = std::same_as<Id, WebsocketClientId>;
  static constexpr Bounds kBounds{.bytes_min = 1,
                                  .bytes_max = kOpaqueIdBytesMax,
                                  .form = kOfClient ? TextForm::client_id : TextForm::opaque_id};
  static void write(JsonWriter& writer, const Id& id) { writer.string(id.value()); }
  static Result<Id> read(const JsonMember& member, const Bounds& bounds) {
    return read_text(member, bounds).map([](std::string_view text) {
      return Id(std::string(text));
    });
  }
};

template <class Tag>
struct JsonForm<Tagged<Uuid, Tag>> : TextJson {
  using Id = Tagged<Uuid, Tag>;
  static constexpr Bounds kBounds{.form = TextForm::uuid};
  static void write(JsonWriter& writer, const Id& id) { writer.string(id.value().to_string()); }
  static Result<Id> read(const JsonMember& member, const Bounds&) {
    return read_uuid(member).map([](const Uuid& uuid) { return Id(uuid); });
  }
};

template <>
struct JsonForm<Timestamp> : TextJson {
  static constexpr Bounds kBounds{.form = TextForm::timestamp};
  static void write(JsonWriter& writer, Timestamp time) { writer.string(signalbox::to_text(time)); }
  static Result<Timestamp> read(const JsonMember& member, const Bounds&) {
    return read_timestamp(member);
  }
};

// ---- numbers
template <class N>
  requires std::same_as<N, std::int32_t> || std::same_as<N, std::int64_t>
struct JsonForm<N> {
  static constexpr ShapeKind kKind = ShapeKind::integer;
  static constexpr Bounds kBounds{.smallest = std::numeric_limits<N>::min(),
                                  .largest = std::numeric_limits<N>::max()};
  static void write(JsonWriter& writer, N number) { writer.integer(number); }
  static Result<N> read(const JsonMember& member, const Bounds& bounds) {
    return read_integer(member, bounds).map([](std::int64_t n) { return static_cast<N>(n); });
  }
};

// Counters: Step and Attempt from 1, all others from 0 = none; to kCountMax, as in headers.
template <std::integral N, class Tag>
struct JsonForm<Tagged<N, Tag>> {
  using Id = Tagged<N, Tag>;
  static constexpr ShapeKind kKind = ShapeKind::integer;
  static constexpr bool kFromOne = std::same_as<Id, Step> || std::same_as<Id, Attempt>;
  static constexpr Bounds kBounds{.smallest = kFromOne ? 1 : 0,
                                  .largest = std::numeric_limits<N>::max()};
  static void write(JsonWriter& writer, Id id) { writer.integer(id.value()); }
  static Result<Id> read(const JsonMember& member, Bounds bounds) {
    bounds.largest = std::min<std::int64_t>(bounds.largest, kCountMax<N>);
    return read_integer(member, bounds).map([](std::int64_t n) { return Id(static_cast<N>(n)); });
  }
};

// ---- closed sets of names; each has `static constexpr std::array kValues`
template <class E>
struct EnumNames;

template <class E>
  requires std::is_enum_v<E>
struct JsonForm<E> : TextJson {
  static constexpr Bounds kBounds{.one_of = EnumNames<E>::kNames};
  static void write(JsonWriter& writer, E value) { writer.string(to_text(value)); }
  static Result<E> read(const JsonMember& member, const Bounds& bounds) {
    return read_text(member, bounds).map([](std::string_view text) {
      std::size_t i = 0;
      while (EnumNames<E>::kNames[i] != text) ++i;
      return EnumNames<E>::kValues[i];
    });
  }
};

// ---- any JSON value, carried unread
template <>
struct JsonForm<JsonText> {
  static constexpr ShapeKind kKind = ShapeKind::any;
  static constexpr Bounds kBounds{};
  static void write(JsonWriter& writer, const JsonText& json) { writer.raw(json.value()); }
  static Result<JsonText> read(const JsonMember& member, const Bounds&) {
    return read_any(member).map([](std::string raw) { return JsonText(std::move(raw)); });
  }
};

// ---- structs within structs
template <HasFields T>
struct JsonForm<T> {
  static constexpr ShapeKind kKind = ShapeKind::object;
  static constexpr Bounds kBounds{};
  static void write(JsonWriter& writer, const T& data) {
    writer.begin_object();
    write_members(writer, data);
    writer.end_object();
  }
  static Result<T> read(const JsonMember& member, const Bounds&) {
    auto members = read_json_object(member.raw);
    if (!members) return failure(Errc::bad_field, "must be an object");
    return read_members_of<T>(*members);
  }
};

template <HasFields T>
struct JsonForm<std::vector<T>> {
  static constexpr ShapeKind kKind = ShapeKind::array;
  static constexpr Bounds kBounds{};
  static void write(JsonWriter& writer, const std::vector<T>& list) {
    writer.begin_array();
    for (const T& element : list) JsonForm<T>::write(writer, element);
    writer.end_array();
  }
  static Result<std::vector<T>> read(const JsonMember& member, const Bounds& bounds) {
    auto elements = read_json_array(member.raw);
    if (!elements) return failure(Errc::bad_field, "must be an array");
    std::vector<T> list;
    for (const JsonMember& element : *elements) {
      auto read = JsonForm<T>::read(element, bounds);
      if (!read) return tl::unexpected(std::move(read).error());
      list.push_back(std::move(*read));
    }
    return list;
  }
};

// ---- optional: absent, never null
template <class M>
struct OptionalMember : std::false_type {
  using Value = M;
};
template <class V>
struct OptionalMember<std::optional<V>> : std::true_type {
  using Value = V;
};

template <class T, class M>
struct Field {
  using Owner = T;
  using Member = M;
  using Value = typename OptionalMember<M>::Value;
  static constexpr bool kRequired = !OptionalMember<M>::value;

  std::string_view name;
  M T::*member;
  Bounds bounds;
};

template <class T, class M>
constexpr auto field(std::string_view name, M T::*member) {
  return Field<T, M>{name, member, JsonForm<typename OptionalMember<M>::Value>::kBounds};
}
template <class T, class M>
constexpr auto field(std::string_view name, M T::*member, Bounds bounds) {
  return Field<T, M>{name, member, bounds};
}

}  // namespace signalbox::event_store
