// Version 2 of a type without the upcaster from version 1.
// expect: static assertion failed: this contract lacks upcasters
#include "event-store/contract/contract_type.hpp"

namespace signalbox::event_store {

struct Note {
  std::string text;
};

Result<std::string> keep(std::string_view data) { return std::string(data); }
std::string keep_back(std::string_view data, const WebsocketClientId&) { return std::string(data); }

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
  static constexpr std::array<Downcaster, 1> downcasters{&keep_back};
};

static_assert(CheckedContract<Note>::kChecked);

}  // namespace signalbox::event_store
