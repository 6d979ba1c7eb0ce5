#include "ops/bench/conversations.hpp"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "event-store/contract/json_reader.hpp"

namespace signalbox::bench {

namespace {

constexpr std::size_t kLineBytesMax = 64U << 20;

struct CloseGzip {
  void operator()(gzFile_s* file) const noexcept { gzclose(file); }
};
using Gzip = std::unique_ptr<gzFile_s, CloseGzip>;

enum class Read { line, end, failed };

// The lines of a file, gzip or plain, whatever bytes are in them.
class LineReader {
 public:
  explicit LineReader(Gzip file) : file_(std::move(file)) {}

  Read next(std::string& line) {
    line.clear();
    while (line.size() < kLineBytesMax) {
      if (rest_.empty() && !read_part()) return Read::failed;
      if (rest_.empty()) return line.empty() ? Read::end : Read::line;
      const std::string_view piece = rest_.substr(0, rest_.find('\n'));
      const bool is_whole = piece.size() < rest_.size();
      line += piece;
      rest_.remove_prefix(piece.size() + (is_whole ? 1 : 0));
      if (is_whole) return Read::line;
    }
    return Read::failed;
  }

 private:
  // Leaves nothing in `rest_` at the end of the file. gzread reads plain files as they are.
  bool read_part() {
    const int size = gzread(file_.get(), part_.data(), static_cast<unsigned>(part_.size()));
    int code = Z_OK;
    gzerror(file_.get(), &code);
    if (size < 0 || (code != Z_OK && code != Z_STREAM_END)) return false;
    rest_ = {part_.data(), static_cast<std::size_t>(size)};
    return true;
  }

  Gzip file_;
  std::array<char, 65536> part_{};
  std::string_view rest_;  // of part_: read and not given out
};

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
  Gzip file(gzopen(path.c_str(), "rb"));
  if (!file)
    return failure(Errc::not_found, "--conversations: " + path + ": " + std::strerror(errno));
  LineReader lines(std::move(file));
  std::vector<Conversation> conversations;
  std::string line;
  for (int number = 1;; ++number) {
    const Read taken = lines.next(line);
    if (taken == Read::end) break;
    if (taken == Read::failed) return failure(Errc::io_error, path + ": cannot be read");
    if (line.empty()) continue;
    const auto wrong = [&](const std::string& what) {
      return failure(Errc::bad_config, path + ":" + std::to_string(number) + ": " + what);
    };
    // What is nested is copied and compared a level at a time: not as deep as somebody likes.
    if (const auto read = event_store::read_json_object(line); !read)
      return wrong(read.error().message);
    try {
      conversations.push_back(parse(line));
    } catch (const nlohmann::json::exception& error) {
      return wrong(error.what());
    }
  }
  if (conversations.empty()) return failure(Errc::bad_config, path + ": holds no conversation");
  return conversations;
}

}  // namespace signalbox::bench
