#include "tests/simulation/model/log_checks.hpp"

namespace signalbox::ownership_model {
namespace {

std::string place(int at) { return " (record " + std::to_string(at) + ")"; }

bool is_answer(U32 kind) { return kind == kReceived || kind == kDuplicate || kind == kCancelled; }

}  // namespace

// What the reader from the beginning has made of the log.
struct LogChecks::Reading {
  FoldState fold{};
  U8 answered = 0;
  std::vector<FoldState> before{};
  std::vector<Verdict> verdicts{};
};

bool LogChecks::fail(const std::string& why) {
  if (fault.empty()) fault = why;
  return false;
}

bool LogChecks::legal(const State& s, const FoldState& f, const LogRecord& r, int i) {
  const RunState& x = f.run[r.run];
  const bool live = x.stage != RunStage::none && x.stage != RunStage::ended;
  switch (r.kind) {
    case kReceived:
      return x.stage == RunStage::none || fail("I-c: one message_id led to two runs" + place(i));
    case kDuplicate:
      return x.stage != RunStage::none || fail("I-c: message_duplicate of nothing" + place(i));
    case kStarted:
      return x.stage == RunStage::received || fail("I-c: agent_started out of place" + place(i));
    case kResumed: return live || fail("I-c: run_resumed after the end" + place(i));
    case kExecuting:
      return (live && (x.stage != RunStage::executing || x.te != r.epoch) && r.step == x.step) ||
             fail("I-c: tool_executing out of place" + place(i));
    case kToolDone: return legal_result(s, x, r, i);
    case kCompleted:
    case kCancelled:
      return (live && x.stage != RunStage::executing) || (live && r.kind == kCancelled) ||
             fail("I-c: second terminal event or terminal out of place" + place(i));
    default: return true;
  }
}

bool LogChecks::legal_result(const State& s, const RunState& x, const LogRecord& r, int i) {
  if (x.stage != RunStage::executing || r.step != x.step)
    return fail("I-c: tool_completed out of place" + place(i));
  if (x.te != r.epoch)
    return fail("I-f: tool_completed of an attempt whose tool_executing is not valid" + place(i));
  return (s.calls & call_bit(static_cast<int>(r.run), static_cast<int>(r.step),
                             static_cast<int>(r.epoch))) != 0 ||
         fail("I-f: result without a call" + place(i));
}

bool LogChecks::none_skipped(const State& s, const FoldState& f, int next, U8 answered, int i) {
  for (int o = f.resume; o < next; o++) {
    if (answered >> o & 1) continue;
    const Inbound& in = scope.inbound[static_cast<std::size_t>(o)];
    const RunStage stage = f.run[in.run].stage;
    if (in.kind == InboundKind::poison && (s.q_log >> o & 1)) continue;
    const bool nothing_to_cancel = stage == RunStage::none || stage == RunStage::ended;
    if (in.kind == InboundKind::cancel && nothing_to_cancel) continue;
    return fail("I-d: inbound " + std::to_string(o) +
                " is below the resume point and nothing answers it" + place(i));
  }
  return true;
}

FoldState LogChecks::start_at(const State& s, const Reading& reading, int from) const {
  FoldState f = reading.before[static_cast<std::size_t>(from)];
  if (rules.start == Start::checkpoint) return f;
  // Read back to the newest control record, and take its word.
  f.epoch = 0;
  f.ord = 0;
  for (int i = from - 1; i >= 0; i--) {
    if (s.log[i].kind != kOwned) continue;
    f.epoch = U8(s.log[i].epoch);
    f.ord = U8(s.log[i].ord);
    for (int k = i + 1; k < from; k++)
      if (s.log[k].epoch == f.epoch && s.log[k].ord == f.ord) f.ord++;
    break;
  }
  return f;
}

bool LogChecks::reader_agrees(const State& s, const Reading& reading, int from) {
  FoldState f = start_at(s, reading, from);
  bool seen[kUsers] = {false, false};
  for (int i = from; i < s.log_size; i++) {
    const LogRecord& r = s.log[i];
    // Such a reader knows epoch and ordinal only, and no user's seq.
    const bool is_blind =
        rules.start == Start::newest_control_no_seq || rules.start == Start::checkpoint;
    if (r.kind != kOwned && is_blind && !seen[r.user]) f.seq[r.user] = U8(r.seq - 1);
    const Verdict v = fold_step(f, r, rules);
    if (v == Verdict::valid) seen[r.user] = true;
    const Verdict reference = reading.verdicts[static_cast<std::size_t>(i)];
    const bool differs = (v == Verdict::valid) != (reference == Verdict::valid);
    if (r.kind != kOwned && (differs || v == Verdict::corrupt))
      return fail("I-a: a reader that starts at record " + std::to_string(from) +
                  " judges record " + std::to_string(i) + " " + name_of(v) +
                  ", the reader from the beginning " + name_of(reference));
  }
  return true;
}

bool LogChecks::readers_agree(const State& s, const Reading& reading) {
  // The checkpoint is then the whole fold state: the same function on the same input.
  if (rules.start == Start::checkpoint && rules.fold == FoldRule::userseq) return true;
  for (int from = 0; from < s.log_size; from++)
    if (!reader_agrees(s, reading, from)) return false;
  return true;
}

bool LogChecks::same_bytes(const State& s) {
  const LogRecord& last = s.log[s.log_size - 1];
  if (last.kind == kOwned) return true;
  for (int i = 0; i + 1 < s.log_size; i++) {
    const LogRecord& r = s.log[i];
    if (r.kind != kOwned && r.user == last.user && r.seq == last.seq && r.epoch == last.epoch &&
        !(r == last))
      return fail("I-b: equal ce_id, different bytes (records " + std::to_string(i) + ", " +
                  std::to_string(s.log_size - 1) + ")");
  }
  return true;
}

bool LogChecks::valid_ok(const State& s, const LogRecord& r, Reading& reading, int i) {
  FoldState& f = reading.fold;
  if (r.seq != f.seq[r.user] + 1U)
    return fail("I-b: seq gap or repeat among valid events" + place(i));
  if (r.claim != f.claim)
    return fail("I-e: an event of somebody who does not own the epoch is valid" + place(i));
  if (r.chain != chain_of(f.chain[r.user], r)) return fail("I-g: the chain breaks" + place(i));
  if (!legal(s, f, r, i)) return false;
  if (is_answer(r.kind)) reading.answered |= U8(1U << r.io);
  if (!none_skipped(s, f, static_cast<int>(r.io) + 1, reading.answered, i)) return false;
  take(f, r);
  return true;
}

bool LogChecks::log_ok(const State& s) {
  if (!same_bytes(s)) return false;
  Reading reading;
  for (int i = 0; i < s.log_size; i++) {
    const LogRecord& r = s.log[i];
    reading.before.push_back(reading.fold);
    const Verdict v = judge(reading.fold, r, rules);
    reading.verdicts.push_back(v);
    if (v == Verdict::corrupt)
      return fail("I-b: the fold stops the partition as corrupt, and nothing is" + place(i));
    if (v == Verdict::valid) {
      if (!valid_ok(s, r, reading, i)) return false;
      continue;
    }
    const FoldState old = reading.fold;
    fold_step(reading.fold, r, rules);
    if (!none_skipped(s, old, reading.fold.resume, reading.answered, i)) return false;
  }
  return readers_agree(s, reading);
}

bool LogChecks::goal(const State& s) {
  FoldState f{};
  U8 answered = 0;
  for (int i = 0; i < s.log_size; i++) {
    const LogRecord& r = s.log[i];
    if (fold_step(f, r, rules) == Verdict::valid && is_answer(r.kind)) answered |= U8(1U << r.io);
  }
  for (std::size_t o = 0; o < scope.inbound.size(); o++) {
    const Inbound& in = scope.inbound[o];
    const std::string inbound = "inbound " + std::to_string(o);
    if (in.kind == InboundKind::message && !(answered >> o & 1))
      return fail("I-c/I-d: " + inbound + " is never answered");
    if (in.kind == InboundKind::message && f.run[in.run].stage != RunStage::ended)
      return fail("I-c: run " + std::to_string(in.run) + " never ends");
    if (in.kind == InboundKind::poison && !(s.q_log >> o & 1))
      return fail("I-d: " + inbound + " is neither answered nor in quarantine");
  }
  return true;
}

}  // namespace signalbox::ownership_model
