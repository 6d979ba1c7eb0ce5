// Stating events and running agents within a term. See term.hpp.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/model/assert.hpp"
#include "router/term.hpp"

namespace signalbox::router {

namespace {

// Places in the open list kept free for the answers to commands, so that runs cannot hold them up.
constexpr std::size_t kAnswerReserve = 4;

std::optional<Offset> oldest_queued(const RoutingState& state) {
  std::optional<Offset> oldest;
  for (const auto& [run_id, run] : state.runs)
    if (run.phase == RunPhase::queued && (!oldest || run.inbound_offset < *oldest))
      oldest = run.inbound_offset;
  return oldest;
}

}  // namespace

std::size_t Term::room() const {
  if (resting_) return 0;
  const std::size_t taken = open_.size() + kAnswerReserve;
  return taken < options_.open_list.events_max ? options_.open_list.events_max - taken : 0;
}

// ---- stating

// Gives the next seq and owner seq, chains the bytes, applies the event and gives it to the log:
// proposal order is log order (ownership rule 5).
void Term::state(Held& held, Statement statement) {
  RoutingState& user = held.state;
  const Seq seq = user.chain.seq.next();
  ++owner_seq_;
  Event event{
      .id = event_store::event_id_of(log_.log_id, partition_, takeover_.epoch, user.user_id, seq),
      .source = source_,
      .time = std::max(services_.clock.now(), user.last_time),
      .user_id = user.user_id,
      .thread_id = std::move(statement.thread_id),
      .run_id = statement.run_id,
      .attempt = statement.attempt,
      .websocket_client_id = std::move(statement.websocket_client_id),
      .seq = seq,
      .inbound_offset = statement.inbound_offset,
      .epoch = takeover_.epoch,
      .owner_seq = owner_seq_,
      .causation_id = std::move(statement.causation_id),
      .traceparent = std::move(statement.traceparent),
      .data = std::move(statement.data)};
  NewRecord record = event_store::encode_event(event, options_.supervisor.write_version);
  const auto content = event_store::content_hash(record.headers, record.value);
  user.chain = {.seq = seq, .hash = event_store::chain_next(user.chain.hash, content)};
  event_store::add_chain_hash(record, user.chain.hash);
  const std::size_t running = running_count(user);
  apply(user, event, options_.rules.limits);
  started_ = started_ + running_count(user) - running;
  ++held.open_events;
  open_.state(event, std::move(record));
  after_statement(held, event);
}

// Whoever owns the partition next states something smaller.
void Term::end_as_refused(const Event& event, const Error& why) {
  ++counters_.refused;
  refused_.note(event);
  const std::string what = std::string(event_store::event_name(event.data)) + " at owner seq " +
                           std::to_string(event.owner_seq.value()) + " of epoch " +
                           std::to_string(takeover_.epoch.value()) + " was refused: " + why.message;
  spdlog::error("partition {}: {}", partition_.value(), what);
  stop_({Errc::unavailable, what});
}

void Term::after_statement(Held& held, const Event& event) {
  if (std::holds_alternative<AgentStarted>(event.data)) ++counters_.runs_started;
  if (std::holds_alternative<RunResumed>(event.data)) ++counters_.runs_resumed;
  if (is_terminal(event.data)) {
    ++counters_.runs_ended;
    drop_supervisor(*event.run_id);
    start_next_runs(held);
  }
  // A run that waits counts in no limit, so another one's turn may have come.
  if (std::holds_alternative<InputRequested>(event.data)) start_next_runs(held);
  if (const auto* input = std::get_if<RunInputReceived>(&event.data))
    if (const auto found = supervisors_.find(input->run_id); found != supervisors_.end())
      found->second->expect_answer(input->request_id);
  const auto* cancel = std::get_if<CancelRequested>(&event.data);
  if (cancel == nullptr) return;
  // A queued or waiting run is ended by the decision itself.
  const auto run = held.state.runs.find(cancel->run_id);
  const auto supervisor = supervisors_.find(cancel->run_id);
  if (run != held.state.runs.end() && run->second.phase == RunPhase::running &&
      supervisor != supervisors_.end())
    supervisor->second->cancel(cancel->by);
}

Result<void> Term::state_run_fact(const UserExecutionContext& context, EventData data) {
  if (room() == 0 || !deferred_.empty()) {
    deferred_.emplace_back(context, std::move(data));
    return {};
  }
  Held* held = states_.find(context.user_id);
  SIGNALBOX_ASSERT(held != nullptr);
  const auto run = held->state.runs.find(context.run_id);
  // Ended meanwhile by a decision: what its supervisor still had to say is void.
  if (run == held->state.runs.end()) return failure(Errc::stopped, "the run has ended");
  state(*held, statement_of(run->second, std::move(data)));
  return {};
}

void Term::state_deferred() {
  while (!deferred_.empty() && room() > 0) {
    DeferredFact fact = std::move(deferred_.front());
    deferred_.pop_front();
    state_deferred_fact(std::move(fact));
  }
}

void Term::state_deferred_fact(DeferredFact fact) {
  auto& [context, data] = fact;
  Held* held = states_.find(context.user_id);
  if (held == nullptr) return;
  const auto run = held->state.runs.find(context.run_id);
  if (run != held->state.runs.end()) state(*held, statement_of(run->second, std::move(data)));
}

void Term::respond(const UserExecutionContext& context, Attempt attempt, AgentResponding piece) {
  const Progress progress{.id = services_.random.uuid().to_string(),
                          .source = source_,
                          .time = services_.clock.now(),
                          .context = context,
                          .attempt = attempt,
                          .data = std::move(piece)};
  services_.log.append({Topic::progress, partition_}, event_store::encode_progress(progress),
                       services_.executor, [](const Result<Offset>&) {});
}

// ---- runs

void Term::start_runs(Held& held) {
  const auto version_of = [this](const std::string& name) {
    const Agent* agent = services_.agents.find(name);
    return std::string(agent == nullptr ? "unknown" : agent->version());
  };
  auto starts = decide_starts(held.state, options_.rules, version_of,
                              std::numeric_limits<std::size_t>::max());
  const std::size_t free =
      options_.started_runs_max > started_ ? options_.started_runs_max - started_ : 0;
  const std::size_t possible = std::min(free, room());
  const bool must_wait = starts.size() > possible;
  if (must_wait) starts.erase(starts.begin() + static_cast<std::ptrdiff_t>(possible), starts.end());
  for (Statement& start : starts) state(held, std::move(start));
  if (must_wait) wait_for_turn(held);
}

void Term::wait_for_turn(const Held& held) {
  if (const auto oldest = oldest_queued(held.state)) waiting_.emplace(*oldest, held.state.user_id);
}

// Of a user who may have been resumed already while others still wait for it: his turn is kept.
void Term::start_next_runs(Held& held) {
  if (stage_ == Stage::serving) return start_runs(held);
  wait_for_turn(held);
}

// Oldest message first.
void Term::start_waiting_runs() {
  while (!waiting_.empty() && started_ < options_.started_runs_max && room() > 0) {
    const auto [since, user] = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    Held* const held = states_.find(user);
    if (held == nullptr) continue;
    if (oldest_queued(held->state) == since)
      start_runs(*held);
    else
      wait_for_turn(*held);
  }
}

RunBriefing Term::brief(const Held& held, const OpenRun& run) const {
  const auto memory = held.state.memories.find(run.thread_id);
  return RunBriefing{.context = {.user_id = held.state.user_id,
                                 .thread_id = run.thread_id,
                                 .run_id = run.run_id,
                                 .websocket_client_id = run.websocket_client_id},
                     .attempt = run.attempt,
                     .content = run.content.text,
                     .memory = memory == held.state.memories.end()
                                   ? std::nullopt
                                   : std::optional(memory->second.memory),
                     .steps = run.steps,
                     .time_left = std::chrono::duration_cast<std::chrono::milliseconds>(
                         factory_.options_of(run.agent).run_deadline - time_used(run))};
}

// agent_started or run_resumed counts: its effect starts.
void Term::supervise(Held& held, const RunId& run_id) {
  const auto found = held.state.runs.find(run_id);
  if (found == held.state.runs.end() || stage_ == Stage::releasing) return;
  const OpenRun& run = found->second;
  if (run.cancelled_by)
    return state(held,
                 statement_of(run, AgentCancelled{.reason = "cancelled", .by = *run.cancelled_by}));
  if (refused_.has(run_id))
    return state(
        held,
        statement_of(run,
                     AgentFailed{.code = FailureCode::output_too_large,
                                 .message = "the log takes no event as large as this run stated"}));
  auto supervisor =
      factory_.create_supervisor(brief(held, run), run.agent, gate_, services_.executor);
  if (!supervisor)
    return state(held, statement_of(run, AgentFailed{.code = FailureCode::agent_error,
                                                     .message = "this router has no such agent"}));
  Supervisor& started = *supervisor;
  supervisors_.insert_or_assign(run_id, std::move(supervisor));
  ++counters_.runs_open;
  started.start();
}

void Term::drop_supervisor(const RunId& run_id) {
  const auto found = supervisors_.find(run_id);
  if (found == supervisors_.end()) return;
  // Later: this may run inside one of its own calls.
  services_.executor.post([gone = std::shared_ptr<Supervisor>(std::move(found->second))] {});
  supervisors_.erase(found);
  --counters_.runs_open;
}

}  // namespace signalbox::router
