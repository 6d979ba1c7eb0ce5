#include "replay/audit/audit_query.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "event-store/contract/http_parameters.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/timestamp.hpp"

namespace signalbox::replay {
namespace {

using event_store::bad_parameter;
using event_store::check_parameters;
using event_store::has_query_parameter;
using event_store::percent_encode;
using event_store::query_value;
using event_store::read_limit_parameter;
using event_store::read_number_parameter;
using event_store::read_thread_parameter;

constexpr std::int64_t kSeqMax = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view kUsers = "/v1/audit/users/";
constexpr std::array<std::string_view, 8> kEventsParameters{
    "after_seq", "before_seq", "limit", "thread_id", "run_id", "type", "from", "to"};
constexpr std::array<std::string_view, 2> kStateParameters{"at", "to"};
constexpr std::array<std::string_view, 3> kUsersParameters{"prefix", "limit", "after"};
constexpr std::array<std::string_view, 3> kRunsParameters{"before_seq", "limit", "thread_id"};
constexpr std::array<std::string_view, 2> kViewsParameters{"before", "limit"};

// Absent: none.
Asked<std::optional<Timestamp>> read_time(std::string_view query, std::string_view name) {
  if (!has_query_parameter(query, name)) return std::nullopt;
  const auto time = parse_timestamp(query_value(query, name).value_or(""));
  if (!time) return tl::unexpected(bad_parameter(name, "must be a time like 2026-11-20T09:30:00Z"));
  return time;
}

Asked<Instant> read_instant(std::string_view query, std::string_view name) {
  const auto text = query_value(query, name);
  auto instant = text && !text->empty() ? parse_instant(*text, std::string(name))
                                        : failure(Errc::bad_field, "must not be empty");
  if (!instant) return tl::unexpected(bad_parameter(name, instant.error().message));
  return *instant;
}

Asked<TimelineFilter> read_filter(std::string_view query) {
  TimelineFilter filter;
  auto thread = read_thread_parameter(query);
  if (!thread) return tl::unexpected(std::move(thread.error()));
  filter.thread = *std::move(thread);
  if (has_query_parameter(query, "run_id")) {
    const auto run = Uuid::parse(query_value(query, "run_id").value_or(""));
    if (!run) return tl::unexpected(bad_parameter("run_id", "must be a UUID"));
    filter.run = RunId(*run);
  }
  if (has_query_parameter(query, "type")) {
    std::string type = query_value(query, "type").value_or("");
    if (!is_event_name(type))
      return tl::unexpected(bad_parameter("type", "must be one of " + event_names()));
    filter.types.insert(std::move(type));
  }
  auto since = read_time(query, "from");
  if (!since) return tl::unexpected(std::move(since.error()));
  auto until = read_time(query, "to");
  if (!until) return tl::unexpected(std::move(until.error()));
  filter.since = *since;
  filter.until = *until;
  return filter;
}

// TIME.PARTITION.OFFSET
std::optional<event_store::ViewPlace> parse_place(std::string_view text) {
  std::array<std::int64_t, 3> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    const auto read = std::from_chars(at, end, numbers[i]);
    if (read.ec != std::errc()) return std::nullopt;
    at = read.ptr;
  }
  if (at != end || numbers[1] < 0 || numbers[1] > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return event_store::ViewPlace{numbers[0], Partition(static_cast<std::int32_t>(numbers[1])),
                                Offset(numbers[2])};
}

// The parameter as it stands in the query, which is well encoded; none where it is absent.
std::string parameter_text(std::string_view query, std::string_view name) {
  if (!has_query_parameter(query, name)) return "";
  return "&" + std::string(name) + "=" + percent_encode(query_value(query, name).value_or(""));
}

}  // namespace

Asked<UserId> asked_user(const HttpRequest& request) {
  return event_store::read_user_of_path(request.path, kUsers);
}

std::string view_query(const HttpRequest& request) {
  event_store::JsonWriter json;
  json.begin_object();
  json.key("path");
  json.string(request.path);
  json.key("parameters");
  json.begin_object();
  std::string_view query = request.query;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::string_view name = pair.substr(0, pair.find('='));
    if (name.empty()) continue;
    json.key(name);
    json.string(query_value(pair, name).value_or(""));
  }
  json.end_object();
  json.end_object();
  return json.take();
}

bool EventsQuery::has_filter() const {
  return filter.thread || filter.run || !filter.types.empty() || filter.since || filter.until;
}

Asked<EventsQuery> read_events_query(const HttpRequest& request) {
  const std::string_view query = request.query;
  auto user = asked_user(request);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(query, kEventsParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto bound = event_store::read_seq_bound(query);
  if (!bound) return tl::unexpected(bound.error());
  const auto limit = read_limit_parameter(query);
  if (!limit) return tl::unexpected(limit.error());
  auto filter = read_filter(query);
  if (!filter) return tl::unexpected(std::move(filter.error()));
  return EventsQuery{*std::move(user), bound->after, bound->before, *std::move(filter), *limit};
}

std::string next_link(const HttpRequest& request, const EventsQuery& query, Seq last) {
  std::string link =
      request.path + (query.after ? "?after_seq=" : "?before_seq=") + std::to_string(last.value());
  for (const std::string_view name : {"thread_id", "run_id", "type", "from", "to"})
    link += parameter_text(request.query, name);
  return link + "&limit=" + std::to_string(query.limit);
}

Asked<event_store::UserSearch> read_user_search(const HttpRequest& request) {
  const std::string_view query = request.query;
  if (auto known = check_parameters(query, kUsersParameters); !known)
    return tl::unexpected(std::move(known.error()));
  event_store::UserSearch search;
  for (auto [name, text] : {std::pair{"prefix", &search.prefix}, {"after", &search.after}}) {
    if (!has_query_parameter(query, name)) continue;
    auto value = query_value(query, name);
    if (!value || (!value->empty() && !is_opaque_id(*value)))
      return tl::unexpected(
          bad_parameter(name, "must be at most 128 bytes of UTF-8 without control characters"));
    *text = *std::move(value);
  }
  const auto limit = read_limit_parameter(query);
  if (!limit) return tl::unexpected(limit.error());
  search.users_max = *limit;
  return search;
}

std::string next_link(const event_store::UserSearch& search, const std::string& last) {
  return "/v1/audit/users?prefix=" + percent_encode(search.prefix) +
         "&after=" + percent_encode(last) + "&limit=" + std::to_string(search.users_max);
}

Asked<event_store::RunQuery> read_runs_query(const HttpRequest& request) {
  auto user = asked_user(request);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(request.query, kRunsParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto before = read_number_parameter(request.query, "before_seq", 0, kSeqMax, kSeqMax);
  if (!before) return tl::unexpected(before.error());
  const auto limit = read_limit_parameter(request.query);
  if (!limit) return tl::unexpected(limit.error());
  auto thread = read_thread_parameter(request.query);
  if (!thread) return tl::unexpected(std::move(thread.error()));
  return event_store::RunQuery{*std::move(user), Seq(*before), *std::move(thread), *limit};
}

std::string next_link(const HttpRequest& request, const event_store::RunQuery& query, Seq last) {
  return request.path + "?before_seq=" + std::to_string(last.value()) +
         parameter_text(request.query, "thread_id") + "&limit=" + std::to_string(query.runs_max);
}

Asked<RunTreeQuery> read_run_tree_query(const HttpRequest& request) {
  auto user = asked_user(request);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(request.query, {}); !known)
    return tl::unexpected(std::move(known.error()));
  const std::string_view path = request.path;
  const auto run = Uuid::parse(path.substr(path.rfind('/') + 1));
  if (!run) return tl::unexpected(bad_parameter("run_id", "must be a UUID"));
  return RunTreeQuery{*std::move(user), RunId(*run)};
}

Asked<ViewsQuery> read_views_query(const HttpRequest& request) {
  const std::string_view query = request.query;
  auto user = asked_user(request);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(query, kViewsParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto limit = read_limit_parameter(query);
  if (!limit) return tl::unexpected(limit.error());
  const std::string subject = user->value();
  ViewsQuery read{*std::move(user), {.subject = subject, .views_max = *limit}};
  if (!has_query_parameter(query, "before")) return read;
  read.views.before = parse_place(query_value(query, "before").value_or(""));
  if (!read.views.before)
    return tl::unexpected(bad_parameter("before", "must be what `next` of a page says"));
  return read;
}

std::string next_link(const HttpRequest& request, const ViewsQuery& query,
                      const event_store::ViewPlace& last) {
  return request.path + "?before=" + std::to_string(last.time) + "." +
         std::to_string(last.partition.value()) + "." + std::to_string(last.offset.value()) +
         "&limit=" + std::to_string(query.views.views_max);
}

Asked<StateQuery> read_state_query(const HttpRequest& request) {
  auto user = asked_user(request);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(request.query, kStateParameters); !known)
    return tl::unexpected(std::move(known.error()));
  StateQuery read{*std::move(user)};
  if (has_query_parameter(request.query, "at")) {
    const auto at = read_instant(request.query, "at");
    if (!at) return tl::unexpected(at.error());
    read.at = *at;
  }
  if (has_query_parameter(request.query, "to")) {
    const auto to = read_instant(request.query, "to");
    if (!to) return tl::unexpected(to.error());
    read.to = *to;
  }
  return read;
}

Asked<ExportQuery> read_export_query(const HttpRequest& request) {
  static constexpr std::array<std::string_view, 1> kParameters{"first_seq"};
  auto user = asked_user(request);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(request.query, kParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto first = read_number_parameter(request.query, "first_seq", 1, kSeqMax, 1);
  if (!first) return tl::unexpected(first.error());
  return ExportQuery{*std::move(user), Seq(*first)};
}

Asked<VerifyQuery> read_verify_query(const HttpRequest& request) {
  auto user = asked_user(request);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(request.query, {}); !known)
    return tl::unexpected(std::move(known.error()));
  const std::string_view last = std::string_view(request.path).substr(request.path.rfind('/') + 1);
  return VerifyQuery{*std::move(user), last == "verify" ? "" : std::string(last)};
}

}  // namespace signalbox::replay
