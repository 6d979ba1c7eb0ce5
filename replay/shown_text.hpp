// shown_text: text of strangers on a terminal. What would move the cursor, ring, or turn the
// direction of what follows stands as an escape; what is no UTF-8 as U+FFFD.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace signalbox::replay {

// Cut after so many characters, with an ellipsis.
[[nodiscard]] std::string shown_text(std::string_view text, std::size_t characters_max);

}  // namespace signalbox::replay
