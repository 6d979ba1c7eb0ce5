// RowBatch: some rows of a log, with the hashes that their judgement needs. Those of many rows at
// once cost a fraction of what they do one by one (sha256_batch.hpp). Memory: at most kRowsMax
// rows, and no further one once they have kBytesMax bytes; what is kept from batch to batch is as
// little. Thread: one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "event-store/contract/chain.hpp"
#include "event-store/log/stored_row.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::replay {

class RowBatch {
 public:
  static constexpr std::size_t kRowsMax = 128;
  static constexpr std::size_t kBytesMax = 256 * 1024;

  // Of at most so many rows; with fewer it is slower, and nothing else.
  explicit RowBatch(std::size_t rows_max) : rows_max_(rows_max) {
    rows_.reserve(rows_max);  // so that views of them stay good
  }
  RowBatch(const RowBatch&) = delete;
  RowBatch& operator=(const RowBatch&) = delete;

  struct Row {
    event_store::StoredRow stored;  // its views are of what is beside it
    Record record;                  // without headers where they cannot be taken apart
    std::string headers{};          // then: as they are stored
    std::string sha256{};
    bool is_readable = false;
    bool is_as_written = false;          // where that was wanted
    event_store::ContentHash content{};  // likewise, with what the event states of the chain
    event_store::StatedPlace stated_place{};
  };

  struct Wanted {
    bool checksum;  // of the row, as the embedded log has it
    bool content;   // of what is readable; for the user's chain
  };

  [[nodiscard]] bool is_full() const { return size_ == rows_max_ || bytes_ >= kBytesMax; }
  // A copy, to one that is not full; `at`: what the row's place means.
  void add(const event_store::StoredRow& row, const TopicPartition& at, Wanted wanted);
  // With their hashes, in the order they were added. Good until the next is added, which begins
  // anew.
  [[nodiscard]] std::span<const Row> finish();

 private:
  Row& place_for(const event_store::StoredRow& row, const TopicPartition& at);

  std::size_t rows_max_;
  std::vector<Row> rows_{};             // those beyond size_ keep their room, unless it is large
  std::vector<std::size_t> checked_{};  // numbers of those in rows_
  std::vector<std::size_t> hashed_{};
  bool is_finished_ = false;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  event_store::RowChecks checks_{};
  event_store::ContentHashBatch contents_{};
  std::vector<Header> split_{};
};

}  // namespace signalbox::replay
