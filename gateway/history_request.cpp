#include "gateway/history_request.hpp"

#include <limits>
#include <utility>

#include "gateway/handshake.hpp"

namespace signalbox::gateway {
namespace {

using event_store::bad_parameter;
using event_store::check_parameters;
using event_store::HistoryQuery;
using event_store::read_limit_parameter;
using event_store::read_number_parameter;
using event_store::read_thread_parameter;
using event_store::ThreadQuery;

constexpr std::int64_t kSeqMax = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view kHistoryParameters[] = {"before", "after", "thread_id", "limit"};
constexpr std::string_view kThreadParameters[] = {"before", "limit"};

std::string with_limit(std::string link, std::size_t limit) {
  return std::move(link) + "&limit=" + std::to_string(limit);
}

}  // namespace

tl::expected<HistoryQuery, HttpResponse> read_history_query(std::string_view query, UserId user) {
  if (auto known = check_parameters(query, kHistoryParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto after = read_number_parameter(query, "after", 0, kSeqMax, 0);
  if (!after) return tl::unexpected(after.error());
  const auto before = read_number_parameter(query, "before", 0, kSeqMax, kSeqMax);
  if (!before) return tl::unexpected(before.error());
  const auto limit = read_limit_parameter(query);
  if (!limit) return tl::unexpected(limit.error());
  HistoryQuery read{.user = std::move(user), .after = std::nullopt, .before = std::nullopt};
  read.events_max = *limit;
  if (!has_query_parameter(query, "after"))
    read.before = Seq(*before);
  else if (!has_query_parameter(query, "before"))
    read.after = Seq(*after);
  else
    return tl::unexpected(bad_parameter("after", "must not stand beside before"));
  auto thread = read_thread_parameter(query);
  if (!thread) return tl::unexpected(std::move(thread.error()));
  read.thread = *std::move(thread);
  return read;
}

tl::expected<ThreadQuery, HttpResponse> read_thread_query(std::string_view query, UserId user) {
  if (auto known = check_parameters(query, kThreadParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto before = read_number_parameter(query, "before", 0, kSeqMax, kSeqMax);
  if (!before) return tl::unexpected(before.error());
  const auto limit = read_limit_parameter(query);
  if (!limit) return tl::unexpected(limit.error());
  return ThreadQuery{.user = std::move(user), .before = Seq(*before), .threads_max = *limit};
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
