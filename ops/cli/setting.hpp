// Setting: one configurable value: its key, what it may be, and the field of an options struct it
// is kept in, which must outlive it. Made at start-up; one thread.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::cli {

struct Setting {
  enum class Shape { text, integer, boolean, list };  // what a TOML file holds for it

  std::string key;   // `gateway.listen`; the environment's name follows from it
  std::string help;  // a sentence, with unit
  Shape shape;
  std::string allowed;  // "must be ...", said when a value is refused
  // Takes the value as texts (one, or the items of a list); false: not allowed, nothing changed.
  std::function<bool(const std::vector<std::string>&)> set;
  std::function<std::string()> show;  // the value as TOML
  std::string flag{};                 // `--listen`; empty: file and environment only
  bool is_live = false;               // a service that runs takes a new value at SIGHUP

  [[nodiscard]] Setting with_flag(std::string name) && {
    flag = std::move(name);
    return std::move(*this);
  }
  [[nodiscard]] Setting live() && {
    is_live = true;
    return std::move(*this);
  }
};

// `250ms`, `30s`, `15m`, `24h`, `30d`: a whole number and a unit; nullopt for anything else.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// The shortest such text.
[[nodiscard]] std::string to_text(std::chrono::milliseconds duration);

// `127.0.0.1:8080`, `[::1]:0`, `localhost:80`: a numeric address or localhost, and a port.
[[nodiscard]] bool is_host_port(std::string_view text);

[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
// A basic string of TOML, quoted.
[[nodiscard]] std::string toml_text(std::string_view text);

template <std::integral T>
[[nodiscard]] Setting integer_setting(std::string key, std::string help, T& value, std::int64_t min,
                                      std::int64_t max) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::integer,
          "must be an integer from " + std::to_string(min) + " to " + std::to_string(max),
          [&value, min, max](const std::vector<std::string>& texts) {
            const auto number = parse_integer(texts.front());
            if (!number || *number < min || *number > max) return false;
            value = static_cast<T>(*number);
            return true;
          },
          [&value] { return std::to_string(value); }};
}

template <class Duration>
[[nodiscard]] Setting duration_setting(std::string key, std::string help, Duration& value,
                                       std::chrono::milliseconds min,
                                       std::chrono::milliseconds max) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::text,
          "must be a duration from " + to_text(min) + " to " + to_text(max) +
              ", like 250ms, 30s, 15m, 24h or 30d",
          [&value, min, max](const std::vector<std::string>& texts) {
            const auto parsed = parse_duration(texts.front());
            if (!parsed || *parsed < min || *parsed > max) return false;
            const auto converted = std::chrono::duration_cast<Duration>(*parsed);
            if (converted != *parsed) return false;  // finer than this setting can hold
            value = converted;
            return true;
          },
          [&value] {
            return toml_text(to_text(std::chrono::duration_cast<std::chrono::milliseconds>(value)));
          }};
}

[[nodiscard]] Setting boolean_setting(std::string key, std::string help, bool& value);
// Any text that is not empty.
[[nodiscard]] Setting text_setting(std::string key, std::string help, std::string& value);
// Empty: none.
[[nodiscard]] Setting optional_text_setting(std::string key, std::string help,
                                            std::optional<std::string>& value);
[[nodiscard]] Setting address_setting(std::string key, std::string help, std::string& value);
[[nodiscard]] Setting optional_address_setting(std::string key, std::string help,
                                               std::optional<std::string>& value);
// In the environment and in flags the items are separated by commas.
[[nodiscard]] Setting list_setting(std::string key, std::string help,
                                   std::vector<std::string>& value);

}  // namespace signalbox::cli
