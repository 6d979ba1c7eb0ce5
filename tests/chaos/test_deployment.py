"""What processes under attack run on."""
import subprocess
import sys
import time

import deployment
import pytest

TELL = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"
SLOW_SECONDS = 10  # an answer is on its way no longer


def test_the_time_of_day_of_a_running_process_can_be_moved(tmp_path):
    """And only that: what waits for so long waits no longer."""
    clock = deployment.WallClock(tmp_path / "part.clock")
    with subprocess.Popen([sys.executable, "-c", TELL], env=clock.environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        def off():
            process.stdin.write("\n")
            told, passed = map(float, process.stdout.readline().split())
            return told - time.time(), passed - time.monotonic()

        assert off() == pytest.approx((0, 0), abs=SLOW_SECONDS)
        for seconds in (25, -25, 0):
            clock.move(seconds)
            assert off() == pytest.approx((seconds, 0), abs=SLOW_SECONDS)
        process.stdin.close()


def test_what_a_killed_part_had_kept_is_judged_as_it_was(tmp_path):
    """Of those that keep snapshots, each time, also what their file's journal alone has."""
    service = deployment.Embedded("signalbox", tmp_path)
    for name, role in (("router-1", "router"), ("gateway-1", "gateway")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "snapshots.db").write_text("1")
        (tmp_path / name / "snapshots.db-wal").write_text("2")
        service.add(name, role)
        service.keep_snapshots(service.parts[name])
    (tmp_path / "router-1" / "snapshots.db").write_text("3")
    kept, last = service.snapshots()
    assert kept.read_text() == "1" and kept.with_name("snapshots.db-wal").read_text() == "2"
    assert last == tmp_path / "router-1" / "snapshots.db"
    service.keep_snapshots(service.parts["router-1"])
    assert [path.read_text() for path in service.snapshots()] == ["1", "3", "3"]
    service.network.close()
