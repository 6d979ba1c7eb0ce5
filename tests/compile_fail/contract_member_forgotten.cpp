// A member that the description leaves out would be lost without a word.
// expect: error: static assertion failed
#include "event-store/contract/contract_type.hpp"

namespace signalbox::event_store {

struct Note {
  std::string text;
#ifdef SIGNALBOX_BROKEN
  std::int32_t pages;
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
