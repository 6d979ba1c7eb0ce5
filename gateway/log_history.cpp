#include "gateway/log_history.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "event-store/contract/identity.hpp"
#include "event-store/log/log_scan.hpp"
#include "gateway/event_place.hpp"

namespace signalbox::gateway {

using event_store::HistoryPage;
using event_store::HistoryQuery;
using event_store::Position;
using event_store::ThreadPage;
using event_store::ThreadQuery;
using event_store::ThreadSummary;

namespace {

// What a page may be full of, as the archive counts it.
std::size_t stored_bytes(const Record& event) {
  return event.headers.bytes().size() + event.value.size();
}

// What of the user's events a search keeps. Each take() is given the next one, with a greater seq.
enum class Take { more, enough, too_many };

class EventCollector {
 public:
  explicit EventCollector(HistoryQuery query) : query_(std::move(query)) {}

  Take take(Seq seq, const RecordPtr& event) {
    if (query_.before && seq >= *query_.before) return Take::enough;
    if (query_.after && seq <= *query_.after) return Take::more;
    if (query_.thread && event->header("ce_threadid") != query_.thread->value()) return Take::more;
    found_.push_back(event);
    bytes_ += stored_bytes(*event);
    if (!is_over()) return Take::more;
    more_ = true;
    if (query_.after) {
      found_.pop_back();
      return Take::enough;
    }
    while (is_over()) {
      bytes_ -= stored_bytes(*found_.front());
      found_.pop_front();
    }
    return Take::more;
  }

  HistoryPage page(Position complete_to) {
    HistoryPage page{{}, more_, std::move(complete_to)};
    page.events.assign(found_.begin(), found_.end());
    if (query_.before) std::reverse(page.events.begin(), page.events.end());
    return page;
  }

 private:
  [[nodiscard]] bool is_over() const {
    return found_.size() > query_.events_max || (found_.size() > 1 && bytes_ > query_.bytes_max);
  }

  const HistoryQuery query_;
  std::deque<RecordPtr> found_;  // in the order of the log
  std::size_t bytes_ = 0;
  bool more_ = false;
};

class ThreadCollector {
 public:
  ThreadCollector(ThreadQuery query, std::size_t threads_max)
      : query_(std::move(query)), threads_max_(threads_max) {}

  Take take(Seq seq, const RecordPtr& event) {
    const auto name = event->header("ce_threadid");
    if (!name) return Take::more;
    const auto found = threads_.find(*name);
    if (found == threads_.end() && threads_.size() >= threads_max_) return Take::too_many;
    auto& thread =
        found != threads_.end()
            ? found->second
            : threads_.try_emplace(std::string(*name), ThreadSummary{ThreadId(std::string(*name))})
                  .first->second;
    event_store::note_event(thread, seq, *event);
    return Take::more;
  }

  ThreadPage page(Position complete_to) {
    ThreadPage page{{}, false, std::move(complete_to)};
    for (auto& [name, thread] : threads_)
      if (thread.newest < query_.before) page.threads.push_back(std::move(thread));
    std::sort(page.threads.begin(), page.threads.end(),
              [](const ThreadSummary& a, const ThreadSummary& b) { return a.newest > b.newest; });
    page.more = page.threads.size() > query_.threads_max;
    if (page.more)
      page.threads.erase(page.threads.begin() + static_cast<std::ptrdiff_t>(query_.threads_max),
                         page.threads.end());
    return page;
  }

 private:
  const ThreadQuery query_;
  const std::size_t threads_max_;
  std::map<std::string, ThreadSummary, std::less<>> threads_;
};

}  // namespace

// Handed from the feed's thread to a helper and back, touched by one at a time.
struct LogHistory::Search {
  UserId user;
  std::function<Take(Seq, const RecordPtr&)> take;
  std::function<void(Result<Position>)> end;  // any thread; once
  MonotonicTime give_up;
  Position position{};
  Offset until{0};  // what the log had when the search began
  Seq newest{0};
};

void LogHistory::read(HistoryQuery query, Executor& where,
                      std::function<void(Result<HistoryPage>)> done) {
  const UserId user = query.user;
  search<HistoryPage>(user, std::make_shared<EventCollector>(std::move(query)), where,
                      std::move(done));
}

void LogHistory::read_threads(ThreadQuery query, Executor& where,
                              std::function<void(Result<ThreadPage>)> done) {
  const UserId user = query.user;
  search<ThreadPage>(user,
                     std::make_shared<ThreadCollector>(std::move(query), options_.threads_max),
                     where, std::move(done));
}

template <class Page, class Collector>
void LogHistory::search(const UserId& user, std::shared_ptr<Collector> collector, Executor& where,
                        std::function<void(Result<Page>)> done) {
  begin(std::make_shared<Search>(Search{
      user, [collector](Seq seq, const RecordPtr& event) { return collector->take(seq, event); },
      [collector, &where, done = std::move(done)](const Result<Position>& reached) {
        Result<Page> page = reached.map([&](const Position& to) { return collector->page(to); });
        where.post([done, page = std::move(page)]() mutable { done(std::move(page)); });
      },
      clock_.monotonic() + options_.patience}));
}

void LogHistory::begin(const std::shared_ptr<Search>& search) {
  const TopicPartition at{Topic::events,
                          event_store::partition_of(search->user, description_.partitions)};
  feed_.run_aside(
      [this, search, at]() -> Task {
        return [this, search, bounds = log_.bounds(at)] {
          if (!bounds) return search->end(tl::unexpected(bounds.error()));
          search->until = bounds->end;
          go_on(search);
        };
      },
      [search] { search->end(failure(Errc::overloaded, "too many reads of the log wait")); });
}

void LogHistory::go_on(const std::shared_ptr<Search>& search) {
  feed_.scan(
      {.partition = event_store::partition_of(search->user, description_.partitions),
       .from = search->position,
       .from_is_proven = true,
       .until = search->until,
       .user = search->user,
       .found_bytes_max = options_.piece_found_bytes_max,
       .read_bytes_max = options_.piece_read_bytes_max},
      [this, search](const event_store::LogScanResult& piece) -> Task {
        return [this, search, through = take_piece(*search, piece)] {
          if (!through) return search->end(tl::unexpected(through.error()));
          if (*through) return search->end(Position{.next_offset = search->until});
          if (clock_.monotonic() >= search->give_up)
            return search->end(failure(Errc::unavailable, "the log is too long to be read now"));
          go_on(search);
        };
      },
      [search] { search->end(failure(Errc::overloaded, "too many reads of the log wait")); });
}

Result<bool> LogHistory::take_piece(Search& search, const event_store::LogScanResult& piece) {
  if (piece.error) return tl::unexpected(*piece.error);
  if (piece.misfit) return failure(Errc::corrupt, "an event of an epoch nobody has claimed");
  search.position = piece.reached;
  for (const RecordPtr& event : piece.events) {
    const Seq seq = seq_of(*event);
    // Of a user whose seq goes back, what came first is his history.
    if (seq <= search.newest) continue;
    search.newest = seq;
    const Take taken = search.take(seq, event);
    if (taken == Take::enough) return true;
    if (taken == Take::too_many)
      return failure(Errc::unavailable, "too many threads to be found in the log");
  }
  return search.position.next_offset >= search.until;
}

}  // namespace signalbox::gateway
