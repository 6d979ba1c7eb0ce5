#include "ops/watch/probe_text.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "event-store/model/timestamp.hpp"

namespace signalbox::watch {
namespace {

std::string in_milliseconds(std::chrono::microseconds time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", static_cast<double>(time.count()) / 1000.0);
  return text.data();
}

std::string standing_text(const Standing& standing) {
  return std::to_string(standing.succeeded) + " of " + std::to_string(standing.probes) +
         " in the window" + (standing.verdict == Verdict::undecided ? ", too early to judge" : "");
}

std::string failure_text(const ProbeFailure& failure) {
  return std::string(to_text(failure.stage)) + ": " + failure.words;
}

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::undecided: return "undecided";
    case Verdict::healthy: return "healthy";
    case Verdict::broken: return "broken";
  }
  return "";
}

}  // namespace

std::string terminal_line(const ProbeReport& report, const Standing& standing) {
  const std::string time = signalbox::to_text(report.started);
  std::string line = time.substr(11, 8) + (report.failure ? "  FAILED  " : "  ok  ") +
                     in_milliseconds(report.total) + " ms:";
  for (std::size_t i = 0; i < kStages; ++i)
    if (report.stages[i])
      line += " " + std::string(to_text(static_cast<Stage>(i))) + " " +
              in_milliseconds(*report.stages[i]);
  if (report.failure) line += "; " + failure_text(*report.failure);
  return line + "; " + standing_text(standing);
}

std::string json_line(const ProbeReport& report, const Standing& standing, Timestamp now) {
  nlohmann::ordered_json line{
      {"time", signalbox::to_text(now)},
      {"level", report.failure ? "warning" : "info"},
      {"message", report.failure ? "probe failed at " + failure_text(*report.failure)
                                 : std::string("probe succeeded")},
      {"message_id", report.message_id},
      {"started", signalbox::to_text(report.started)},
      {"total_us", report.total.count()}};
  for (std::size_t i = 0; i < kStages; ++i)
    if (report.stages[i])
      line["stages_us"][std::string(to_text(static_cast<Stage>(i)))] = report.stages[i]->count();
  if (report.failure) line["failed_stage"] = to_text(report.failure->stage);
  line["window"] = {{"probes", standing.probes},
                    {"succeeded", standing.succeeded},
                    {"verdict", to_text(standing.verdict)}};
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace signalbox::watch
