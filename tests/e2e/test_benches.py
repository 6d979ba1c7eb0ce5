"""The programs that measure, small: they run to their end and print each figure with its conditions.

What the figures are is for a quiet machine to say (ops/figures.md); here nothing is timed.
"""
import re
import subprocess
import sys

from harness import PLAYBOOK, ROOT

BENCH_SECONDS_MAX = 120


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=BENCH_SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_latency_is_told_beside_the_disk(service, request, tmp_path):
    told = run(request.config.getoption("--program"), "bench", "latency",
               "--url", f"ws://{service.address}/ws", "--conversations", PLAYBOOK,
               "--dir", tmp_path, "--limit", 20)
    assert re.search(r"^machine .*commit", told, re.MULTILINE | re.DOTALL), told
    for figure in ("fdatasync", "ack", "agent_started"):
        assert re.search(rf"^{figure}.*p50 +[0-9.]+", told, re.MULTILINE), told
    assert re.search(r"^ratio +[0-9.]+ ", told, re.MULTILINE), told


def test_the_cost_of_history_is_told_as_ratios(request, tmp_path):
    told = run(sys.executable, ROOT / "ops" / "bench" / "history_cost",
               "--program", request.config.getoption("--program"), "--conversations", PLAYBOOK,
               "--dir", tmp_path / "history", "--events", 3000, "--dialogues", 20, "--repeat", 1,
               "--ratio-max", 1000)
    for figure in ("start-up, s", "CPU per message, ms", "agent_started p50, ms"):
        assert re.search(rf"^{figure} +[0-9.]+ +[0-9.]+ +[0-9.]+ \(aim", told, re.MULTILINE), told
