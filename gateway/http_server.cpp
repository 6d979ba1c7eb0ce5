#include "gateway/http_server.hpp"

#include <prometheus/text_serializer.h>

#include <spdlog/spdlog.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "gateway/http_routes.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/limits.hpp"
#include "gateway/listener.hpp"
#include "gateway/websocket_server.hpp"

namespace signalbox::gateway {
namespace {

constexpr int kPort = 0;
constexpr std::chrono::milliseconds kPoll{5};
constexpr std::chrono::seconds kCloseMax{2};

}  // namespace

struct HttpServer::Parts {
  explicit Parts(HostRule hosts)
      : routes(hosts), io_thread("http-io-0"), listener_thread("http-accept") {}

  HttpRoutes routes;
  IoThread io_thread;
  IoThread listener_thread;
  std::optional<WebsocketServer> server;
  std::unique_ptr<Listener> listener;
};

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

HttpServer::~HttpServer() {
  Parts& parts = *parts_;
  if (parts.listener) parts.listener->close();
  parts.server->close_all(CloseCode::going_away, "the process stops");
  const auto give_up = std::chrono::steady_clock::now() + kCloseMax;
  while (parts.server->connections() != 0 && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(kPoll);
  parts.server->cut_all();
  parts.listener_thread.finish();
  parts.io_thread.finish();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                      const std::vector<HttpRoute>& routes) {
  std::unique_ptr<HttpServer> server(
      new HttpServer(std::make_unique<Parts>(options.dev ? HostRule::loopback : HostRule::any)));
  Parts& parts = *server->parts_;
  parts.routes.add(routes);
  parts.io_thread.start();
  parts.listener_thread.start();
  parts.server.emplace(
      std::vector<IoThread*>{&parts.io_thread}, ServerOptions{},
      [](std::size_t, const UpgradeRequest&, int) {
        return UpgradeAnswer{.refusal = http_error(404, "not_found", "no sockets here")};
      },
      [&parts](const HttpRequest& request, int, const HttpAnswer& answer) {
        parts.routes.serve(request, answer);
      });
  auto listener = Listener::open(
      parts.listener_thread, options.listen,
      [&parts](AcceptedSocket socket) { parts.server->adopt(std::move(socket), kPort); },
      [](const std::string& why) { spdlog::warn("a connection was not accepted: {}", why); },
      GatewayLimits{}.accepts_per_second);
  if (!listener) return tl::unexpected(listener.error());
  parts.listener = *std::move(listener);
  parts.listener->start();
  return server;
}

const std::string& HttpServer::address() const { return parts_->listener->address(); }

HttpRoute make_health_route() {
  return {"GET", "/healthz",
          [](const HttpRequest&) { return HttpResponse{.body = "{\"status\":\"ok\"}\n"}; }};
}

HttpResponse make_readiness(const std::vector<std::string>& reasons, nlohmann::json parts) {
  parts["ready"] = reasons.empty();
  parts["reasons"] = reasons;
  return {.status = reasons.empty() ? 200 : 503, .body = parts.dump() + "\n"};
}

HttpRoute make_metrics_route(prometheus::Registry& registry) {
  return {"GET", "/metrics", [&registry](const HttpRequest&) {
            return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                .body = prometheus::TextSerializer().Serialize(registry.Collect())};
          }};
}

}  // namespace signalbox::gateway
