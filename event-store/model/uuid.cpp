#include "event-store/model/uuid.hpp"

namespace signalbox {
namespace {

// By character: events carry several ids, and a look into a table does not depend on the digit.
constexpr std::array<std::int8_t, 256> kHexValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::int8_t i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = i;
  for (std::int8_t i = 10; i < 16; ++i) {
    values[static_cast<std::size_t>('a' + i - 10)] = i;
    values[static_cast<std::size_t>('A' + i - 10)] = i;
  }
  return values;
}();

int hex_value(char c) { return kHexValues[static_cast<std::uint8_t>(c)]; }

// Where the two digits of each byte stand.
constexpr std::array<std::uint8_t, 16> kDigitPlaces{0,  2,  4,  6,  9,  11, 14, 16,
                                                    19, 21, 24, 26, 28, 30, 32, 34};

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return std::nullopt;
  Uuid uuid;
  int all = 0;  // negative once a digit is none
  for (std::size_t i = 0; i < kDigitPlaces.size(); ++i) {
    const int high = hex_value(text[kDigitPlaces[i]]);
    const int low = hex_value(text[kDigitPlaces[i] + 1U]);
    all |= high | low;
    uuid.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (all < 0) return std::nullopt;
  return uuid;
}

std::string Uuid::to_string() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(36, '-');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text[kDigitPlaces[i]] = kDigits[bytes[i] >> 4];
    text[kDigitPlaces[i] + 1U] = kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace signalbox
