// The defences of the product, each of which can be taken away in this program alone: by the
// linker, which puts a function of ours in place of the product's (--wrap, see CMakeLists.txt), or
// by what the simulation hands the product. One that can be missed without a checker noticing would
// mean that the checker sees nothing. One thread; for the whole process.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/ids.hpp"

namespace signalbox::simulation {

enum class Defence {
  validity_fold,          // gateways pass on what the fold drops
  deduplication,          // a message id that comes again starts another run
  durable_before_effect,  // a message is acknowledged when it was handed to the log
  chain,                  // nobody looks at seq and chain hash
  cursor_check,           // a cursor of another user is taken
};
inline constexpr std::array kDefences{Defence::validity_fold, Defence::deduplication,
                                      Defence::durable_before_effect, Defence::chain,
                                      Defence::cursor_check};

[[nodiscard]] std::string_view to_text(Defence defence);
[[nodiscard]] std::optional<Defence> defence_named(std::string_view name);

// Who uses a simulated cluster.
inline constexpr int kUsers = 3;
[[nodiscard]] inline UserId user_named(int number) {
  return UserId("user-" + std::to_string(number));
}

[[nodiscard]] bool is_off(Defence defence);
// None: all are on.
void turn_off(std::optional<Defence> defence);
// What is folded until it is said otherwise is all valid: a gateway reads.
void pass_everything(bool pass);

}  // namespace signalbox::simulation
