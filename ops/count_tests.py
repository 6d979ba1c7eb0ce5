"""Counts the tests of a JUnit file that ctest wrote: `count_tests.py FILE`.

Prints each skipped test with its reason, then `N passed, N failed, N skipped`. A test that could
not be run at all counts as failed. Exit code 0 when nothing failed, else 1.
"""
import re
import sys
import xml.etree.ElementTree as xml


def skip_reason(case):
    """What a test printed about why it was skipped, or None when it was not skipped by itself."""
    skipped = case.find("skipped")
    if skipped is None or not skipped.get("message", "").startswith("SKIP_"):
        return None
    output = case.findtext("system-out") or ""
    said = re.search(r"^(?:\S+:\d+: Skipped\n(.*)|SKIPPED:? ?(.*))$", output, re.MULTILINE)
    reason = (said.group(1) or said.group(2) or "").strip() if said else ""
    return reason or "no reason given"


def count(path):
    """(passed, failed, [(name, reason)]) of one file."""
    passed, failed, skipped = 0, 0, []
    for case in xml.parse(path).getroot().iter("testcase"):
        reason = skip_reason(case)
        if reason is not None:
            skipped.append((case.get("name"), reason))
        elif case.get("status") == "run":
            passed += 1
        else:
            failed += 1
    return passed, failed, skipped


def main():
    try:
        passed, failed, skipped = count(sys.argv[1])
    except (OSError, xml.ParseError) as error:
        print(f"no test report: {error}")
        passed, failed, skipped = 0, 1, []
    for name, reason in skipped:
        print(f"skipped: {name}: {reason}")
    print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
