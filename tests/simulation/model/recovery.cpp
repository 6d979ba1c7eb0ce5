// Liveness: from every state, once failures stop.
#include "tests/simulation/model/model.hpp"
#include "tests/simulation/model/sessions.hpp"

namespace signalbox::ownership_model {
namespace {

constexpr int kStepsMax = 300;
constexpr int kClaimsMax = 7;  // claim ids have three bits

}  // namespace

void Model::land_orphans(State& s, int i) {
  for (int k = 0; k < kSessions; k++)
    while (s.sessions[k].count != 0 && s.sessions[k].router != i && s.log_size < kMaxLog - 16)
      land(s, k);
}

// Everything that the one router can do now; whether there was something.
bool Model::heal_step(State& s, int i, Late late) {
  const Router& r = s.routers[i];
  bool flag = false;
  bool moved = false;
  for (int k = 0; k < kSessions; k++)
    while (s.sessions[k].count != 0 && s.sessions[k].router == i && s.log_size < kMaxLog)
      moved |= land(s, k);
  if (r.mode == Mode::idle && s.claims < kClaimsMax) moved |= claim(s, i);
  if (r.mode == Mode::claiming) {
    if (late == Late::lands_after_the_claim) land_orphans(s, i);
    moved |= learn(s, i, flag);
  }
  while (tail(s, i, flag)) moved = true;
  if (r.mode == Mode::owner) {
    for (int o = 0; o < static_cast<int>(scope_.inbound.size()); o++) moved |= consume(s, i, o);
    for (int run = 0; run < kRuns; run++) moved |= progress(s, i, run) || call(s, i, run);
    moved |= resend_held(s, i);
    if (!moved && something_lost(s, i)) moved = unknown(s, i);
  }
  s.q_log |= s.q_flight;
  s.q_flight = 0;
  return moved;
}

// All others are silent from now on; unless it keeps its term, the one begins afresh.
bool Model::heals(State s, int i, Late late, bool keeps_term) {
  healing_ = true;
  s.q_log |= s.q_flight;
  s.q_flight = 0;
  if (late == Late::lands_first) land_orphans(s, i);
  if (!keeps_term) {
    orphan(s, i);
    s.routers[i] = Router{};
  }
  int steps = 0;
  while (steps < kStepsMax && check_.fault.empty() && heal_step(s, i, late)) ++steps;
  healing_ = false;
  if (steps == kStepsMax || !check_.fault.empty()) return check_.fail("liveness: does not settle");
  if (s.log_size != 0 && !check_.log_ok(s)) return false;
  // Out of claim ids is no finding.
  if (s.claims >= kClaimsMax && s.routers[i].mode == Mode::idle) return true;
  return check_.goal(s);
}

bool Model::live(const State& s) {
  const FoldState f = fold_prefix(s, s.log_size, rules_);
  for (int i = 0; i < scope_.routers; i++) {
    const Router& r = s.routers[i];
    const bool is_owner = r.mode == Mode::owner && r.epoch == f.epoch && r.claim == f.claim;
    if (is_owner && !heals(s, i, Late::is_lost, true)) return false;
  }
  for (const Late late : {Late::is_lost, Late::lands_first, Late::lands_after_the_claim})
    if (!heals(s, 0, late, false)) return false;
  return true;
}

}  // namespace signalbox::ownership_model
