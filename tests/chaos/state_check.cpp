// state_check DUMP SNAPSHOTS...: whether the states in routers' snapshots are what folding the log
// gives (I15). DUMP is the whole log as tests/chaos/log_dump.py wrote it after everything had
// ended, SNAPSHOTS are the files snapshots.db of the same run. The last line is what was compared,
// as JSON; before it the first differences. Exit codes: 0 there is none; 1 there are, or nothing
// was compared, or a file cannot be read; 2 usage.
#include <cstdio>
#include <string>
#include <vector>

#include "tests/chaos/dumped_log.hpp"
#include "tests/chaos/snapshot_states.hpp"

namespace signalbox::chaos {
namespace {

int tell(const SnapshotStates& states) {
  for (const std::string& what : states.differences())
    std::printf("difference: %s\n", what.c_str());
  const StateCounts& counts = states.counts();
  const bool is_judged = counts.folded_on > 0 && counts.partition_states > 0;
  if (!is_judged) std::printf("too little to judge: not one user's and one partition's state\n");
  std::printf(
      "{\"states of users\": %lld, \"open runs in them\": %lld, \"states of partitions\": %lld, "
      "\"users folded on to the end\": %lld, \"states that differ\": %lld}\n",
      static_cast<long long>(counts.user_states), static_cast<long long>(counts.open_runs),
      static_cast<long long>(counts.partition_states), static_cast<long long>(counts.folded_on),
      static_cast<long long>(counts.differences));
  return counts.differences == 0 && is_judged ? 0 : 1;
}

int check(const std::string& dump, const std::vector<std::string>& files) {
  auto log = DumpedLog::open(dump);
  Result<void> read;
  if (!log) read = tl::unexpected(log.error());
  if (read) {
    SnapshotStates states(log->describe());
    for (const std::string& file : files) states.add_file(file);
    for (;;) {
      const auto events = log->read();
      if (!events) read = tl::unexpected(events.error());
      if (!events || !*events) break;
      states.fold(**events);
    }
    if (read) return tell(states);
  }
  std::printf("%s\n", read.error().message.c_str());
  return 1;
}

}  // namespace
}  // namespace signalbox::chaos

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: state_check DUMP SNAPSHOTS...\n");
    return 2;
  }
  return signalbox::chaos::check(argv[1], {argv + 2, argv + argc});
}
