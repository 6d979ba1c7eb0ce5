// UserHistoryApi: an event store's read API for gateways (contract 12 and 13), on the admin port,
// for tokens with the role service (ops/decisions/0023).
//   GET /internal/v1/users/{id}/events?after_seq=|before_seq=&limit=&thread_id=&bytes_max=
//   GET /internal/v1/users/{id}/threads?before_seq=&limit=
// Pages are in history_page.hpp: at most `limit` (1 to 1000, by default 100) and 1 MiB, or
// bytes_max where that is less, but one event at least. Each says up to where it is complete; there
// the reader goes on in the log.
//
// Status: 401 no token, 403 a wrong one or without the role, 400 a bad parameter, 421
// other_event_store (the user's partition is not kept here: ask the next one); with Retry-After
// 503 overloaded (requests_max are under way, or the service stops) and 503 log_unavailable (the
// history cannot be read).
//
// Threads: handlers on any; answers are made on the executor. Lifetime: all parts outlive it. What
// comes after stop() gets 503.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "event-store/archive/history_page.hpp"
#include "event-store/archive/user_history.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/model/http.hpp"

namespace signalbox::event_store {

struct UserHistoryApiOptions {
  std::size_t requests_max = 32;  // until their answers are sent
  std::size_t page_bytes_max = 1 << 20;
  std::set<Partition> kept = {};  // none named: all
};

class UserHistoryApi {
 public:
  UserHistoryApi(UserHistory& history, const LogDescription& log, Executor& executor,
                 UserHistoryApiOptions options = {});
  ~UserHistoryApi();
  UserHistoryApi(const UserHistoryApi&) = delete;
  UserHistoryApi& operator=(const UserHistoryApi&) = delete;

  [[nodiscard]] std::vector<HttpRoute> routes(const HttpAuthorizer& authorize);
  // Waits until what is under way is answered; not on the executor. Again: no effect.
  void stop();

 private:
  struct State;

  void answer_events(const HttpRequest& request, const HttpAnswer& answer);
  void answer_threads(const HttpRequest& request, const HttpAnswer& answer);
  // Null: the answer was given.
  [[nodiscard]] std::shared_ptr<const void> begin(const HttpAnswer& answer);
  [[nodiscard]] PageOrigin origin_of(const UserId& user) const;
  [[nodiscard]] bool keeps(const UserId& user) const;

  UserHistory& history_;
  const LogDescription log_;
  Executor& executor_;
  const UserHistoryApiOptions options_;
  std::shared_ptr<State> state_;
};

// 421 other_event_store.
[[nodiscard]] HttpResponse kept_elsewhere(Partition partition);

}  // namespace signalbox::event_store
