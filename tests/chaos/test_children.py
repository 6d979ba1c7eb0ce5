"""What a harness starts outlives the thread that asked for it, and not the harness."""
import os
import pathlib
import signal
import subprocess
import sys
import time

import children

WAIT_SECONDS = 60
HARNESS = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
import children
made = []
asking = threading.Thread(target=lambda: made.append(children.start(["sleep", "600"])))
asking.start()
asking.join()
print(made[0].pid, flush=True)
time.sleep(600)
"""


def runs(pid):
    """No zombie either: whoever takes orphans may be slow to wait for them."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_goes_with_a_harness_that_is_killed_and_not_before():
    with subprocess.Popen([sys.executable, "-B", "-c", HARNESS, pathlib.Path(children.__file__).parent],
                          stdout=subprocess.PIPE, text=True) as harness:
        child = int(harness.stdout.readline())
        try:
            time.sleep(0.2)  # the thread that asked is over
            assert runs(child)
            harness.kill()
            harness.wait()
            deadline = time.monotonic() + WAIT_SECONDS
            while runs(child):
                assert time.monotonic() < deadline, "the child outlived a killed harness"
                time.sleep(0.02)
        finally:
            if runs(child):
                os.kill(child, signal.SIGKILL)
            harness.kill()
