// A field whose C++ type nobody can read back, though it can be written.
// expect: static assertion failed: a member of this type has no JsonForm
#include "event-store/contract/contract_type.hpp"

namespace signalbox::event_store {

struct Colour {
  int hue;
};
struct Note {
  Colour colour;
};

template <>
struct JsonForm<Colour> {
  static constexpr ShapeKind kKind = ShapeKind::integer;
  static constexpr Bounds kBounds{};
  static void write(JsonWriter& writer, Colour colour) { writer.integer(colour.hue); }
#ifndef SIGNALBOX_BROKEN
  static Result<Colour> read(const JsonMember& member, const Bounds& bounds) {
    return read_integer(member, bounds).map([](std::int64_t hue) {
      return Colour{static_cast<int>(hue)};
    });
  }
#endif
};

template <>
struct Contract<Note> {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr std::string_view name = "note";
  static constexpr int version = 1;
  static constexpr auto fields = std::tuple(field("colour", &Note::colour));
  static constexpr std::array<Upcaster, 0> upcasters{};
};

static_assert(CheckedContract<Note>::kChecked);

}  // namespace signalbox::event_store
