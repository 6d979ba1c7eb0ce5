// From a variant of data structs (EventData, CommandData, ...) to JSON and back, by name and
// version. Everything is generated from the descriptions in *_contracts.hpp.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "event-store/contract/contract_type.hpp"

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
    Result<Variant> (*read)(JsonMembers& members);  // of the current version
    Result<std::string> (*upcast)(std::string_view data, int version);
  };

  template <class Data>
  static constexpr Entry kEntryOf{Contract<Data>::name, Contract<Data>::version,
                                  [](std::string_view data, int version) -> Result<Variant> {
                                    return decode_object<Data>(data, version).map([](Data&& value) {
                                      return Variant(std::move(value));
                                    });
                                  },
                                  [](JsonMembers& members) -> Result<Variant> {
                                    return read_members_of<Data>(members).map(
                                        [](Data&& value) { return Variant(std::move(value)); });
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

  static std::string encode(const Variant& data) {
    return std::visit([](const auto& value) { return encode_object(value); }, data);
  }
};

}  // namespace signalbox::event_store
