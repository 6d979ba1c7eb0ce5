// LogPatience: how one partition bears a log that does not answer. A broker that is away comes
// back: what it would have told is asked for again, after waits that grow to a limit and have some
// chance in them, so that the partitions of a process do not all ask at once. Said once in the log
// when it begins and once when it is over. Thread: the router's.
#pragma once

#include <chrono>
#include <optional>

#include "event-store/model/ids.hpp"
#include "event-store/model/random.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::router {

struct LogPatienceOptions {
  std::chrono::milliseconds first{200};  // plus up to as much again, by chance; then twice as long
  std::chrono::milliseconds most{5000};
};

class LogPatience {
 public:
  LogPatience(Partition partition, LogPatienceOptions options, Random& random)
      : partition_(partition), options_(options), random_(random) {}

  // How long to wait until it is asked again.
  [[nodiscard]] std::chrono::milliseconds next(const Error& why);
  // It answered.
  void over();
  // Why something waits for the log; none: nothing does.
  [[nodiscard]] const std::optional<Error>& why() const { return why_; }

 private:
  Partition partition_;
  LogPatienceOptions options_;
  Random& random_;
  std::optional<Error> why_;
  std::chrono::milliseconds wait_{0};
};

}  // namespace signalbox::router
