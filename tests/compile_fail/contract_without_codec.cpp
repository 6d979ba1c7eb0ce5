// A field whose C++ type nobody can write as JSON or read back.
// expect: error: static assertion failed|incomplete type .*JsonForm
#include "event-store/contract/contract_type.hpp"

namespace signalbox::event_store {

struct Colour {
  int hue;
};
struct Note {
#ifdef SIGNALBOX_BROKEN
  Colour text;
#else
  std::string text;
#endif
};

template <>
struct Contract<Note> {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr std::string_view name = "note";
  static constexpr int version = 1;
  static constexpr auto fields = std::tuple(field("text", &Note::text));
  static constexpr std::array<Upcaster, 0> upcasters{};
};

static_assert(ContractType<Note>);

}  // namespace signalbox::event_store
