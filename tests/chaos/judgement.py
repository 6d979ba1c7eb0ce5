"""What ops/chaos itself finds wrong, beside what the checkers find in histories and log. Each rule gives its
violations, which begin with their invariant."""
import gzip
import json
import random
import subprocess
import time

import check_run
import checkers
import deployment
import log_dump
from harness import PLAYBOOK, clean_environment
from watch import look_at_all

CHECK_SECONDS = 600  # of a program that is asked for its verdict, at most
SECRET_TEXTS = 200
# Fewer operations answered with ok, or faults of a kind, are a failure, of a run of so many minutes at least;
# a shorter one must have done something.
FULL_MINUTES = 10
OPERATIONS_MIN, FAULTS_MIN = 10_000, 5
OPERATIONS_MIN_OF_SHORT_RUNS = 50
# Faults make users wait, they take little away: in ten minutes of them all of some 90,000 acknowledged messages
# were completed, and 82 of 100 operations were answered with ok where users did not pause, 97 where they did, 67 on a
# machine that had no time. Of a minute the disk takes nothing for ten seconds, while all come again and again.
COMPLETED_PERCENT_MIN, OK_PERCENT_MIN, OK_PERCENT_MIN_OF_SHORT_RUNS = 99, 50, 25
# What faults may lead to, and what users who do not pause may.
ENDS = {"agent_completed", "agent_failed attempts_exhausted", "message_rejected poison"}
REFUSALS, REFUSALS_IN_A_HURRY = {"overloaded", "log_unavailable"}, {"rate_limited"}


def secret_texts():
    """Some of what users write, long enough not to stand anywhere by chance."""
    texts = set()
    with gzip.open(PLAYBOOK, "rt", encoding="utf-8") as lines:
        for line in lines:
            texts |= {turn["user"] for turn in json.loads(line)["turns"] if len(turn["user"]) > 30}
    return random.Random(0).sample(sorted(texts), SECRET_TEXTS)


def check_when_at_rest(arguments, folder, service, healed_at):
    """The checkers' verdict; again while all that is wrong is that something is open, for so long as runs
    may take to end."""
    deadline = time.monotonic() + arguments.liveness_seconds
    while True:
        is_late = time.monotonic() > deadline  # to look takes long
        log_dump.write_dump(service.source(), folder / "log.jsonl")
        verdict = check_run.check(folder / "history.jsonl", folder / "log.jsonl", healed_at,
                                  arguments.liveness_seconds, refusals=service.refusals())
        is_open = any(violation.endswith(("no outcome", "never ended")) for violation in verdict.violations)
        if not is_open or is_late:
            return verdict
        time.sleep(2)


def wait_until_closed(arguments, service, leaks):
    """What is still open when it has been waited for."""
    deadline = time.monotonic() + arguments.liveness_seconds
    leaks.compare(look_at_all(service))
    while leaks.count and time.monotonic() < deadline:
        time.sleep(1)
        leaks.compare(look_at_all(service))
    return leaks.found


def check_ends(codes):
    """Whoever is told to leave does, in order; `codes` by name, None of whom had to be killed."""
    return [f"I6 {name} ended with {code} on SIGTERM" for name, code in codes.items() if code != 0]


def check_replay(program, places, folder):
    """The service's own verdict of log and archives."""
    wrong = []
    for place in places:
        verify = subprocess.run([program, "replay", "verify", *place], capture_output=True, text=True, cwd=folder,
                                timeout=CHECK_SECONDS, env=clean_environment(), check=False)
        if verify.returncode:
            wrong.append(f"I14 replay verify {' '.join(place)}: {verify.stdout[-500:]}{verify.stderr[-500:]}")
    return wrong


def check_states(program, dump, files):
    """I15: the states in routers' snapshots are what folding the log gives, once everything has ended.
    (what was compared, violations)."""
    ended = subprocess.run([program, dump, *files], capture_output=True, text=True, errors="replace",
                           timeout=CHECK_SECONDS, check=False)
    said = ended.stdout.splitlines()
    compared = json.loads(said.pop()) if said and said[-1].startswith("{") else {}
    if ended.returncode == 0:
        return compared, []
    found = [f"I15 {line}" for line in said]
    return compared, found or [f"I15 {program} ended with {ended.returncode}: {ended.stderr}"]


def check_service(arguments, counts, outcomes):
    """A service that takes nothing, or ends nothing as it should, breaks no promise; it must do its work, too.
    `counts` of check_run, `outcomes` of checkers."""
    wrong = []
    ok_min = OK_PERCENT_MIN if arguments.minutes >= FULL_MINUTES else OK_PERCENT_MIN_OF_SHORT_RUNS
    ends = outcomes.ends()
    completed, acknowledged = ends["agent_completed"], sum(ends.values())
    if completed * 100 < acknowledged * COMPLETED_PERCENT_MIN:
        wrong.append(f"I5 of {acknowledged} acknowledged messages {completed} ended in a completed run, of 100 "
                     f"fewer than {COMPLETED_PERCENT_MIN}: {dict(ends)}")
    wrong += [f"I5 {ends[end]} acknowledged messages ended in {end}, to which no fault leads"
              for end in sorted(ends.keys() - ENDS)]
    allowed = REFUSALS | REFUSALS_IN_A_HURRY if arguments.hurry else REFUSALS
    wrong += [f"I23 {outcomes.refused[code]} times a user was refused with {code}, to which no fault leads"
              for code in sorted(outcomes.refused.keys() - allowed)]
    if counts["ok"] * 100 < counts["operations"] * ok_min:
        wrong.append(f"I23 of {counts['operations']} operations {counts['ok']} were answered with ok, of 100 "
                     f"fewer than {ok_min}: refused {dict(outcomes.refused)}, {counts['unknown']} of "
                     "unknown outcome")
    return wrong


def too_little(minutes, report):
    """What was tried too seldom to say anything."""
    is_full = minutes >= FULL_MINUTES
    operations = report.get("ok", 0)
    few = [f"tried too little: {count} times {kind}" for kind, count in report["faults"].items()
           if is_full and count < FAULTS_MIN]
    if operations < (OPERATIONS_MIN if is_full else OPERATIONS_MIN_OF_SHORT_RUNS):
        few.append(f"tried too little: {operations} operations answered with ok")
    if is_full and not report.get("bytes that power cuts took back"):
        few.append("tried too little: no power cut took anything back")
    if is_full and not report.get("open runs in them"):
        few.append("tried too little: no state in a snapshot was in the midst of a run")
    if not any(report["faults"].values()):
        few.append("tried too little: no fault")
    return few


def judge(arguments, folder, service, attacked, report):
    """What is wrong in all, once the service has come to rest and has ended. `attacked`: what attack() gave."""
    wrong, healed_at, leaks = attacked
    verdict = check_when_at_rest(arguments, folder, service, healed_at)
    wrong = wrong + wait_until_closed(arguments, service, leaks) + check_ends(service.end())
    dump = folder / "log.jsonl"
    log_dump.write_dump(service.source(), dump)  # with what they said when they left
    compared, differ = check_states(deployment.built_beside(arguments.program, deployment.STATE_CHECK), dump,
                                    service.snapshots())
    wrong += differ + check_replay(arguments.program, service.places(), folder) + service.check()
    wrong += check_service(arguments, verdict.counts, verdict.outcomes)
    secrets = checkers.LogsKeepSecrets(None, secret_texts())
    for log in service.logs():
        secrets.read(log)
    report |= compared | dict(verdict.counts)
    report["acknowledged messages ended in"] = dict(verdict.outcomes.ends())
    report["refused"] = dict(verdict.outcomes.refused)
    report["records of the log"] = dict(verdict.verdicts)
    report["seconds from the last healing to the last end of a run"] = verdict.seconds_to_the_last_end
    wrong += too_little(arguments.minutes, report)
    report["violations"] = verdict.count + secrets.count + len(wrong)
    return wrong + secrets.found + verdict.violations
