// Taking a partition over and keeping it: poison check, open runs, checkpoints, release. See
// term.hpp.
#include "router/term.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::router {

Term::Term(RouterServices services, const RouterOptions& options, RouterCounters& counters,
           event_store::LogDescription log, Partition partition, UserStates& states,
           const FoldState& fold, LogPatience& patience, RefusedEvents& refused, Takeover takeover,
           std::function<void(const Error&)> stop)
    : services_(services),
      options_(options),
      counters_(counters),
      log_(log),
      partition_(partition),
      states_(states),
      fold_(fold),
      patience_(patience),
      refused_(refused),
      takeover_(std::move(takeover)),
      stop_(std::move(stop)),
      factory_(services.agents, services.clock, options.supervisor),
      source_("/signalbox/" + log.log_id.value().to_string() + "/router/" + options.instance),
      open_(services.log, services.clock, services.executor, partition, options.open_list,
            counters.resends,
            [this](const Event& event, const Error& why) { end_as_refused(event, why); }),
      next_inbound_(takeover_.inbound.next),
      checkpoint_at_(services.clock.monotonic()),
      snapshot_at_(services.clock.monotonic()),
      gate_(std::make_shared<TermGate>()) {
  gate_->state = [this](const UserExecutionContext& context, EventData data) {
    return state_run_fact(context, std::move(data));
  };
  gate_->respond = [this](const UserExecutionContext& context, Attempt attempt,
                          AgentResponding piece) { respond(context, attempt, std::move(piece)); };
  const auto busy = states_.busy_users();
  std::set<UserId> users(takeover_.open_users.begin(), takeover_.open_users.end());
  users.insert(busy.begin(), busy.end());
  to_load_.assign(users.begin(), users.end());
  refused_.forget_before(next_inbound_);
  ++counters_.terms;
  house_timer_ =
      services_.executor.call_at(checkpoint_at_ + options_.housekeeping, [this] { keep_house(); });
  services_.executor.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) pump();
  });
}

Term::~Term() {
  counters_.runs_open -= static_cast<std::int64_t>(supervisors_.size());
  for (const TimerId timer : {house_timer_, retry_timer_, release_timer_, log_timer_})
    services_.executor.cancel(timer);
}

void Term::pump() {
  // What a stage does may come back here; the outer call goes on with it.
  if (pumping_) return;
  pumping_ = true;
  if (resting_ && open_.empty()) snapshot_partition();
  if (!blocked_ && stage_ == Stage::checking) check_inbound();
  if (!blocked_ && stage_ == Stage::loading) load_users();
  if (!blocked_ && stage_ == Stage::trying) try_oldest();
  if (!blocked_ && stage_ == Stage::resuming) resume_runs();
  state_deferred();
  if (!blocked_ && stage_ == Stage::serving) serve();
  if (stage_ == Stage::releasing) try_release();
  if (checkpoint_due_ && open_.empty() && stage_ != Stage::releasing) append_checkpoint({});
  pumping_ = false;
}

void Term::wait_for_log(const Error& why) {
  if (!is_retryable(why.code)) return stop_(why);
  blocked_ = true;
  log_timer_ =
      services_.executor.call_at(services_.clock.monotonic() + patience_.next(why), [this] {
        log_timer_ = TimerId::none;
        blocked_ = false;
        pump();
      });
}

void Term::ask_bounds(Topic topic, std::function<void(const event_store::LogBounds&)> judge) {
  blocked_ = true;
  asking_ = true;
  services_.log.ask_bounds({topic, partition_}, services_.executor,
                           [this, judge = std::move(judge), alive = std::weak_ptr<bool>(alive_)](
                               const Result<event_store::LogBounds>& bounds) {
                             if (alive.expired() || !std::exchange(asking_, false)) return;
                             if (!bounds) return wait_for_log(bounds.error());
                             blocked_ = false;
                             judge(*bounds);
                           });
}

void Term::ask_texts() {
  blocked_ = true;
  asking_ = true;
  services_.log.ask_records(
      {Topic::events, partition_}, states_.texts_wanted(), services_.executor,
      [this, places = states_.texts_wanted(),
       alive = std::weak_ptr<bool>(alive_)](const Result<std::vector<RecordPtr>>& texts) {
        if (alive.expired() || !std::exchange(asking_, false)) return;
        if (!texts) return wait_for_log(texts.error());
        blocked_ = false;
        states_.note_texts(places, *texts);
        pump();
      });
}

// Who was not acquired is acquired again, when the log answers, has given the texts that his
// snapshot refers to, or has said whether it holds what the snapshot speaks of.
void Term::wait_for_user(const Error& why) {
  if (!states_.texts_wanted().empty()) return ask_texts();
  if (!states_.must_ask()) return wait_for_log(why);
  ask_bounds(Topic::events,
             [this, snapshots_to = states_.snapshots_to()](const event_store::LogBounds& bounds) {
               states_.note_answer(bounds.end, snapshots_to);
               pump();
             });
}

// ---- taking over

void Term::check_inbound() {
  ask_bounds(Topic::inbound,
             [this](const event_store::LogBounds& bounds) { judge_inbound_bounds(bounds); });
}

// Ownership rule 18.
void Term::judge_inbound_bounds(const event_store::LogBounds& bounds) {
  if (next_inbound_ < bounds.first)
    return stop_({Errc::corrupt, "commands were lost: inbound begins at offset " +
                                     std::to_string(bounds.first.value()) + ", work goes on at " +
                                     std::to_string(next_inbound_.value())});
  if (next_inbound_ > bounds.end)
    return stop_({Errc::corrupt, "the log regressed: inbound ends at offset " +
                                     std::to_string(bounds.end.value()) + ", work goes on at " +
                                     std::to_string(next_inbound_.value())});
  stage_ = Stage::loading;
  pump();
}

// The users whose runs may be open, so that everything after this finds them in memory.
void Term::load_users() {
  for (; !to_load_.empty(); to_load_.pop_front()) {
    const auto held = states_.acquire(to_load_.front());  // null: he is one to rebuild
    if (!held) return wait_for_user(held.error());
  }
  if (!states_.unfolded_users(1).empty()) return rebuild();
  stage_ = Stage::trying;
  inbound_ = std::make_unique<InboundSource>(
      services_.log, services_.executor, partition_, next_inbound_, [this] { pump(); },
      [this](const Error& error) { stop_(error); });
}

// All that are known to need it, in one pass; they come back to load_users() or take().
void Term::rebuild(const UserId* wanted) {
  const auto users = states_.unfolded_users(options_.states.rebuild_users_max, wanted);
  SIGNALBOX_ASSERT(!users.empty());
  spdlog::warn("{} users of partition {} are folded again from the log", users.size(),
               partition_.value());
  counters_.rebuilds += users.size();
  blocked_ = true;
  rebuild_ = std::make_unique<UserRebuild>(log_.log_id, users, options_.rules.limits);
  rebuild_->start(
      services_.log, services_.executor, partition_, [this] { return fold_.position.next_offset; },
      [this](const Result<void>& result) { adopt_rebuilt(result); });
}

void Term::adopt_rebuilt(const Result<void>& result) {
  const auto rebuilt = std::move(rebuild_);
  if (!result) return stop_(result.error());
  for (auto& [state, damage] : rebuilt->take()) states_.adopt(std::move(state), damage, fold_);
  blocked_ = false;
  pump();
}

// Poison (design 3): the record at the resume point of an owner that was lost may be what killed
// it, so it is taken alone, and the log says so before it is.
void Term::try_oldest() {
  if (!tried_ && takeover_.predecessor_lost) {
    tried_ = inbound_->front();
    if (!tried_ && !inbound_->has_met_end()) return;
    if (tried_) {
      const auto& before = takeover_.inbound.trying;
      try_count_ = before && before->offset == tried_->offset ? before->count + 1 : 1;
      try_stated_ = try_count_ >= options_.poison_count;
      if (!try_stated_) return append_checkpoint(Trying{tried_->offset, try_count_});
    }
  }
  if (tried_) {
    if (!try_stated_) return;
    if (!try_taken_)
      try_taken_ =
          try_count_ < options_.poison_count
              ? take(*tried_)
              : take_unusable(*tried_, poison_of(*tried_, "its owner was lost " +
                                                              std::to_string(try_count_ - 1) +
                                                              " times while deciding it"));
    if (!try_taken_ || blocked_ || !open_.empty()) return;
  }
  note_open_runs();
  stage_ = Stage::resuming;
}

// Counted afresh: the record that was tried may have let a run go on.
void Term::note_open_runs() {
  started_ = 0;
  for (const UserId& user : states_.busy_users()) {
    const Held* held = states_.find(user);
    if (held == nullptr || held->state.runs.empty()) continue;
    started_ += running_count(held->state);
    to_resume_.push_back(user);
  }
}

Unusable Term::poison_of(const Record& record, std::string detail) const {
  Unusable poison{
      .reason = "poison", .detail = std::move(detail), .user = named_user(record, log_.partitions)};
  if (poison.user)
    poison.refusal = Refusal{.code = RejectCode::poison,
                             .message = poison.detail,
                             .message_id = std::nullopt,
                             .causation_id = cause_of(record),
                             .websocket_client_id = std::nullopt};
  return poison;
}

void Term::on_checkpoint(const PartitionCheckpoint& checkpoint) {
  if (!tried_ || !checkpoint.trying || checkpoint.trying->offset != tried_->offset) return;
  try_stated_ = true;
  pump();
}

// Ownership rule 12.
void Term::resume_runs() {
  const auto reason =
      takeover_.predecessor_lost ? ResumeReason::owner_lost : ResumeReason::released;
  while (!to_resume_.empty()) {
    Held* held = states_.find(to_resume_.front());
    SIGNALBOX_ASSERT(held != nullptr);
    auto statements = decide_resumption(held->state, reason, options_.rules.limits);
    if (statements.size() > room() && !open_.empty()) return;
    for (Statement& statement : statements) state(*held, std::move(statement));
    start_runs(*held);
    to_resume_.pop_front();
  }
  stage_ = Stage::serving;
  patience_.over();
  spdlog::info("partition {} is served in epoch {}", partition_.value(), takeover_.epoch.value());
}

// ---- read back

bool Term::on_counted(const Record& record, const FoldState& before, const FoldState& after) {
  const auto confirmed = open_.confirm(record);
  if (!confirmed) return false;
  const Event& event = *confirmed;
  states_.confirm(event, before, after, record.offset);
  refused_.note_counted();
  if (is_terminal(event.data)) refused_.forget(*event.run_id);
  ++counters_.events;
  ++records_since_checkpoint_;
  active_since_snapshot_ = true;
  if (std::holds_alternative<AgentStarted>(event.data) ||
      std::holds_alternative<RunResumed>(event.data)) {
    supervise(*states_.find(event.user_id), *event.run_id);
  } else if (event.run_id) {
    if (const auto found = supervisors_.find(*event.run_id); found != supervisors_.end())
      found->second->on_counted(event.data);
  }
  if (records_since_checkpoint_ >= options_.checkpoint_records) append_checkpoint({});
  pump();
  return true;
}

// ---- keeping

void Term::append_control(ControlData data, std::function<void()> reported) {
  const ControlRecord control{.id = services_.random.uuid().to_string(),
                              .source = source_,
                              .time = services_.clock.now(),
                              .data = std::move(data)};
  services_.log.append(
      {Topic::events, partition_}, event_store::encode_control(control), services_.executor,
      [alive = std::weak_ptr<bool>(alive_),
       reported = std::move(reported)](const Result<Offset>& result) {
        if (!result) spdlog::warn("a control record was not appended: {}", result.error().message);
        if (!alive.expired() && reported) reported();
      });
}

void Term::append_checkpoint(std::optional<Trying> trying) {
  const Offset settled = open_.empty() ? next_inbound_ : fold_.inbound.next;
  append_control(
      PartitionCheckpoint{
          .log_id = log_.log_id,
          .epoch = takeover_.epoch,
          .claim_id = takeover_.claim_id,
          .inbound_next = settled,
          .fold_at = FoldPoint{.offset = fold_.position.next_offset,
                               .epoch = fold_.position.epoch,
                               .claim_id = fold_.position.claim.value_or(takeover_.claim_id),
                               .owner_seq = fold_.position.owner_seq,
                               .inbound_next = fold_.inbound.next},
          .trying = trying},
      {});
  checkpoint_due_ = false;
  records_since_checkpoint_ = 0;
  checkpoint_at_ = services_.clock.monotonic();
}

void Term::keep_house() {
  if (!gate_) return;  // released
  const MonotonicTime now = services_.clock.monotonic();
  states_.tick(fold_);
  if (stage_ == Stage::serving && !blocked_ && states_.must_rebuild()) rebuild();
  // The record must not be tried before the log says so; should that append have failed, once more.
  if (stage_ == Stage::trying && tried_ && !try_stated_)
    append_checkpoint(Trying{tried_->offset, try_count_});
  if (records_since_checkpoint_ > 0 && now - checkpoint_at_ >= options_.checkpoint_interval)
    append_checkpoint({});
  if (active_since_snapshot_ && now - snapshot_at_ >= options_.snapshot_interval)
    snapshot_partition();
  house_timer_ = services_.executor.call_at(now + options_.housekeeping, [this] { keep_house(); });
}

// Until all of them are loaded, the to-do list of a take-over stands only in the snapshot it began
// with.
void Term::snapshot_partition() {
  if (!to_load_.empty()) return;
  active_since_snapshot_ = !states_.snapshot_partition(fold_);
  snapshot_at_ = services_.clock.monotonic();
  resting_ = states_.must_rest();
}

void Term::release(std::function<void()> done) {
  SIGNALBOX_ASSERT(!released_);
  released_ = std::move(done);
  stage_ = Stage::releasing;
  inbound_.reset();
  // Whoever is next asks for himself what this term still waits for.
  if (log_timer_ != TimerId::none || rebuild_ || asking_) blocked_ = false;
  asking_ = false;
  services_.executor.cancel(std::exchange(log_timer_, TimerId::none));
  rebuild_.reset();
  for (auto& [run_id, supervisor] : supervisors_) supervisor->halt();
  release_until_ = services_.clock.monotonic() + options_.release_grace;
  pump();
  say_releasing();
}

// Whoever waits for the partition takes silence for an end.
void Term::say_releasing() {
  if (!gate_) return;  // released
  release_timer_ = TimerId::none;
  const MonotonicTime now = services_.clock.monotonic();
  release_forced_ = now >= release_until_;
  if (release_forced_) return pump();
  append_checkpoint({});
  release_timer_ = services_.executor.call_at(std::min(now + options_.release_sign, release_until_),
                                              [this] { say_releasing(); });
}

void Term::try_release() {
  if (!released_ || !gate_) return;
  const bool in_step = std::ranges::any_of(
      supervisors_, [](const auto& entry) { return entry.second->is_in_step(); });
  if ((in_step || blocked_ || !open_.empty() || !deferred_.empty()) && !release_forced_) return;
  // From here on nothing is written in this epoch but the two control records.
  gate_.reset();
  counters_.runs_open -= static_cast<std::int64_t>(supervisors_.size());
  supervisors_.clear();
  // Not in order: no release record.
  if (!open_.empty() || blocked_) return services_.executor.post(released_);
  snapshot_partition();
  append_checkpoint({});
  append_control(PartitionReleased{.epoch = takeover_.epoch, .claim_id = takeover_.claim_id},
                 [this] { tell_released(); });
  // It is a hint: who gets no answer about it goes without.
  services_.executor.cancel(release_timer_);
  const MonotonicTime answered = services_.clock.monotonic() + options_.release_sign;
  release_timer_ =
      services_.executor.call_at(std::max(release_until_, answered), [this] { tell_released(); });
}

void Term::tell_released() {
  if (!released_) return;
  services_.executor.cancel(std::exchange(release_timer_, TimerId::none));
  services_.executor.post(std::exchange(released_, {}));
}

}  // namespace signalbox::router
