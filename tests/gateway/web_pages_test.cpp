#include "gateway/web_pages.hpp"

#include <gmock/gmock.h>

#include <regex>
#include <set>

namespace signalbox::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

HttpResponse get(const std::vector<HttpRoute>& routes, const std::string& path,
                 const std::string& known_tag = "") {
  HttpRequest request{"GET", path, "", {}, "", ""};
  if (!known_tag.empty()) request.headers.emplace_back("if-none-match", known_tag);
  for (const HttpRoute& route : routes)
    if (route.path == path) return std::get<HttpHandler>(route.handler)(request);
  return {.status = 404};
}

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

TEST(WebPages, tell_the_page_how_to_sign_in_and_whom_to_talk_to) {
  const std::string page =
      get(make_page_routes({.dev = false, .agents = {"a", "b\" onload=\"x&y"}}), "/").body;
  EXPECT_THAT(page, HasSubstr("data-sign-in=\"token\""));
  EXPECT_THAT(page, HasSubstr("data-agents=\"a\nb&quot; onload=&quot;x&amp;y\""));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(get(make_page_routes({.dev = true, .agents = {"a"}}), "/").body,
              HasSubstr("data-sign-in=\"name\""));
}

TEST(WebPages, keep_the_audit_page_apart_from_the_public_ones) {
  const auto pages = make_page_routes({.dev = true, .agents = {"a"}});
  const auto audit = make_audit_page_routes(true);
  for (const std::string path : {"/audit", "/audit.js", "/audit.css", "/audit_api.js"}) {
    EXPECT_EQ(get(audit, path).status, 200) << path;
    EXPECT_EQ(get(pages, path).status, 404) << path;
  }
  for (const std::string path : {"/", "/chat.js", "/signalbox.js", "/audit.html"})
    EXPECT_EQ(get(audit, path).status, 404) << path;
  EXPECT_THAT(get(audit, "/audit").body, HasSubstr("data-sign-in=\"name\""));
  EXPECT_THAT(get(make_audit_page_routes(false), "/audit").body,
              HasSubstr("data-sign-in=\"token\""));
}

TEST(WebPages, load_nothing_that_is_not_served_beside_them) {
  int loads = 0;
  for (const auto& routes :
       {make_page_routes({.dev = true, .agents = {"a"}}), make_audit_page_routes(true)})
    for (const HttpRoute& route : routes) {
      const std::string text = get(routes, route.path).body;
      static const std::regex kLoads(
          R"re((?:src|href)="(/[^"]+\.(?:js|css))"|\nimport [^;]*from '\.(/[^']+)')re");
      for (std::sregex_iterator found(text.begin(), text.end(), kLoads), end; found != end;
           ++found, ++loads)
        EXPECT_EQ(get(routes, (*found)[1].str() + (*found)[2].str()).status, 200)
            << route.path << " loads " << found->str();
    }
  EXPECT_GT(loads, 20);
}

TEST(WebPages, have_a_tag_of_their_content_each) {
  const auto routes = make_page_routes({.dev = true, .agents = {"a"}});
  std::set<std::string> tags;
  for (const HttpRoute& route : routes) {
    const HttpResponse whole = get(routes, route.path);
    const std::string tag = header(whole, "ETag");
    EXPECT_EQ(whole.status, 200);
    EXPECT_FALSE(whole.body.empty());
    EXPECT_TRUE(tags.insert(tag).second) << route.path;
    EXPECT_EQ(get(routes, route.path, tag).status, 304);
    EXPECT_EQ(get(routes, route.path, "\"x\", W/" + tag).status, 304);
    EXPECT_EQ(get(routes, route.path, "*").status, 304);
    EXPECT_EQ(get(routes, route.path, "\"x\"").status, 200);
    EXPECT_EQ(header(get(routes, route.path, tag), "Cache-Control"), "no-cache");
    EXPECT_THAT(header(whole, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  }
  const auto audit = make_audit_page_routes(true);
  EXPECT_EQ(header(get(audit, "/chat.css"), "ETag"), header(get(routes, "/chat.css"), "ETag"));
  const auto of_other_agents = make_page_routes({.dev = true, .agents = {"b"}});
  EXPECT_NE(header(get(of_other_agents, "/"), "ETag"), header(get(routes, "/"), "ETag"));
  EXPECT_EQ(header(get(of_other_agents, "/chat.js"), "ETag"),
            header(get(routes, "/chat.js"), "ETag"));
}

}  // namespace
}  // namespace signalbox::gateway
