#include "router/partition_worker.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "router/snapshot_codec.hpp"

namespace signalbox::router {

using event_store::JudgedRecord;
using event_store::Verdict;

namespace {

constexpr std::chrono::milliseconds kSnapshotsLook{20};  // how often it is looked whether they came

}  // namespace

PartitionWorker::PartitionWorker(RouterServices services, const RouterOptions& options,
                                 RouterCounters& counters, Partition partition,
                                 std::function<void(Partition, const Error&)> on_stopped)
    : services_(services),
      options_(options),
      counters_(counters),
      log_(services.log.describe()),
      partition_(partition),
      report_stopped_(std::move(on_stopped)),
      users_max_(options.states.users_max),
      patience_(partition, options.patience, services.random) {
  // Posted: whoever gains several partitions has others to release meanwhile.
  services_.executor.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired() && phase_ == Phase::following) follow();
  });
}

PartitionWorker::~PartitionWorker() {
  services_.executor.cancel(timer_);
  if (term_) services_.snapshots.set_owned(partition_, false);
  term_.reset();
}

void PartitionWorker::set_users_max(std::size_t users_max) {
  users_max_ = users_max;
  if (states_) states_->set_users_max(users_max);
}

void PartitionWorker::call_at(MonotonicTime when, std::function<void()> task) {
  services_.executor.cancel(timer_);
  timer_ = services_.executor.call_at(when, std::move(task));
}

// With those that are on their way less has to be folded; without them nothing is wrong.
bool PartitionWorker::wait_for_snapshots() {
  const MonotonicTime now = services_.clock.monotonic();
  const std::uint64_t behind = services_.snapshots.behind(partition_);
  if (!snapshots_wait_)
    snapshots_wait_ = SnapshotsWait{behind, now, now + options_.snapshots_wait_max};
  if (behind < snapshots_wait_->least)
    snapshots_wait_ = SnapshotsWait{behind, now, snapshots_wait_->until};
  const MonotonicTime until =
      std::min(snapshots_wait_->came_at + options_.snapshots_patience, snapshots_wait_->until);
  if (behind > 0 && now < until) {
    call_at(now + kSnapshotsLook, [this] { follow(); });
    return true;
  }
  snapshots_wait_.reset();
  return false;
}

// Begins at the newest partition snapshot, or at offset 0, with nothing else in memory.
void PartitionWorker::follow() {
  SIGNALBOX_ASSERT(!term_);  // it holds on to the states that are made anew here
  phase_ = Phase::following;
  restarting_ = true;
  if (wait_for_snapshots()) return;
  claim_id_.reset();
  caught_up_ = false;
  ask_end([this](Offset end) { begin(end); });
}

void PartitionWorker::ask_end(std::function<void(Offset)> then) {
  restarting_ = true;
  asking_ = true;
  services_.log.ask_bounds({Topic::events, partition_}, services_.executor,
                           [this, then = std::move(then), alive = std::weak_ptr<bool>(alive_)](
                               const Result<event_store::LogBounds>& bounds) {
                             if (alive.expired() || !std::exchange(asking_, false)) return;
                             if (!bounds) return stop(bounds.error());
                             then(bounds->end);
                           });
}

void PartitionWorker::begin(Offset end) {
  fold_ = {};
  open_users_.clear();
  begin_at_snapshot(end);
  states_ = std::make_unique<UserStates>(services_.log, services_.snapshots, services_.clock,
                                         log_.log_id, partition_, fold_.position.next_offset,
                                         options_.rules.limits, options_.states, counters_.states);
  states_->set_users_max(users_max_);
  states_->note_end(end);
  read_on();
}

void PartitionWorker::read_on() {
  restarting_ = false;
  event_store::JudgedSink& sink = *this;
  reader_ = std::make_unique<event_store::PartitionReader>(services_.log, services_.executor,
                                                           partition_, fold_.position, sink);
}

// The newest snapshot of the partition may be of no use; then at offset 0.
void PartitionWorker::begin_at_snapshot(Offset end) {
  const auto stored = services_.snapshots.get(partition_snapshot_key(partition_));
  if (!stored) {
    spdlog::warn("the snapshot of partition {} is not used: {}", partition_.value(),
                 stored.error().message);
    return;
  }
  if (!*stored || (*stored)->fold_version != kFoldVersion) return;
  auto snapshot = decode_partition_snapshot((*stored)->bytes);
  if (snapshot && snapshot->log_id == log_.log_id && snapshot->partition == partition_ &&
      snapshot->at.next_offset <= end) {
    fold_ = {.position = snapshot->at, .inbound = snapshot->inbound};
    open_users_ = std::move(snapshot->open_users);
    return;
  }
  services_.snapshots.refuse(partition_snapshot_key(partition_));
  spdlog::warn("the snapshot of partition {} is not used: it is not of this log, or ahead of it",
               partition_.value());
}

// Whether the log holds what a user's snapshot speaks of; then the record that was for him is read
// again.
void PartitionWorker::ask_for_snapshots(const FoldState& before) {
  fold_ = before;
  ask_end([this, snapshots_to = states_->snapshots_to()](Offset end) {
    states_->note_answer(end, snapshots_to);
    heard_at_ = services_.clock.monotonic();
    read_on();
  });
}

// The same for what his snapshot left in the log.
void PartitionWorker::ask_for_texts(const FoldState& before) {
  fold_ = before;
  restarting_ = true;
  asking_ = true;
  services_.log.ask_records(
      {Topic::events, partition_}, states_->texts_wanted(), services_.executor,
      [this, places = states_->texts_wanted(),
       alive = std::weak_ptr<bool>(alive_)](const Result<std::vector<RecordPtr>>& texts) {
        if (alive.expired() || !std::exchange(asking_, false)) return;
        if (!texts) return stop(texts.error());
        states_->note_texts(places, *texts);
        heard_at_ = services_.clock.monotonic();
        read_on();
      });
}

// ---- reading

void PartitionWorker::on_judged(std::span<const JudgedRecord> records) {
  for (const JudgedRecord& judged : records) {
    if (restarting_ || phase_ == Phase::stopped) return;
    fold_one(judged);
  }
}

void PartitionWorker::fold_one(const JudgedRecord& judged) {
  const FoldState before = fold_;
  fold_.position = judged.after;
  states_->note_end(fold_.position.next_offset);
  event_store::fold_resume(fold_.inbound, fold_.position, judged.judged, *judged.record);
  ++counters_.verdicts[static_cast<std::size_t>(judged.judged.verdict)];
  switch (judged.judged.verdict) {
    case Verdict::valid: return on_valid(judged, before);
    case Verdict::control: return on_control(judged, before);
    case Verdict::released: return on_word_of_owner();
    case Verdict::repeat:
      on_word_of_owner();
      if (const auto* checkpoint = std::get_if<PartitionCheckpoint>(&*judged.judged.control))
        if (term_ && checkpoint->epoch == term_->epoch()) term_->on_checkpoint(*checkpoint);
      return;
    case Verdict::hole:
      if (term_ && judged.after.epoch == term_->epoch()) term_->on_hole();
      return;
    default: return;
  }
}

void PartitionWorker::on_valid(const JudgedRecord& judged, const FoldState& before) {
  if (term_ && judged.after.epoch == term_->epoch()) {
    if (term_->on_counted(*judged.record, before, fold_)) return;
    // Contract 8: the owner checks what it reads back. Whose event that is, only a fold says that
    // knows nothing of this term.
    const Error foreign{Errc::unavailable,
                        "a record that this owner has not stated stands in its epoch at offset " +
                            std::to_string(judged.record->offset.value())};
    spdlog::error("partition {}: {}", partition_.value(), foreign.message);
    return begin_again(foreign);
  }
  if (const auto folded = states_->fold(*judged.record, before, fold_); !folded) {
    if (!states_->texts_wanted().empty()) return ask_for_texts(before);
    return states_->must_ask() ? ask_for_snapshots(before) : stop(folded.error());
  }
  on_word_of_owner();
}

void PartitionWorker::on_control(const JudgedRecord& judged, const FoldState& before) {
  const auto& owned = std::get<PartitionOwned>(*judged.judged.control);
  const bool is_claimed = phase_ == Phase::claiming || phase_ == Phase::withdrawing;
  if (is_claimed && claim_id_ && owned.claim_id == *claim_id_) {
    const bool is_given_up = phase_ == Phase::withdrawing;
    become_owner(owned, before);
    return is_given_up ? release_term() : void();
  }
  if (term_ || is_claimed) return lose();
  if (phase_ == Phase::waiting) wait_for_release();  // of another owner now
}

void PartitionWorker::on_caught_up(const event_store::Position&) {
  if (phase_ != Phase::following || restarting_) return;
  caught_up_ = true;
  patience_.over();
  spdlog::info("partition {} is read to offset {}{}", partition_.value(),
               fold_.position.next_offset.value(),
               is_held() ? ", its owner has not released it" : "");
  if (is_held())
    wait_for_release();
  else
    claim();
}

void PartitionWorker::on_stopped(const Error& error) {
  if (!restarting_) stop(error);  // else the next follow-up meets it again
}

// ---- waiting for the owner before

bool PartitionWorker::is_held() const {
  return fold_.position.epoch > Epoch(0) && fold_.inbound.released != fold_.position.epoch &&
         options_.release_patience.count() > 0;
}

// An owner that lives finishes its steps and releases; one that was killed says nothing. Waiting
// decides only when rule 1 is applied.
void PartitionWorker::wait_for_release() {
  phase_ = Phase::waiting;
  heard_at_ = services_.clock.monotonic();
  waits_until_ = heard_at_ + options_.release_grace + options_.release_patience;
  look_for_release();
}

void PartitionWorker::look_for_release() {
  const MonotonicTime until = std::min(heard_at_ + options_.release_patience, waits_until_);
  if (services_.clock.monotonic() < until) return call_at(until, [this] { look_for_release(); });
  // On a busy thread the owner's words may still wait behind the timer that was due.
  services_.executor.post([this, heard_at = heard_at_, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired() || phase_ != Phase::waiting) return;
    if (asking_) heard_at_ = services_.clock.monotonic();  // nothing is read meanwhile
    if (heard_at_ == heard_at || services_.clock.monotonic() >= waits_until_) return claim();
    look_for_release();
  });
}

void PartitionWorker::on_word_of_owner() {
  if (phase_ != Phase::waiting) return;
  heard_at_ = services_.clock.monotonic();
  if (is_held()) return;
  services_.executor.cancel(timer_);
  claim();
}

// ---- owning

void PartitionWorker::claim() {
  phase_ = Phase::claiming;
  append_claim();
}

// Ownership rule 1: one above the highest epoch read or claimed, under an id that is new every
// time.
void PartitionWorker::append_claim() {
  claimed_ = std::max(claimed_, fold_.position.epoch).next();
  if (claimed_.value() > kCountMax<std::int64_t>)
    return stop({Errc::corrupt, "no epoch is left to claim: the log has epoch " +
                                    std::to_string(fold_.position.epoch.value())});
  claim_id_ = ClaimId(services_.random.uuid());
  const ControlRecord claim{
      .id = services_.random.uuid().to_string(),
      .source = "/signalbox/" + log_.log_id.value().to_string() + "/router/" + options_.instance,
      .time = services_.clock.now(),
      .data = PartitionOwned{.log_id = log_.log_id,
                             .epoch = claimed_,
                             .claim_id = *claim_id_,
                             .router_id = options_.instance,
                             .inbound_next = fold_.inbound.next}};
  services_.log.append(
      {Topic::events, partition_}, event_store::encode_control(claim), services_.executor,
      [this, id = *claim_id_, alive = std::weak_ptr<bool>(alive_)](const Result<Offset>& appended) {
        if (alive.expired() || appended || claim_id_ != id) return;
        if (phase_ == Phase::withdrawing) return finish_release();
        if (phase_ != Phase::claiming) return;
        call_at(services_.clock.monotonic() + patience_.next(appended.error()), [this] {
          if (phase_ == Phase::claiming) append_claim();
        });
      });
}

void PartitionWorker::become_owner(const PartitionOwned& owned, const FoldState& before) {
  phase_ = Phase::owning;
  services_.snapshots.set_owned(partition_, true);
  const Epoch predecessor = before.position.epoch;
  term_ = std::make_unique<Term>(
      services_, options_, counters_, log_, partition_, *states_, fold_, patience_, refused_,
      Takeover{.epoch = owned.epoch,
               .claim_id = owned.claim_id,
               .predecessor_lost = predecessor > Epoch(0) && before.inbound.released != predecessor,
               .inbound = fold_.inbound,
               .open_users = std::move(open_users_)},
      [this, alive = std::weak_ptr<bool>(alive_)](const Error& error) {
        services_.executor.post([this, alive, error] {
          if (!alive.expired()) stop(error);
        });
      });
  spdlog::info("owner of partition {} in epoch {}", partition_.value(), owned.epoch.value());
}

// Ownership rule 4: a higher epoch was read. Everything of the term goes; the follow-up begins
// anew, from read-back facts only, after a random delay, so that two routers do not outbid each
// other for ever.
void PartitionWorker::lose() {
  if (phase_ == Phase::releasing || phase_ == Phase::withdrawing) {
    // Somebody else has it: nothing to give up, and nothing to be sent again.
    end_term();
    return finish_release();
  }
  spdlog::warn("partition {} was taken by epoch {}", partition_.value(),
               fold_.position.epoch.value());
  // What is still reported of the claim is of one that is over.
  phase_ = Phase::following;
  claim_id_.reset();
  restarting_ = true;
  const auto wait = std::chrono::milliseconds(
      services_.random.below(static_cast<std::uint64_t>(options_.claim_retry.count()) + 1));
  end_term();
  call_at(services_.clock.monotonic() + wait, [this] { follow(); });
}

void PartitionWorker::end_term() {
  services_.snapshots.set_owned(partition_, false);
  term_.reset();
}

// What the log did not answer is asked for by a follow-up that begins anew, and an ownership that
// is claimed anew: nothing in memory is relied on.
void PartitionWorker::begin_again(const Error& why) {
  if (phase_ == Phase::releasing || phase_ == Phase::withdrawing) return finish_release();
  if (phase_ == Phase::released) return;
  phase_ = Phase::following;
  restarting_ = true;
  end_term();
  auto wait = patience_.next(why);
  if (refused_.is_stuck()) wait = std::max(wait, options_.patience.most);
  call_at(services_.clock.monotonic() + wait, [this] { follow(); });
}

void PartitionWorker::stop(const Error& error) {
  if (phase_ == Phase::stopped) return;
  if (is_retryable(error.code)) return begin_again(error);
  spdlog::error("partition {} stops: {}", partition_.value(), error.message);
  const bool was_releasing = phase_ == Phase::releasing || phase_ == Phase::withdrawing;
  services_.executor.cancel(timer_);
  stopped_ = error;
  if (was_releasing) finish_release();
  phase_ = Phase::stopped;
  end_term();
  report_stopped_(partition_, error);
}

void PartitionWorker::release(std::function<void()> done) {
  // Asked again while it is under way: both are told.
  released_.push_back(std::move(done));
  if (phase_ == Phase::releasing || phase_ == Phase::withdrawing) return;
  services_.executor.cancel(timer_);
  if (phase_ == Phase::claiming) return withdraw();
  if (!term_) return finish_release();
  release_term();
}

// A claim that lands with nobody behind it looks like an owner that was lost: whoever comes next
// would wait for a word of it, and take its runs for interrupted.
void PartitionWorker::withdraw() {
  phase_ = Phase::withdrawing;
  call_at(services_.clock.monotonic() + options_.release_patience, [this] {
    if (phase_ == Phase::withdrawing) finish_release();
  });
}

void PartitionWorker::release_term() {
  services_.executor.cancel(timer_);
  phase_ = Phase::releasing;
  term_->release([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) finish_release();
  });
}

void PartitionWorker::finish_release() {
  restarting_ = true;  // what the reader still delivers is nobody's
  asking_ = false;
  services_.snapshots.set_owned(partition_, false);
  if (phase_ != Phase::stopped) phase_ = Phase::released;
  // Posted: this may run inside a call of the term, and whoever is told may destroy this worker.
  for (auto& done : std::exchange(released_, {})) services_.executor.post(std::move(done));
  ended_ = std::move(term_);
  services_.executor.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) ended_.reset();
  });
}

std::string PartitionWorker::why_not_serving() const {
  if (is_serving()) return {};
  if (patience_.why() && phase_ != Phase::stopped)
    return "waits for the log: " + patience_.why()->message;
  switch (phase_) {
    case Phase::following: return snapshots_wait_ ? "waiting for snapshots" : "reading the log";
    case Phase::waiting: return "waiting for the owner before to release it";
    case Phase::claiming: return "claiming ownership";
    case Phase::owning:
      return term_->trouble().empty() ? "taking over, or appends are in doubt"
                                      : "appends fail: " + term_->trouble();
    case Phase::withdrawing:
    case Phase::releasing:
    case Phase::released: return "released";
    case Phase::stopped: return "stopped: " + stopped_->message;
  }
  return {};
}

}  // namespace signalbox::router
