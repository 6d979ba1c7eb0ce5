// The outermost members of a JSON text, with the whole text checked. Values are handed on as they
// stand there, so numbers of any size and the inside of JsonText survive unread. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

enum class JsonType { object, array, string, number, boolean, null };

struct JsonMember {
  std::string key;  // unescaped; empty in an array
  JsonType type;
  std::string_view raw;  // the value as it stands in the text, without white space around it
  std::string text;      // of a string: unescaped
  bool lone_surrogate;   // an escape of half a code point in the value or anywhere inside it
};
using JsonMembers = std::vector<JsonMember>;

// Of records; client frames have a limit of their own (contract 11).
inline constexpr std::size_t kRecordDepthMax = 1000;

// Whether an object inside the text may name a member twice. What comes from outside may not: each
// reader would take another one. Records keep what tools and older writers put into them.
enum class NestedNames { any, unique };

// Errors: Errc::bad_json where the text is not one object (array), is deeper than depth_max (the
// outermost value is depth 1), is not UTF-8, or names an outermost member twice. The members point
// into `text`.
[[nodiscard]] Result<JsonMembers> read_json_object(std::string_view text,
                                                   std::size_t depth_max = kRecordDepthMax,
                                                   NestedNames nested = NestedNames::any);
[[nodiscard]] Result<JsonMembers> read_json_array(std::string_view text,
                                                  std::size_t depth_max = kRecordDepthMax);

// nullptr where there is none.
[[nodiscard]] JsonMember* find_member(JsonMembers& members, std::string_view key);

}  // namespace signalbox::event_store
