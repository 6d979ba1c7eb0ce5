// KafkaEnds: how far each partition is known to reach, from what was reported or delivered in this
// process. A broker that has just become the leader may say less for a moment; who reads then asks
// again. Threads: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "event-store/model/record.hpp"

namespace signalbox::event_store {

class KafkaEnds {
 public:
  explicit KafkaEnds(std::int32_t partitions)
      : partitions_(static_cast<std::size_t>(partitions)), ends_(kTopicCount * partitions_) {}

  void raise(const TopicPartition& at, Offset end) {
    std::atomic<std::int64_t>& known = ends_[index(at)];
    std::int64_t before = known.load();
    while (before < end.value() && !known.compare_exchange_weak(before, end.value())) {
    }
  }
  [[nodiscard]] Offset at_least(const TopicPartition& at) const {
    return Offset(ends_[index(at)].load());
  }

 private:
  [[nodiscard]] std::size_t index(const TopicPartition& at) const {
    return static_cast<std::size_t>(at.topic) * partitions_ +
           static_cast<std::size_t>(at.partition.value());
  }

  const std::size_t partitions_;
  std::vector<std::atomic<std::int64_t>> ends_;
};

}  // namespace signalbox::event_store
