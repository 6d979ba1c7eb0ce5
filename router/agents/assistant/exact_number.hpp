// ExactNumber: a number that is a fraction of 128-bit integers as long as it fits one, and a double
// from then on. So 0.1 + 0.2 is 0.3, 1/3*3 is 1 and 2^100 has all its digits. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::router {

class ExactNumber {
 public:
  ExactNumber() = default;
  ExactNumber(long long value) : numerator_(value) {}
  // An exact fraction; the denominator is not 0.
  static ExactNumber fraction(long long numerator, long long denominator);
  static ExactNumber approximate(double value);
  // Digits with at most one point: `12`, `0.5`, `.5`, `3.`. Nothing else is a number here.
  static std::optional<ExactNumber> parse(std::string_view digits);

  [[nodiscard]] bool is_exact() const { return exact_; }
  [[nodiscard]] bool is_zero() const;
  [[nodiscard]] bool is_negative() const;
  // The value where it is whole, exact and fits.
  [[nodiscard]] std::optional<long long> whole() const;
  // False once a double has left its range.
  [[nodiscard]] bool is_finite() const;
  [[nodiscard]] double to_double() const;

  [[nodiscard]] ExactNumber operator-() const;
  [[nodiscard]] ExactNumber operator+(const ExactNumber& other) const;
  [[nodiscard]] ExactNumber operator-(const ExactNumber& other) const;
  [[nodiscard]] ExactNumber operator*(const ExactNumber& other) const;
  // The divisor is not zero.
  [[nodiscard]] ExactNumber operator/(const ExactNumber& other) const;
  [[nodiscard]] ExactNumber floor() const;
  // The square root, exact where it is one; of a number that is not negative.
  [[nodiscard]] ExactNumber square_root() const;

  struct Text {
    std::string digits;
    bool exact;  // false: rounded
  };
  // In decimal. Exact where that takes at most `digits_max` digits, else rounded to
  // `digits_rounded` significant ones.
  [[nodiscard]] Text to_text(int digits_max, int digits_rounded) const;

 private:
  __extension__ using Integer = __int128;

  static ExactNumber reduced(Integer numerator, Integer denominator);

  Integer numerator_ = 0;
  Integer denominator_ = 1;  // above 0, no common divisor with the numerator
  double approximate_ = 0;   // where it is not exact
  bool exact_ = true;
};

}  // namespace signalbox::router
