// Record: what a log holds, as stored: bytes that nobody has judged or parsed yet. Event and
// Command are what such bytes may mean.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/clock.hpp"
#include "event-store/model/headers.hpp"
#include "event-store/model/ids.hpp"

namespace signalbox {

// Persisted by number in the embedded log: append only.
enum class Topic : std::uint8_t {
  inbound = 0,
  events = 1,
  progress = 2,  // volatile: a ring in memory on the embedded log
  connections = 3,
  snapshots = 4,
  quarantine = 5,
};
inline constexpr int kTopicCount = 6;

// Bare name; the prefix (`signalbox.`) belongs to the broker's side.
[[nodiscard]] std::string_view to_text(Topic topic);

struct TopicPartition {
  Topic topic;
  Partition partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// A record that has no place in the log yet.
struct NewRecord {
  std::optional<std::string> key;
  Headers headers;
  std::string value;
  friend bool operator==(const NewRecord&, const NewRecord&) = default;
};

struct Record {
  TopicPartition at;
  Offset offset;
  Timestamp appended_at;  // the log's clock (LogAppendTime); decides retention, nothing else
  std::optional<std::string> key;
  Headers headers;
  std::string value;

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return headers.find(name);
  }
};
// Records are shared, never changed: one copy serves router, gateway and archive of a process.
using RecordPtr = std::shared_ptr<const Record>;

// What a record occupies in memory and on disk, roughly; for byte limits of reads and windows.
[[nodiscard]] std::size_t size_bytes(const Record& record);

}  // namespace signalbox
