"""The programs that measure, small: they run to their end and print each figure with its conditions.

What the figures are is for a quiet machine to say (ops/figures.md); here nothing is timed.
"""
import pathlib
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


def test_what_looking_back_costs_is_told(request, tmp_path):
    told = run(sys.executable, ROOT / "ops" / "bench" / "looking_back",
               "--program", request.config.getoption("--program"), "--conversations", PLAYBOOK,
               "--dir", tmp_path / "history", "--events", 2000, "--user-events", 40,
               "--repeat", 1)
    for what in ("timeline of", "state of a user with", "state --open", "timeline, of", "verify, of",
                 "play, of", "export, of", "rerun, of", "state --open, of", "state, of"):
        assert re.search(rf"^{what}.* [0-9.]+ ms  CPU +[0-9.]+ ms +[0-9.]+ MiB", told,
                         re.MULTILINE), told


def test_the_first_view_of_an_auditor_is_told(request, tmp_path):
    told = run(sys.executable, ROOT / "ops" / "bench" / "audit_view",
               "--program", request.config.getoption("--program"), "--dir", tmp_path / "audit",
               "--events", 1000, "--repeat", 3, "--aim-ms", 1e6)
    assert re.search(r"^history +[0-9]{4} events of one user$", told, re.MULTILINE), told
    assert re.search(r"^first view, ms +[0-9.]+ ", told, re.MULTILINE), told


def gateway_bench(request, tmp_path, what, *arguments):
    """gateway_bench and what it needs lie beside the program, where the build puts them."""
    build = pathlib.Path(request.config.getoption("--program")).resolve().parent
    return run(build / "ops" / "bench" / "gateway_bench", what,
               "--program", build / "signalbox", "--peer", build / "ops" / "bench" / "bare_peer",
               "--test-server", build / "tests" / "gateway" / "gateway_test_server",
               "--dir", tmp_path / "bench", *arguments)


def test_fan_out_and_idle_memory_are_told_beside_a_bare_peer(request, tmp_path):
    for what in ("fanout", "idle"):
        told = gateway_bench(request, tmp_path, what, "--sockets", 50, "--rounds", 3)
        assert re.search(r"^machine .*commit", told, re.MULTILINE | re.DOTALL), told
        for figure in ("gateway", "peer", "ratio"):
            assert re.search(rf"^{figure} +[0-9.]+ ", told, re.MULTILINE), told
        assert re.search(r"^faults +0$", told, re.MULTILINE), told


def test_a_storm_of_reconnects_loses_and_doubles_nothing(request, tmp_path):
    told = gateway_bench(request, tmp_path, "storm", "--sockets", 200, "--missed", 5)
    assert len(re.findall(r"^gateway +[0-9.]+ s until", told, re.MULTILINE)) == 2, told
    assert re.search(r"^faults +0 gaps, 0 repeats$", told, re.MULTILINE), told


def test_resumes_from_window_and_archive_are_told_beside_a_bare_peer(request, tmp_path):
    told = gateway_bench(request, tmp_path, "resume", "--resumes", 5)
    for figure in ("window", "archive", "peer"):
        assert re.search(rf"^{figure} +[0-9.]+ ms p50", told, re.MULTILINE), told
    assert re.search(r"^faults +0$", told, re.MULTILINE), told


def test_an_attack_leaves_the_well_behaved_alone(request, tmp_path):
    told = gateway_bench(request, tmp_path, "hostile", "--sockets", 100, "--hostile", 15,
                         "--seconds", 3)
    assert re.search(r"^latency .*calm p50", told, re.MULTILINE), told
    alone = re.findall(r"^each +(.+)\n +\d+ s: p50 [0-9.]+ ms, p99 [0-9.]+ ms", told, re.MULTILINE)
    assert len(alone) == 15 and {"ping flood", "bad cursors", "smuggling"} < set(alone), told
    assert re.search(r"^verdict +no violation$", told, re.MULTILINE), told


def test_the_fast_sockets_of_a_user_are_timed_beside_his_slow_ones(request, tmp_path):
    told = gateway_bench(request, tmp_path, "slow", "--sockets", 4, "--seconds", 2)
    for phase in ("alone", "beside"):
        assert re.search(rf"^{phase} .*p50 [0-9.]+ ms, p99 [0-9.]+ ms", told, re.MULTILINE), told
    assert re.search(r"^ratio +[0-9.]+ of the p50, [0-9.]+ of the p99$", told, re.MULTILINE), told
    assert re.search(r"^verdict +no violation$", told, re.MULTILINE), told
