#include "router/partition_worker.hpp"

#include <spdlog/spdlog.h>

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
      users_max_(options.states.users_max) {
  follow();
}

PartitionWorker::~PartitionWorker() {
  services_.executor.cancel(claim_timer_);
  term_.reset();
}

void PartitionWorker::set_users_max(std::size_t users_max) {
  users_max_ = users_max;
  if (states_) states_->set_users_max(users_max);
}

// With those that are on their way less has to be folded; without them nothing is wrong.
bool PartitionWorker::wait_for_snapshots() {
  const MonotonicTime now = services_.clock.monotonic();
  if (!waiting_until_) waiting_until_ = now + options_.snapshots_patience;
  if (services_.snapshots.behind(partition_) > 0 && now < *waiting_until_) {
    claim_timer_ = services_.executor.call_at(now + kSnapshotsLook, [this] { follow(); });
    return true;
  }
  waiting_until_.reset();
  return false;
}

// Begins at the newest partition snapshot, or at offset 0, with nothing else in memory.
void PartitionWorker::follow() {
  phase_ = Phase::following;
  restarting_ = wait_for_snapshots();
  if (restarting_) return;
  claim_id_.reset();
  fold_ = {};
  open_users_.clear();
  if (auto stored = services_.snapshots.get(partition_snapshot_key(partition_)); !stored) {
    spdlog::warn("the snapshot of partition {} is not used: {}", partition_.value(),
                 stored.error().message);
  } else if (*stored && (*stored)->fold_version == kFoldVersion) {
    auto snapshot = decode_partition_snapshot((*stored)->bytes);
    const auto bounds = services_.log.bounds({Topic::events, partition_});
    if (snapshot && snapshot->log_id == log_.log_id && snapshot->partition == partition_ &&
        bounds && snapshot->at.next_offset <= bounds->end) {
      fold_ = {.position = snapshot->at, .inbound = snapshot->inbound};
      open_users_ = std::move(snapshot->open_users);
    } else {
      services_.snapshots.refuse(partition_snapshot_key(partition_));
      spdlog::warn(
          "the snapshot of partition {} is not used: it is not of this log, or ahead of it",
          partition_.value());
    }
  }
  states_ = std::make_unique<UserStates>(services_.log, services_.snapshots, services_.clock,
                                         log_.log_id, partition_, fold_.position.next_offset,
                                         options_.rules.limits, options_.states, counters_.states);
  states_->set_users_max(users_max_);
  event_store::JudgedSink& sink = *this;
  reader_ = std::make_unique<event_store::PartitionReader>(services_.log, services_.executor,
                                                           partition_, fold_.position, sink);
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
  event_store::fold_resume(fold_.inbound, fold_.position, judged.judged, *judged.record);
  ++counters_.verdicts[static_cast<std::size_t>(judged.judged.verdict)];
  switch (judged.judged.verdict) {
    case Verdict::valid: return on_valid(judged, before);
    case Verdict::control: return on_control(judged, before);
    case Verdict::repeat:
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
  if (term_ && judged.after.epoch == term_->epoch())
    return term_->on_counted(*judged.record, before, fold_);
  if (const auto folded = states_->fold(*judged.record, before, fold_); !folded)
    stop(folded.error());
}

void PartitionWorker::on_control(const JudgedRecord& judged, const FoldState& before) {
  const auto& owned = std::get<PartitionOwned>(*judged.judged.control);
  if (phase_ == Phase::claiming && claim_id_ && owned.claim_id == *claim_id_)
    return become_owner(owned, before);
  if (term_ || phase_ == Phase::claiming) lose();
}

void PartitionWorker::on_caught_up(const event_store::Position&) {
  if (phase_ == Phase::following && !restarting_) claim();
}

void PartitionWorker::on_stopped(const Error& error) { stop(error); }

// ---- owning

void PartitionWorker::claim() {
  phase_ = Phase::claiming;
  append_claim();
}

// Ownership rule 1: one above the highest epoch read or claimed, under an id that is new every
// time.
void PartitionWorker::append_claim() {
  claimed_ = std::max(claimed_, fold_.position.epoch).next();
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
        if (phase_ != Phase::claiming) return;
        const auto wait = options_.claim_retry +
                          std::chrono::milliseconds(services_.random.below(
                              static_cast<std::uint64_t>(options_.claim_retry.count()) + 1));
        claim_timer_ = services_.executor.call_at(services_.clock.monotonic() + wait, [this] {
          if (phase_ == Phase::claiming) append_claim();
        });
      });
}

void PartitionWorker::become_owner(const PartitionOwned& owned, const FoldState& before) {
  const auto bounds = services_.log.bounds({Topic::inbound, partition_});
  if (!bounds) return stop(bounds.error());
  if (fold_.inbound.next < bounds->first)
    return stop({Errc::corrupt, "commands were lost: inbound begins at offset " +
                                    std::to_string(bounds->first.value()) + ", work goes on at " +
                                    std::to_string(fold_.inbound.next.value())});
  if (fold_.inbound.next > bounds->end)
    return stop({Errc::corrupt, "the log regressed: inbound ends at offset " +
                                    std::to_string(bounds->end.value()) + ", work goes on at " +
                                    std::to_string(fold_.inbound.next.value())});
  phase_ = Phase::owning;
  const Epoch predecessor = before.position.epoch;
  term_ = std::make_unique<Term>(
      services_, options_, counters_, log_, partition_, *states_, fold_,
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
  if (phase_ == Phase::releasing)
    return finish_release();  // somebody else has it: nothing to give up
  spdlog::warn("partition {} was taken by epoch {}", partition_.value(),
               fold_.position.epoch.value());
  restarting_ = true;
  services_.executor.cancel(claim_timer_);
  const auto wait = std::chrono::milliseconds(
      services_.random.below(static_cast<std::uint64_t>(options_.claim_retry.count()) + 1));
  term_.reset();
  claim_timer_ =
      services_.executor.call_at(services_.clock.monotonic() + wait, [this] { follow(); });
}

void PartitionWorker::stop(const Error& error) {
  if (phase_ == Phase::stopped) return;
  spdlog::error("partition {} stops: {}", partition_.value(), error.message);
  const bool was_releasing = phase_ == Phase::releasing;
  services_.executor.cancel(claim_timer_);
  stopped_ = error;
  if (was_releasing) finish_release();
  phase_ = Phase::stopped;
  term_.reset();
  report_stopped_(partition_, error);
}

void PartitionWorker::release(std::function<void()> done) {
  // Asked again while it is under way: both are told.
  released_.push_back(std::move(done));
  if (phase_ == Phase::releasing) return;
  services_.executor.cancel(claim_timer_);
  if (!term_) return finish_release();
  phase_ = Phase::releasing;
  term_->release([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) finish_release();
  });
}

void PartitionWorker::finish_release() {
  restarting_ = true;  // what the reader still delivers is nobody's
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
  switch (phase_) {
    case Phase::following: return waiting_until_ ? "waiting for snapshots" : "reading the log";
    case Phase::claiming: return "claiming ownership";
    case Phase::owning: return "taking over, or appends are in doubt";
    case Phase::releasing:
    case Phase::released: return "released";
    case Phase::stopped: return "stopped: " + stopped_->message;
  }
  return {};
}

}  // namespace signalbox::router
