// Options, services and figures shared by the parts of the router.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "event-store/log/event_log.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/random.hpp"
#include "event-store/snapshot/snapshot_store.hpp"
#include "router/log_patience.hpp"
#include "router/open_list.hpp"
#include "router/routing_state.hpp"
#include "router/supervisor.hpp"
#include "router/user_states.hpp"

namespace signalbox::router {

struct RouterOptions {
  std::string instance = "router";  // names this process in ce_source and in claims, for people
  std::string group = "router";     // of members; the log makes it its own where it shares brokers
  Rules rules{};                    // `agents` is filled from the registry
  UserStatesOptions states{};
  OpenListOptions open_list{};
  LogPatienceOptions patience{};  // with a log that does not answer
  SupervisorOptions supervisor{};
  std::size_t started_runs_max = 256;  // per partition; further ones wait, oldest message first
  std::int32_t poison_count = 4;       // after 3 owners lost over one record the 4th quarantines it
  std::int32_t checkpoint_records = 1000;
  std::chrono::seconds checkpoint_interval{30};  // of activity
  std::chrono::seconds snapshot_interval{60};    // of activity, per partition
  std::chrono::seconds housekeeping{5};          // how often quiet users are looked for
  std::chrono::seconds release_grace{20};  // for steps under way when the partition is released
  // While it goes on, how often the owner says so in the log: who waits for it claims later.
  std::chrono::milliseconds release_sign{100};
  // For a word of an owner that has not released the partition; then it counts as gone. With words
  // of it, at most release_grace longer. 0: it is known that there is none.
  std::chrono::milliseconds release_patience{300};
  // For snapshots that others have put and that are not here yet, before a partition is followed:
  // without any that comes, and in all.
  std::chrono::milliseconds snapshots_patience{3000};
  std::chrono::milliseconds snapshots_wait_max{30'000};
  std::chrono::milliseconds claim_retry{500};  // at most, by chance, after one that was lost
};

// What every part of a router works with. All of it outlives the router.
struct RouterServices {
  event_store::EventLog& log;
  event_store::SnapshotStore& snapshots;
  const Clock& clock;
  Executor& executor;
  Random& random;
  const AgentRegistry& agents;
};

// Totals since start, over all partitions. Written on the router's thread, read from any.
struct RouterCounters {
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> events{0};  // read back as valid, of own terms
  std::atomic<std::uint64_t> quarantined{0};
  std::atomic<std::uint64_t> runs_started{0};
  std::atomic<std::uint64_t> runs_ended{0};
  std::atomic<std::uint64_t> runs_resumed{0};
  std::atomic<std::uint64_t> terms{0};
  std::atomic<std::uint64_t> resends{0};
  std::atomic<std::uint64_t> refused{0};  // events larger than the log takes
  std::atomic<std::uint64_t> rebuilds{0};
  std::atomic<std::int64_t> runs_open{0};
  UserStatesCounters states{};
  // Records of events by what the fold made of them (event_store::Verdict).
  std::array<std::atomic<std::uint64_t>, event_store::kVerdictCount> verdicts{};
};

}  // namespace signalbox::router
