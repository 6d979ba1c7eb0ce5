#include "gateway/history_api.hpp"

#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "event-store/contract/cursor.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/log/log_scan.hpp"
#include "gateway/caller.hpp"
#include "gateway/event_place.hpp"
#include "gateway/handshake.hpp"
#include "gateway/history_request.hpp"

namespace signalbox::gateway {

using event_store::HistoryPage;
using event_store::HistoryQuery;
using event_store::ThreadPage;
using event_store::ThreadQuery;

namespace {

// Room for the members around the list and for the link.
constexpr std::size_t kPageFrameBytes = 1024;

HttpResponse unavailable(std::string_view code, std::string_view message) {
  return come_back(503, code, message);
}

// {"name":[items],"next":"..."}
std::string page_text(std::string_view name, std::string_view items,
                      const std::optional<std::string>& next) {
  event_store::JsonWriter page;
  page.reserve(items.size() + kPageFrameBytes);
  page.begin_object();
  page.key(name);
  page.raw(items);
  if (next) {
    page.key("next");
    page.string(*next);
  }
  page.end_object();
  return page.take() + "\n";
}

}  // namespace

struct HistoryApi::Slots {
  std::mutex mutex;
  std::size_t taken = 0;
  std::unordered_map<std::string, std::size_t> of_user;  // nobody has 0
};

template <class Query>
struct HistoryApi::Request {
  Query query;
  HttpAnswer answer;
  std::shared_ptr<const void> slot;
  Offset until;  // what is before it must be in the answer
  MonotonicTime give_up;
  TimerId timer = TimerId::none;  // of the step that is on
  bool is_answered = false;       // when its time was over, and the step is not
};

HistoryApi::HistoryApi(Parts parts, Options options)
    : parts_(std::move(parts)),
      options_(options),
      log_(parts_.log.describe()),
      slots_(std::make_shared<Slots>()) {}

std::vector<HttpRoute> HistoryApi::routes() {
  return {{"GET", "/v1/history",
           [this](const HttpRequest& request, const HttpAnswer& answer) {
             auto caller = caller_of(request, parts_.authenticator);
             if (!caller) return answer(std::move(caller.error()));
             auto query = read_history_query(request.query, std::move(caller->user_id));
             if (!query) return answer(std::move(query.error()));
             query->bytes_max = options_.page_bytes_max;
             begin(*std::move(query), answer);
           }},
          {"GET", "/v1/threads", [this](const HttpRequest& request, const HttpAnswer& answer) {
             auto caller = caller_of(request, parts_.authenticator);
             if (!caller) return answer(std::move(caller.error()));
             auto query = read_thread_query(request.query, std::move(caller->user_id));
             if (!query) return answer(std::move(query.error()));
             begin(*std::move(query), answer);
           }}};
}

tl::expected<std::shared_ptr<const void>, HttpResponse> HistoryApi::take_slot(const UserId& user) {
  const std::lock_guard lock(slots_->mutex);
  if (slots_->taken >= options_.requests_max)
    return tl::unexpected(unavailable("overloaded", "too many requests for history"));
  const auto found = slots_->of_user.find(user.value());
  if (found != slots_->of_user.end() && found->second >= options_.requests_per_user_max)
    return tl::unexpected(
        come_back(429, "rate_limited", "too many requests of this user for history"));
  ++slots_->taken;
  ++slots_->of_user[user.value()];
  parts_.metrics.history_requests.Increment();
  return std::shared_ptr<const void>(this, [slots = slots_, user = user.value(),
                                            &gauge = parts_.metrics.history_requests](const void*) {
    const std::lock_guard giving_back(slots->mutex);
    --slots->taken;
    const auto held = slots->of_user.find(user);
    if (--held->second == 0) slots->of_user.erase(held);
    gauge.Decrement();
  });
}

template <class Query>
void HistoryApi::begin(Query query, const HttpAnswer& answer) {
  auto slot = take_slot(query.user);
  if (!slot) return answer(std::move(slot.error()));
  const auto request = std::make_shared<Request<Query>>(
      Request<Query>{std::move(query), answer, *std::move(slot), Offset(0),
                     parts_.clock.monotonic() + options_.patience});
  parts_.callbacks.begin();
  parts_.executor.post([this, request] {
    const Partition partition = event_store::partition_of(request->query.user, log_.partitions);
    begin_step(request, [this, partition] { leave_unasked(partition); });
    ask_end(partition, [this, request](const Result<Offset>& end) {
      if (!end_step(request)) return;
      if (!end)
        return finish(request, unavailable("log_unavailable", "the log cannot be asked now"));
      request->until = *end;
      ask(request);
    });
  });
}

void HistoryApi::ask_end(Partition partition, EndKnown known) {
  const auto unasked = unasked_until_.find(partition);
  if (unasked != unasked_until_.end()) {
    if (parts_.clock.monotonic() < unasked->second)
      return known(failure(Errc::unavailable, "nobody answered a moment ago"));
    unasked_until_.erase(unasked);
  }
  const auto [question, is_new] = questions_.try_emplace(partition);
  if (!is_new) return question->second.coming.push_back(std::move(known));
  question->second.asked.push_back(std::move(known));
  ask_log(partition);
}

void HistoryApi::ask_log(Partition partition) {
  parts_.callbacks.begin();
  parts_.log.ask_bounds({Topic::events, partition}, parts_.executor,
                        [this, partition](const Result<event_store::LogBounds>& bounds) {
                          take_end(partition, bounds);
                          parts_.callbacks.end();
                        });
}

void HistoryApi::take_end(Partition partition, const Result<event_store::LogBounds>& bounds) {
  Question question = std::move(questions_.extract(partition).mapped());
  if (!bounds) {
    leave_unasked(partition);
  } else {
    unasked_until_.erase(partition);
    if (!question.coming.empty()) {
      questions_[partition].asked = std::exchange(question.coming, {});
      ask_log(partition);
    }
  }
  const auto end = bounds.map([](const event_store::LogBounds& found) { return found.end; });
  for (const auto* waiting : {&question.asked, &question.coming})
    for (const EndKnown& known : *waiting) known(end);
}

void HistoryApi::leave_unasked(Partition partition) {
  unasked_until_[partition] = parts_.clock.monotonic() + options_.unasked;
}

template <class Query>
void HistoryApi::begin_step(const RequestPtr<Query>& request, std::function<void()> late) {
  request->timer = parts_.executor.call_at(
      parts_.clock.monotonic() + options_.patience, [this, request, late = std::move(late)] {
        late();
        request->is_answered = true;
        finish(request, unavailable("log_unavailable", "the log does not answer"));
      });
}

template <class Query>
bool HistoryApi::end_step(const RequestPtr<Query>& request) {
  parts_.executor.cancel(request->timer);
  return !request->is_answered;
}

template <class Query>
void HistoryApi::ask(const RequestPtr<Query>& request) {
  if constexpr (std::is_same_v<Query, HistoryQuery>)
    parts_.history.read(request->query, parts_.executor, [this, request](Result<HistoryPage> page) {
      take(request, std::move(page));
    });
  else
    parts_.history.read_threads(
        request->query, parts_.executor,
        [this, request](Result<ThreadPage> page) { take(request, std::move(page)); });
}

template <class Query, class Page>
void HistoryApi::take(const RequestPtr<Query>& request, Result<Page> page) {
  if (!page && page.error().code == Errc::overloaded)
    return finish(request, unavailable("overloaded", page.error().message));
  if (!page) return finish(request, unavailable("log_unavailable", "the history cannot be read"));
  if (page->complete_to.next_offset >= request->until) return judge(request, *page, false);
  look_for_newer(request, *std::move(page));
}

// The archive commits in groups, so its newest events are missing for a moment: that matters to
// this user only where one of them is his.
template <class Query, class Page>
void HistoryApi::look_for_newer(const RequestPtr<Query>& request, Page page) {
  begin_step(request, [] {});
  parts_.callbacks.begin();
  const auto kept = std::make_shared<const Page>(std::move(page));
  const auto then = [this, request](std::function<void()> go_on) {
    parts_.executor.post([this, request, go_on = std::move(go_on)] {
      if (end_step(request)) go_on();
      parts_.callbacks.end();
    });
  };
  parts_.feed.run_aside(
      [this, request, kept, then]() -> Task {
        const bool lacks_events =
            event_store::may_lack_events(parts_.log, request->query.user, kept->complete_to,
                                         request->until, options_.scan_bytes_max);
        return [=, this] { then([=, this] { judge(request, *kept, lacks_events); }); };
      },
      [=, this] {
        then([=, this] {
          finish(request, unavailable("overloaded", "too many reads of the log wait"));
        });
      });
}

template <class Query, class Page>
void HistoryApi::judge(const RequestPtr<Query>& request, const Page& page, bool lacks_events) {
  if (!lacks_events) return finish(request, HttpResponse{.body = body_of(request->query, page)});
  const MonotonicTime now = parts_.clock.monotonic();
  if (now >= request->give_up)
    return finish(request, unavailable("log_unavailable", "the archive is behind the log"));
  parts_.executor.call_at(now + options_.look_again, [this, request] { ask(request); });
}

template <class Query>
void HistoryApi::finish(const RequestPtr<Query>& request, HttpResponse response) {
  response.until_sent = std::move(request->slot);
  request->answer(std::move(response));
  parts_.callbacks.end();
}

std::string HistoryApi::body_of(const HistoryQuery& query, const HistoryPage& page) const {
  const Partition partition = event_store::partition_of(query.user, log_.partitions);
  const std::size_t bytes_max = options_.page_bytes_max - kPageFrameBytes;
  event_store::JsonWriter items;
  items.begin_array();
  std::size_t bytes = 0;
  bool more = page.more;
  Seq last(0);
  for (const RecordPtr& event : page.events) {
    const event_store::Position after = position_after(*event);
    const Seq seq = seq_of(*event);
    const std::string frame = event_store::encode_event_frame(
        *event,
        event_store::encode_cursor(
            {log_.log_id, partition, after.next_offset, after.epoch, after.owner_seq, seq},
            query.user),
        event_store::WireDialect::v1);
    if (bytes != 0 && bytes + frame.size() > bytes_max) {
      more = true;
      break;
    }
    bytes += frame.size() + 1;
    items.raw(frame);
    last = seq;
  }
  items.end_array();
  return page_text("events", items.take(),
                   more ? std::optional(next_link(query, last)) : std::nullopt);
}

std::string HistoryApi::body_of(const ThreadQuery& query, const ThreadPage& page) const {
  event_store::JsonWriter items;
  items.begin_array();
  for (const event_store::ThreadSummary& thread : page.threads) {
    items.begin_object();
    items.key("thread_id");
    items.string(thread.id.value());
    items.key("first_words");
    items.string(thread.first_words);
    items.key("time");
    items.string(thread.time);
    items.key("newest_seq");
    items.integer(thread.newest.value());
    items.key("messages");
    items.integer(thread.messages);
    items.end_object();
  }
  items.end_array();
  return page_text(
      "threads", items.take(),
      page.more ? std::optional(next_link(query, page.threads.back().newest)) : std::nullopt);
}

}  // namespace signalbox::gateway
