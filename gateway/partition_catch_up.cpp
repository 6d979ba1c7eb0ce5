// The way of a socket from its cursor to the head: window, history or log, then live.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "event-store/log/log_scan.hpp"
#include "gateway/event_place.hpp"
#include "gateway/partition_feed.hpp"

namespace signalbox::gateway {

using event_store::Position;
using event_store::WireDialect;

namespace {

// A scan gives up its helper after so much, so that scans of others get their turn.
constexpr std::size_t kScanBytesMax = 8 << 20;
constexpr std::size_t kHistoryEventsMax = 256;

// Whether the event is not where a cursor with this position and last seq says it is.
bool contradicts(const Record& event, const Position& claimed, Seq last_seq) {
  const Position after = position_after(event);
  if (seq_of(event) != last_seq || after.next_offset > claimed.next_offset ||
      after.epoch > claimed.epoch)
    return true;
  return after.next_offset == claimed.next_offset &&
         (after.epoch != claimed.epoch || after.owner_seq != claimed.owner_seq);
}

// The seq before comes from a cursor and may be any number.
bool follows_on(Seq before, Seq seq) { return before.value() == seq.value() - 1; }

}  // namespace

bool PartitionFeed::fits_window(const Subscription& subscription) const {
  const Position& claimed = subscription.position;
  const Position own = window_.position_at(claimed.next_offset);
  return own.epoch == claimed.epoch && own.owner_seq == claimed.owner_seq;
}

void PartitionFeed::go_on(Subscription& subscription) {
  if (subscription.position.next_offset > head_.next_offset) {
    // An archive may have read further than we have.
    subscription.phase = Phase::beyond_head;
    beyond_head_.push_back(subscription.ticket.session);
    return;
  }
  if (subscription.position.next_offset >= window_.start().next_offset) {
    if (!fits_window(subscription)) return refuse(subscription, event_store::CursorFault::damaged);
    if (subscription.seq_claimed && !judge_claimed_seq(subscription)) return;
    prove(subscription);
    return read_window(subscription);
  }
  subscription.phase = Phase::reading;
  if (parts_.history == nullptr) return read_log(subscription);
  if (subscription.proven || subscription.last_seq.value() != 0) return read_history(subscription);
  search_history(subscription);
}

// What a cursor says of the last seq is held against events, never events against it: a user who
// makes up his own cursor is no damage of the log.
bool PartitionFeed::judge_claimed_seq(Subscription& subscription) {
  const std::string& user = subscription.follower->user.value();
  const Offset offset = subscription.position.next_offset;
  if (const WindowEvent* const before = window_.newest_before(user, offset)) {
    subscription.seq_claimed = false;
    if (before->seq == subscription.last_seq) return true;
    refuse(subscription, event_store::CursorFault::damaged);
    return false;
  }
  const std::uint64_t next = window_.first_at(user, offset);
  if (next == 0 || follows_on(subscription.last_seq, window_.event(next).seq)) return true;
  // Either of the two is wrong: the event before the cursor says which.
  subscription.phase = Phase::reading;
  if (parts_.history != nullptr)
    read_history(subscription);
  else
    refuse(subscription, event_store::CursorFault::damaged);
  return false;
}

void PartitionFeed::read_window(Subscription& subscription) {
  const UserId& user = subscription.follower->user;
  StreamPage page{{}, false};
  std::size_t bytes = 0;
  std::uint64_t number = window_.first_at(user.value(), subscription.position.next_offset);
  while (number != 0 && bytes < parts_.limits.page_bytes_max) {
    WindowEvent& event = window_.event(number);
    judge_window_event(subscription, event);
    page.frames.push_back(frame_of(event, user, subscription.dialect));
    bytes += page.frames.back()->text().size();
    subscription.position = event.after;
    number = event.next_of_user;
  }
  page.ask = number != 0;
  if (!page.frames.empty()) {
    parts_.metrics.caught_up_from_window.Increment();
    const bool ask = page.ask;
    post(subscription.ticket, std::move(page));
    if (ask) {
      subscription.phase = Phase::asking;
      return;
    }
  }
  become_live(subscription);
}

void PartitionFeed::ask_history(
    const Subscription& subscription, event_store::HistoryQuery query,
    std::function<void(Subscription&, Result<event_store::HistoryPage>)> take) {
  parts_.callbacks.begin();
  parts_.history->read(
      std::move(query), parts_.executor,
      [this, take = std::move(take), ticket = subscription.ticket, &callbacks = parts_.callbacks,
       alive = std::weak_ptr<const bool>(alive_)](Result<event_store::HistoryPage> page) {
        callbacks.end();
        if (alive.expired()) return;
        if (Subscription* const found = find(ticket)) take(*found, std::move(page));
      });
}

// The first page of a cursor begins with the cursor's own event, which proves it.
void PartitionFeed::read_history(Subscription& subscription) {
  const std::int64_t own = subscription.proven && !subscription.seq_claimed ? 0 : 1;
  ask_history(subscription,
              {.user = subscription.follower->user,
               .after = Seq(subscription.last_seq.value() - own),
               .before = std::nullopt,
               .events_max = kHistoryEventsMax,
               .bytes_max = parts_.limits.page_bytes_max},
              [this](Subscription& found, Result<event_store::HistoryPage> page) {
                take_history(found, std::move(page));
              });
}

void PartitionFeed::take_history(Subscription& subscription,
                                 Result<event_store::HistoryPage> page) {
  // The archive is a cache: whatever is wrong with it, the log has everything.
  if (!page) return read_log(subscription);
  if (!subscription.proven || subscription.seq_claimed) {
    if (page->events.empty() && page->complete_to.next_offset < subscription.position.next_offset)
      return read_log(subscription);  // it has not come so far
    if (page->events.empty() ||
        contradicts(*page->events.front(), subscription.position, subscription.last_seq) ||
        (page->events.size() > 1 && subscription.seq_claimed &&
         page->events[1]->offset < subscription.position.next_offset))
      return refuse(subscription, event_store::CursorFault::damaged);
    subscription.seq_claimed = false;
    prove(subscription);
  }
  parts_.metrics.caught_up_from_history.Increment();
  const bool posted = post_older(subscription, page->events);
  if (page->more) {
    if (!posted && !page->events.empty()) return read_history(subscription);
    if (!posted) return read_log(subscription);
    return;
  }
  if (page->complete_to.next_offset > subscription.position.next_offset) {
    subscription.position = page->complete_to;
  }
  if (posted) return;
  if (subscription.position.next_offset < window_.start().next_offset)
    return read_log(subscription);
  go_on(subscription);
}

// A cursor that knows no seq: the user's last event before it is found by halving, so that a long
// history costs a few reads of one event each.
void PartitionFeed::search_history(Subscription& subscription) {
  ask_history(subscription,
              {.user = subscription.follower->user,
               .after = std::nullopt,
               .before = Seq(std::numeric_limits<std::int64_t>::max()),
               .events_max = 1},
              [this](Subscription& found, Result<event_store::HistoryPage> page) {
                if (!page || page->complete_to.next_offset < found.position.next_offset)
                  return read_log(found);
                const Seq newest = page->events.empty() ? Seq(0) : seq_of(*page->events.front());
                search_between(found, {Seq(0), newest.next()});
              });
}

void PartitionFeed::search_between(Subscription& subscription, SeqSearch search) {
  const std::int64_t left = search.not_before - search.before;
  if (left <= 1) {
    // read_history proves the cursor by this event; where there is none, there is nothing to prove.
    subscription.last_seq = search.before;
    if (search.before.value() == 0) prove(subscription);
    return read_history(subscription);
  }
  const Seq middle(search.before.value() + left / 2);
  ask_history(subscription,
              {.user = subscription.follower->user,
               .after = Seq(middle.value() - 1),
               .before = std::nullopt,
               .events_max = 1},
              [this, search, middle](Subscription& found, Result<event_store::HistoryPage> page) {
                if (!page || page->events.empty()) return read_log(found);
                const Record& event = *page->events.front();
                if (event.offset < found.position.next_offset)
                  search_between(found, {std::max(middle, seq_of(event)), search.not_before});
                else
                  search_between(found, {search.before, middle});
              });
}

void PartitionFeed::read_log(Subscription& subscription) {
  // The window has what follows, and it denies the cursor's seq, for which nobody speaks.
  if (subscription.position.next_offset >= window_.start().next_offset)
    return refuse(subscription, event_store::CursorFault::damaged);
  event_store::LogScan scan{.partition = partition_,
                            .from = subscription.position,
                            .from_is_proven = subscription.proven,
                            .until = window_.start().next_offset,
                            .user = subscription.follower->user,
                            .found_bytes_max = parts_.limits.page_bytes_max,
                            .read_bytes_max = kScanBytesMax};
  const auto find_alive = [this, ticket = subscription.ticket,
                           alive = std::weak_ptr<const bool>(alive_)]() -> Subscription* {
    return alive.expired() ? nullptr : find(ticket);
  };
  parts_.scans.submit(
      subscription.ticket.session, std::move(scan),
      [this, find_alive](event_store::LogScanResult result) -> Task {
        return [this, find_alive, result = std::move(result)] {
          if (Subscription* const found = find_alive()) take_scan(*found, result);
        };
      },
      [this, find_alive] {
        if (const Subscription* const found = find_alive()) end_overloaded(*found);
      });
}

void PartitionFeed::take_scan(Subscription& subscription,
                              const event_store::LogScanResult& result) {
  parts_.metrics.caught_up_from_log.Increment();
  if (result.misfit) return refuse(subscription, event_store::CursorFault::damaged);
  // Events are kept for ever, but an operator may have cut them. What the window begins with can be
  // read in any case.
  if (result.error && result.error->code == Errc::not_found)
    return refuse(subscription, event_store::CursorFault::expired,
                  result.oldest.value_or(window_.start()));
  if (result.error) return end_unavailable(subscription, *result.error);
  if (subscription.seq_claimed && !result.events.empty() &&
      !follows_on(subscription.last_seq, seq_of(*result.events.front())))
    return refuse(subscription, event_store::CursorFault::damaged);
  prove(subscription);
  const bool posted = post_older(subscription, result.events);
  subscription.position = result.reached;
  if (!posted) go_on(subscription);
}

bool PartitionFeed::post_older(Subscription& subscription, const std::vector<RecordPtr>& events) {
  const UserId& user = subscription.follower->user;
  StreamPage page{{}, true};
  for (const RecordPtr& event : events) {
    const Seq seq = seq_of(*event);
    if (event->offset < subscription.position.next_offset) {
      // Before the cursor: read to prove its seq, or because it did not know one.
      subscription.last_seq = seq;
      subscription.chain = event_store::stated_chain(*event);
      continue;
    }
    judge_older_event(subscription, *event);
    subscription.position = position_after(*event);
    page.frames.push_back(parts_.make_frame(
        event_store::encode_event_frame(*event, cursor_text(subscription.position, seq, user),
                                        subscription.dialect),
        {FrameKind::event, place_of(subscription.position, seq)}));
  }
  if (page.frames.empty()) return false;
  post(subscription.ticket, std::move(page));
  subscription.phase = Phase::asking;
  return true;
}

// Each event of the window is judged once, whoever reads it; one that is broken, for each reader.
void PartitionFeed::judge_window_event(Subscription& subscription, WindowEvent& event) {
  auto chain = std::exchange(subscription.chain, std::nullopt);
  if (event.link == ChainLink::whole)
    chain.reset();
  else if (event.previous_of_user != 0)
    chain = event_store::stated_chain(*window_.event(event.previous_of_user).record);
  else if (event.seq == Seq(1))
    chain = event_store::start_of_chain(parts_.description.log_id, subscription.follower->user);
  const bool whole = judge_next(subscription, chain, *event.record, event.seq);
  if (chain) event.link = whole ? ChainLink::whole : ChainLink::broken;
}

void PartitionFeed::judge_older_event(Subscription& subscription, const Record& event) {
  const Seq seq = seq_of(event);
  if (!subscription.chain && seq == Seq(1))
    subscription.chain =
        event_store::start_of_chain(parts_.description.log_id, subscription.follower->user);
  const bool known = subscription.chain.has_value();
  judge_next(subscription, subscription.chain, event, seq);
  if (!known) subscription.chain = event_store::stated_chain(event);
}

bool PartitionFeed::judge_next(Subscription& subscription,
                               std::optional<event_store::UserChain>& chain, const Record& event,
                               Seq seq) {
  const auto broken = chain ? event_store::follow(*chain, event) : std::nullopt;
  if (broken)
    tell_damage(subscription, broken->what);
  else if (subscription.last_seq.value() != 0 && !follows_on(subscription.last_seq, seq))
    tell_damage(subscription, "event " + std::to_string(subscription.last_seq.next().value()) +
                                  " is missing, the next one is " + std::to_string(seq.value()));
  subscription.last_seq = seq;
  subscription.seq_claimed = false;
  return !broken;
}

void PartitionFeed::tell_damage(const Subscription& subscription, std::string what) {
  parts_.metrics.history_damaged.Increment();
  post(subscription.ticket, StreamHistoryDamaged{std::move(what)});
}

// At most a page, since nothing waits for the socket here: the oldest runs are left out whole, and
// of a run that is more than a page by itself its oldest pieces.
std::vector<FramePtr> PartitionFeed::newest_pieces(const Subscription& subscription) const {
  const std::vector<RecordPtr> pieces = pieces_.of(subscription.follower->user.value());
  std::vector<FramePtr> frames;  // newest first
  std::size_t of_whole_runs = 0;
  std::size_t bytes = 0;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    if (piece != pieces.rbegin() &&
        (*piece)->header("ce_runid") != (*std::prev(piece))->header("ce_runid"))
      of_whole_runs = frames.size();
    FramePtr frame =
        parts_.make_frame(event_store::encode_progress_frame(**piece, subscription.dialect),
                          {.kind = FrameKind::progress});
    bytes += frame->text().size();
    if (bytes > parts_.limits.page_bytes_max) {
      if (of_whole_runs != 0) frames.resize(of_whole_runs);
      break;
    }
    frames.push_back(std::move(frame));
  }
  std::reverse(frames.begin(), frames.end());
  return frames;
}

void PartitionFeed::become_live(Subscription& subscription) {
  Follower& follower = *subscription.follower;
  const auto dialect = static_cast<std::size_t>(subscription.dialect);
  subscription.phase = Phase::live;
  subscription.position = head_;
  ++follower.live[subscription.ticket.shard][dialect];
  follower.any_live = true;
  StreamCaughtUp update{cursor_text(head_, subscription.last_seq, follower.user),
                        follower.channels[dialect], newest_pieces(subscription)};
  post(subscription.ticket, std::move(update));
}

void PartitionFeed::stop_live(Subscription& subscription) {
  if (subscription.phase != Phase::live) return;
  Follower& follower = *subscription.follower;
  --follower.live[subscription.ticket.shard][static_cast<std::size_t>(subscription.dialect)];
  follower.any_live =
      std::any_of(follower.live.begin(), follower.live.end(), [](const LiveCounts& counts) {
        return std::any_of(counts.begin(), counts.end(), [](auto count) { return count > 0; });
      });
}

void PartitionFeed::refuse(Subscription& subscription, event_store::CursorFault reason,
                           const Position& oldest) {
  post(subscription.ticket,
       StreamRefused{reason, cursor_text(oldest, Seq(0), subscription.follower->user)});
  unfollow(subscription.ticket.session);
}

void PartitionFeed::end_overloaded(const Subscription& subscription) {
  post(subscription.ticket, StreamOverloaded{"too many streams wait to be read from the log"});
  unfollow(subscription.ticket.session);
}

void PartitionFeed::end_unavailable(Subscription& subscription, const Error& error) {
  post(subscription.ticket, StreamUnavailable{error.message});
  unfollow(subscription.ticket.session);
}

}  // namespace signalbox::gateway
