// HistoryFile: everything the bench's clients did and saw, one JSON object a line, for checkers
// that judge a run afterwards. Fields of every line: `t` (monotonic nanoseconds), `user`, `kind`.
//   invoke   op: user_message with message_id, thread_id, content_sha256, n (1 = first time), or
//            resume with from: until its ok or unknown, frames are those of the history read again
//   ok       op, message_id, run_id; or op: resume, cursor
//   fail     op, message_id, code: of an error frame; op: stream where events cannot be read,
//            before the socket is closed
//   unknown  op, message_id, why: the socket ended before an answer
//   socket   state: open, ready or ended; address, client_id, cursor (asked for or given),
//            code, why
//   frame    type, sha256 of the frame's text, data_sha256 of its data, and those of
//            kFrameFields that it has
// Of users with several sockets at a time every line has `device` too.
// Thread: one. Failing to write is reported by ok() at the end.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace signalbox::bench {

class HistoryFile {
 public:
  // An empty path: nothing is recorded.
  explicit HistoryFile(const std::string& path);

  [[nodiscard]] bool is_on() const { return file_.is_open(); }
  // `line` gets its time here.
  void add(const std::string& user, std::string_view kind, nlohmann::json line);
  // `line`: what it has beside the fields of the frame.
  void add_frame(const std::string& user, std::string_view text, const nlohmann::json& frame,
                 nlohmann::json line = nlohmann::json::object());
  // False when something could not be written.
  [[nodiscard]] bool ok();

 private:
  std::ofstream file_;
  bool wanted_;
};

}  // namespace signalbox::bench
