// Headers: names and values of a record in the order in which they were written, names unique, held
// as they lie on disk: lp(name) lp(value) for each, lp(x) being the length of x as u32 big-endian
// and its bytes (contract 1). One run of bytes: a record is held, written and read without an
// allocation per header. Views of names and values last until the headers change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox {

struct Header {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const Header&, const Header&) = default;
};

class Headers {
 public:
  static constexpr std::size_t kLengthBytes = 4;

  class Iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using value_type = Header;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    Header operator*() const {
      const std::string_view name = text_at(at_);
      return {name, text_at(name.data() + name.size())};
    }
    // lp(name) lp(value), as they lie in bytes().
    [[nodiscard]] std::string_view stored() const {
      const char* const value = at_ + kLengthBytes + length_at(at_);
      return {at_, static_cast<std::size_t>(value + kLengthBytes + length_at(value) - at_)};
    }
    Iterator& operator++() {
      at_ += stored().size();
      return *this;
    }
    Iterator operator++(int) { return std::exchange(*this, std::next(*this)); }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const char* at_ = nullptr;
  };

  Headers() = default;
  Headers(std::initializer_list<Header> headers);
  // nullopt where the bytes are not what bytes() gives.
  [[nodiscard]] static std::optional<Headers> parse(std::string_view bytes);
  // The same into these headers, whose room is used again; false: they are as they were.
  [[nodiscard]] bool assign(std::string_view bytes);

  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  // Behind the others; neither text is part of these headers.
  void add(std::string_view name, std::string_view value);
  // In its place, or behind the others where there is none of that name.
  void set(std::string_view name, std::string_view value);
  template <class Test>  // Test(Header) -> bool; asked of each, in order
  void erase_if(Test test) {
    Headers left;
    for (const Header header : *this)
      if (!test(header)) left.add(header.name, header.value);
    *this = std::move(left);
  }

  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  // All of them, for who looks for several: finding one means to walk over those before it.
  [[nodiscard]] std::vector<Header> split() const;
  // The same, for who does so again and again: what `all` held is replaced.
  void split_into(std::vector<Header>& all) const;
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] Iterator begin() const { return Iterator(bytes_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  friend bool operator==(const Headers&, const Headers&) = default;

 private:
  static std::size_t length_at(const char* at) {
    const auto byte = [at](int i) { return std::size_t{static_cast<std::uint8_t>(at[i])}; };
    return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
  }
  static std::string_view text_at(const char* at) { return {at + kLengthBytes, length_at(at)}; }
  void append(std::string_view text);
  std::string bytes_;
};

[[nodiscard]] std::optional<std::string_view> find_header(std::span<const Header> headers,
                                                          std::string_view name);

}  // namespace signalbox
