#include "ops/doctor/report.hpp"

#include <algorithm>

#include "event-store/contract/json_writer.hpp"

namespace signalbox::doctor {
namespace {

constexpr std::size_t kWidth = 100;  // of a line; commands are never broken
constexpr std::size_t kLevelWidth = 9;

std::int64_t count(const std::vector<Finding>& findings, Level level) {
  return std::ranges::count(findings, level, &Finding::level);
}

std::string_view colour_of(Level level) {
  switch (level) {
    case Level::ok: return "\033[32m";
    case Level::warning: return "\033[33m";
    case Level::fault: break;
  }
  return "\033[1;31m";
}

// The text in lines, all but the first indented.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column > indent && column + 1 + word.size() > kWidth) {
      lines += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines;
}

}  // namespace

bool is_healthy(const std::vector<Finding>& findings) { return count(findings, Level::fault) == 0; }

std::string report_text(const std::vector<Finding>& findings, bool in_colour) {
  std::size_t widest = 0;
  for (const Finding& finding : findings) widest = std::max(widest, finding.check.size());
  const std::size_t indent = kLevelWidth + widest + 2;
  std::string text;
  for (const Finding& finding : findings) {
    std::string level(to_text(finding.level));
    level.resize(kLevelWidth, ' ');
    if (in_colour) level = std::string(colour_of(finding.level)) + level + "\033[0m";
    std::string check = finding.check;
    check.resize(widest + 2, ' ');
    text += level + check + wrapped(finding.what, indent) + '\n';
    if (finding.level == Level::ok) continue;
    const std::string margin(indent, ' ');
    text += margin + "why:  " + wrapped(finding.why, indent + 6) + '\n';
    text += margin + "mend: " + finding.mend + '\n';
  }
  return text + '\n' + count_text(count(findings, Level::fault), "fault", "faults") + ", " +
         count_text(count(findings, Level::warning), "warning", "warnings") + ", " +
         std::to_string(count(findings, Level::ok)) +
         " ok: " + (is_healthy(findings) ? "healthy" : "not healthy") + '\n';
}

std::string report_json(const std::vector<Finding>& findings) {
  event_store::JsonWriter writer;
  writer.begin_object();
  writer.key("version");
  writer.integer(1);
  writer.key("healthy");
  writer.raw(is_healthy(findings) ? "true" : "false");
  for (const auto& [name, level] :
       {std::pair{"faults", Level::fault}, std::pair{"warnings", Level::warning},
        std::pair{"ok", Level::ok}}) {
    writer.key(name);
    writer.integer(count(findings, level));
  }
  writer.key("checks");
  writer.begin_array();
  for (const Finding& finding : findings) {
    writer.begin_object();
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string_view>{"check", finding.check},
          {"result", to_text(finding.level)},
          {"what", finding.what},
          {"why", finding.why},
          {"mend", finding.mend}}) {
      writer.key(name);
      writer.string(value);
    }
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take() + '\n';
}

}  // namespace signalbox::doctor
