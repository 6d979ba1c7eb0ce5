"""What ops/chaos itself finds wrong, beside what the checkers find in histories and log. Each rule gives its
violations, which begin with their invariant."""
import json
import subprocess

STATES_SECONDS = 600


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
