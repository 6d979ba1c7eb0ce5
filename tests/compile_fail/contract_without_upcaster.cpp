// Version 2 of a type without the upcaster from version 1.
// expect: error: static assertion failed
#include "event-store/contract/contract_type.hpp"

namespace signalbox::event_store {

struct Note {
  std::string text;
};

Result<std::string> keep(std::string_view data) { return std::string(data); }

template <>
struct Contract<Note> {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr std::string_view name = "note";
  static constexpr int version = 2;
  static constexpr auto fields = std::tuple(field("text", &Note::text));
#ifdef SIGNALBOX_BROKEN
  static constexpr std::array<Upcaster, 0> upcasters{};
#else
  static constexpr std::array<Upcaster, 1> upcasters{&keep};
#endif
};

static_assert(ContractType<Note>);

}  // namespace signalbox::event_store
