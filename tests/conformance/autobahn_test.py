"""The gateway's WebSocket layer before the Autobahn suite, with an echo behind it.

    autobahn_test.py ECHO_SERVER ENVIRONMENT CASES COUNT

ENVIRONMENT was made by autobahn_setup.py. CASES as the suite names them ('1.*,2.*'); COUNT of them
must be there. Passes when every case is OK but those of autobahn_deviations.txt, and those are what
they are said to be. Exit code 77: there is no environment.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import autobahn_judge

HERE = pathlib.Path(__file__).parent
SUITE_SECONDS_MAX = 600


def run_suite(python, url, cases):
    """(ids selected, {id: result}, {id: traceback}, [problem])."""
    selected, results, raised, problems = [], {}, {}, []
    errors = tempfile.TemporaryFile("w+", errors="replace")
    suite = subprocess.Popen([python, "-X", "utf8", HERE / "autobahn_client.py", url, cases],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                             text=True)
    timer = threading.Timer(SUITE_SECONDS_MAX, suite.kill)
    timer.start()
    try:
        for said in map(json.loads, suite.stdout):
            if said["kind"] == "selected":
                selected = said["cases"]
            elif said["kind"] == "result":
                results[said["id"]] = said
            elif said["kind"] == "exception":
                raised.setdefault(said["id"], said["text"])
            else:
                problems.append(said["text"])
    finally:
        timer.cancel()
        if suite.wait() != 0:
            errors.seek(0)
            problems.append(f"the suite ended with {suite.returncode}: {errors.read()[-3000:]}")
    return selected, results, raised, problems


def judge_server(server, python, cases):
    """({id: (verdict, why)}, [problem]) of the echo server, which ends by itself."""
    echo = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = re.fullmatch(r"listening on (\S+)\n", echo.stdout.readline())[1]
    try:
        selected, results, raised, problems = run_suite(python, f"ws://{address}/", cases)
    finally:
        echo.stdin.close()
        if echo.wait(30) != 0:
            raise AssertionError(f"the echo server ended with {echo.returncode}")
    verdicts = {case: autobahn_judge.verdict_of(results.get(case), raised.get(case))
                for case in selected}
    return verdicts, problems


def main():
    server, environment, cases, count = sys.argv[1:]
    python = pathlib.Path(environment, "bin", "python")
    if not pathlib.Path(environment, "made_by").exists():
        print("SKIPPED: the suite could not be had from the package index")
        return 77
    verdicts, faults = judge_server(server, python, cases)
    if len(verdicts) != int(count):
        faults.append(f"{len(verdicts)} cases were selected, not {count}")
    deviations = autobahn_judge.read_deviations(
        (HERE / "autobahn_deviations.txt").read_text("utf-8"))
    faults += autobahn_judge.faults(verdicts, deviations)
    for line in autobahn_judge.summary(verdicts):
        print(line)
    for case in verdicts.keys() & deviations.keys():
        print(f"known: {case} {' '.join(deviations[case])}")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
