#include "ops/doctor/finding.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace signalbox::doctor {

std::string_view to_text(Level level) {
  switch (level) {
    case Level::ok: return "ok";
    case Level::warning: return "warning";
    case Level::fault: break;
  }
  return "fault";
}

Finding ok(std::string check, std::string what) {
  return {std::move(check), Level::ok, std::move(what)};
}

Finding warning(std::string check, std::string what, std::string why, std::string mend) {
  return {std::move(check), Level::warning, std::move(what), std::move(why), std::move(mend)};
}

Finding fault(std::string check, std::string what, std::string why, std::string mend) {
  return {std::move(check), Level::fault, std::move(what), std::move(why), std::move(mend)};
}

std::string shell_word(std::string_view text) {
  const bool is_plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("/._-+:,@").find(c) != std::string_view::npos;
  });
  if (is_plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return word + "'";
}

std::string once_ended(const std::string& data, pid_t holder, const std::string& command) {
  const std::string lock = shell_word(data + "/lock");
  // The number in the file is one of the service's own pid namespace: here it may be another's.
  const std::string end = holder == 0 ? ": first end the service where it runs; "
                                      : "kill -TERM " + std::to_string(holder) + "; ";
  return end + "flock " + lock + ' ' + command;
}

std::string restore_command(const std::string& data, std::optional<pid_t> holder) {
  const std::string move = "mv " + shell_word(data) + ' ' + shell_word(data + ".damaged");
  return (holder ? once_ended(data, *holder, move) : move) + " && cp -a BACKUP " + shell_word(data);
}

std::string bytes_text(double bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
  return text.data();
}

}  // namespace signalbox::doctor
