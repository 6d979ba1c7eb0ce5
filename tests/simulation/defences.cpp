#include "tests/simulation/defences.hpp"

namespace signalbox::simulation {
namespace {

std::optional<Defence> off;

}  // namespace

std::string_view to_text(Defence defence) {
  switch (defence) {
    case Defence::validity_fold: return "validity-fold";
    case Defence::deduplication: return "deduplication";
    case Defence::durable_before_effect: return "durable-before-effect";
    case Defence::chain: return "chain";
    case Defence::cursor_check: return "cursor-check";
  }
  return "";
}

std::optional<Defence> defence_named(std::string_view name) {
  for (const Defence defence : kDefences)
    if (to_text(defence) == name) return defence;
  return std::nullopt;
}

bool is_off(Defence defence) { return off == defence; }
void turn_off(std::optional<Defence> defence) { off = defence; }

}  // namespace signalbox::simulation
