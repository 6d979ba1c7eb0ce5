// DumpedLog: the events of a whole log as tests/chaos/log_dump.py or the simulation wrote it, a
// partition at a time. Memory: one partition. One thread.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/event_log.hpp"

namespace signalbox::chaos {

class DumpedLog {
 public:
  // Errors, as of read(): io_error, or corrupt: it is no such dump, with the line that is wrong.
  [[nodiscard]] static Result<DumpedLog> open(const std::string& path);
  [[nodiscard]] const event_store::LogDescription& describe() const { return log_; }

  // Everything in events of the partition behind the one that was read last, from 0 on; nullopt
  // behind the last one. Of what stands behind that nothing is read: the dump must end there.
  [[nodiscard]] Result<std::optional<std::vector<RecordPtr>>> read();

 private:
  DumpedLog(std::ifstream lines, event_store::LogDescription log);

  // Those of inbound are passed over.
  [[nodiscard]] Result<RecordPtr> next_event();
  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& why) const;
  [[nodiscard]] Result<RecordPtr> event_of(const std::string& line) const;

  std::ifstream lines_;
  event_store::LogDescription log_;
  std::int64_t line_number_ = 1;
  std::int32_t partitions_read_ = 0;
  RecordPtr waiting_;  // the first of a further partition
};

}  // namespace signalbox::chaos
