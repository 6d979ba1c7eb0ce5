"""What ops/chaos itself finds wrong, beside what the checkers find in histories and log. Each rule gives its
violations, which begin with their invariant."""
import json
import subprocess

STATES_SECONDS = 600
# Faults make users wait, they take little away: in ten minutes of them all of some 90,000 acknowledged messages
# were completed, and of all operations 82 % were answered with ok where users did not pause, 97 % where they did.
COMPLETED_PERCENT_MIN, OK_PERCENT_MIN = 99, 60
# What faults may lead to, and what users who do not pause may.
ENDS = {"agent_completed", "agent_failed attempts_exhausted", "message_rejected poison"}
REFUSALS, REFUSALS_IN_A_HURRY = {"overloaded", "log_unavailable"}, {"rate_limited"}


def check_states(program, dump, files):
    """I15: the states in routers' snapshots are what folding the log gives, once everything has ended.
    (what was compared, violations)."""
    ended = subprocess.run([program, dump, *files], capture_output=True, text=True, timeout=STATES_SECONDS,
                           check=False)
    said = ended.stdout.splitlines()
    compared = json.loads(said.pop()) if said and said[-1].startswith("{") else {}
    if ended.returncode == 0:
        return compared, []
    found = [f"I15 {line}" for line in said]
    return compared, found or [f"I15 {program} ended with {ended.returncode}: {ended.stderr}"]


def check_service(counts, outcomes, hurry):
    """A service that takes nothing, or ends nothing as it should, breaks no promise; it must do its work, too.
    `counts` of check_run, `outcomes` of checkers."""
    wrong = []
    ends = outcomes.ends()
    completed, acknowledged = ends["agent_completed"], sum(ends.values())
    if completed * 100 < acknowledged * COMPLETED_PERCENT_MIN:
        wrong.append(f"I5 of {acknowledged} acknowledged messages {completed} ended in a completed run, of 100 "
                     f"fewer than {COMPLETED_PERCENT_MIN}: {dict(ends)}")
    wrong += [f"I5 {ends[end]} acknowledged messages ended in {end}, to which no fault leads"
              for end in sorted(ends.keys() - ENDS)]
    allowed = REFUSALS | REFUSALS_IN_A_HURRY if hurry else REFUSALS
    wrong += [f"I23 {outcomes.refused[code]} times a user was refused with {code}, to which no fault leads"
              for code in sorted(outcomes.refused.keys() - allowed)]
    if counts["ok"] * 100 < counts["operations"] * OK_PERCENT_MIN:
        wrong.append(f"I23 of {counts['operations']} operations {counts['ok']} were answered with ok, of 100 "
                     f"fewer than {OK_PERCENT_MIN}: refused {dict(outcomes.refused)}, {counts['unknown']} of "
                     "unknown outcome")
    return wrong
