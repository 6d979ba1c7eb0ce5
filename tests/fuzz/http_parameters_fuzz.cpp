// What is behind the `?` of our HTTP requests, and the user in their path: `PATH?QUERY`.
#include "event-store/contract/http_parameters.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "event-store/model/assert.hpp"
#include "gateway/history_request.hpp"
#include "replay/audit/audit_query.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox {
namespace {

// A refusal is a 400 and says which parameter is wrong. `is_meant`: it is what this path asks for.
template <class Query>
void check(const tl::expected<Query, HttpResponse>& asked, bool is_meant) {
  if (asked) {
    if (is_meant) fuzz::accept();
    return;
  }
  const nlohmann::json body = nlohmann::json::parse(asked.error().body);
  SIGNALBOX_ASSERT(asked.error().status == 400);
  SIGNALBOX_ASSERT(!body.at("error").at("field").get<std::string>().empty());
}

// The page after this one is asked for by a query that is read as the same one.
void check_next(const event_store::HistoryQuery& query) {
  const std::string link = gateway::next_link(query, Seq(7));
  const auto next = gateway::read_history_query(link.substr(link.find('?') + 1), query.user);
  SIGNALBOX_ASSERT(next && next->thread == query.thread && next->events_max == query.events_max);
  SIGNALBOX_ASSERT((query.after ? next->after : next->before) == Seq(7));
}

void check_all(const HttpRequest& request) {
  const std::string_view path = request.path;
  const auto history = gateway::read_history_query(request.query, UserId("anna"));
  check(history, path == "/v1/history");
  if (history) check_next(*history);
  check(gateway::read_thread_query(request.query, UserId("anna")), path == "/v1/threads");
  check(event_store::read_seq_bound(request.query), path.starts_with("/internal/"));
  check(event_store::read_user_of_path(request.path, "/internal/v1/users/"), false);
  check(replay::read_events_query(request), path.ends_with("/events"));
  check(replay::read_user_search(request), path == "/v1/audit/users");
  check(replay::read_runs_query(request), path.ends_with("/runs"));
  check(replay::read_run_tree_query(request), path.find("/runs/") != path.npos);
  check(replay::read_views_query(request), path.ends_with("/views"));
  check(replay::read_state_query(request), path.ends_with("/state"));
  check(replay::read_export_query(request), path.ends_with("/export"));
  check(replay::read_verify_query(request), path.find("/verify") != path.npos);
}

}  // namespace
}  // namespace signalbox

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  const auto decoded = event_store::percent_decode(event_store::percent_encode(text));
  SIGNALBOX_ASSERT(decoded == text);
  // Of other bytes no request target is made (gateway/request_head.hpp).
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; })) return 0;
  const std::size_t question = text.find('?');
  HttpRequest request{};
  request.method = "GET";
  request.path = text.substr(0, question);
  if (question != text.npos) request.query = text.substr(question + 1);
  check_all(request);
  static_cast<void>(replay::view_query(request));
  return 0;
}
