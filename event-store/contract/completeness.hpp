// What the compiler asks of every contract: a description (contract_type.hpp) and a schema file for
// every version there ever was.
#pragma once

#include <algorithm>
#include <string_view>
#include <variant>

#include "event-store/contract/contract_type.hpp"
#include "event-store/contract/embedded_schemas.hpp"
#include "event-store/contract/registry.hpp"

namespace signalbox::event_store {

// The text of schemas/<kind>/<name>.v<version>.json; empty where there is no such file.
constexpr std::string_view schema_of(ContractKind kind, std::string_view name, int version) {
  for (const EmbeddedSchema& schema : kSchemas)
    if (schema.kind == to_text(kind) && schema.name == name && schema.version == version)
      return schema.text;
  return {};
}

template <class T>
consteval bool has_all_schemas() {
  for (int version = 1; version <= Contract<T>::version; ++version)
    if (schema_of(Contract<T>::kind, Contract<T>::name, version).empty()) return false;
  return true;
}

template <class T>
struct CompleteContract : CheckedContract<T> {
  static_assert(has_all_schemas<T>(),
                "this type lacks a schema: every version of a contract has its file "
                "event-store/contract/schemas/<kind>/<name>.v<version>.json");
};

// True, or it does not compile: then the compiler names the type and what it lacks.
template <class Variant>
inline constexpr bool kComplete = false;
template <class... T>
inline constexpr bool kComplete<std::variant<T...>> = (CompleteContract<T>::kChecked && ...);

}  // namespace signalbox::event_store
