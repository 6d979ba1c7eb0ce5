#include "event-store/archive/user_history_api.hpp"

#include <limits>
#include <string_view>
#include <utility>

#include "event-store/contract/http_parameters.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::string_view kUsers = "/internal/v1/users/";
constexpr std::int64_t kSeqMax = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view kEventsParameters[] = {"after_seq", "before_seq", "limit", "thread_id",
                                                  "bytes_max"};
constexpr std::string_view kThreadsParameters[] = {"before_seq", "limit"};

template <class Query>
using Asked = tl::expected<Query, HttpResponse>;

HttpResponse refusal(const Error& error) {
  if (error.code == Errc::overloaded) return come_back(503, "overloaded", error.message);
  return come_back(503, "log_unavailable", "the history cannot be read now");
}

Asked<HistoryQuery> read_events_query(const HttpRequest& request, std::int64_t bytes_most) {
  auto user = read_user_of_path(request.path, kUsers);
  if (!user) return tl::unexpected(std::move(user.error()));
  const std::string_view query = request.query;
  if (auto known = check_parameters(query, kEventsParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto bound = read_seq_bound(query);
  if (!bound) return tl::unexpected(bound.error());
  const auto limit = read_limit_parameter(query);
  if (!limit) return tl::unexpected(limit.error());
  auto thread = read_thread_parameter(query);
  if (!thread) return tl::unexpected(std::move(thread.error()));
  const auto bytes = read_number_parameter(query, "bytes_max", 1, bytes_most, bytes_most);
  if (!bytes) return tl::unexpected(bytes.error());
  HistoryQuery read{.user = *std::move(user),
                    .after = bound->after,
                    .before = bound->before,
                    .thread = *std::move(thread),
                    .events_max = *limit,
                    .bytes_max = static_cast<std::size_t>(*bytes)};
  return read;
}

Asked<ThreadQuery> read_threads_query(const HttpRequest& request) {
  auto user = read_user_of_path(request.path, kUsers);
  if (!user) return tl::unexpected(std::move(user.error()));
  if (auto known = check_parameters(request.query, kThreadsParameters); !known)
    return tl::unexpected(std::move(known.error()));
  const auto before = read_number_parameter(request.query, "before_seq", 0, kSeqMax, kSeqMax);
  if (!before) return tl::unexpected(before.error());
  const auto limit = read_limit_parameter(request.query);
  if (!limit) return tl::unexpected(limit.error());
  return ThreadQuery{.user = *std::move(user), .before = Seq(*before), .threads_max = *limit};
}

std::string next_link(const std::string& path, const HistoryQuery& query, Seq last) {
  std::string link = path + (query.after ? "?after_seq=" : "?before_seq=") +
                     std::to_string(last.value()) + "&limit=" + std::to_string(query.events_max) +
                     "&bytes_max=" + std::to_string(query.bytes_max);
  if (query.thread) link += "&thread_id=" + percent_encode(query.thread->value());
  return link;
}

}  // namespace

HttpResponse kept_elsewhere(Partition partition) {
  return http_error(421, "other_event_store",
                    "the user is in partition " + std::to_string(partition.value()) +
                        ", which another event store keeps");
}

struct UserHistoryApi::State {
  std::mutex mutex;
  std::condition_variable none_asking;
  std::size_t taken = 0;   // guarded by mutex; until the answers are sent
  std::size_t asking = 0;  // guarded by mutex; until they are given
  bool stopping = false;   // guarded by mutex
};

UserHistoryApi::UserHistoryApi(UserHistory& history, const LogDescription& log, Executor& executor,
                               UserHistoryApiOptions options)
    : history_(history),
      log_(log),
      executor_(executor),
      options_(std::move(options)),
      state_(std::make_shared<State>()) {}

UserHistoryApi::~UserHistoryApi() { stop(); }

void UserHistoryApi::stop() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->none_asking.wait(lock, [this] { return state_->asking == 0; });
}

std::vector<HttpRoute> UserHistoryApi::routes(const HttpAuthorizer& authorize) {
  const std::string user = std::string(kUsers) + "{id}";
  return {{"GET", user + "/events",
           [this, authorize](const HttpRequest& request, const HttpAnswer& answer) {
             const auto caller = authorize(request);
             if (!caller) return answer(caller.error());
             answer_events(request, answer);
           }},
          {"GET", user + "/threads",
           [this, authorize](const HttpRequest& request, const HttpAnswer& answer) {
             const auto caller = authorize(request);
             if (!caller) return answer(caller.error());
             answer_threads(request, answer);
           }}};
}

std::shared_ptr<const void> UserHistoryApi::begin(const HttpAnswer& answer) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->stopping && state_->taken < options_.requests_max) {
      ++state_->taken;
      ++state_->asking;
      return std::shared_ptr<const void>(this, [state = state_](const void*) {
        const std::lock_guard giving_back(state->mutex);
        --state->taken;
      });
    }
  }
  answer(come_back(503, "overloaded", "too many requests for history, or the service stops"));
  return nullptr;
}

PageOrigin UserHistoryApi::origin_of(const UserId& user) const {
  return {log_.log_id, partition_of(user, log_.partitions)};
}

bool UserHistoryApi::keeps(const UserId& user) const {
  return options_.kept.empty() || options_.kept.contains(origin_of(user).partition);
}

void UserHistoryApi::answer_events(const HttpRequest& request, const HttpAnswer& answer) {
  auto query = read_events_query(request, static_cast<std::int64_t>(options_.page_bytes_max));
  if (!query) return answer(std::move(query.error()));
  if (!keeps(query->user)) return answer(kept_elsewhere(origin_of(query->user).partition));
  auto slot = begin(answer);
  if (!slot) return;
  history_.read(
      *query, executor_,
      [this, answer, slot = std::move(slot), query = *query, path = request.path,
       state = state_](const Result<HistoryPage>& page) mutable {
        HttpResponse response =
            page ? HttpResponse{.body = encode_history_page(
                                    origin_of(query.user), *page, query.bytes_max,
                                    [&](Seq last) { return next_link(path, query, last); })}
                 : refusal(page.error());
        response.until_sent = std::move(slot);
        answer(std::move(response));
        const std::lock_guard lock(state->mutex);
        if (--state->asking == 0) state->none_asking.notify_all();
      });
}

void UserHistoryApi::answer_threads(const HttpRequest& request, const HttpAnswer& answer) {
  auto query = read_threads_query(request);
  if (!query) return answer(std::move(query.error()));
  if (!keeps(query->user)) return answer(kept_elsewhere(origin_of(query->user).partition));
  auto slot = begin(answer);
  if (!slot) return;
  history_.read_threads(
      *query, executor_,
      [this, answer, slot = std::move(slot), query = *query, path = request.path,
       state = state_](const Result<ThreadPage>& page) mutable {
        const auto next = [&](Seq last) {
          return path + "?before_seq=" + std::to_string(last.value()) +
                 "&limit=" + std::to_string(query.threads_max);
        };
        HttpResponse response =
            page ? HttpResponse{.body = encode_thread_page(origin_of(query.user), *page, next)}
                 : refusal(page.error());
        response.until_sent = std::move(slot);
        answer(std::move(response));
        const std::lock_guard lock(state->mutex);
        if (--state->asking == 0) state->none_asking.notify_all();
      });
}

}  // namespace signalbox::event_store
