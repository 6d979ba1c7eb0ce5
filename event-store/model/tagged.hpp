// Tagged: a value whose meaning is part of its type, so that a UserId never passes for a ThreadId
// nor a Seq for an Epoch. There is no default value: an id that nobody gave does not exist.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <utility>

namespace signalbox {

template <class T, class Tag>
class Tagged {
 public:
  using value_type = T;

  constexpr explicit Tagged(T value) : value_(std::move(value)) {}

  [[nodiscard]] constexpr const T& value() const& noexcept { return value_; }
  [[nodiscard]] constexpr T&& value() && noexcept { return std::move(value_); }

  // Counters (offsets, seqs, epochs) move by plain numbers and differ by plain numbers.
  [[nodiscard]] constexpr Tagged next() const
    requires std::integral<T>
  {
    return Tagged(static_cast<T>(value_ + 1));
  }
  constexpr Tagged& operator++()
    requires std::integral<T>
  {
    ++value_;
    return *this;
  }
  [[nodiscard]] friend constexpr T operator-(const Tagged& a, const Tagged& b)
    requires std::integral<T>
  {
    return static_cast<T>(a.value_ - b.value_);
  }
  [[nodiscard]] friend constexpr Tagged operator+(const Tagged& a, T n)
    requires std::integral<T>
  {
    return Tagged(static_cast<T>(a.value_ + n));
  }

  friend constexpr auto operator<=>(const Tagged&, const Tagged&) = default;
  friend constexpr bool operator==(const Tagged&, const Tagged&) = default;

 private:
  T value_;
};

}  // namespace signalbox

template <class T, class Tag>
struct std::hash<signalbox::Tagged<T, Tag>> {
  std::size_t operator()(const signalbox::Tagged<T, Tag>& id) const {
    return std::hash<T>{}(id.value());
  }
};
