#include "gateway/history_request.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "gateway/handshake.hpp"

namespace signalbox::gateway {
namespace {

using event_store::HistoryQuery;
using event_store::ThreadQuery;

constexpr std::int64_t kLimitMax = 1000;
constexpr std::int64_t kLimit = 100;
constexpr std::int64_t kSeqMax = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view kHistoryParameters[] = {"before", "after", "thread_id", "limit"};
constexpr std::string_view kThreadParameters[] = {"before", "limit"};

HttpResponse bad(std::string_view field, const std::string& what) {
  return http_error(400, "bad_field", std::string(field) + " " + what, field);
}

tl::expected<void, HttpResponse> check_names(std::string_view query,
                                             std::span<const std::string_view> known) {
  std::vector<std::string_view> seen;
  for (const std::string_view name : query_parameter_names(query)) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return tl::unexpected(bad(name, "is no parameter of this"));
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return tl::unexpected(bad(name, "is given twice"));
    seen.push_back(name);
  }
  return {};
}

tl::expected<std::int64_t, HttpResponse> read_number(std::string_view query, std::string_view name,
                                                     std::int64_t smallest, std::int64_t largest,
                                                     std::int64_t without) {
  if (!has_query_parameter(query, name)) return without;
  const std::string text = query_value(query, name).value_or("");
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end || number < smallest ||
      number > largest)
    return tl::unexpected(bad(name, "must be a whole number from " + std::to_string(smallest) +
                                        " to " + std::to_string(largest)));
  return number;
}

std::string with_limit(std::string link, std::size_t limit) {
  return std::move(link) + "&limit=" + std::to_string(limit);
}

}  // namespace

tl::expected<HistoryQuery, HttpResponse> read_history_query(std::string_view query, UserId user) {
  if (auto known = check_names(query, kHistoryParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto after = read_number(query, "after", 0, kSeqMax, 0);
  if (!after) return tl::unexpected(after.error());
  const auto before = read_number(query, "before", 0, kSeqMax, kSeqMax);
  if (!before) return tl::unexpected(before.error());
  const auto limit = read_number(query, "limit", 1, kLimitMax, kLimit);
  if (!limit) return tl::unexpected(limit.error());
  HistoryQuery read{.user = std::move(user), .after = std::nullopt, .before = std::nullopt};
  read.events_max = static_cast<std::size_t>(*limit);
  if (!has_query_parameter(query, "after"))
    read.before = Seq(*before);
  else if (!has_query_parameter(query, "before"))
    read.after = Seq(*after);
  else
    return tl::unexpected(bad("after", "must not stand beside before"));
  if (has_query_parameter(query, "thread_id")) {
    auto thread = parse_id<ThreadId>(query_value(query, "thread_id").value_or(""), "thread_id");
    if (!thread) return tl::unexpected(bad("thread_id", thread.error().message));
    read.thread = *std::move(thread);
  }
  return read;
}

tl::expected<ThreadQuery, HttpResponse> read_thread_query(std::string_view query, UserId user) {
  if (auto known = check_names(query, kThreadParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto before = read_number(query, "before", 0, kSeqMax, kSeqMax);
  if (!before) return tl::unexpected(before.error());
  const auto limit = read_number(query, "limit", 1, kLimitMax, kLimit);
  if (!limit) return tl::unexpected(limit.error());
  return ThreadQuery{.user = std::move(user),
                     .before = Seq(*before),
                     .threads_max = static_cast<std::size_t>(*limit)};
}

std::string next_link(const HistoryQuery& query, Seq last) {
  std::string link = std::string("/v1/history?") + (query.after ? "after=" : "before=") +
                     std::to_string(last.value());
  if (query.thread) link += "&thread_id=" + percent_encode(query.thread->value());
  return with_limit(std::move(link), query.events_max);
}

std::string next_link(const ThreadQuery& query, Seq last) {
  return with_limit("/v1/threads?before=" + std::to_string(last.value()), query.threads_max);
}

}  // namespace signalbox::gateway
