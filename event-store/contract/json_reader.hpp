// The outermost members of a JSON text, with the whole text checked. Values are handed on as they
// stand there, so numbers of any size and the inside of JsonText survive unread. Pure; any thread.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

enum class JsonType { object, array, string, number, boolean, null };

struct JsonMember {
  std::string_view key{};  // unescaped; empty in an array
  JsonType type = JsonType::null;
  std::string_view raw{};   // the value as it stands in the text, without white space around it
  std::string_view text{};  // of a string: unescaped
  bool lone_surrogate =
      false;  // an escape of half a code point in the value, or anywhere inside it
};

// Members in the order in which they stand. They point into the text that was read, and into this
// list where something stands escaped in it: both outlive what is taken from a member.
class JsonMembers {
 public:
  JsonMembers() = default;
  JsonMembers(JsonMembers&&) = default;
  JsonMembers& operator=(JsonMembers&&) = default;
  JsonMembers(const JsonMembers&) = delete;
  JsonMembers& operator=(const JsonMembers&) = delete;

  [[nodiscard]] auto begin() const { return members_.begin(); }
  [[nodiscard]] auto end() const { return members_.end(); }
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] const JsonMember& operator[](std::size_t at) const { return members_[at]; }

  void reserve(std::size_t members) { members_.reserve(members); }
  // Behind the others; good until the next one is added.
  JsonMember& add() { return members_.emplace_back(); }
  // A copy that lasts as long as the list.
  std::string_view keep(std::string_view unescaped) { return kept_.emplace_back(unescaped); }

 private:
  std::vector<JsonMember> members_{};
  std::list<std::string> kept_{};
};

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
// The same of a value that was read as a member: all inside it was checked then, and is passed
// over.
[[nodiscard]] Result<JsonMembers> read_json_object(const JsonMember& member);
[[nodiscard]] Result<JsonMembers> read_json_array(const JsonMember& member);

// nullptr where there is none.
[[nodiscard]] const JsonMember* find_member(const JsonMembers& members, std::string_view key);

}  // namespace signalbox::event_store
