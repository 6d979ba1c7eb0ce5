// Gateway: the role as a whole, put together from its parts: shards, feed, listeners, server.
// Threads: its own; the functions below are called by one thread, the wiring's. Lifetime: log,
// history, clock and registry outlive it; the destructor stops it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/user_history.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/http.hpp"
#include "gateway/address_range.hpp"
#include "gateway/auth.hpp"
#include "gateway/limits.hpp"

namespace asio::ssl {
class context;
}
namespace prometheus {
class Registry;
}

namespace signalbox::gateway {

struct GatewayOptions {
  std::string listen = "127.0.0.1:8080";      // HOST:PORT; port 0 = any free one
  std::optional<std::string> admin_listen{};  // none: no admin port, or the public one with dev
  bool dev = false;                           // /dev/token; refused on any address but loopback
  std::size_t shards = 0;                     // 0 = one per core
  std::string instance = "gateway";           // names this gateway in records
  std::uint64_t seed = 0;                     // of ids; from the system's randomness in the product
  std::vector<std::string> agents{"assistant", "playbook"};
  std::vector<std::string> origins{};           // allowed besides the Host itself
  std::vector<AddressRange> connects_exempt{};  // from limits.connects
  std::vector<AddressRange> trusted_proxies{};  // whose X-Forwarded-For is believed
  std::shared_ptr<asio::ssl::context> tls{};    // of the public port; none: it speaks plain HTTP
  GatewayLimits limits{};
  KeySet keys;
  TokenRules tokens{};
  std::chrono::milliseconds expiry_warning{60'000};  // before the token of an open socket expires
  // For what log and history still owe when it stops; longer than a log takes to give up itself.
  std::chrono::milliseconds answers_patience{20'000};
  std::optional<TokenKey> dev_key{};       // signs what /dev/token gives out
  std::vector<HttpRoute> public_routes{};  // beside /healthz and /readyz
  std::vector<HttpRoute> admin_routes{};   // beside /metrics
  // Made with who lets auditors in; on the admin port.
  std::function<std::vector<HttpRoute>(const HttpAuthorizer&)> audit_routes{};
  // Made with who lets other services in; on the admin port.
  std::function<std::vector<HttpRoute>(const HttpAuthorizer&)> service_routes{};
  // Answers /readyz, given this gateway's own reasons not to be ready. Any thread.
  std::function<HttpResponse(std::vector<std::string> reasons)> readiness{};  // none: those alone
};

class Gateway {
 public:
  // Opens the listeners and serves; where `history` is null, what is older than the window is read
  // from the log. Blocking. Errors: bad_config, io_error (address in use).
  [[nodiscard]] static Result<std::unique_ptr<Gateway>> start(event_store::EventLog& log,
                                                              event_store::UserHistory* history,
                                                              const Clock& clock,
                                                              prometheus::Registry& registry,
                                                              GatewayOptions options);
  ~Gateway();

  // HOST:PORT as bound; the admin address is empty where there is no admin port.
  [[nodiscard]] const std::string& address() const;
  [[nodiscard]] const std::string& admin_address() const;
  void replace_keys(KeySet keys);
  void replace_tls(const std::shared_ptr<asio::ssl::context>& tls);  // where there was one
  void replace_revocations(Revocations revocations);
  // Those of live_limits(); `frame_bytes_max` and `handshake` for connections that come. Who has
  // more than is allowed now keeps it. Before drain(), on the same thread.
  void replace_limits(const GatewayLimits& wanted);

  // Stops accepting, tells every client when to come back, answers what was sent, closes (4000).
  // Blocking, at most `grace`.
  void drain(std::chrono::milliseconds grace);
  // Ends what is left. Blocking, until the log has answered every append, or answers_patience is
  // over: then what was asked is given up, with a line in the log, and an answer that comes after
  // all finds nobody. Again: no effect.
  void stop();

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace signalbox::gateway
