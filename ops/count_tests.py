"""Counts the tests of JUnit files that ctest wrote: `count_tests.py FILE...`.

Prints each skipped test with its reason, each failed one with the end of its output, whether there
was no Apache Kafka to test with, then `N passed, N failed, N skipped`. A test that could not be run at all counts as failed. Exit code 0
when nothing failed, else 1. With `--left-out NAMES` first, the tests that this file names, one a line, count
as skipped. `count_tests.py --times FILE` lists instead the tests that took longer than 10 s.
"""
import re
import sys
import xml.etree.ElementTree as xml

LONG_SECONDS = 10
LINES_OF_A_FAILURE = 40
LINE_CHARACTERS = 300
KAFKA_SETUPS = {"kafka.broker_up", "kafka.cluster_up"}


def skip_reason(case):
    """What a test printed about why it was skipped, or None when it was not skipped by itself."""
    skipped = case.find("skipped")
    if skipped is None or not skipped.get("message", "").startswith("SKIP_"):
        return None
    output = case.findtext("system-out") or ""
    said = re.search(r"^(?:\S+:\d+: Skipped\n(.*)|SKIPPED:? ?(.*))$", output, re.MULTILINE)
    reason = (said.group(1) or said.group(2) or "").strip() if said else ""
    return reason or "no reason given"


def end_of_output(case):
    """The last lines a failed test printed, indented."""
    lines = (case.findtext("system-out") or "it printed nothing").rstrip().splitlines()
    return "".join(f"    {line[:LINE_CHARACTERS]}\n" for line in lines[-LINES_OF_A_FAILURE:])


def count(path):
    """(passed, [(name, output)] of failed ones, [(name, reason)] of skipped ones) of one file."""
    passed, failed, skipped = 0, [], []
    for case in xml.parse(path).getroot().iter("testcase"):
        reason = skip_reason(case)
        if reason is not None:
            skipped.append((case.get("name"), reason))
        elif case.get("status") == "run":
            passed += 1
        else:
            failed.append((case.get("name"), end_of_output(case)))
    return passed, failed, skipped


def print_times(paths):
    """The tests that took long, longest first."""
    times = [(float(case.get("time")), case.get("name"))
             for path in paths for case in xml.parse(path).getroot().iter("testcase")]
    for seconds, name in sorted(times, reverse=True):
        if seconds >= LONG_SECONDS:
            print(f"{seconds:7.0f} s  {name}")


def main():
    if sys.argv[1] == "--times":
        return print_times(sys.argv[2:])
    passed, failed, skipped = 0, [], []
    paths = sys.argv[1:]
    if paths[0] == "--left-out":
        with open(paths[1], encoding="utf-8") as names:
            skipped = [(name, "left out by --quick") for name in names.read().splitlines()]
        paths = paths[2:]
    for path in paths:
        try:
            counted = count(path)
        except (OSError, xml.ParseError) as error:
            print(error)
            counted = 0, [(path, "    no test report\n")], []
        passed += counted[0]
        failed += counted[1]
        skipped += counted[2]
    for name, reason in skipped:
        print(f"skipped: {name}: {reason}")
    for name, output in failed:
        print(f"failed: {name}:\n{output}", end="")
    without_kafka = [reason for name, reason in skipped if name in KAFKA_SETUPS]
    if without_kafka:
        print(f"Kafka tests were skipped: {without_kafka[0]}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
