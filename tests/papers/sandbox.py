"""Where the commands of papers are run: a copy of the tree with the built program in it, and a
network of its own where the machine gives one, so that addresses may stand in papers as they are.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from papers import NOT_OURS, ROOT

BLOCK_SECONDS = 240
START_SECONDS = 60
PORTS = (8080, 8081, 9000)  # that papers name

# Its own network has a loopback that is down at first.
HOLDER = """
import fcntl, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: UP, RUNNING
print("up", flush=True)
sys.stdin.read()
"""


class Sandbox:
    def __init__(self, folder, program, dice_box, ports=PORTS):
        self.ports = ports
        self.folder = folder / "signalbox"
        self.clone()
        self.put(program, "build/release/signalbox")
        self.put(dice_box, "build/release/ops/examples/dice_box")
        stubs = folder / "stubs"
        stubs.mkdir()
        # ops/run builds before it serves: what it would build is there.
        (stubs / "cmake").write_text("#!/bin/sh\nexit 0\n")
        (stubs / "cmake").chmod(0o755)
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("SIGNALBOX_")}
        self.environment["PATH"] = f"{stubs}:{self.environment['PATH']}"
        self.enter, self.holder = [], None
        self.serving = None
        self.open_network()

    def clone(self):
        """What a clone has; where this is none, all but what building and running makes."""
        if not (ROOT / ".git").exists():
            shutil.copytree(ROOT, self.folder, symlinks=True,
                            ignore=shutil.ignore_patterns(*NOT_OURS, "__pycache__"))
            return
        listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"],
                                stdout=subprocess.PIPE, text=True, check=True).stdout
        for name in filter(None, listed.split("\0")):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.folder / name, follow_symlinks=False)

    def put(self, built, name):
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(pathlib.Path(built).resolve())

    def open_network(self):
        holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--net", "/usr/bin/python3", "-c", HOLDER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if holder.stdout.readline() == "up\n":
            self.holder = holder
            self.enter = ["nsenter", "--user", "--net", "--preserve-credentials",
                          "--target", str(holder.pid)]
        else:
            holder.communicate()

    def why_not(self):
        """Why the papers' addresses cannot be used here; empty: they can."""
        if self.holder:
            return ""
        for port in self.ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"no network of its own, and port {port} is taken"
        return ""

    def run(self, text):
        """Runs a block word for word; what it printed. It must end with 0."""
        done = subprocess.run([*self.enter, "bash", "-euo", "pipefail", "-c", text],
                              cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=BLOCK_SECONDS, check=False)
        assert done.returncode == 0, f"exit code {done.returncode} of\n{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def serve(self, text):
        """Begins a block that serves until it is told to end."""
        self.end_serving()
        self.said = self.folder.parent / "said"
        with open(self.said, "w", encoding="utf-8") as said:
            self.serving = subprocess.Popen(
                [*self.enter, "bash", "-euo", "pipefail", "-c", text], cwd=self.folder,
                env=self.environment, stdin=subprocess.DEVNULL, stdout=said,
                stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while "listening on http://" not in self.said.read_text("utf-8"):
            assert self.serving.poll() is None and time.monotonic() < deadline, \
                f"it does not serve: {text}\n{self.said.read_text('utf-8')[-3000:]}"
            time.sleep(0.05)

    def end_serving(self):
        """As Ctrl-C does: to all that the terminal runs."""
        if not self.serving:
            return
        os.killpg(self.serving.pid, signal.SIGINT)
        code, self.serving = self.serving.wait(START_SECONDS), None
        assert code == 0, f"it ended with {code}: {self.said.read_text('utf-8')[-3000:]}"

    def close(self):
        if self.serving:
            os.killpg(self.serving.pid, signal.SIGKILL)
            self.serving.wait()
        if self.holder:
            self.holder.communicate()
