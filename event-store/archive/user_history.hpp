// UserHistory: a user's valid events by seq, whatever their age (seam 5, ops/decisions/0012): the
// archive of this process, or an event store's read API elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/thread_summary.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct HistoryQuery {
  UserId user;
  std::optional<Seq> after;   // events with a greater seq, oldest first
  std::optional<Seq> before;  // events with a smaller seq, newest first; exactly one of the two
  std::optional<ThreadId> thread{};
  std::size_t events_max = 1000;
  std::size_t bytes_max = 1 << 20;
};

struct HistoryPage {
  std::vector<RecordPtr> events;
  bool more;             // there are further events beyond the limits
  Position complete_to;  // of the user's partition: everything before it is in the archive
  // By event: its place in the history, which a damaged one may not state itself.
  std::vector<Seq> seqs{};
};

struct ThreadQuery {
  UserId user;
  Seq before;  // threads whose newest event has a smaller seq, newest first
  std::size_t threads_max = 100;
};

struct ThreadPage {
  std::vector<ThreadSummary> threads;
  bool more;
  Position complete_to;
};

class UserHistory {
 public:
  virtual ~UserHistory() = default;
  // Any thread; `done` runs on `where`. Errors: unavailable, corrupt, io_error.
  virtual void read(HistoryQuery query, Executor& where,
                    std::function<void(Result<HistoryPage>)> done) = 0;
  // The same of the user's threads.
  virtual void read_threads(ThreadQuery query, Executor& where,
                            std::function<void(Result<ThreadPage>)> done) = 0;
};

}  // namespace signalbox::event_store
