#include "gateway/partition_feed.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "gateway/event_place.hpp"

namespace signalbox::gateway {

using event_store::Position;
using event_store::WireDialect;

namespace {

constexpr std::chrono::milliseconds kFirstRetry{100};

}  // namespace

PartitionFeed::PartitionFeed(const FeedParts& parts, Partition partition,
                             std::uint64_t& last_channel)
    : parts_(parts),
      partition_(partition),
      last_channel_(last_channel),
      events_back_off_(parts.random, kFirstRetry, parts.limits.partition_retry_max),
      progress_back_off_(parts.random, kFirstRetry, parts.limits.partition_retry_max),
      used_at_(parts.clock.monotonic()),
      pieces_(parts.limits.progress_bytes_max),
      batches_(parts.shards.size()) {
  find_start();
}

PartitionFeed::~PartitionFeed() {
  parts_.executor.cancel(events_timer_);
  parts_.executor.cancel(progress_timer_);
  parts_.inbound_lag.forget(partition_);
}

// ---- what the log says

void PartitionFeed::on_judged(std::span<const event_store::JudgedRecord> records) {
  using event_store::Verdict;
  std::array<std::size_t, event_store::kVerdictCount> verdicts{};
  covered_.reset();
  const MonotonicTime now = parts_.clock.monotonic();
  std::size_t bytes = 0;
  for (const event_store::JudgedRecord& judged : records) {
    bytes += size_bytes(*judged.record);
    const Verdict verdict = judged.judged.verdict;
    ++verdicts[static_cast<std::size_t>(verdict)];
    head_ = judged.after;
    if (verdict == Verdict::control) window_.mark(judged.after);
    if (verdict == Verdict::valid) take_event(judged, now);
    if (verdict != Verdict::corrupt) note_readable();
  }
  // First the lag: who gets these events must not be refused for what they have decided.
  if (covered_) parts_.inbound_lag.note_covered(partition_, *covered_);
  post_batches();
  parts_.metrics.count_records(verdicts);
  parts_.metrics.log_bytes_read.Increment(static_cast<double>(bytes));
  trim();
  serve_those_waiting();
  serve_those_beyond_head();
}

void PartitionFeed::on_caught_up(const Position& position) {
  // The log may have holes: the head moves over them without a record.
  if (position.next_offset > head_.next_offset) head_ = position;
  note_readable();
  serve_those_waiting();
  serve_those_beyond_head();
}

void PartitionFeed::take_event(const event_store::JudgedRecord& judged, MonotonicTime now) {
  const RecordPtr& record = judged.record;
  // The fold judges by epoch and ownerseq alone: whose it is only the key says.
  if (!record->key || !is_opaque_id(*record->key)) {
    spdlog::error("partition {} offset {}: the event names no user", partition_.value(),
                  record->offset.value());
    parts_.metrics.history_damaged.Increment();
    return window_.mark(judged.after);  // who begins behind it is no liar
  }
  thread_local std::vector<Header> headers;  // several are looked for
  record->headers.split_into(headers);
  const Seq seq = event_store::stated_seq(headers).value_or(Seq(0));
  WindowEvent& event = window_.add(record, judged.after, seq, now);
  pieces_.follow(headers);
  if (const auto cause = event_store::header_number(headers, "ce_inboundoffset"))
    covered_ = covered_ ? std::max(*covered_, Offset(*cause)) : Offset(*cause);
  const auto found = followers_.find(*record->key);
  if (found == followers_.end()) return;
  Follower& follower = *found->second;
  check_chain(follower, event, headers);
  if (!follower.any_live) return;
  for (const WireDialect dialect : {WireDialect::v1, WireDialect::v1_legacy})
    if (std::any_of(follower.live.begin(), follower.live.end(), [&](const LiveCounts& counts) {
          return counts[static_cast<std::size_t>(dialect)] > 0;
        }))
      queue_live(follower, dialect, frame_of(event, follower.user, dialect));
}

void PartitionFeed::check_chain(Follower& follower, WindowEvent& event,
                                std::span<const Header> headers) {
  if (!follower.chain) {
    follower.chain = event_store::stated_chain(*event.record);
    return;
  }
  const auto broken = event_store::follow_hashed(*follower.chain, *event.record, headers).broken;
  event.link = broken ? ChainLink::broken : ChainLink::whole;
  if (!broken) return;
  spdlog::error("partition {} offset {}: the chain of one user is broken: {}", partition_.value(),
                broken->offset.value(), broken->what);
  for (const SessionId session : follower.sessions) {
    const Subscription& subscription = subscriptions_.at(session);
    if (subscription.phase == Phase::live) tell_damage(subscription, broken->what);
  }
}

void PartitionFeed::queue_live(const Follower& follower, WireDialect dialect, FramePtr frame) {
  const auto index = static_cast<std::size_t>(dialect);
  for (std::size_t shard = 0; shard < follower.live.size(); ++shard)
    if (follower.live[shard][index] > 0)
      batches_[shard].push_back({follower.channels[index], frame});
}

void PartitionFeed::post_batches() {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    if (batches_[i].empty()) continue;
    parts_.posts.flush();
    parts_.shards[i].executor->post([hub = parts_.shards[i].hub,
                                     batch = std::exchange(batches_[i], {}),
                                     &delivered = parts_.metrics.frames_delivered] {
      delivered.Increment(static_cast<double>(hub->deliver(batch)));
    });
  }
}

void PartitionFeed::on_records(std::span<const RecordPtr> records) {
  progress_back_off_.reset();
  std::size_t bytes = 0;
  for (const RecordPtr& record : records) {
    bytes += size_bytes(*record);
    if (!pieces_.add(record)) continue;
    const auto found = followers_.find(*record->key);
    if (found == followers_.end() || !found->second->any_live) continue;
    const Follower& follower = *found->second;
    for (const WireDialect dialect : {WireDialect::v1, WireDialect::v1_legacy})
      if (std::any_of(follower.live.begin(), follower.live.end(), [&](const LiveCounts& counts) {
            return counts[static_cast<std::size_t>(dialect)] > 0;
          }))
        queue_live(follower, dialect,
                   parts_.make_frame(event_store::encode_progress_frame(*record, dialect),
                                     {.kind = FrameKind::progress}));
  }
  parts_.metrics.log_bytes_read.Increment(static_cast<double>(bytes));
  post_batches();
}

void PartitionFeed::trim() {
  window_.trim(parts_.limits.window_bytes_max,
               parts_.clock.monotonic() - parts_.limits.window_age_max);
}

// ---- what sessions ask

void PartitionFeed::tell_positions() {
  for (const auto& [id, subscription] : subscriptions_) {
    const Follower& follower = *subscription.follower;
    if (subscription.phase == Phase::waiting) continue;  // it stands nowhere yet
    const bool live = subscription.phase == Phase::live;
    const Seq seq = live && follower.chain ? follower.chain->seq : subscription.last_seq;
    post(subscription.ticket,
         StreamPosition{cursor_text(live ? head_ : subscription.position, seq, follower.user)});
  }
}

PartitionFeed::Follower& PartitionFeed::follower_of(const UserId& user) {
  const auto [found, is_new] = followers_.try_emplace(user.value());
  if (is_new) {
    const ChannelId v1(++last_channel_);
    const ChannelId legacy(++last_channel_);
    found->second = std::make_unique<Follower>(Follower{
        user, std::nullopt, {v1, legacy}, std::vector<LiveCounts>(parts_.shards.size()), {}});
    if (const WindowEvent* newest = window_.newest_of(user.value()))
      found->second->chain = event_store::stated_chain(*newest->record);
  }
  return *found->second;
}

void PartitionFeed::follow(const StreamTicket& ticket, StreamRequest request) {
  unfollow(ticket.session);
  Follower& follower = follower_of(request.user);
  follower.sessions.push_back(ticket.session);
  Subscription& subscription =
      subscriptions_
          .try_emplace(ticket.session, Subscription{ticket, &follower, request.dialect, {}})
          .first->second;
  if (stopped_) return end_unavailable(subscription, *stopped_);
  if (!serves_) return waiting_.push_back({ticket, std::move(request)});
  begin(subscription, request);
}

void PartitionFeed::begin(Subscription& subscription, const StreamRequest& request) {
  subscription.phase = Phase::reading;
  if (request.from == StreamFrom::cursor) return begin_at_cursor(subscription, request.cursor);
  if (request.from == StreamFrom::latest) {
    subscription.position = head_;
    if (subscription.follower->chain) subscription.last_seq = subscription.follower->chain->seq;
  }
  prove(subscription);
  go_on(subscription);
}

void PartitionFeed::prove(Subscription& subscription) {
  if (std::exchange(subscription.proven, true)) return;
  post(subscription.ticket, StreamReady{cursor_text(subscription.position, subscription.last_seq,
                                                    subscription.follower->user),
                                        place_of(subscription.position, subscription.last_seq)});
}

void PartitionFeed::begin_at_cursor(Subscription& subscription, const std::string& text) {
  const auto cursor = event_store::decode_cursor(text, subscription.follower->user,
                                                 parts_.description.log_id, partition_);
  if (!cursor) return refuse(subscription, cursor.error());
  subscription.position =
      Position{cursor->next_offset, cursor->epoch, std::nullopt, cursor->owner_seq};
  subscription.last_seq = cursor->last_seq;
  subscription.seq_claimed = cursor->last_seq.value() != 0;
  if (cursor->next_offset > head_.next_offset) return judge_beyond_head(subscription);
  go_on(subscription);
}

// The log may hold more than this gateway has read: only the log itself can say what is beyond it.
void PartitionFeed::judge_beyond_head(const Subscription& subscription) {
  unjudged_.push_back(subscription.ticket);
  if (!asks_end_) ask_end_of_log();
}

// One question for all who wait for it.
void PartitionFeed::ask_end_of_log() {
  asks_end_ = true;
  ask_bounds(Topic::events, [this, asked = std::exchange(unjudged_, {})](
                                const Result<event_store::LogBounds>& bounds) {
    asks_end_ = false;
    if (!unjudged_.empty()) ask_end_of_log();
    for (const StreamTicket& ticket : asked) {
      Subscription* const found = find(ticket);
      if (found == nullptr) continue;
      if (!bounds)
        end_unavailable(*found, bounds.error());
      else if (found->position.next_offset > bounds->end)
        refuse(*found, event_store::CursorFault::beyond_end);
      else
        go_on(*found);
    }
  });
}

void PartitionFeed::ask_bounds(Topic topic,
                               std::function<void(const Result<event_store::LogBounds>&)> take) {
  parts_.callbacks.begin();
  parts_.log.ask_bounds(
      {topic, partition_}, parts_.executor,
      [take = std::move(take), &callbacks = parts_.callbacks,
       alive = std::weak_ptr<const bool>(alive_)](const Result<event_store::LogBounds>& bounds) {
        callbacks.end();
        if (!alive.expired()) take(bounds);
      });
}

void PartitionFeed::serve_those_beyond_head() {
  if (beyond_head_.empty()) return;
  for (const SessionId session : std::exchange(beyond_head_, {})) {
    const auto found = subscriptions_.find(session);
    if (found == subscriptions_.end() || found->second.phase != Phase::beyond_head) continue;
    if (found->second.position.next_offset > head_.next_offset) {
      beyond_head_.push_back(session);
    } else {
      found->second.phase = Phase::reading;
      go_on(found->second);
    }
  }
}

void PartitionFeed::more(const StreamTicket& ticket) {
  Subscription* const found = find(ticket);
  if (found == nullptr || found->phase != Phase::asking) return;
  found->phase = Phase::reading;
  go_on(*found);
}

void PartitionFeed::unfollow(SessionId session) {
  const auto found = subscriptions_.find(session);
  if (found == subscriptions_.end()) return;
  parts_.scans.drop(session);
  Follower& follower = *found->second.follower;
  stop_live(found->second);
  std::erase(follower.sessions, session);
  subscriptions_.erase(found);
  // Who comes and goes while the log is asked leaves nothing behind.
  std::erase_if(waiting_, [&](const Waiting& one) { return one.ticket.session == session; });
  std::erase_if(unjudged_, [&](const StreamTicket& one) { return one.session == session; });
  stay();
  if (follower.sessions.empty()) followers_.erase(followers_.find(follower.user.value()));
}

PartitionFeed::Subscription* PartitionFeed::find(const StreamTicket& ticket) {
  const auto found = subscriptions_.find(ticket.session);
  if (found == subscriptions_.end() || found->second.ticket.generation != ticket.generation)
    return nullptr;
  return &found->second;
}

void PartitionFeed::post(const StreamTicket& ticket, StreamUpdate update) {
  parts_.posts.add(ticket, std::move(update));
}

const FramePtr& PartitionFeed::frame_of(WindowEvent& event, const UserId& user,
                                        WireDialect dialect) {
  FramePtr& frame = dialect == WireDialect::v1 ? event.frame : event.legacy_frame;
  if (!frame) {
    frame =
        parts_.make_frame(event_store::encode_event_frame(
                              *event.record, cursor_text(event.after, event.seq, user), dialect),
                          {FrameKind::event, place_of(event.after, event.seq)});
    window_.add_bytes(frame->text().size());
  }
  return frame;
}

StreamPlace PartitionFeed::place_of(const Position& position, Seq last_seq) {
  return {position.next_offset, position.epoch, position.owner_seq, last_seq};
}

std::string PartitionFeed::cursor_text(const Position& position, Seq last_seq,
                                       const UserId& user) const {
  return event_store::encode_cursor({parts_.description.log_id, partition_, position.next_offset,
                                     position.epoch, position.owner_seq, last_seq},
                                    user);
}

}  // namespace signalbox::gateway
