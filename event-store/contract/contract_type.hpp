// What it takes to be a contract: a data struct described once, from which encoder, decoder and the
// expected schema follow. A specialisation looks like this:
//
//   template <>
//   struct Contract<CancelRequested> {
//     static constexpr ContractKind kind = ContractKind::event;
//     static constexpr std::string_view name = "cancel_requested";
//     static constexpr int version = 1;
//     static constexpr auto fields = std::tuple(field("run_id", &CancelRequested::run_id), ...);
//     static constexpr std::array<Upcaster, 0> upcasters{};  // exactly version - 1 of them
//   };
//
// `fields` stand in the order of the struct's members, which is also their order in the JSON.
// From version 2 on also `downcasters`, as many as upcasters. Optional:
// `static constexpr std::array<std::string_view, 2> exactly_one_of{...}`.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "event-store/contract/field.hpp"
#include "event-store/contract/registry.hpp"

namespace signalbox::event_store {

// Data of version n to data of version n + 1, both as JSON text of an object (contract 14).
using Upcaster = Result<std::string> (*)(std::string_view data);
// Data of version n + 1 to data of version n, for the record of this client. Null where the older
// version cannot say what the newer one does: then nobody is let to write it.
using Downcaster = std::string (*)(std::string_view data, const WebsocketClientId& client);

template <class T>
inline constexpr std::size_t kFieldCount =
    std::tuple_size_v<std::remove_cvref_t<decltype(Contract<T>::fields)>>;

template <class T, std::size_t I>
using FieldType = std::remove_cvref_t<
    std::tuple_element_t<I, std::remove_cvref_t<decltype(Contract<T>::fields)>>>;

// ---- the struct and its description agree
template <class T, std::size_t... I>
consteval bool takes_all_fields(std::index_sequence<I...>) {
  return requires { T{std::declval<typename FieldType<T, I>::Member>()...}; };
}
template <class T, std::size_t... I>
consteval bool takes_one_more(std::index_sequence<I...>) {
  return requires { T{std::declval<typename FieldType<T, I>::Member>()..., {}}; };
}

// Every member of the struct has its field, in the same order.
template <class T>
concept DescribesAllMembers =
    HasFields<T> && takes_all_fields<T>(std::make_index_sequence<kFieldCount<T>>()) &&
    !takes_one_more<T>(std::make_index_sequence<kFieldCount<T>>());

// Every field has a C++ type that can be written as JSON and read back.
template <class M>
concept JsonField = requires(JsonWriter& writer, const M& value, const JsonMember& member) {
  JsonForm<M>::write(writer, value);
  { JsonForm<M>::read(member, JsonForm<M>::kBounds) } -> std::same_as<Result<M>>;
};
template <class T, std::size_t... I>
consteval bool all_fields_are_json(std::index_sequence<I...>) {
  return (JsonField<typename FieldType<T, I>::Value> && ...);
}
template <class T>
concept HasEncoderAndDecoder =
    HasFields<T> && all_fields_are_json<T>(std::make_index_sequence<kFieldCount<T>>());

template <class T>
concept HasUpcasterChain = requires {
  Contract<T>::upcasters;
} && Contract<T>::upcasters.size() + 1 == static_cast<std::size_t>(Contract<T>::version);

template <class T>
concept HasDowncasterChain = Contract<T>::version == 1 || requires {
  requires Contract<T>::downcasters.size() + 1 == static_cast<std::size_t>(Contract<T>::version);
};

template <class T>
concept ContractType =
    requires {
      { Contract<T>::kind } -> std::convertible_to<ContractKind>;
      { Contract<T>::name } -> std::convertible_to<std::string_view>;
      { Contract<T>::version } -> std::convertible_to<int>;
    } && DescribesAllMembers<T> && HasEncoderAndDecoder<T> && HasUpcasterChain<T> &&
    HasDowncasterChain<T>;

// True, or it does not compile: then the compiler names the type and what it lacks.
template <class T>
struct CheckedContract {
  static_assert(HasFields<T>,
                "this type is no contract: describe it as Contract<T> in event-store/contract/");
  static_assert(DescribesAllMembers<T>,
                "Contract<T>::fields must name every member of the type, in its order");
  static_assert(HasEncoderAndDecoder<T>,
                "a member of this type has no JsonForm: nothing can encode or decode it");
  static_assert(HasUpcasterChain<T>,
                "this contract lacks upcasters: version N needs exactly N - 1 of them");
  static_assert(HasDowncasterChain<T>,
                "this contract lacks downcasters: version N needs exactly N - 1 of them");
  static_assert(ContractType<T>, "this Contract<T> needs kind, name and version");
  static constexpr bool kChecked = true;
};

// ---- writing
template <class T, std::size_t I>
void write_member(JsonWriter& writer, const T& data) {
  constexpr const auto& described = std::get<I>(Contract<T>::fields);
  using Described = FieldType<T, I>;
  const auto& value = data.*(described.member);
  if constexpr (Described::kRequired) {
    writer.key(described.name);
    JsonForm<typename Described::Value>::write(writer, value);
  } else if (value) {
    writer.key(described.name);
    JsonForm<typename Described::Value>::write(writer, *value);
  }
}

template <class T>
void write_members(JsonWriter& writer, const T& data) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (write_member<T, I>(writer, data), ...);
  }(std::make_index_sequence<kFieldCount<T>>());
}

template <class T>
[[nodiscard]] std::string encode_object(const T& data) {
  JsonWriter writer;
  JsonForm<T>::write(writer, data);
  return writer.take();
}

// ---- reading
[[nodiscard]] inline Error below(std::string_view field, Error error) {
  error.field = error.field.empty() ? std::string(field) : std::string(field) + "." + error.field;
  return error;
}

// nullopt once `error` is set, by this field or an earlier one.
template <class T, std::size_t I>
std::optional<typename FieldType<T, I>::Member> read_field(const JsonMembers& members,
                                                           std::optional<Error>& error) {
  using Described = FieldType<T, I>;
  constexpr const auto& described = std::get<I>(Contract<T>::fields);
  if (error) return std::nullopt;
  // Ours stand in the order in which they are described.
  const bool is_in_place = I < members.size() && members[I].key == described.name;
  const JsonMember* const member = is_in_place ? &members[I] : find_member(members, described.name);
  if (member == nullptr) {
    if constexpr (!Described::kRequired) return typename Described::Member();
    error = Error{Errc::missing_field, "is missing", std::string(described.name)};
    return std::nullopt;
  }
  auto value = JsonForm<typename Described::Value>::read(*member, described.bounds);
  if (value) return typename Described::Member(std::move(*value));
  error = below(described.name, std::move(value).error());
  return std::nullopt;
}

template <class T>
[[nodiscard]] std::optional<Error> check_exactly_one(const JsonMembers& members) {
  if constexpr (requires { Contract<T>::exactly_one_of; }) {
    constexpr const auto& names = Contract<T>::exactly_one_of;
    const auto present = std::ranges::count_if(
        names, [&](std::string_view name) { return find_member(members, name) != nullptr; });
    if (present == 0)
      return Error{Errc::missing_field,
                   "is missing, and " + std::string(names[1]) + " too: exactly one must be there",
                   std::string(names[0])};
    if (present > 1)
      return Error{Errc::bad_field, "must not stand beside " + std::string(names[0]),
                   std::string(names[1])};
  }
  return std::nullopt;
}

// Unknown members are ignored: they may be a later version's.
template <class T>
Result<T> read_members_of(const JsonMembers& members) {
  std::optional<Error> error = check_exactly_one<T>(members);
  return [&]<std::size_t... I>(std::index_sequence<I...>) -> Result<T> {
    std::tuple<std::optional<typename FieldType<T, I>::Member>...> values{
        read_field<T, I>(members, error)...};
    if (error) return tl::unexpected(std::move(*error));
    return Result<T>(tl::in_place, std::move(*std::get<I>(values))...);
  }(std::make_index_sequence<kFieldCount<T>>());
}

// Data as the current version has it. `version` is known: 1 to the current one.
template <class T>
[[nodiscard]] Result<std::string> upcast(std::string_view data, int version) {
  Result<std::string> current = std::string(data);
  for (auto at = static_cast<std::size_t>(version - 1); at < Contract<T>::upcasters.size(); ++at)
    if (current) current = Contract<T>::upcasters[at](*current);
  return current;
}

// Data of the current version as the older `version` has it. Every downcaster on the way is there.
template <class T>
[[nodiscard]] std::string downcast(std::string data, [[maybe_unused]] int version,
                                   [[maybe_unused]] const WebsocketClientId& client) {
  if constexpr (Contract<T>::version > 1)
    for (int at = Contract<T>::version - 1; at >= version; --at)
      data = Contract<T>::downcasters[static_cast<std::size_t>(at - 1)](data, client);
  return data;
}

template <class T>
[[nodiscard]] constexpr bool can_be_written_as([[maybe_unused]] int version) {
  if constexpr (Contract<T>::version > 1)
    for (int at = Contract<T>::version - 1; at >= version; --at)
      if (Contract<T>::downcasters[static_cast<std::size_t>(at - 1)] == nullptr) return false;
  return true;
}

template <class T>
[[nodiscard]] Result<T> decode_object(std::string_view data, int version) {
  Result<std::string> upcasted{};
  if (version < Contract<T>::version) {
    upcasted = upcast<T>(data, version);
    if (!upcasted) return tl::unexpected(std::move(upcasted).error());
    data = *upcasted;
  }
  auto members = read_json_object(data);
  if (!members) return tl::unexpected(std::move(members).error());
  return read_members_of<T>(*members);
}

// ---- what a schema must say
template <class T, std::size_t I>
[[nodiscard]] FieldShape shape_of() {
  using Value = typename FieldType<T, I>::Value;
  constexpr const auto& described = std::get<I>(Contract<T>::fields);
  FieldShape shape{
      described.name, JsonForm<Value>::kKind, FieldType<T, I>::kRequired, described.bounds, {}};
  if constexpr (HasFields<Value>) shape.members = shapes_of<Value>();
  if constexpr (requires {
                  typename Value::value_type;
                  requires HasFields<typename Value::value_type>;
                })
    shape.members = shapes_of<typename Value::value_type>();
  return shape;
}

template <class T>
std::vector<FieldShape> shapes_of() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::vector<FieldShape>{shape_of<T, I>()...};
  }(std::make_index_sequence<kFieldCount<T>>());
}

}  // namespace signalbox::event_store
