// All that can happen next, and the canonical form of what comes of it.
#include <algorithm>
#include <iterator>

#include "tests/simulation/model/model.hpp"
#include "tests/simulation/model/sessions.hpp"

namespace signalbox::ownership_model {
namespace {

std::string number(const Router& router) { return "#" + std::to_string(router.claim); }

std::string number_and_epoch(const Router& router) {
  return number(router) + " (epoch " + std::to_string(router.epoch) + ")";
}

}  // namespace

std::string Model::text(const LogRecord& r) const {
  if (r.kind == kOwned)
    return "partition_owned{epoch " + std::to_string(r.epoch) + ", claim #" +
           std::to_string(r.claim) + "}";
  const std::string ord =
      rules_.fold == FoldRule::ordinal ? " ord " + std::to_string(r.ord) : std::string();
  return std::string(name_of(r.kind)) + "[user " + std::to_string(r.user) + " seq " +
         std::to_string(r.seq) + ", epoch " + std::to_string(r.epoch) + ord + ", inbound " +
         std::to_string(r.io) + ", by #" + std::to_string(r.claim) + "]";
}

bool Model::land(State& s, int session) {
  const Session& x = s.sessions[session];
  if (x.count == 0 || s.log_size >= (healing_ ? kMaxLog : scope_.max_log)) return false;
  if (!healing_ && x.queue[0].epoch < fold_prefix(s, s.log_size, rules_).epoch) {
    if (s.stale == scope_.stale) return false;
    s.stale++;
  }
  s.log[s.log_size++] = x.queue[0];
  drop_first(s, session);
  return true;
}

void Model::expand(const State& from, std::vector<Successor>& to) {
  out_ = &to;
  expand_sessions(from);
  if (!check_.fault.empty()) return;
  for (std::size_t o = 0; o < scope_.inbound.size(); o++) {
    if (!(from.q_flight >> o & 1)) continue;
    State s = from;
    s.q_flight &= U8(~(1U << o));
    s.q_log |= U8(1U << o);
    emit(s, [&] { return "the quarantine record of inbound " + std::to_string(o) + " lands"; });
  }
  for (int i = 0; i < scope_.routers && check_.fault.empty(); i++) expand_router(from, i);
}

void Model::expand_sessions(const State& from) {
  for (int k = 0; k < kSessions; k++) {
    const Session& x = from.sessions[k];
    if (x.count == 0) continue;
    State s = from;
    if (land(s, k)) {
      const Verdict verdict = judge(fold_prefix(from, from.log_size, rules_), x.queue[0], rules_);
      ++met_.landed[static_cast<int>(verdict)];
      emit(s, [&] { return text(x.queue[0]) + " lands" + (x.router == kOrphan ? " late" : ""); });
      if (!check_.log_ok(s)) return;
    }
    if (from.drops >= scope_.drops || (x.router == kOrphan && x.count == 1)) continue;
    s = from;
    s.drops++;
    drop_first(s, k);
    emit(s, [&] {
      return text(x.queue[0]) +
             " is given up by the producer and never lands; later appends of the session go on";
    });
  }
}

void Model::expand_router(const State& from, int i) {
  const Router& r = from.routers[i];
  State s = from;
  if (r.mode == Mode::idle) {
    if (from.claims < scope_.claims && claim(s, i))
      emit(s, [&] {
        return "a router reads the log and sends partition_owned{epoch " +
               std::to_string(s.routers[i].epoch) + ", claim " + number(s.routers[i]) + "}";
      });
    return;
  }
  if (from.crashes < scope_.crashes) {
    s.crashes++;
    orphan(s, i);
    s.routers[i] = Router{};
    emit(s, [&] { return number(r) + " crashes"; });
  }
  if (r.mode == Mode::claiming) return expand_claiming(from, i);
  expand_owner(from, i);
  if (check_.fault.empty()) expand_doubts(from, i);
}

void Model::expand_claiming(const State& from, int i) {
  const Router& r = from.routers[i];
  State s = from;
  bool won = false;
  if (learn(s, i, won))
    emit(s, [&] { return number(r) + " reads up to its own record: " + (won ? "owner" : "lost"); });
  if (from.timeouts >= scope_.timeouts || from.claims >= scope_.claims) return;
  s = from;
  s.timeouts++;
  if (unknown(s, i))
    emit(s, [&] {
      return number(r) + ": outcome of its claim unknown, claims again as " +
             number_and_epoch(s.routers[i]);
    });
}

void Model::expand_owner(const State& from, int i) {
  const Router& r = from.routers[i];
  State s = from;
  bool lost = false;
  if (tail(s, i, lost))
    emit(s, [&] {
      return number(r) + " reads record " + std::to_string(r.pos) +
             (lost ? ": a higher epoch, it stops" : "");
    });
  for (int o = 0; o < static_cast<int>(scope_.inbound.size()); o++) {
    s = from;
    if (consume(s, i, o))
      emit(s, [&] {
        return number_and_epoch(r) + " takes inbound " + std::to_string(o) +
               " and sends its event, if any";
      });
  }
  for (int run = 0; run < kRuns && check_.fault.empty(); run++) {
    s = from;
    if (progress(s, i, run))
      emit(s, [&] {
        return number_and_epoch(r) + " sends the next event of run " + std::to_string(run) + ": " +
               text(s.routers[i].open[s.routers[i].open_count - 1]);
      });
    s = from;
    if (call(s, i, run))
      emit(s,
           [&] { return number_and_epoch(r) + " calls the tool of run " + std::to_string(run); });
  }
}

// What it does about appends of unknown outcome, and what it writes beside events.
void Model::expand_doubts(const State& from, int i) {
  const Router& r = from.routers[i];
  State s = from;
  if (resend_held(s, i)) emit(s, [&] { return number(r) + " sends the held-back events again"; });
  s = from;
  const bool lost = something_lost(from, i);
  const bool may_claim = rules_.unknown != Unknown::higher_epoch || from.claims < scope_.claims;
  if (r.open_count != 0 && may_claim && (lost || from.timeouts < scope_.timeouts)) {
    if (!lost) s.timeouts++;
    if (unknown(s, i))
      emit(s, [&] { return number(r) + ": outcome unknown, producer rebuilt, rule applied"; });
  }
  s = from;
  if (from.snaps < scope_.snapshots) {
    s.snaps++;
    s.snap_pos = r.pos;
    s.snap = rules_.settled_snapshot ? fold_prefix(s, r.pos, rules_) : r.mind;
    emit(s, [&] {
      return number_and_epoch(r) + " writes a snapshot as of record " + std::to_string(r.pos);
    });
  }
  s = from;
  if (from.repeats >= scope_.repeats) return;
  LogRecord owned{};
  owned.kind = kOwned;
  owned.epoch = r.epoch;
  owned.claim = r.claim;
  if (rules_.fold == FoldRule::ordinal) owned.ord = r.mind.ord;
  owned.io = U8(inbound_next(s, i));
  s.repeats++;
  if (push(s, i, owned))
    emit(s, [&] { return number_and_epoch(r) + " repeats its partition_owned"; });
}

void Model::canonical(State& s) const {
  for (int i = 0; i < scope_.routers; i++) {
    Router& r = s.routers[i];
    const auto is_news = [&](const LogRecord& x) {
      return (x.kind == kOwned && x.epoch > r.epoch) || (r.open_count != 0 && x == r.open[0]);
    };
    while (r.mode == Mode::owner && r.pos < s.log_size && !is_news(s.log[r.pos])) r.pos++;
  }
  if (s.stale == scope_.stale && s.drops == scope_.drops) {
    const U8 epoch = fold_prefix(s, s.log_size, rules_).epoch;
    for (Session& x : s.sessions)
      if (x.count != 0 && x.router == kOrphan && x.queue[0].epoch < epoch) x = Session{};
  }
  for (int a = 0; a < scope_.routers; a++)
    for (int b = a + 1; b < scope_.routers; b++) {
      if (std::memcmp(&s.routers[b], &s.routers[a], sizeof(Router)) >= 0) continue;
      std::swap(s.routers[a], s.routers[b]);
      for (Session& x : s.sessions)
        if (x.count != 0) x.router = x.router == a ? U8(b) : x.router == b ? U8(a) : x.router;
    }
  std::sort(std::begin(s.sessions), std::end(s.sessions),
            [](const Session& a, const Session& b) { return std::memcmp(&a, &b, sizeof a) > 0; });
}

}  // namespace signalbox::ownership_model
