"""A service of one's own with a history of a given length behind it, for benches of this folder.
`options` has program, conversations and dir.
"""
import atexit
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

EVENTS_PER_PASS = 47_000  # what all recorded dialogues come to, about


class Service:
    def __init__(self, options, data):
        self.began = time.monotonic()
        self.errors = open(os.path.join(options.dir, "serve.err"), "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [options.program, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", data,
             "--playbook", options.conversations],
            stdout=subprocess.PIPE, stderr=self.errors, text=True)
        atexit.register(self.process.kill)  # whatever ends this program; no effect once it has ended
        line = self.process.stdout.readline()
        if "http://" not in line:
            sys.exit(f"the service did not start; see {self.errors.name}")
        self.address = line.split("http://")[1].split(",")[0].strip()
        while not self.is_ready():
            time.sleep(0.002)
        self.start_seconds = time.monotonic() - self.began

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.HTTPError, urllib.error.URLError, OSError):
            if self.process.poll() is not None:
                sys.exit(f"the service ended; see {self.errors.name}")
            return False

    def cpu_seconds(self):
        total = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.errors.close()


def chat(options, service, *arguments):
    done = subprocess.run(
        [options.program, "bench", "chat", "--url", f"ws://{service.address}/ws",
         "--conversations", options.conversations, *arguments],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench chat ended with {done.returncode}: {done.stderr}")
    return done.stdout


def figure(text, pattern):
    return float(re.search(pattern, text).group(1))


def fill(options, data, events):
    """Plays dialogues until the history has about so many events; each pass by new users."""
    mark = os.path.join(data, "events-behind")
    if os.path.exists(mark):
        with open(mark, encoding="ascii") as file:
            return int(file.read())
    shutil.rmtree(data, ignore_errors=True)
    service = Service(options, data)
    behind = 0
    while behind < events * 0.95:
        part = (events - behind) / EVENTS_PER_PASS
        limit = [] if part >= 1 else ["--limit", str(max(1, round(3000 * part)))]
        behind += int(figure(chat(options, service, "--users", "100", *limit), r"events +(\d+)"))
        print(f"\r{data}: {behind} of {events} events", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    service.stop()
    with open(mark, "w", encoding="ascii") as file:
        file.write(str(behind))
    return behind


def conditions():
    return (f"machine   {os.cpu_count()} cores, {os.uname().sysname} {os.uname().release}; "
            f"load {os.getloadavg()[0]:.1f}; commit {os.environ.get('BENCH_COMMIT') or git()}")


def git():
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
