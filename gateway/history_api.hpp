// HistoryApi: what the caller's own past looks like over HTTP (contract 12). The token comes as
// `Authorization: Bearer`; what may be asked: history_request.hpp.
//   GET /v1/history  {"events":[EVENT, ...],"next":PATH}   EVENT: its frame, byte for byte as on a
//                    socket; at most `limit` events and 1 MiB
//   GET /v1/threads  {"threads":[{"thread_id","first_words","time","newest_seq","messages"}, ...],
//                    "next":PATH}   by their newest event, whose time and seq these are;
//                    first_words are the beginning of the first message, messages how many were
//                    received
// `next` is the path of the page after this one, and absent on the last.
//
// A page has everything that was in the log when it was asked for: where the archive is behind with
// events of this user, the answer waits for it. A partition whose broker does not answer holds up
// those who ask about it, for patience at a time, and nobody else. Status: 401 no token, 403 a
// wrong one, 400 a bad parameter; with Retry-After 429 rate_limited (requests_per_user_max of the
// caller are under way, so that nobody holds all places), 503 overloaded (requests_max are, or too
// many scans of the log wait where there is no archive), and 503 log_unavailable (the history
// cannot be read, or is behind for longer than patience).
//
// Threads: handlers on any shard; the rest on its executor, which never waits for the log; what
// must be read there, in line with the scans of streams. Lifetime: all parts and whatever takes the
// answers outlive the last callback it has counted.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "event-store/archive/user_history.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/http.hpp"
#include "gateway/auth.hpp"
#include "gateway/callback_count.hpp"
#include "gateway/feed.hpp"
#include "gateway/metrics.hpp"

namespace signalbox::gateway {

class HistoryApi {
 public:
  struct Parts {
    event_store::EventLog& log;
    event_store::UserHistory& history;
    Feed& feed;
    const Authenticator& authenticator;
    Executor& executor;
    const Clock& clock;
    CallbackCount& callbacks;
    GatewayMetrics& metrics;
  };
  struct Options {
    std::size_t requests_max = 32;  // until their answers are sent
    std::size_t requests_per_user_max = 4;
    std::chrono::milliseconds patience{2'000};
    std::chrono::milliseconds look_again{50};
    std::size_t page_bytes_max = 1 << 20;
    // Whose end no broker said is not asked for again for so long: what the log has to ask for it
    // would stand before all others. Short, as the answer says to come back in 1 s.
    std::chrono::milliseconds unasked{2'000};
    // How much of the log may be looked through for events that are not in the archive yet.
    std::size_t scan_bytes_max = 8 << 20;
  };

  HistoryApi(Parts parts, Options options);
  HistoryApi(const HistoryApi&) = delete;
  HistoryApi& operator=(const HistoryApi&) = delete;

  [[nodiscard]] std::vector<HttpRoute> routes();

 private:
  struct Slots;
  template <class Query>
  struct Request;
  template <class Query>
  using RequestPtr = std::shared_ptr<Request<Query>>;

  // Held until the answer is sent; what to answer where too many are under way.
  [[nodiscard]] tl::expected<std::shared_ptr<const void>, HttpResponse> take_slot(
      const UserId& user);
  template <class Query>
  void begin(Query query, const HttpAnswer& answer);
  using EndKnown = std::function<void(const Result<Offset>&)>;
  // Who wants to know how far a partition reaches, as it is when he asks.
  struct Question {
    std::vector<EndKnown> asked;   // the log, which has not answered
    std::vector<EndKnown> coming;  // since then: theirs is another question
  };
  // Errors: unavailable, at once where it was so a moment ago.
  void ask_end(Partition partition, EndKnown known);
  void ask_log(Partition partition);
  void take_end(Partition partition, const Result<event_store::LogBounds>& bounds);
  // Nobody asks for the end of this partition for a moment.
  void leave_unasked(Partition partition);
  // The request is answered with 503 if it does not end in patience that the log is asked or read;
  // then `late` is called.
  template <class Query>
  void begin_step(const RequestPtr<Query>& request, std::function<void()> late);
  // False: it was answered.
  template <class Query>
  [[nodiscard]] bool end_step(const RequestPtr<Query>& request);
  template <class Query>
  void ask(const RequestPtr<Query>& request);
  template <class Query, class Page>
  void take(const RequestPtr<Query>& request, Result<Page> page);
  // Reads the log on a helper.
  template <class Query, class Page>
  void look_for_newer(const RequestPtr<Query>& request, Page page);
  template <class Query, class Page>
  void judge(const RequestPtr<Query>& request, const Page& page, bool lacks_events);
  template <class Query>
  void finish(const RequestPtr<Query>& request, HttpResponse response);
  [[nodiscard]] std::string body_of(const event_store::HistoryQuery& query,
                                    const event_store::HistoryPage& page) const;
  [[nodiscard]] std::string body_of(const event_store::ThreadQuery& query,
                                    const event_store::ThreadPage& page) const;

  Parts parts_;
  const Options options_;
  const event_store::LogDescription log_;
  std::shared_ptr<Slots> slots_;
  // On the executor.
  std::map<Partition, MonotonicTime> unasked_until_;
  std::map<Partition, Question> questions_;  // under way
};

}  // namespace signalbox::gateway
