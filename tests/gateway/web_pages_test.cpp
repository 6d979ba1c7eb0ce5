#include "gateway/web_pages.hpp"

#include <gmock/gmock.h>

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
  const auto of_other_agents = make_page_routes({.dev = true, .agents = {"b"}});
  EXPECT_NE(header(get(of_other_agents, "/"), "ETag"), header(get(routes, "/"), "ETag"));
  EXPECT_EQ(header(get(of_other_agents, "/chat.js"), "ETag"),
            header(get(routes, "/chat.js"), "ETag"));
}

}  // namespace
}  // namespace signalbox::gateway
