// From a variant of data structs (EventData, CommandData, ...) to JSON and back, by name and
// version. Everything is generated from the descriptions in *_contracts.hpp.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "event-store/contract/contract_type.hpp"
#include "event-store/contract/write_version.hpp"

namespace signalbox::event_store {

template <class Variant>
struct DataCodec;

template <class... T>
struct DataCodec<std::variant<T...>> {
  static_assert((CheckedContract<T>::kChecked && ...));

  using Variant = std::variant<T...>;

  struct Entry {
    std::string_view name;
    int version;
    Result<Variant> (*decode)(std::string_view data, int version);
    Result<Variant> (*read)(const JsonMembers& members);  // of the current version
    Result<std::string> (*upcast)(std::string_view data, int version);
  };

  template <class Data>
  static Result<Variant> in_variant(Result<Data> data) {
    if (!data) return tl::unexpected(std::move(data).error());
    return Result<Variant>(tl::in_place, *std::move(data));
  }

  template <class Data>
  static constexpr Entry kEntryOf{Contract<Data>::name, Contract<Data>::version,
                                  [](std::string_view data, int version) -> Result<Variant> {
                                    return in_variant(decode_object<Data>(data, version));
                                  },
                                  [](const JsonMembers& members) -> Result<Variant> {
                                    return in_variant(read_members_of<Data>(members));
                                  },
                                  upcast<Data>};

  static constexpr std::array<Entry, sizeof...(T)> kEntries{kEntryOf<T>...};

  // nullptr where no such data is known.
  static constexpr const Entry* find(std::string_view name) {
    const auto found = std::ranges::find(kEntries, name, &Entry::name);
    return found == kEntries.end() ? nullptr : &*found;
  }
  // The alternatives of the variant and the entries stand in the same order.
  static constexpr const Entry& entry_of(const Variant& data) { return kEntries[data.index()]; }

  // Of data that has had one version only. The first second version of a kind of record brings
  // `write` and the client to its encoder.
  static std::string encode(const Variant& data) {
    static_assert(((Contract<T>::version == 1) && ...),
                  "this kind has several versions: its encoder must be told which to write");
    return std::visit([](const auto& value) { return encode_object(value); }, data);
  }

  static int written_version(const Variant& data, WriteVersion write) {
    return std::min(entry_of(data).version, write.number);
  }
  // As version written_version(data, write), which check_write_version has allowed.
  static std::string encode(const Variant& data, WriteVersion write,
                            const WebsocketClientId& client) {
    const int version = written_version(data, write);
    return std::visit(
        [&]<class Data>(const Data& value) {
          return downcast<Data>(encode_object(value), version, client);
        },
        data);
  }
  // Errors: bad_config, with the first type that cannot be written as old as that.
  static Result<void> check_write_version(WriteVersion write) {
    std::string_view refused;
    ((refused.empty() && !can_be_written_as<T>(write.number) ? void(refused = Contract<T>::name)
                                                             : void()),
     ...);
    if (refused.empty()) return {};
    return failure(Errc::bad_config, std::string(refused) + " cannot be written as version " +
                                         std::to_string(write.number) +
                                         ": it lost what that version has to say");
  }
};

}  // namespace signalbox::event_store
