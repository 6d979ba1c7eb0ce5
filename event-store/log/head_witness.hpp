// HeadWitness: how many rows the log had after its newest commit, kept beside the log file, so that
// rows that vanish at the end are noticed: SQLite takes a damaged write-ahead log for a shorter one
// and says nothing. It is written only after a commit is on disk and is not synced itself: it
// survives the end of the process and may fall behind in a power cut, but is never ahead of what
// was durable. <dir>/head, 4096 bytes:
//   0  "sbxhead1"   8  log_id (16 bytes)   24  u64 rows, in the machine's byte order
// Thread: one. Private to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

class HeadWitness {
 public:
  // Whether a log was ever opened for writing in this directory.
  [[nodiscard]] static bool exists(const std::string& dir);
  // What it says of this log, without touching it; nullopt where there is none that says it.
  [[nodiscard]] static std::optional<std::int64_t> peek(const std::string& dir, const LogId& log);
  // Compares with what the log has and creates the file where there is none. Errors: corrupt (the
  // log has fewer rows, or is another log), io_error, disk_full.
  [[nodiscard]] static Result<HeadWitness> open(const std::string& dir, const LogId& log,
                                                std::uint64_t rows);
  void set(std::uint64_t rows);

 private:
  struct Unmap {
    void operator()(std::uint8_t* page) const noexcept;
  };
  explicit HeadWitness(std::uint8_t* page) : page_(page) {}
  std::unique_ptr<std::uint8_t, Unmap> page_;
};

}  // namespace signalbox::event_store
