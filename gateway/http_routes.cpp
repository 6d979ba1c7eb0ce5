#include "gateway/http_routes.hpp"

#include <string_view>
#include <utility>

namespace signalbox::gateway {
namespace {

// Takes one segment with the slash before it off `path`; empty at the end.
std::string_view take_segment(std::string_view& path) {
  const std::size_t end = path.find('/', 1);
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(segment.size());
  return segment;
}

bool matches_segments(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (wanted.starts_with("/{") ? given.size() < 2 : wanted != given) return false;
  }
  return pattern.empty() && path.empty();
}

bool matches(const HttpRoute& route, std::string_view path) {
  if (route.path.find('{') != route.path.npos) return matches_segments(route.path, path);
  if (!route.path.ends_with("/*")) return route.path == path;
  const std::string_view prefix = std::string_view(route.path).substr(0, route.path.size() - 1);
  return path.size() > prefix.size() && path.starts_with(prefix);
}

}  // namespace

void HttpRoutes::add(HttpRoute route) { routes_.push_back(std::move(route)); }

void HttpRoutes::add(const std::vector<HttpRoute>& routes) {
  routes_.insert(routes_.end(), routes.begin(), routes.end());
}

void HttpRoutes::serve(const HttpRequest& request, const HttpAnswer& answer) const {
  if (!is_allowed_host(request, hosts_))
    return answer(http_error(403, "forbidden", "this Host is not allowed", "Host"));
  const std::string_view method =
      request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
  std::string allowed;
  for (const HttpRoute& route : routes_) {
    if (!matches(route, request.path)) continue;
    if (route.method == method) {
      if (const auto* handler = std::get_if<HttpHandler>(&route.handler))
        return answer((*handler)(request));
      return std::get<LateHttpHandler>(route.handler)(request, answer);
    }
    allowed += (allowed.empty() ? "" : ", ") + route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (allowed.empty()) return answer(http_error(404, "not_found", "there is nothing at this path"));
  HttpResponse response = http_error(405, "method_not_allowed", "use " + allowed);
  response.headers.emplace_back("Allow", allowed);
  answer(std::move(response));
}

}  // namespace signalbox::gateway
