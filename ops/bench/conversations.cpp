#include "ops/bench/conversations.hpp"

#include <zlib.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

namespace signalbox::bench {

namespace {

constexpr std::size_t kLineBytesMax = 64U << 20;

struct CloseGzip {
  void operator()(gzFile_s* file) const noexcept { gzclose(file); }
};
using Gzip = std::unique_ptr<gzFile_s, CloseGzip>;

enum class Read { line, end, failed };

// gzgets reads plain files as they are.
Read read_line(gzFile_s* file, std::string& line) {
  std::array<char, 65536> part{};
  line.clear();
  while (line.size() < kLineBytesMax) {
    if (gzgets(file, part.data(), static_cast<int>(part.size())) == nullptr) {
      int code = Z_OK;
      gzerror(file, &code);
      if (code != Z_OK && code != Z_STREAM_END) return Read::failed;
      return line.empty() ? Read::end : Read::line;
    }
    line += part.data();
    if (line.back() == '\n') {
      line.pop_back();
      return Read::line;
    }
  }
  return Read::failed;
}

// Throws nlohmann's exception where a field is missing or of another type.
Conversation parse(const std::string& line) {
  const nlohmann::json object = nlohmann::json::parse(line);
  Conversation conversation{object.at("conversation_id").get<std::string>(), {}};
  for (const nlohmann::json& turn : object.at("turns")) {
    Turn parsed{turn.at("user").get<std::string>(), {}, turn.at("assistant").get<std::string>()};
    for (const nlohmann::json& call : turn.at("tools"))
      parsed.calls.push_back(
          {call.at("name").get<std::string>(), call.at("arguments"), call.at("result")});
    conversation.turns.push_back(std::move(parsed));
  }
  return conversation;
}

}  // namespace

Result<std::vector<Conversation>> load_conversations(const std::string& path) {
  const Gzip file(gzopen(path.c_str(), "rb"));
  if (!file) return failure(Errc::not_found, path + ": cannot be opened");
  std::vector<Conversation> conversations;
  std::string line;
  for (int number = 1;; ++number) {
    const Read read = read_line(file.get(), line);
    if (read == Read::end) break;
    if (read == Read::failed) return failure(Errc::io_error, path + ": cannot be read");
    if (line.empty()) continue;
    try {
      conversations.push_back(parse(line));
    } catch (const nlohmann::json::exception& wrong) {
      return failure(Errc::bad_config, path + ":" + std::to_string(number) + ": " + wrong.what());
    }
  }
  if (conversations.empty()) return failure(Errc::bad_config, path + ": holds no conversation");
  return conversations;
}

}  // namespace signalbox::bench
