// What an auditor may ask for (contract 12): the paths below /v1/audit and their parameters. Pure;
// any thread. What is wrong is the 400 that names the parameter, or `id` of the path.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

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

// .../state?at=SEQ|TIME&to=SEQ|TIME
struct StateQuery {
  UserId user;
  Instant at{};
  std::optional<Instant> to{};
};
[[nodiscard]] Asked<StateQuery> read_state_query(const HttpRequest& request);

}  // namespace signalbox::replay
