// EndedRuns: what a report says of the runs that have ended, told when they ended and kept until
// the report comes to them. Memory: kBufferBytesMax and about 24 bytes a run; what is more lies in
// a file without a name, which ends with the object. Thread: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"
#include "replay/known_state.hpp"

namespace signalbox::replay {

class EndedRuns {
 public:
  static constexpr std::size_t kBufferBytesMax = 1024 * 1024;

  using Tell = std::function<std::string(const KnownRun&)>;
  // `folder`: of the file, which is made when there is more than the buffer takes.
  EndedRuns(Tell tell, std::string folder) : tell_(std::move(tell)), folder_(std::move(folder)) {}

  // What is kept of such a run.
  [[nodiscard]] std::string tell(const KnownRun& run) const { return tell_(run); }
  // Error io_error: the file cannot be made or written; told with what to do.
  [[nodiscard]] Result<void> add(const KnownRun& run);
  // Whether add() has failed, so that it is not complete.
  [[nodiscard]] bool has_failed() const { return has_failed_; }
  // As if none had been added.
  void clear();

  struct Place {
    Seq received;  // seq of message_received
    std::uint64_t begin;
    std::uint64_t size;
  };
  // By thread, in the order of their messages.
  [[nodiscard]] const std::map<ThreadId, std::vector<Place>>& threads() const { return threads_; }
  // What was told of it. Error io_error: the file cannot be read.
  [[nodiscard]] Result<std::string> text_at(const Place& place) const;

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  [[nodiscard]] Result<void> write_buffer();
  [[nodiscard]] tl::unexpected<Error> failed(const std::string& what, const std::string& why) const;

  const Tell tell_;
  const std::string folder_;
  std::map<ThreadId, std::vector<Place>> threads_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t file_bytes_ = 0;
  std::string buffer_;  // follows what the file holds
  bool has_failed_ = false;
};

}  // namespace signalbox::replay
