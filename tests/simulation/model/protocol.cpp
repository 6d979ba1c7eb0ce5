#include "tests/simulation/model/protocol.hpp"

namespace signalbox::ownership_model {

const char* name_of(U32 kind) {
  static const char* const names[] = {
      "none",          "partition_owned", "message_received", "message_duplicate",
      "agent_started", "tool_executing",  "tool_completed",   "agent_completed",
      "run_resumed",   "agent_cancelled"};
  return names[kind];
}

const char* name_of(Verdict verdict) {
  static const char* const names[] = {"valid",   "duplicate",       "superseded", "hole",
                                      "control", "control-ignored", "CORRUPT"};
  return names[static_cast<int>(verdict)];
}

U8 chain_of(U8 prev, const LogRecord& r) {
  U32 h = 2166136261u;
  for (U32 x : {U32(prev), U32(r.kind), U32(r.epoch), U32(r.seq), U32(r.io), U32(r.run),
                U32(r.claim), U32(r.step)})
    h = (h ^ (x + 1)) * 16777619u;
  return U8((h >> 7 ^ h >> 19) & 127);
}
Verdict judge(const FoldState& f, const LogRecord& r, const Rules& rules) {
  if (r.kind == kOwned) return r.epoch > f.epoch ? Verdict::control : Verdict::control_ignored;
  if (rules.epoch_check) {
    if (r.epoch < f.epoch) return Verdict::superseded;
    if (r.epoch > f.epoch) return Verdict::corrupt;
  }
  if (rules.fold == FoldRule::ordinal) {
    if (r.ord < f.ord) return Verdict::duplicate;
    if (r.ord > f.ord) return Verdict::hole;
    return r.seq == f.seq[r.user] + 1u ? Verdict::valid : Verdict::corrupt;
  }
  if (r.seq <= f.seq[r.user]) return Verdict::duplicate;
  return r.seq == f.seq[r.user] + 1u ? Verdict::valid : Verdict::corrupt;
}
void take(FoldState& f, const LogRecord& r) {  // apply a valid event
  f.ord++;
  f.seq[r.user]++;
  f.chain[r.user] = r.chain;
  if (r.io + 1 > f.resume) f.resume = U8(r.io + 1);
  RunState& x = f.run[r.run];
  switch (r.kind) {
    case kReceived: x = {RunStage::received, 0, U8(r.epoch), 0}; break;
    case kStarted: x.stage = RunStage::started, x.term = U8(r.epoch); break;
    case kResumed: x.term = U8(r.epoch); break;
    case kExecuting: x.stage = RunStage::executing, x.te = x.term = U8(r.epoch); break;
    case kToolDone: x.stage = RunStage::started, x.step++, x.te = 0; break;
    case kCompleted:
    case kCancelled: x = {RunStage::ended, 0, 0, 0}; break;
    default: break;
  }
}
Verdict fold_step(FoldState& f, const LogRecord& r, const Rules& rules) {
  const Verdict v = judge(f, r, rules);
  if (v == Verdict::control) f.epoch = U8(r.epoch), f.claim = U8(r.claim), f.ord = 0;
  if (r.kind == kOwned && r.epoch == f.epoch && r.claim == f.claim && r.io > f.resume)
    f.resume = U8(r.io);  // inbound_next
  if (v == Verdict::valid) take(f, r);
  return v;
}

FoldState fold_prefix(const State& s, int n, const Rules& rules) {
  FoldState f{};
  for (int i = 0; i < n; i++) fold_step(f, s.log[i], rules);
  return f;
}

}  // namespace signalbox::ownership_model
