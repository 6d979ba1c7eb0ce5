// HttpRoutes: which handler answers a request. Filled before the server starts, then read by every
// shard.
#pragma once

#include <string>
#include <vector>

#include "event-store/model/http.hpp"
#include "gateway/handshake.hpp"

namespace signalbox::gateway {

class HttpRoutes {
 public:
  explicit HttpRoutes(HostRule hosts = HostRule::any) : hosts_(hosts) {}
  void add(HttpRoute route);
  void add(const std::vector<HttpRoute>& routes);
  // HEAD is answered by the GET handler; its body is left out by the server. 404 for an unknown
  // path, 403 for a Host that is not allowed, 405 with Allow for an unknown method of a known one.
  void serve(const HttpRequest& request, const HttpAnswer& answer) const;

 private:
  HostRule hosts_;
  std::vector<HttpRoute> routes_;
};

}  // namespace signalbox::gateway
