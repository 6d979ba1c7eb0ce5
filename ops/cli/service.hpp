// Service: the roles of one process over one log, all of them or some: gateway, router and event
// store, built bottom-up and taken down in the opposite order. Made, drained and destroyed by the
// main thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event-store/model/result.hpp"
#include "ops/cli/serve_options.hpp"

namespace signalbox::cli {

class Service {
 public:
  // Called on any thread.
  struct Alarms {
    // The log has ended for good: the process must answer nobody any more.
    std::function<void(const Error&)> log_ended;
    // A partition cannot be served any longer; the others go on.
    std::function<void(const Error&)> partition_stopped;
  };

  // Opens the data directory and serves. Errors: those of the parts.
  [[nodiscard]] static Result<std::unique_ptr<Service>> start(const ServeOptions& options,
                                                              Alarms alarms);
  // Ends what is left; without drain() before it, as after a crash.
  ~Service();

  // HOST:PORT as bound.
  [[nodiscard]] const std::string& address() const;
  // Why this process is not ready; none once it is.
  [[nodiscard]] std::vector<std::string> not_ready() const;
  // Reads keys and revocations anew, soon, and the certificate at once. Blocking.
  void reload();
  // Takes those limits of `options` whose settings are live, and shows all of them. Before drain().
  void replace_limits(const ServeOptions& options);
  // Stops accepting, tells clients when to come back, releases the partitions. Blocking, at most
  // twice `grace`.
  void drain(std::chrono::milliseconds grace);

 private:
  struct Parts;
  explicit Service(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace signalbox::cli
