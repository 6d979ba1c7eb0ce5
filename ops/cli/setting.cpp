#include "ops/cli/setting.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace signalbox::cli {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// Largest first: to_text takes the first that divides.
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

bool is_numeric_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

constexpr std::string_view kAddressAllowed =
    "must be HOST:PORT with a numeric address or localhost and a port from 0 (any free one) to "
    "65535";

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
  const auto number = parse_integer(text.substr(0, digits));
  for (const Unit& unit : kUnits)
    if (unit.name == text.substr(digits) && number &&
        *number <= std::numeric_limits<std::int64_t>::max() / unit.milliseconds)
      return std::chrono::milliseconds(*number * unit.milliseconds);
  return std::nullopt;
}

std::string to_text(std::chrono::milliseconds duration) {
  for (const Unit& unit : kUnits)
    if (duration.count() != 0 && duration.count() % unit.milliseconds == 0)
      return std::to_string(duration.count() / unit.milliseconds) + std::string(unit.name);
  return "0s";
}

bool is_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string host(text.substr(0, colon));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string::npos)) return false;
  const auto port = parse_integer(text.substr(colon + 1));
  return (host == "localhost" || is_numeric_address(host)) && port && *port >= 0 && *port <= 65535;
}

std::string toml_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04X", static_cast<unsigned>(c));
      quoted += escaped.data();
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

Setting boolean_setting(std::string key, std::string help, bool& value) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::boolean,
          "must be true or false",
          [&value](const std::vector<std::string>& texts) {
            if (texts.front() != "true" && texts.front() != "false") return false;
            value = texts.front() == "true";
            return true;
          },
          [&value] { return std::string(value ? "true" : "false"); }};
}

Setting text_setting(std::string key, std::string help, std::string& value) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::text,
          "must be a text that is not empty",
          [&value](const std::vector<std::string>& texts) {
            if (texts.front().empty()) return false;
            value = texts.front();
            return true;
          },
          [&value] { return toml_text(value); }};
}

Setting optional_text_setting(std::string key, std::string help,
                              std::optional<std::string>& value) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::text,
          "must be a text; empty means none",
          [&value](const std::vector<std::string>& texts) {
            value.reset();
            if (!texts.front().empty()) value = texts.front();
            return true;
          },
          [&value] { return toml_text(value.value_or("")); }};
}

Setting address_setting(std::string key, std::string help, std::string& value) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::text,
          std::string(kAddressAllowed),
          [&value](const std::vector<std::string>& texts) {
            if (!is_host_port(texts.front())) return false;
            value = texts.front();
            return true;
          },
          [&value] { return toml_text(value); }};
}

Setting optional_address_setting(std::string key, std::string help,
                                 std::optional<std::string>& value) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::text,
          std::string(kAddressAllowed) + "; empty means none",
          [&value](const std::vector<std::string>& texts) {
            if (!texts.front().empty() && !is_host_port(texts.front())) return false;
            value.reset();
            if (!texts.front().empty()) value = texts.front();
            return true;
          },
          [&value] { return toml_text(value.value_or("")); }};
}

Setting list_setting(std::string key, std::string help, std::vector<std::string>& value) {
  return {std::move(key),
          std::move(help),
          Setting::Shape::list,
          "must be a list of texts that are not empty",
          [&value](const std::vector<std::string>& texts) {
            for (const std::string& text : texts)
              if (text.empty()) return false;
            value = texts;
            return true;
          },
          [&value] {
            std::string shown = "[";
            for (const std::string& text : value)
              shown += (shown.size() > 1 ? ", " : "") + toml_text(text);
            return shown + "]";
          }};
}

}  // namespace signalbox::cli
