"""Histories of the simulated cluster, judged by the checkers of real runs: whole, they have no violation;
without one of the product's defences the checker that it is for notices, within a few seeds.
"""
import os
import subprocess

import check_run
import pytest

PROGRAM = os.environ.get("SIGNALBOX_SIMULATION")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="SIGNALBOX_SIMULATION names no program")
# Defence -> invariants one of which its absence breaks, and seeds of which one must show it.
MISSED = {
    "validity-fold": ({"I10", "I12"}, range(1, 31)),
    "deduplication": ({"I3"}, range(1, 31)),
    "durable-before-effect": ({"I1"}, range(1, 31)),
    "chain": ({"I14"}, range(1, 31)),
    "cursor-check": ({"I11"}, range(20, 80)),  # two users of one partition are needed
}


def played(seed, folder, *options):
    history, dump = folder / "history.jsonl", folder / "log.jsonl"
    ended = subprocess.run([PROGRAM, "--seed", str(seed), "--history", history, "--dump", dump, *options],
                           stdout=subprocess.PIPE, timeout=300, check=False)
    assert ended.returncode in ((0, 1) if options else (0,)), ended.stdout  # 1: it noticed, too
    return check_run.check(history, dump)


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_simulated_run_has_no_violation(seed, tmp_path):
    verdict = played(seed, tmp_path)
    assert verdict.violations == [] and verdict.count == 0
    assert verdict.counts["ok"] and verdict.counts["runs ended"]


@pytest.mark.parametrize("defence", MISSED)
def test_without_a_defence_its_checker_notices(defence, tmp_path):
    invariants, seeds = MISSED[defence]
    for seed in seeds:
        found = {violation.split()[0]
                 for violation in played(seed, tmp_path, "--without", defence).violations}
        if found & invariants:
            return
    pytest.fail(f"no seed misses {defence}")
