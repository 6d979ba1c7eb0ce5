// StoredRow: one row of the embedded log as it lies in the file, before anybody judged it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/contract/sha256_batch.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

// The views are good until the reader goes on.
struct StoredRow {
  std::int64_t number;  // of the row in the log: 1, 2, 3 ... in the order they were written
  std::int64_t place;   // topic * 2^24 + partition
  Offset offset;
  Timestamp appended_at;
  std::optional<std::string_view> key;
  std::string_view headers;
  std::string_view value;
  std::string_view sha256;
};

// In counters: how many rows were ever written.
inline constexpr std::int64_t kRowsCounter = -1;
[[nodiscard]] std::int64_t place_number(const TopicPartition& at);
// nullopt where there is no such place in a log of so many partitions.
[[nodiscard]] std::optional<TopicPartition> place_of(std::int64_t place, std::int32_t partitions);
// `inbound partition 3 offset 17`
[[nodiscard]] std::string name_place(const TopicPartition& at, Offset offset);
// Whether the row has the checksum that belongs to it.
[[nodiscard]] bool is_as_written(const StoredRow& row);
// The same of many at once. Thread: one.
class RowChecks {
 public:
  void add(const StoredRow& row);
  // Of the rows in the order they were added, good until the next call; then it begins anew.
  [[nodiscard]] const std::vector<bool>& finish();
  // The same: how many there are before the first that is not.
  [[nodiscard]] std::size_t count_whole();

 private:
  struct Stated {
    TopicPartition at;
    Offset offset;
    Timestamp appended_at;
    std::optional<Hash> sha256;  // none: it has another length
  };
  Sha256Batch contents_{};
  Sha256Batch rows_{};
  std::vector<Stated> stated_{};
  std::vector<bool> are_as_written_{};
};
// Its record, or null where it is not what was written.
[[nodiscard]] RecordPtr verified_record(const StoredRow& row, const TopicPartition& at);
// The same without its checksum, which RowChecks looks at; null: its headers cannot be taken apart.
[[nodiscard]] RecordPtr record_of(const StoredRow& row, const TopicPartition& at);

}  // namespace signalbox::event_store
