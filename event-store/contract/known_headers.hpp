// KnownHeaders: the headers of a record that have a meaning here (contract 3), found in one walk
// over all of them, for who reads several. Of a name that stands twice the first one counts. A
// value; it and what it gives point into the headers and last as long as these. Pure; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "event-store/model/headers.hpp"

namespace signalbox::event_store {

// In the order in which they are written: then a reader finds each name where it expects it.
inline constexpr std::array<std::string_view, 20> kKnownHeaders{
    "content-type",  "ce_specversion", "ce_id",          "ce_source",       "ce_type",
    "ce_time",       "ce_subject",     "ce_dataschema",  "ce_partitionkey", "ce_wsclientid",
    "ce_threadid",   "ce_runid",       "ce_attempt",     "ce_userseq",      "ce_inboundoffset",
    "ce_ownerepoch", "ce_ownerseq",    "ce_causationid", "ce_traceparent",  "ce_chainhash"};

// One of them; another name does not compile.
class HeaderName {
 public:
  consteval HeaderName(const char* name)  // NOLINT(google-explicit-constructor): as a literal
      : place_(static_cast<std::size_t>(std::ranges::find(kKnownHeaders, std::string_view(name)) -
                                        kKnownHeaders.begin())) {
    if (place_ == kKnownHeaders.size()) throw "no header that has a meaning here";
  }
  [[nodiscard]] constexpr std::size_t place() const { return place_; }
  [[nodiscard]] constexpr std::string_view text() const { return kKnownHeaders[place_]; }

 private:
  std::size_t place_;
};

class KnownHeaders {
 public:
  explicit KnownHeaders(const Headers& headers);

  [[nodiscard]] std::optional<std::string_view> find(HeaderName name) const {
    const std::string_view value = values_[name.place()];
    return value.data() == nullptr ? std::nullopt : std::optional(value);
  }

 private:
  std::array<std::string_view, kKnownHeaders.size()> values_{};  // null where there is none
};

}  // namespace signalbox::event_store
