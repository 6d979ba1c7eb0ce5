#include "ops/cli/json_log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "event-store/model/timestamp.hpp"

namespace signalbox::cli {
namespace {

class JsonLineFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto quote = [](std::string_view text) {
      return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    const auto level = spdlog::level::to_string_view(message.level);
    std::string text =
        "{\"time\":\"" +
        to_text(std::chrono::time_point_cast<std::chrono::microseconds>(message.time)) +
        "\",\"level\":\"" + std::string(level.data(), level.size()) +
        "\",\"message\":" + quote({message.payload.data(), message.payload.size()}) + "}\n";
    line.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonLineFormatter>();
  }
};

}  // namespace

void log_as_json_lines() {
  auto logger = std::make_shared<spdlog::logger>("signalbox",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<JsonLineFormatter>());
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace signalbox::cli
