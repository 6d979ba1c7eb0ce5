#include "ops/bench/history_file.hpp"

#include <array>
#include <chrono>
#include <utility>

#include "ops/bench/digest.hpp"

namespace signalbox::bench {

namespace {

constexpr std::array kFrameFields{"type",    "seq",       "cursor",    "run_id",
                                  "user_id", "thread_id", "time",      "websocket_client_id",
                                  "attempt", "code",      "message_id"};

}  // namespace

HistoryFile::HistoryFile(const std::string& path) : wanted_(!path.empty()) {
  if (wanted_) file_.open(path, std::ios::trunc);
}

void HistoryFile::add(const std::string& user, std::string_view kind, nlohmann::json line) {
  if (!is_on()) return;
  line["t"] = std::chrono::steady_clock::now().time_since_epoch().count();
  line["user"] = user;
  line["kind"] = kind;
  file_ << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void HistoryFile::add_frame(const std::string& user, std::string_view text,
                            const nlohmann::json& frame, nlohmann::json line) {
  if (!is_on()) return;
  line["sha256"] = sha256_hex(text);
  for (const char* field : kFrameFields)
    if (const auto found = frame.find(field); found != frame.end()) line[field] = *found;
  if (const auto data = frame.find("data"); data != frame.end())
    line["data_sha256"] =
        sha256_hex(data->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  add(user, "frame", std::move(line));
}

bool HistoryFile::ok() {
  if (!wanted_) return true;
  file_.flush();
  return file_.is_open() && file_.good();
}

}  // namespace signalbox::bench
