// HttpServer: the gateway's server without sockets of clients, for roles that only answer HTTP:
// routes that were made elsewhere, on one address, plain HTTP. A request for an upgrade gets 404.
// Threads: two of its own; the functions below are called by one thread, the wiring's. Lifetime:
// what the routes refer to outlives it; the destructor ends what is left.
#pragma once

#include <prometheus/registry.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "event-store/model/http.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::gateway {

struct HttpServerOptions {
  std::string listen = "127.0.0.1:8081";  // HOST:PORT; port 0 = any free one
  bool dev = false;  // only a Host that is loopback is answered, against pages elsewhere
};

class HttpServer {
 public:
  // Errors: bad_config, io_error (address in use).
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(
      const HttpServerOptions& options, const std::vector<HttpRoute>& routes);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // HOST:PORT as bound.
  [[nodiscard]] const std::string& address() const;

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// What every process answers, whatever its role (contract 12).
[[nodiscard]] HttpRoute make_health_route();
// The answer of /readyz: 200 where there is no reason, else 503; `parts` is an object that says,
// by the names of the process's parts, where each stands in the partitions it holds.
[[nodiscard]] HttpResponse make_readiness(const std::vector<std::string>& reasons,
                                          nlohmann::json parts);
// What /metrics tells; the registry outlives it. Any thread.
[[nodiscard]] HttpRoute make_metrics_route(prometheus::Registry& registry);

}  // namespace signalbox::gateway
