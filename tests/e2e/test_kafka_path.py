"""ops/bench/kafka_path, small: it runs to its end on a real broker and prints each figure.

What the figures are is for a quiet machine to say (ops/figures.md); here nothing is timed. What each
gateway reads is no matter of time.
"""
import pathlib
import re
import subprocess
import sys

from harness import PLAYBOOK, ROOT, clean_environment


def test_the_roles_are_measured_over_a_broker(kafka_address, request, tmp_path):
    program = pathlib.Path(request.config.getoption("--program"))
    done = subprocess.run(
        [sys.executable, "-B", ROOT / "ops" / "bench" / "kafka_path", "--program", program,
         "--kafka-bench", program.parent / "ops" / "bench" / "kafka_bench", "--conversations", PLAYBOOK,
         "--kafka", kafka_address.split(",")[0], "--dir", tmp_path, "--rounds", "1", "--messages", "10",
         "--pause", "5", "--users", "30", "--dialogues", "20"],
        capture_output=True, text=True, timeout=240, check=False, env=clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert re.search(r"^machine .*commit", told), told
    for line in ("librdkafka alone, two hops, at", "message to agent_started", "ratio to the floor"):
        assert re.search(rf"^{line}.* p50 +[0-9.]+ .*p99 +[0-9.]+", told, re.MULTILINE), told
    assert re.search(r"^30 users at once: .* events/s, 0 violations$", told, re.MULTILINE), told
    for role in ("gateway", "router", "event-store"):
        assert re.search(rf"^{role} +[0-9.]+ CPU seconds per 1,000 events$", told, re.MULTILINE), told
    assert re.search(r"^placed by (HAProxy version [0-9.]+|this program)", told, re.MULTILINE), told
    shares = [float(share) for share in re.findall(r"^gateway \d .* ([0-9.]+) % of that", told, re.MULTILINE)]
    partitions = [int(held) for held in re.findall(r"with users of (\d+) of 12 partitions$", told, re.MULTILINE)]
    # Each partition is read by one of them: the balancer keeps a shard where it is.
    assert sum(partitions) == 12
    # Of the users, 30 on 12 partitions, some have more in theirs than others.
    assert [pair for pair in zip(shares, partitions) if abs(pair[0] - 100 * pair[1] / 12) > 25] == []
    assert len(shares) == len(partitions) == 4 and 90 < sum(shares) < 130
