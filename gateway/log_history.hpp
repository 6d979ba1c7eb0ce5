// LogHistory: UserHistory where there is no event store (contract 13): every page is looked for in
// the log itself, from its beginning, piece by piece, together with the scans of streams. What a
// search keeps in memory is a page, a piece's events and at most threads_max threads. Errors:
// overloaded (too many scans wait, or the gateway stops), unavailable (too many threads; not found
// within patience), those of the log. Threads: read() on any; what it finds is kept where the scan
// runs.
// Lifetime: log and feed outlive the last answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "event-store/archive/user_history.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/model/clock.hpp"
#include "gateway/feed.hpp"

namespace signalbox::gateway {

class LogHistory final : public event_store::UserHistory {
 public:
  struct Options {
    std::size_t piece_found_bytes_max = 1 << 20;
    // A scan gives up its helper after so much, so that others get their turn.
    std::size_t piece_read_bytes_max = 8 << 20;
    // Of one user; a list of more than these is not made without an event store.
    std::size_t threads_max = 10'000;
    // Nobody waits for an answer much longer.
    std::chrono::milliseconds patience{10'000};
  };
  LogHistory(event_store::EventLog& log, Feed& feed, const Clock& clock, Options options)
      : log_(log), feed_(feed), clock_(clock), options_(options), description_(log.describe()) {}

  void read(event_store::HistoryQuery query, Executor& where,
            std::function<void(Result<event_store::HistoryPage>)> done) override;
  void read_threads(event_store::ThreadQuery query, Executor& where,
                    std::function<void(Result<event_store::ThreadPage>)> done) override;

 private:
  struct Search;
  template <class Page, class Collector>
  void search(const UserId& user, std::shared_ptr<Collector> collector, Executor& where,
              std::function<void(Result<Page>)> done);
  void begin(const std::shared_ptr<Search>& search);
  void go_on(const std::shared_ptr<Search>& search);
  // True once the search is through.
  [[nodiscard]] static Result<bool> take_piece(Search& search,
                                               const event_store::LogScanResult& piece);

  event_store::EventLog& log_;
  Feed& feed_;
  const Clock& clock_;
  const Options options_;
  const event_store::LogDescription description_;
};

}  // namespace signalbox::gateway
