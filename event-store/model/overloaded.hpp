// Overloaded: one callable out of several, for std::visit.
#pragma once

namespace signalbox {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace signalbox
