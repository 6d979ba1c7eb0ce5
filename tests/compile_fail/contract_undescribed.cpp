// A data struct that nobody described has no schema, encoder or decoder.
// expect: error: static assertion failed
#include "event-store/contract/contract_type.hpp"

namespace signalbox::event_store {

struct Note {
  std::string text;
};

#ifndef SIGNALBOX_BROKEN
template <>
struct Contract<Note> {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr std::string_view name = "note";
  static constexpr int version = 1;
  static constexpr auto fields = std::tuple(field("text", &Note::text));
  static constexpr std::array<Upcaster, 0> upcasters{};
};
#endif

static_assert(ContractType<Note>);

}  // namespace signalbox::event_store
