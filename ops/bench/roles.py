"""The roles of a service over a log on a broker, each in a process of its own, for benches of this
folder. `options` has program, conversations, kafka (HOST:PORT) and dir.
"""
import json
import os
import pathlib
import re
import select
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "e2e"))

import children  # noqa: E402 after the path to it
from harness import clean_environment  # noqa: E402

PATIENCE = 60


class Role:
    """One process, gone at the latest with this one; a second start() goes on with its data and
    address. `settings` as in the environment, without their prefix."""

    def __init__(self, options, prefix, role, name=None, **settings):
        data = os.path.join(options.dir, name or role)
        self.errors = data + ".log"
        self.address = "127.0.0.1:0"
        self.command = [options.program, role, "--dev", "--kafka", options.kafka, "--topic-prefix",
                        prefix, "--data", data, "--playbook", options.conversations]
        self.environment = clean_environment() | {
            f"SIGNALBOX_{setting.upper()}": str(value) for setting, value in settings.items()}
        self.process = None

    def start(self):
        with open(self.errors, "ab") as errors:
            self.process = children.start([*self.command, "--listen", self.address],
                                          stdout=subprocess.PIPE, stderr=errors, text=True,
                                          env=self.environment)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        found = re.match(r"listening on http://([^\s,]+)", line)
        if not found:
            said = pathlib.Path(self.errors).read_text("utf-8", "replace")
            sys.exit(f"a {self.command[1]} did not start: {said[-2000:]}")
        self.address = found[1]
        return self

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
                return answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            return error.read().decode("utf-8")

    def figure(self, name):
        """0 where it has none of that name."""
        found = re.search(rf"^{name} (\S+)$", self.get("/metrics"), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def token(self, user):
        request = urllib.request.Request(
            f"http://{self.address}/dev/token", json.dumps({"user_id": user}).encode("utf-8"),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["token"]

    def end(self, which):
        self.process.send_signal(which)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
