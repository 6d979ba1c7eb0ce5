// What an auditor may ask for (contract 12): the paths below /v1/audit and their parameters. Pure;
// any thread. What is wrong is the 400 that names the parameter, or `id` of the path.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "event-store/archive/archive_index.hpp"
#include "event-store/model/http.hpp"
#include "event-store/model/ids.hpp"
#include "replay/state.hpp"
#include "replay/timeline.hpp"

namespace signalbox::replay {

template <class Query>
using Asked = tl::expected<Query, HttpResponse>;

// /v1/audit/users/{id}/...: whose history; bad_field of `id`.
[[nodiscard]] Asked<UserId> asked_user(const HttpRequest& request);
// The command's view of a request: {"path":...,"parameters":{name:text}}, for view_history.
[[nodiscard]] std::string view_query(const HttpRequest& request);

// .../events?after_seq=|before_seq=&limit=&thread_id=&run_id=&type=&from=TIME&to=TIME
struct EventsQuery {
  UserId user;
  std::optional<Seq> after;   // events with a greater seq, oldest first
  std::optional<Seq> before;  // with a smaller seq, newest first; exactly one of the two
  TimelineFilter filter{};
  std::size_t limit = 100;

  [[nodiscard]] bool has_filter() const;
};
[[nodiscard]] Asked<EventsQuery> read_events_query(const HttpRequest& request);
// The path of the page after the one that looked as far as `last`.
[[nodiscard]] std::string next_link(const HttpRequest& request, const EventsQuery& query, Seq last);

// /v1/audit/users?prefix=&limit=&after=
[[nodiscard]] Asked<event_store::UserSearch> read_user_search(const HttpRequest& request);
[[nodiscard]] std::string next_link(const event_store::UserSearch& search, const std::string& last);

// .../runs?before_seq=&limit=&thread_id=
[[nodiscard]] Asked<event_store::RunQuery> read_runs_query(const HttpRequest& request);
[[nodiscard]] std::string next_link(const HttpRequest& request, const event_store::RunQuery& query,
                                    Seq last);

// .../runs/{run_id}
struct RunTreeQuery {
  UserId user;
  RunId run;
};
[[nodiscard]] Asked<RunTreeQuery> read_run_tree_query(const HttpRequest& request);

// .../views?before=&limit=; `before` is what a `next` says: TIME.PARTITION.OFFSET in numbers
struct ViewsQuery {
  UserId user;
  event_store::ViewQuery views;
};
[[nodiscard]] Asked<ViewsQuery> read_views_query(const HttpRequest& request);
[[nodiscard]] std::string next_link(const HttpRequest& request, const ViewsQuery& query,
                                    const event_store::ViewPlace& last);

// .../state?at=SEQ|TIME&to=SEQ|TIME
struct StateQuery {
  UserId user;
  Instant at{};
  std::optional<Instant> to{};
};
[[nodiscard]] Asked<StateQuery> read_state_query(const HttpRequest& request);

// .../export?first_seq=
struct ExportQuery {
  UserId user;
  Seq first{1};
};
[[nodiscard]] Asked<ExportQuery> read_export_query(const HttpRequest& request);

// .../verify/{job} and POST .../verify
struct VerifyQuery {
  UserId user;
  std::string job{};  // empty: a new one
};
[[nodiscard]] Asked<VerifyQuery> read_verify_query(const HttpRequest& request);

}  // namespace signalbox::replay
