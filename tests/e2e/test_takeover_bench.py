"""ops/bench/takeover_bench, small: it measures on a real broker, and leaves nothing behind.

How long a take-over lasts is for a quiet machine to say (ops/figures.md); here nothing is timed.
"""
import argparse
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

from harness import PLAYBOOK, ROOT, clean_environment

PATH = ROOT / "ops" / "bench" / "takeover_bench"
# A router that starts, and a gateway that does not.
FAILING = """#!/bin/sh
case $1 in
  topics) exit 0 ;;
  gateway) echo "no gateway today" >&2; exit 1 ;;
esac
echo $$ >>"$0.pids"
echo "listening on http://127.0.0.1:9"
exec sleep 600
"""


def run(program, kafka, temporary):
    return subprocess.run(
        [sys.executable, "-B", PATH, "drained", "--program", program, "--conversations", PLAYBOOK, "--kafka", kafka,
         "--repeat", "1"], capture_output=True, text=True, timeout=240, check=False,
        env=clean_environment() | {"TMPDIR": str(temporary)})


def test_a_drained_router_is_measured_on_a_broker(kafka_address, request, tmp_path):
    done = run(request.config.getoption("--program"), kafka_address.split(",")[0], tmp_path)
    told = done.stdout
    assert re.search(r"^broker .*; 1 times$", told, re.MULTILINE), told + done.stderr
    assert re.search(r"^SIGTERM to next owner +p50 +[0-9.]+ s +max +[0-9.]+ s +aim", told, re.MULTILINE), told
    assert done.returncode in (0, 1), done.stderr  # 1: above the aim
    assert list(tmp_path.iterdir()) == []


def test_a_failed_start_leaves_no_process_and_no_folder(tmp_path):
    program = tmp_path / "signalbox"
    program.write_text(FAILING, "utf-8")
    program.chmod(0o755)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(program, "127.0.0.1:9", temporary)
    assert done.returncode == 1 and "no gateway today" in done.stderr, done.stdout + done.stderr
    pids = pathlib.Path(f"{program}.pids").read_text("ascii").split()
    assert len(pids) == 2
    assert [pid for pid in pids if os.path.exists(f"/proc/{pid}")] == []
    assert list(temporary.iterdir()) == []


def test_too_few_measurements_are_told(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(PATH.parent))
    loader = importlib.machinery.SourceFileLoader("takeover_bench", str(PATH))
    bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("takeover_bench", loader))
    loader.exec_module(bench)
    options = argparse.Namespace(how="drained", kafka="127.0.0.1:9", repeat=2)
    assert bench.tell(options, [(0.5, 0.4), (0.6, 0.4)]) == 0
    assert bench.tell(options, [(0.5, 0.4), (1.1, 0.4)]) == 1
    for few in ([(0.5, 0.4)], []):
        assert bench.tell(options, few) == bench.TOO_FEW
        assert f"only {len(few)} of 2" in capsys.readouterr().out
