// A type whose version has no file in schemas/: others could not know what it looks like.
// expect: static assertion failed: this type lacks a schema
#include "event-store/contract/completeness.hpp"

namespace signalbox::event_store {

struct Note {
  std::string text;
};

template <>
struct Contract<Note> {
  static constexpr ContractKind kind = ContractKind::event;
#ifdef SIGNALBOX_BROKEN
  static constexpr std::string_view name = "note";
#else
  static constexpr std::string_view name = "message_received";  // has its file
#endif
  static constexpr int version = 1;
  static constexpr auto fields = std::tuple(field("text", &Note::text));
  static constexpr std::array<Upcaster, 0> upcasters{};
};

static_assert(kComplete<std::variant<Note>>);

}  // namespace signalbox::event_store
