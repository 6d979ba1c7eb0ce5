#include "event-store/model/client_id.hpp"

#include <array>
#include <string>
#include <string_view>

namespace signalbox {

WebsocketClientId make_client_id(Timestamp now, Random& random) {
  static constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::array<char, 26> text{};
  auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count());
  for (std::size_t i = 10; i-- > 0; milliseconds >>= 5) text[i] = kDigits[milliseconds & 31];
  std::uint64_t high = random.next();
  std::uint64_t low = random.next();
  for (std::size_t i = 10; i < 18; ++i, high >>= 5) text[i] = kDigits[high & 31];
  for (std::size_t i = 18; i < 26; ++i, low >>= 5) text[i] = kDigits[low & 31];
  return WebsocketClientId("ws_" + std::string(text.data(), text.size()));
}

}  // namespace signalbox
