#include "gateway/web_pages.hpp"

#include <memory>
#include <string_view>
#include <utility>

#include "event-store/contract/sha256.hpp"
#include "gateway/web/embedded_pages.hpp"

namespace signalbox::gateway {
namespace {

// Scripts, styles and sockets of this origin and nothing else; `data:` is the icon in the page.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  return "text/javascript; charset=utf-8";
}

// For a value of an attribute between double quotes.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '"')
      safe += "&quot;";
    else
      safe += c;
  }
  return safe;
}

void replace_once(std::string& text, std::string_view what, const std::string& with) {
  if (const std::size_t at = text.find(what); at != text.npos) text.replace(at, what.size(), with);
}

bool is_of_audit(std::string_view name) { return name.starts_with("audit"); }

// Colours, controls and signing in are those of the chat page.
bool is_shared(std::string_view name) { return name == "chat.css" || name == "signalbox_page.js"; }

std::string path_of(std::string_view name) {
  if (name == "chat.html") return "/";
  return "/" + std::string(name == "audit.html" ? "audit" : name);
}

// What a page is told about this service stands in its attributes.
std::string filled_in(std::string_view page, const PageOptions& options) {
  std::string agents;
  for (const std::string& agent : options.agents) agents += (agents.empty() ? "" : "\n") + agent;
  std::string text(page);
  replace_once(text, "{{sign_in}}", options.dev ? "name" : "token");
  replace_once(text, "{{agents}}", escaped(agents));
  return text;
}

// If-None-Match: a list of tags, each maybe weak, or any.
bool names_tag(std::string_view list, std::string_view tag) {
  return list == "*" || list.find(tag) != list.npos;
}

HttpHandler serve(std::string_view name, std::string text) {
  HttpResponse whole{.content_type = std::string(type_of(name)), .body = std::move(text)};
  const std::string tag = '"' + event_store::to_hex(event_store::sha256(whole.body)) + '"';
  whole.headers = {{"ETag", tag},
                   {"Cache-Control", "no-cache"},
                   {"Content-Security-Policy", std::string(kPagePolicy)}};
  HttpResponse unchanged = whole;  // its body is not sent, only counted
  unchanged.status = 304;
  const auto answers = std::make_shared<const std::pair<HttpResponse, HttpResponse>>(
      std::move(whole), std::move(unchanged));
  return [answers, tag](const HttpRequest& request) {
    const auto known = request.header("if-none-match");
    return known && names_tag(*known, tag) ? answers->second : answers->first;
  };
}

HttpRoute route_of(const EmbeddedFile& file, const PageOptions& options) {
  const bool is_page = file.name.ends_with(".html");
  std::string text = is_page ? filled_in(file.text, options) : std::string(file.text);
  return {"GET", path_of(file.name), serve(file.name, std::move(text))};
}

}  // namespace

std::vector<HttpRoute> make_page_routes(const PageOptions& options) {
  std::vector<HttpRoute> routes;
  for (const EmbeddedFile& file : kPages)
    if (!is_of_audit(file.name)) routes.push_back(route_of(file, options));
  return routes;
}

std::vector<HttpRoute> make_audit_page_routes(bool by_name) {
  std::vector<HttpRoute> routes;
  for (const EmbeddedFile& file : kPages)
    if (is_of_audit(file.name) || is_shared(file.name))
      routes.push_back(route_of(file, {.dev = by_name, .agents = {}}));
  return routes;
}

}  // namespace signalbox::gateway
