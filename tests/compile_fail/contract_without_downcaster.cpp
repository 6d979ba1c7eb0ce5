// Version 2 of a type without the way back to version 1, for services told to write that.
// expect: static assertion failed: this contract lacks downcasters
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
  static constexpr std::array<Upcaster, 1> upcasters{&keep};
#ifndef SIGNALBOX_BROKEN
  static constexpr std::array<Downcaster, 1> downcasters{&keep_back};
#endif
};

static_assert(CheckedContract<Note>::kChecked);

}  // namespace signalbox::event_store
