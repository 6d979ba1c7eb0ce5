// The ownership protocol as the model has it (ops/decisions/0015): its rules, each of which can be
// switched off, records, the validity fold, and the state of a small world: one partition of
// inbound (durable, fixed), one partition of events (append only), routers, and appends in flight.
// Written from the rules and not from the product's code. Values; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace signalbox::ownership_model {

using U8 = std::uint8_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

inline constexpr int kMaxLog = 40;
inline constexpr int kWindow = 3;
inline constexpr int kRouters = 3;
inline constexpr int kSessions = 7;
inline constexpr int kRuns = 2;
inline constexpr int kUsers = 2;

// ---- rules and scope

// What makes an event valid besides the epoch.
enum class FoldRule : U8 { userseq, ordinal };
// What an owner does about an append of unknown outcome.
enum class Unknown : U8 { resend_all, higher_epoch, others_first, reread_and_reuse };
// When a tool may be called.
enum class Effect : U8 { read_back_valid, durable, stated };
// How a reader starts in the middle.
enum class Start : U8 { checkpoint, newest_control, newest_control_no_seq };

struct Rules {
  FoldRule fold = FoldRule::ordinal;
  Unknown unknown = Unknown::resend_all;
  Effect effect = Effect::read_back_valid;
  Start start = Start::checkpoint;
  int window = 0;  // appends an owner may have that it has not read back; 0: as the scope says
  bool epoch_check = true;       // events of another epoch are dropped
  bool unique_claim = true;      // a claim carries an id that is new for each attempt
  bool read_back_claim = true;   // owner only after reading up to its own claim
  bool fresh_memory = true;      // a new term starts from the fold of the log, not from old memory
  bool fresh_results = true;     // a result of a call made in an older term is thrown away
  bool dedupe = true;            // a repeated message_id gives message_duplicate
  bool inbound_order = true;     // first events of inbound records are appended in inbound order
  bool answer_first = true;      // a cancel is answered at once, not when the agent has stopped
  bool received_is_todo = true;  // a run goes on from message_received, not only from agent_started
  bool quarantine_wait = true;   // durable before a later inbound record is answered
  bool restate = true;           // a new owner states tool_executing again before it calls again
  bool chain_of_valid = true;    // the chain goes on from the last valid event, not the last seen
  bool settled_snapshot = true;  // a snapshot holds what was read back, not what was only sent
  bool settled_next = true;      // inbound_next of a control record counts only what was read back
};

enum class InboundKind : U8 { message, cancel, poison };
// The run of message m belongs to user m; the same run twice is a client's retry.
struct Inbound {
  InboundKind kind;
  U8 run;
};

struct Scope {
  std::string name;
  int routers = 2;
  std::vector<Inbound> inbound;
  bool started = false;  // agent_started is a record of its own
  bool resumed = false;  // run_resumed is written by a new owner
  int tools[kRuns] = {0, 0};
  int claims = 3;
  int crashes = 1;
  int timeouts = 1;
  int drops = 0;
  int repeats = 0;
  int snapshots = 0;
  int stale = 2;  // superseded records that land late
  int max_log = 14;
  int window = 2;
};

// ---- records

enum Kind : U8 {
  kNone,
  kOwned,
  kReceived,
  kDuplicate,
  kStarted,
  kExecuting,
  kToolDone,
  kCompleted,
  kResumed,
  kCancelled
};
[[nodiscard]] const char* name_of(U32 kind);

// `ord` counts from 0; `io` is the inbound offset, of kOwned its inbound_next.
struct LogRecord {
  U32 kind : 4 = kNone;
  U32 epoch : 4 = 0;
  U32 ord : 4 = 0;
  U32 user : 1 = 0;
  U32 seq : 4 = 0;
  U32 io : 3 = 0;
  U32 run : 1 = 0;
  U32 claim : 3 = 0;
  U32 step : 1 = 0;
  U32 chain : 7 = 0;
  bool operator==(const LogRecord& other) const {
    return std::memcmp(this, &other, sizeof other) == 0;
  }
};
static_assert(sizeof(LogRecord) == 4);

// ---- the validity fold

enum class RunStage : U8 { none, received, started, executing, ended };
struct RunState {
  RunStage stage;
  U8 step;  // tools done
  U8 term;  // epoch that last took the run up
  U8 te;    // epoch of the open tool_executing
};
struct FoldState {
  U8 epoch, ord;  // validity needs only these two
  U8 resume;      // max(ce_inboundoffset) + 1
  U8 claim;       // who owns the epoch
  U8 seq[kUsers], chain[kUsers];
  RunState run[kRuns];
};
enum class Verdict : U8 { valid, duplicate, superseded, hole, control, control_ignored, corrupt };
inline constexpr int kVerdicts = 7;
[[nodiscard]] const char* name_of(Verdict verdict);

[[nodiscard]] U8 chain_of(U8 before, const LogRecord& record);
[[nodiscard]] Verdict judge(const FoldState& fold, const LogRecord& record, const Rules& rules);
// Applies a valid event.
void take(FoldState& fold, const LogRecord& record);
Verdict fold_step(FoldState& fold, const LogRecord& record, const Rules& rules);

// ---- the state of the world

enum class Mode : U8 { idle, claiming, owner };
struct Router {
  Mode mode;
  U8 epoch, claim;
  U8 pos;            // how far its tail of the events has read
  U8 taken;          // inbound offsets it has dealt with in this term (bit set)
  U8 held;           // 1 + user whose events wait to be sent again (Unknown::others_first)
  U8 cancel;         // runs whose cancel it only remembers (answer_first off)
  U8 open_count;     // appends not yet read back
  U8 result[kRuns];  // epoch of the call whose result is in memory, 0: none
  U8 padding[2];
  FoldState mind;  // its state, its own unread appends included
  LogRecord open[kWindow];
};
// What one producer has in flight. Router kOrphan: the producer is gone, the rest may still land.
struct Session {
  U8 router, count, padding[2];
  LogRecord queue[kWindow + 1];
};
inline constexpr U8 kOrphan = 0xff;

struct State {
  Router routers[kRouters];
  Session sessions[kSessions];
  U8 claims, crashes, timeouts, drops, repeats, stale, snaps, snap_pos;
  FoldState snap;        // newest snapshot: the state of the log before record snap_pos
  U8 q_flight, q_log;    // quarantine records in flight and durable, by inbound offset
  U32 calls;             // tool calls made, by call_bit
  U8 log_size, padding;  // the log comes last: only what is used of it is kept
  LogRecord log[kMaxLog];
  [[nodiscard]] std::size_t size() const {
    return offsetof(State, log) + log_size * sizeof(LogRecord);
  }
};
static_assert(std::is_trivially_copyable_v<State>);
static_assert(offsetof(State, log) % 4 == 0);

[[nodiscard]] inline U32 call_bit(int run, int step, int epoch) {
  return 1U << ((run * 2 + step) * 8 + epoch);
}
[[nodiscard]] FoldState fold_prefix(const State& state, int records, const Rules& rules);

}  // namespace signalbox::ownership_model
