#include "router/agents/assistant/exact_number.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "event-store/model/assert.hpp"

namespace signalbox::router {
namespace {

__extension__ using Integer = __int128;
__extension__ using Unsigned = unsigned __int128;

Unsigned magnitude(Integer value) {
  return value < 0 ? Unsigned{0} - static_cast<Unsigned>(value) : static_cast<Unsigned>(value);
}

Unsigned greatest_common_divisor(Unsigned a, Unsigned b) {
  while (b != 0) a = std::exchange(b, a % b);
  return a;
}

std::string digits_of(Unsigned value) {
  std::string digits;
  do digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
  while ((value /= 10) != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

// How often `factor` divides `value`, which is divided by it.
int take_factor(Unsigned& value, unsigned factor) {
  int times = 0;
  for (; value % factor == 0; ++times) value /= factor;
  return times;
}

std::string rounded(double value, int digits) {
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value,
                                          std::chars_format::general, digits);
  SIGNALBOX_ASSERT(error == std::errc{});
  return {text.data(), end};
}

// Floor of the square root.
Unsigned root_of(Unsigned value) {
  Unsigned low = 0;
  Unsigned high = Unsigned{1} << 64U;
  while (high - low > 1) {
    const Unsigned middle = low + (high - low) / 2;
    (middle * middle <= value ? low : high) = middle;
  }
  return low;
}

}  // namespace

ExactNumber ExactNumber::reduced(Integer numerator, Integer denominator) {
  const auto divisor =
      static_cast<Integer>(greatest_common_divisor(magnitude(numerator), magnitude(denominator)));
  ExactNumber made;
  made.numerator_ = numerator / divisor;
  made.denominator_ = denominator / divisor;
  return made;
}

ExactNumber ExactNumber::fraction(long long numerator, long long denominator) {
  return ExactNumber(numerator) / ExactNumber(denominator);
}

ExactNumber ExactNumber::approximate(double value) {
  ExactNumber made;
  made.exact_ = false;
  made.approximate_ = value;
  return made;
}

std::optional<ExactNumber> ExactNumber::parse(std::string_view digits) {
  ExactNumber value;
  ExactNumber scale(1);
  bool any = false;
  bool after_point = false;
  for (const char c : digits) {
    if (c == '.' && !after_point) {
      after_point = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    any = true;
    value = value * ExactNumber(10) + ExactNumber(c - '0');
    if (after_point) scale = scale * ExactNumber(10);
  }
  if (!any) return std::nullopt;
  return value / scale;
}

bool ExactNumber::is_zero() const { return exact_ ? numerator_ == 0 : approximate_ == 0; }
bool ExactNumber::is_negative() const { return exact_ ? numerator_ < 0 : approximate_ < 0; }
bool ExactNumber::is_finite() const { return exact_ || std::isfinite(approximate_); }

std::optional<long long> ExactNumber::whole() const {
  using Limits = std::numeric_limits<long long>;
  if (!exact_ || denominator_ != 1 || numerator_ < Limits::min() || numerator_ > Limits::max())
    return std::nullopt;
  return static_cast<long long>(numerator_);
}

double ExactNumber::to_double() const {
  return exact_ ? static_cast<double>(numerator_) / static_cast<double>(denominator_)
                : approximate_;
}

ExactNumber ExactNumber::operator-() const { return ExactNumber(0) - *this; }

ExactNumber ExactNumber::operator+(const ExactNumber& other) const {
  Integer left = 0;
  Integer right = 0;
  Integer sum = 0;
  Integer denominator = 0;
  if (exact_ && other.exact_ && !__builtin_mul_overflow(numerator_, other.denominator_, &left) &&
      !__builtin_mul_overflow(other.numerator_, denominator_, &right) &&
      !__builtin_add_overflow(left, right, &sum) &&
      !__builtin_mul_overflow(denominator_, other.denominator_, &denominator))
    return reduced(sum, denominator);
  return approximate(to_double() + other.to_double());
}

ExactNumber ExactNumber::operator-(const ExactNumber& other) const {
  return *this + other * ExactNumber(-1);
}

ExactNumber ExactNumber::operator*(const ExactNumber& other) const {
  if (exact_ && other.exact_) {
    // Crosswise first, so that what fits in the end fits on the way.
    const ExactNumber a = reduced(numerator_, other.denominator_);
    const ExactNumber b = reduced(other.numerator_, denominator_);
    Integer numerator = 0;
    Integer denominator = 0;
    if (!__builtin_mul_overflow(a.numerator_, b.numerator_, &numerator) &&
        !__builtin_mul_overflow(a.denominator_, b.denominator_, &denominator))
      return reduced(numerator, denominator);
  }
  return approximate(to_double() * other.to_double());
}

ExactNumber ExactNumber::operator/(const ExactNumber& other) const {
  SIGNALBOX_ASSERT(!other.is_zero());
  if (!other.exact_) return approximate(to_double() / other.approximate_);
  Integer numerator = other.denominator_;
  Integer denominator = other.numerator_;
  if (denominator < 0 && (__builtin_sub_overflow(Integer{0}, denominator, &denominator) ||
                          __builtin_sub_overflow(Integer{0}, numerator, &numerator)))
    return approximate(to_double() / other.to_double());
  ExactNumber inverse;
  inverse.numerator_ = numerator;
  inverse.denominator_ = denominator;
  return *this * inverse;
}

ExactNumber ExactNumber::floor() const {
  if (!exact_) return approximate(std::floor(approximate_));
  Integer quotient = numerator_ / denominator_;
  if (numerator_ % denominator_ < 0) --quotient;
  return reduced(quotient, 1);
}

ExactNumber ExactNumber::square_root() const {
  if (exact_) {
    const Unsigned above = root_of(magnitude(numerator_));
    const Unsigned below = root_of(magnitude(denominator_));
    if (above * above == magnitude(numerator_) && below * below == magnitude(denominator_))
      return reduced(static_cast<Integer>(above), static_cast<Integer>(below));
  }
  return approximate(std::sqrt(to_double()));
}

ExactNumber::Text ExactNumber::to_text(int digits_max, int digits_rounded) const {
  if (!exact_) return {rounded(approximate_, digits_rounded), false};
  Unsigned rest = magnitude(denominator_);
  const int twos = take_factor(rest, 2);
  const int fives = take_factor(rest, 5);
  const int decimals = std::max(twos, fives);
  Integer scaled = numerator_;
  bool fits = rest == 1;
  for (int i = 0; fits && i < decimals; ++i) {
    fits = !__builtin_mul_overflow(scaled, Integer{10}, &scaled);
  }
  if (!fits) return {rounded(to_double(), digits_rounded), false};
  std::string digits = digits_of(magnitude(scaled / denominator_));
  if (decimals > 0 && static_cast<int>(digits.size()) > digits_max)
    return {rounded(to_double(), digits_rounded), false};
  if (decimals > 0) {
    const auto places = static_cast<std::size_t>(decimals);
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    digits.insert(digits.size() - places, ".");
  }
  return {(numerator_ < 0 ? "-" : "") + digits, true};
}

}  // namespace signalbox::router
