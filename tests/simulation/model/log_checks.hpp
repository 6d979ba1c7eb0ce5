// LogChecks: what must hold of every log that can come about, each check named by the invariant it
// guards (I-a to I-h of ops/decisions/ownership.md). One thread; rules and scope outlive it.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/model/protocol.hpp"

namespace signalbox::ownership_model {

struct LogChecks {
  const Rules& rules;
  const Scope& scope;
  std::string fault;  // the first one; empty: all is well

  // Always false.
  bool fail(const std::string& why);
  // The newest record is the one to look at; what was before it has passed.
  bool log_ok(const State& state);
  // Liveness: every inbound record dealt with, every accepted message with its terminal event.
  bool goal(const State& state);

 private:
  struct Reading;
  bool same_bytes(const State& state);
  bool valid_ok(const State& state, const LogRecord& record, Reading& reading, int at);
  // Is this valid event a legal next step of its run?
  bool legal(const State& state, const FoldState& fold, const LogRecord& record, int at);
  bool legal_result(const State& state, const RunState& run, const LogRecord& record, int at);
  // The resume point moves up to `next`: is every inbound record below it dealt with?
  bool none_skipped(const State& state, const FoldState& fold, int next, U8 answered, int at);
  // The reader that started at 0 is the reference; whoever starts elsewhere gives the same
  // verdicts.
  bool readers_agree(const State& state, const Reading& reading);
  bool reader_agrees(const State& state, const Reading& reading, int from);
  [[nodiscard]] FoldState start_at(const State& state, const Reading& reading, int from) const;
};

}  // namespace signalbox::ownership_model
