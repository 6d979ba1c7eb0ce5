"""Judges a run by both its sides: what the clients recorded and what the log holds.

  check_run.py HISTORY (DATA | --kafka HOST:PORT --topic-prefix PREFIX) [--dump FILE]
  check_run.py HISTORY --log FILE

HISTORY is what `signalbox bench chat --history` wrote, after every client has left, or the simulation
(`simulation --seed S --history HISTORY --dump FILE`); FILE is a log as log_dump.py writes it. Exit code 0: nothing
is wrong; 3: violations, the first of each invariant named; 1: the history has no operation that was
answered with ok, so that it tells nothing.
"""
import argparse
import collections
import dataclasses
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import checkers  # noqa: E402 after the path to what it imports
import log_dump  # noqa: E402
import log_index  # noqa: E402


@dataclasses.dataclass
class Verdict:
    violations: list = dataclasses.field(default_factory=list)  # each begins with its invariant
    count: int = 0
    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    verdicts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    outcomes: checkers.Outcomes | None = None
    seconds_to_the_last_end: float | None = None

    def add(self, violations, count=None):
        self.violations += violations
        self.count += len(violations) if count is None else count


def check(history, dump, healed_at=None, limit_seconds=120, partial=False, refusals=()):
    """Reads both once. With `partial` the log may hold what is not over yet. `refusals`: when the disk of the
    log took nothing."""
    log = log_index.LogIndex(dump, complete=not partial)
    verdict = Verdict(verdicts=log.verdicts)
    verdict.add(log.faults[:checkers.KEPT * 5], len(log.faults))
    judges = [kind(log) for kind in checkers.OF_HISTORIES]
    verdict.outcomes = checkers.Outcomes(log)
    ends = next(judge for judge in judges if isinstance(judge, checkers.EverythingEnds))
    ends.healed_at, ends.limit_seconds = healed_at, limit_seconds
    next(judge for judge in judges if isinstance(judge, checkers.FailsStop)).refusals = refusals
    with open(history, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            count_line(verdict.counts, line)
            verdict.outcomes.see(line)
            for judge in judges:
                judge.see(line)
    for judge in judges:
        judge.finish()
        verdict.add(judge.found, judge.count)
    verdict.counts["events in the log"] = log.verdicts["valid"]
    verdict.counts["users"] = len(log.users)
    verdict.counts["messages rejected"] = len(log.rejected.keys() - {None})
    verdict.counts["runs ended"] = sum(1 for terminal in log.terminals.values() if terminal)
    verdict.seconds_to_the_last_end = ends.seconds_to_the_last_end()
    return verdict


def count_line(counts, line):
    if line["kind"] == "frame":
        counts["frames"] += 1
    elif line["kind"] == "invoke":
        counts["operations"] += 1
    elif line["kind"] in ("ok", "fail", "unknown"):
        counts[line["kind"]] += 1
        counts["messages acknowledged"] += line["kind"] == "ok" and checkers.is_send(line)
    elif line.get("state") == "ready":
        counts["sockets"] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("history")
    parser.add_argument("data", nargs="?", help="data directory of signalbox serve")
    parser.add_argument("--kafka", help="a broker's HOST:PORT, in place of a data directory")
    parser.add_argument("--topic-prefix", default="signalbox")
    parser.add_argument("--dump", help="keep the log as JSON Lines there")
    parser.add_argument("--log", help="such a file, in place of a data directory")
    arguments = parser.parse_args()
    if [arguments.data, arguments.kafka, arguments.log].count(None) != 2:
        parser.error("one of a data directory, --kafka and --log")
    if arguments.log:
        return report(check(arguments.history, arguments.log))
    source = log_dump.KafkaSource(arguments.kafka, arguments.topic_prefix) if arguments.kafka \
        else log_dump.EmbeddedSource(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        dump = arguments.dump or pathlib.Path(folder, "log.jsonl")
        log_dump.write_dump(source, dump)
        return report(check(arguments.history, dump))


def report(verdict):
    """Prints it; the exit code."""
    for violation in verdict.violations:
        print(f"violation: {violation}")
    print(", ".join(f"{count} {name}" for name, count in sorted(verdict.counts.items()))
          + f"; {verdict.count} violations")
    if not verdict.counts["ok"]:
        print("too little to judge: nothing was answered with ok")
    return 3 if verdict.count else int(not verdict.counts["ok"])


if __name__ == "__main__":
    sys.exit(main())
