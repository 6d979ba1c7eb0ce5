"""What the Autobahn suite found, held against what is known.

A case has two verdicts, one on its messages and one on its close; the worse one counts, by the
colours of the suite's own report: a close that is FAILED or UNCLEAN is FAILED, one with the wrong
code or failed by the client is NON-STRICT. A case in which the suite itself raised is FAILED.
"""
import collections

CLOSE = {"FAILED": "FAILED", "UNCLEAN": "FAILED",
         "WRONG CODE": "NON-STRICT", "FAILED BY CLIENT": "NON-STRICT"}
# From best to worst. INFORMATIONAL: the case judges nothing, whatever the server does.
VERDICTS = ["OK", "INFORMATIONAL", "UNIMPLEMENTED", "NON-STRICT", "FAILED", "NOT RUN"]
PASSED = {"OK", "INFORMATIONAL"}


def read_deviations(text):
    """{case: (verdict, reason)} of lines `CASE VERDICT reason`; a `#` begins a comment."""
    deviations = {}
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if line:
            case, verdict, reason = line.split(None, 2)
            if verdict not in VERDICTS or verdict in PASSED or case in deviations:
                raise ValueError(f"not a deviation: {line}")
            deviations[case] = (verdict, reason)
    return deviations


def verdict_of(result, raised):
    """(verdict, why) of one case; `result` is None where it did not run."""
    if result is None:
        return "NOT RUN", raised or "no result"
    seen = [(result["behavior"], result["result"])]
    close = result["behaviorClose"]
    if close in CLOSE:
        seen.append((CLOSE[close], f"close {close} ({result['remoteCloseCode']}): "
                                   f"{result['resultClose']}"))
    if raised:
        seen.append(("FAILED", "the suite raised: " + raised.strip().splitlines()[-1]))
    return max(seen, key=lambda verdict: VERDICTS.index(verdict[0]))


def faults(verdicts, deviations):
    """What is not as it is known to be, a sentence a case. `verdicts` is {case: (verdict, why)}."""
    found = []
    for case, (verdict, why) in verdicts.items():
        known = deviations.get(case, ("OK", ""))[0]
        if verdict in PASSED and case in deviations:
            found.append(f"{case} is listed as {known}, and is {verdict}: take it from the list")
        elif verdict not in PASSED and verdict != known:
            found.append(f"{case} is {verdict}: {why}")
    groups = {group(case) for case in verdicts}
    for case in deviations:
        if group(case) in groups and case not in verdicts:
            found.append(f"{case} is listed, and there is no such case")
    return found


def group(case):
    return int(case.split(".")[0])


def summary(verdicts):
    """A line per group with its counts."""
    counts = collections.defaultdict(collections.Counter)
    for case, (verdict, _) in verdicts.items():
        counts[group(case)][verdict] += 1
    for number in sorted(counts):
        of_group = ", ".join(f"{counts[number][v]} {v}" for v in VERDICTS if counts[number][v])
        yield f"group {number}: {of_group}"
