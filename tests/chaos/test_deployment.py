"""What processes under attack run on."""
import subprocess
import sys
import time

import deployment

TELL = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"


def test_the_time_of_day_of_a_running_process_can_be_moved(tmp_path):
    """And only that: what waits for so long waits no longer."""
    clock = deployment.WallClock(tmp_path / "part.clock")
    with subprocess.Popen([sys.executable, "-c", TELL], env=clock.environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        def off():
            process.stdin.write("\n")
            told, passed = map(float, process.stdout.readline().split())
            return round(told - time.time()), round(passed - time.monotonic())

        assert off() == (0, 0)
        for seconds in (25, -25, 0):
            clock.move(seconds)
            assert off() == (seconds, 0)
        process.stdin.close()
