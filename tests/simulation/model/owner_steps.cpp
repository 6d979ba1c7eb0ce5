// What a router does: claim, become owner, read, take commands, state events, call tools, and what
// it does about appends of unknown outcome.
#include <algorithm>

#include "tests/simulation/model/model.hpp"
#include "tests/simulation/model/sessions.hpp"

namespace signalbox::ownership_model {
namespace {

int user_of(int run) { return run; }

U8 bits_below(int offset) { return U8((1U << offset) - 1); }

LogRecord make_event(const Router& r, Kind kind, int run, int io, FoldRule fold) {
  const int user = user_of(run);
  LogRecord e{};
  e.kind = kind;
  e.epoch = r.epoch;
  e.claim = r.claim;
  e.run = U8(run);
  e.user = U8(user);
  e.io = U8(io);
  e.seq = U8(r.mind.seq[user] + 1);
  e.ord = fold == FoldRule::ordinal ? r.mind.ord : 0;
  e.step = r.mind.run[run].step;
  e.chain = chain_of(r.mind.chain[user], e);
  return e;
}

}  // namespace

bool Model::push(State& s, int i, LogRecord record) {
  Session* const session = session_of(s, i);
  if (session == nullptr) {
    ++met_.no_room;
    return false;
  }
  if (session->count == kWindow + 1) return false;
  session->queue[session->count++] = record;
  return true;
}

void Model::forget(Router& r) const {
  Router fresh{};
  if (!rules_.fresh_memory) fresh.mind = r.mind;
  if (!rules_.fresh_results) std::memcpy(fresh.result, r.result, sizeof r.result);
  r = fresh;
}

// Into the owner's own mind, and to its producer.
bool Model::state_event(State& s, int i, Kind kind, int run, int io) {
  Router& r = s.routers[i];
  if (r.open_count == rules_.window || r.held == user_of(run) + 1) return false;
  const LogRecord event = make_event(r, kind, run, io, rules_.fold);
  if (!push(s, i, event)) return false;
  r.open[r.open_count++] = event;
  take(r.mind, event);
  return true;
}

// Folds everything up to its own claim, from the newest snapshot if there is one; then it works.
void Model::start_term(State& s, int i, int upto) {
  Router& r = s.routers[i];
  FoldState f = s.snap;
  for (int k = s.snap_pos; k < upto; k++) fold_step(f, s.log[k], rules_);
  if (s.snap_pos > upto) f = fold_prefix(s, upto, rules_);
  if (!rules_.chain_of_valid)
    for (int k = 0; k < upto; k++)
      if (s.log[k].kind != kOwned) f.chain[s.log[k].user] = U8(s.log[k].chain);
  const FoldState old = r.mind;
  r.mode = Mode::owner;
  r.pos = U8(upto);
  r.mind = f;
  if (!rules_.fresh_memory && old.epoch != 0) r.mind = old;
  r.mind.epoch = r.epoch;
  r.mind.claim = r.claim;
  r.mind.ord = 0;
  r.taken = bits_below(r.mind.resume);
}

bool Model::claim(State& s, int i) {
  Router& r = s.routers[i];
  const U8 highest = std::max(fold_prefix(s, s.log_size, rules_).epoch, r.epoch);
  LogRecord owned{};
  owned.kind = kOwned;
  owned.epoch = highest + 1U;
  s.claims++;
  owned.claim = rules_.unique_claim ? s.claims : 1U;
  orphan(s, i);
  forget(r);
  r.mode = Mode::claiming;
  r.epoch = U8(owned.epoch);
  r.claim = U8(owned.claim);
  if (!push(s, i, owned)) return false;
  if (!rules_.read_back_claim) start_term(s, i, s.log_size);
  return true;
}

// Its own claim has come by.
bool Model::learn(State& s, int i, bool& won) {
  Router& r = s.routers[i];
  FoldState f{};
  for (int k = 0; k < s.log_size; k++) {
    const LogRecord& x = s.log[k];
    const Verdict v = fold_step(f, x, rules_);
    if (x.kind != kOwned || x.epoch != r.epoch || x.claim != r.claim) continue;
    won = v == Verdict::control;
    if (won)
      start_term(s, i, k + 1);
    else
      forget(r);
    return true;
  }
  return false;
}

// Reads one record of its own partition.
bool Model::tail(State& s, int i, bool& lost) {
  Router& r = s.routers[i];
  if (r.mode != Mode::owner || r.pos >= s.log_size) return false;
  const LogRecord x = s.log[r.pos];
  lost = x.kind == kOwned && x.epoch > r.epoch;
  if (lost) {
    orphan(s, i);
    forget(r);
    return true;
  }
  r.pos++;
  if (r.open_count != 0 && x == r.open[0]) {  // the oldest open append: read back
    for (int k = 1; k < r.open_count; k++) r.open[k - 1] = r.open[k];
    r.open[--r.open_count] = LogRecord{};
  }
  return true;
}

bool Model::consume(State& s, int i, int o) {
  const Router& r = s.routers[i];
  if (r.mode != Mode::owner || (r.taken >> o & 1)) return false;
  for (int k = 0; k < o; k++) {
    if (r.taken >> k & 1) continue;
    const auto at = [&](int offset) { return scope_.inbound[static_cast<std::size_t>(offset)]; };
    if (rules_.inbound_order || at(k).run == at(o).run) return false;
  }
  return answer(s, i, o);
}

bool Model::answer(State& s, int i, int o) {
  Router& r = s.routers[i];
  const Inbound& in = scope_.inbound[static_cast<std::size_t>(o)];
  const U8 bit = U8(1U << o);
  const RunStage stage = r.mind.run[in.run].stage;
  switch (in.kind) {
    case InboundKind::message: {
      const bool is_known = stage != RunStage::none && rules_.dedupe;
      if (!state_event(s, i, is_known ? kDuplicate : kReceived, in.run, o)) return false;
      break;
    }
    case InboundKind::cancel:
      if (stage == RunStage::none || stage == RunStage::ended) break;  // no event
      if (!rules_.answer_first) {
        r.cancel |= U8(1U << in.run);
        break;
      }
      if (!state_event(s, i, kCancelled, in.run, o)) return false;
      break;
    case InboundKind::poison:
      if (s.q_log & bit) break;
      if ((s.q_flight & bit) && rules_.quarantine_wait) return false;
      s.q_flight |= bit;
      if (rules_.quarantine_wait) return true;  // not yet dealt with: waits for the append
      break;
  }
  r.taken |= bit;
  return true;
}

int Model::message_of(int run) const {
  const auto found = std::ranges::find_if(scope_.inbound, [&](const Inbound& in) {
    return in.kind == InboundKind::message && in.run == run;
  });
  return found == scope_.inbound.end() ? 0 : static_cast<int>(found - scope_.inbound.begin());
}

// The next event of a run.
bool Model::progress(State& s, int i, int run) {
  Router& r = s.routers[i];
  if (r.mode != Mode::owner) return false;
  const RunState& x = r.mind.run[run];
  const int io = message_of(run);
  if (x.stage == RunStage::none || x.stage == RunStage::ended) return false;
  if (r.cancel >> run & 1) {
    int o = 0;
    while (scope_.inbound[static_cast<std::size_t>(o)].kind != InboundKind::cancel) o++;
    return state_event(s, i, kCancelled, run, o);
  }
  if (x.stage == RunStage::received) {
    if (!rules_.received_is_todo && x.term != r.epoch) return false;
    if (scope_.started) return state_event(s, i, kStarted, run, io);
  } else if (scope_.resumed && x.term != r.epoch) {
    return state_event(s, i, kResumed, run, io);
  }
  if (x.stage == RunStage::executing) return next_of_call(s, i, run);
  if (x.step < scope_.tools[run]) return state_event(s, i, kExecuting, run, io);
  return state_event(s, i, kCompleted, run, io);
}

bool Model::next_of_call(State& s, int i, int run) {
  Router& r = s.routers[i];
  const int io = message_of(run);
  if (r.result[run] != 0) {
    if (!state_event(s, i, kToolDone, run, io)) return false;
    r.result[run] = 0;
    return true;
  }
  if (r.mind.run[run].te == r.epoch || !rules_.restate) return false;  // waits for the call
  return state_event(s, i, kExecuting, run, io);
}

// Everything below is answered and read back, or in quarantine, or there is nothing to do.
int Model::inbound_next(const State& s, int i) const {
  const Router& r = s.routers[i];
  int next = 0;
  while (next < static_cast<int>(scope_.inbound.size()) && (r.taken >> next & 1)) next++;
  if (rules_.settled_next)
    for (int k = 0; k < r.open_count; k++) next = std::min<int>(next, r.open[k].io);
  return next;
}

bool Model::may_call(const State& s, const Router& r, int run) const {
  const RunState& x = r.mind.run[run];
  switch (rules_.effect) {
    case Effect::stated: return true;
    case Effect::read_back_valid: {
      const RunState seen = fold_prefix(s, r.pos, rules_).run[run];
      return seen.stage == RunStage::executing && seen.step == x.step &&
             (seen.te == r.epoch || !rules_.restate);
    }
    case Effect::durable:
      return std::any_of(s.log, s.log + s.log_size, [&](const LogRecord& e) {
        return e.kind == kExecuting && e.run == run && e.step == x.step && e.epoch == r.epoch;
      });
  }
  return false;
}

// The effect.
bool Model::call(State& s, int i, int run) {
  Router& r = s.routers[i];
  const RunState& x = r.mind.run[run];
  if (r.mode != Mode::owner || r.result[run] != 0 || x.stage != RunStage::executing) return false;
  if ((x.te != r.epoch && rules_.restate) || !may_call(s, r, run)) return false;
  const U32 bit = call_bit(run, x.step, r.epoch);
  if (s.calls & bit) check_.fail("I-f: the same attempt calls the tool twice");
  s.calls |= bit;
  r.result[run] = r.epoch;
  check_call(s, r, run);
  return true;
}

// The truth: is the caller's own tool_executing valid in the log?
void Model::check_call(const State& s, const Router& r, int run) {
  FoldState f{};
  bool stated = false;
  bool done = false;
  for (int k = 0; k < s.log_size; k++) {
    const LogRecord& e = s.log[k];
    if (fold_step(f, e, rules_) != Verdict::valid || e.run != run) continue;
    if (e.step != r.mind.run[run].step) continue;
    stated |= e.kind == kExecuting && e.epoch == r.epoch;
    done |= e.kind == kToolDone;
  }
  if (!stated)
    check_.fail("I-f: a tool is called and no valid tool_executing of that attempt is in the log");
  if (f.epoch != r.epoch)
    ++met_.calls_by_superseded;
  else if (done)
    check_.fail("I-f: the owner repeats a step whose result is recorded");
}

// The outcome of an append is unknown: the producer is thrown away, what it had in flight may still
// land.
bool Model::unknown(State& s, int i) {
  Router& r = s.routers[i];
  if (r.mode == Mode::claiming) return claim(s, i);
  if (r.mode != Mode::owner || r.open_count == 0 || !has_free_session(s)) return false;
  switch (rules_.unknown) {
    case Unknown::higher_epoch: return claim(s, i);
    case Unknown::resend_all:
      orphan(s, i);
      return std::all_of(r.open, r.open + r.open_count,
                         [&](const LogRecord& open) { return push(s, i, open); });
    case Unknown::others_first: return hold_others_first(s, i);
    case Unknown::reread_and_reuse: reread(s, i); return true;
  }
  return false;
}

bool Model::hold_others_first(State& s, int i) {
  Router& r = s.routers[i];
  if (r.held != 0) return false;
  orphan(s, i);
  r.held = U8(r.open[0].user + 1);
  for (int k = 0; k < r.open_count; k++)
    if (r.open[k].user + 1U != r.held && !push(s, i, r.open[k])) return false;
  return true;
}

void Model::reread(State& s, int i) {
  Router& r = s.routers[i];
  orphan(s, i);
  r.open_count = 0;
  std::fill(std::begin(r.open), std::end(r.open), LogRecord{});
  const FoldState f = fold_prefix(s, s.log_size, rules_);
  if (f.epoch != r.epoch) return forget(r);
  r.mind = f;
  r.pos = s.log_size;
  r.taken = bits_below(f.resume);
  std::memset(r.result, 0, sizeof r.result);
}

bool Model::resend_held(State& s, int i) {
  Router& r = s.routers[i];
  if (r.mode != Mode::owner || r.held == 0) return false;
  for (int k = 0; k < r.open_count; k++)
    if (r.open[k].user + 1U == r.held && !push(s, i, r.open[k])) return false;
  r.held = 0;
  return true;
}

// An open append is neither in the log nor in flight.
bool Model::something_lost(const State& s, int i) const {
  const Router& r = s.routers[i];
  if (r.held != 0) return false;
  for (int k = 0; k < r.open_count; k++) {
    bool is_there = std::find(s.log + r.pos, s.log + s.log_size, r.open[k]) != s.log + s.log_size;
    for (const Session& x : s.sessions)
      is_there |=
          x.router == i && std::find(x.queue, x.queue + x.count, r.open[k]) != x.queue + x.count;
    if (!is_there) return true;
  }
  return false;
}

}  // namespace signalbox::ownership_model
