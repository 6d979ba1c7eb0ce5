// QuarantineDesk: what lies in quarantine and what a person decided about it (contract 2). The
// answers lie in the same topic and partition as what they are about.
//
// A retry is durable in inbound before it is called resolved: whoever ends in between finds the
// record open, and a second retry appends it once more, which a message id tells (contract 6).
// Thread: any, one at a time; blocks on the log. Memory: the ids of one partition.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "event-store/log/event_log.hpp"
#include "event-store/model/quarantine.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

struct QuarantineEntry {
  Quarantined record;
  TopicPartition at;  // of the quarantine record itself
  Offset offset;
  std::optional<std::string> user;
  std::optional<std::string> resolved;  // how
};

class QuarantineDesk {
 public:
  // Appends and waits until it is durable.
  using Append = std::function<Result<Offset>(TopicPartition, NewRecord)>;
  struct Signature {
    std::string source;
    Timestamp time;
  };

  explicit QuarantineDesk(EventLog& log) : log_(log) {}

  // Visits each once, partition by partition, in the order in which they came.
  using Visit = std::function<void(const QuarantineEntry&)>;
  [[nodiscard]] Result<void> scan(const Visit& visit);
  // Error not_found.
  [[nodiscard]] Result<QuarantineEntry> find(std::string_view id);

  // The same key, headers and value to inbound, to the partition of the key. Errors: not_found,
  // bad_field (resolved already, or kept in part only), those of the log.
  [[nodiscard]] Result<Offset> retry(std::string_view id, const Signature& by, Random& random,
                                     const Append& append);
  // Nobody will act on it. Errors: not_found, bad_field (resolved already), those of the log.
  [[nodiscard]] Result<void> drop(std::string_view id, const Signature& by, Random& random,
                                  const Append& append);

 private:
  using Answers = std::map<std::string, std::string, std::less<>>;
  [[nodiscard]] Result<void> read(TopicPartition at,
                                  const std::function<void(const Record&)>& visit);
  [[nodiscard]] Result<void> scan_partition(TopicPartition at, const Visit& visit);
  [[nodiscard]] Result<QuarantineEntry> find_open(std::string_view id);
  [[nodiscard]] Result<void> resolve(const QuarantineEntry& entry, std::string how,
                                     const Signature& by, Random& random, const Append& append);

  EventLog& log_;
};

}  // namespace signalbox::event_store
