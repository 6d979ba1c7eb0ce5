// Taking commands in offset order, one outcome event each (ownership rules 8 to 10). See term.hpp.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <limits>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/model/assert.hpp"
#include "router/term.hpp"

namespace signalbox::router {
namespace {

// A command states its outcome and at most one more event; runs it starts are counted by room()
// again.
constexpr std::size_t kStatementsPerCommand = 2;

constexpr std::chrono::seconds kQuarantineRetry{1};

// Of a record in quarantine, whole where the log takes it: it is longer there than where it came
// from. What nothing is kept of would hold its partition up for ever.
constexpr std::array<std::size_t, 3> kQuarantineBytes{std::numeric_limits<std::size_t>::max(),
                                                      std::size_t{256} << 10, std::size_t{2} << 10};

}  // namespace

void Term::serve() {
  start_waiting_runs();
  while (!blocked_ && !resting_ && stage_ == Stage::serving &&
         open_.size() + kStatementsPerCommand <= options_.open_list.events_max) {
    const RecordPtr record = inbound_->front();
    if (!record || !take(*record)) return;
  }
}

// Null when he is not there yet: then the term is blocked until he is, or the log answers.
Term::Held* Term::acquire(const UserId& user) {
  const auto held = states_.acquire(user);
  if (!held) {
    wait_for_user(held.error());
    return nullptr;
  }
  if (*held == nullptr) {
    rebuild(&user);
  } else {
    patience_.over();
  }
  return *held;
}

// A run whose question expired while there was no place for its end would else accept an answer,
// and end as one that nobody answered: its end, all that can be said of a run that waits, is stated
// first. False: there is no place yet.
bool Term::end_expired_run(const Held& held, const RunId& run_id) {
  const auto run = held.state.runs.find(run_id);
  if (run == held.state.runs.end() || run->second.phase != RunPhase::waiting_for_input) return true;
  const auto end = std::ranges::find_if(
      deferred_, [&](const DeferredFact& fact) { return fact.first.run_id == run_id; });
  if (end == deferred_.end()) return true;
  if (open_.size() + 1 + kStatementsPerCommand > options_.open_list.events_max) return false;
  DeferredFact fact = std::move(*end);
  deferred_.erase(end);
  state_deferred_fact(std::move(fact));
  return true;
}

// False when the record could not be taken yet; pump() comes back to it.
bool Term::take(const Record& record) {
  const InboundVerdict verdict = judge_inbound(record, log_.partitions);
  if (const auto* bad = std::get_if<Unusable>(&verdict)) return take_unusable(record, *bad);
  const auto& command = std::get<Command>(verdict);
  if (refused_.has(record.offset)) return take_refused(record, command);
  Held* const held = acquire(command.user_id);
  if (held == nullptr) return false;
  if (const auto* input = std::get_if<RunInput>(&command.data))
    if (!end_expired_run(*held, input->run_id)) return false;
  ++counters_.commands;
  for (Statement& statement : decide(held->state, command, {record.offset}, options_.rules))
    state(*held, std::move(statement));
  if (stage_ == Stage::serving) start_runs(*held);
  finish_record(record);
  return true;
}

// Of a command whose outcome the log does not take.
bool Term::take_refused(const Record& record, const Command& command) {
  Unusable poison = poison_of(record, "its outcome is larger than the log takes");
  if (const auto* message = std::get_if<UserMessage>(&command.data); message && poison.refusal)
    poison.refusal->message_id = message->message_id;
  return take_unusable(record, poison);
}

bool Term::take_unusable(const Record& record, const Unusable& bad) {
  if (bad.user && acquire(*bad.user) == nullptr) return false;
  ++counters_.commands;
  ++counters_.quarantined;
  // Without the detail, which may quote what its client wrote; he is told it.
  spdlog::warn("inbound {}/{} goes to quarantine: {}", partition_.value(), record.offset.value(),
               bad.reason);
  blocked_ = true;
  quarantine(record, bad);
  return true;
}

// Durable before anything later is answered. `size`: which of kQuarantineBytes it may have.
void Term::quarantine(const Record& record, const Unusable& bad, std::size_t size) {
  const Quarantined whole{.id = event_store::quarantine_id_of(record.at, record.offset).to_string(),
                          .source = source_,
                          .time = services_.clock.now(),
                          .reason = bad.reason,
                          .origin = record.at,
                          .origin_offset = record.offset,
                          .key = record.key,
                          .headers = record.headers,
                          .value = record.value};
  services_.log.append(
      {Topic::quarantine, partition_},
      event_store::encode_quarantined(cut(whole, kQuarantineBytes[size])), services_.executor,
      [this, record, bad, size,
       alive = std::weak_ptr<bool>(alive_)](const Result<Offset>& appended) {
        if (alive.expired() || !gate_) return;
        if (appended) return after_quarantine(record, bad);
        if (appended.error().code == Errc::too_large && size + 1 < kQuarantineBytes.size())
          return quarantine(record, bad, size + 1);
        retry_timer_ =
            services_.executor.call_at(services_.clock.monotonic() + kQuarantineRetry, [=, this] {
              if (gate_) quarantine(record, bad, size);
            });
      });
}

void Term::after_quarantine(const Record& record, const Unusable& bad) {
  blocked_ = false;
  if (bad.refusal) {
    Held* const held = acquire(*bad.user);
    if (held == nullptr) {
      // He was evicted meanwhile. The record is taken once more when he is there; its quarantine
      // record then comes again, with the same id.
      try_taken_ = false;
      return;
    }
    Refusal refusal = *bad.refusal;
    if (held->state.damaged_at) refusal.code = RejectCode::history_damaged;
    state(*held, decide_refusal(refusal, {record.offset}));
  } else {
    checkpoint_due_ = true;  // no event says that this record is done with
  }
  finish_record(record);
  pump();
}

void Term::finish_record(const Record& record) {
  next_inbound_ = record.offset.next();
  ++records_since_checkpoint_;
  if (inbound_ && inbound_->front() && inbound_->front()->offset == record.offset) inbound_->pop();
}

}  // namespace signalbox::router
