"""A running `signalbox serve`, or one of its roles, and its clients, for tests from outside.

Service starts the program on a free port with a data directory of its own; Client is one socket of
signalbox.v1 that keeps every frame and every byte it was sent. Every wait is bounded.
"""
import asyncio
import contextlib
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import urllib.request

import websockets

import children

ROOT = pathlib.Path(__file__).parents[2]
PLAYBOOK = ROOT / "tests" / "data" / "conversations.jsonl.gz"
WAIT_SECONDS = 60
TERMINAL = {"agent_completed", "agent_failed", "agent_cancelled"}


def clean_environment():
    """Ours without settings of the program and addresses that only tests know."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}


class Service:
    """The program; `data` survives it, so a second start goes on where the first one stopped."""

    def __init__(self, program, data, dev=True, role="serve", kafka=None, **settings):
        self.command = [str(program), role, "--listen", "127.0.0.1:0",
                        "--data", str(data), "--playbook", str(PLAYBOOK)]
        if kafka:  # (address, topic prefix)
            self.command += ["--kafka", kafka[0], "--topic-prefix", kafka[1]]
        self.command += ["--dev"] if dev else ["--admin-listen", "127.0.0.1:0"]
        self.environment = clean_environment()
        # Where it is built with AddressSanitizer, memory that was given back is given back.
        self.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.environment |= {f"SIGNALBOX_{name.upper()}": value
                             for name, value in settings.items()}
        self.data = pathlib.Path(data)
        self.log = self.data.with_name(self.data.name + ".log")
        self.process = None
        self.address = None
        self.said = ""  # on standard output

    def start(self, may_wait=False):
        """Starts it; again on the address it had, so that clients find it there.

        With may_wait a service that says it is not ready is taken as well.
        """
        if self.address:
            self.command[self.command.index("--listen") + 1] = self.address
        with open(self.log, "ab") as log:
            self.process = children.start(self.command, stdout=subprocess.PIPE, stderr=log,
                                          env=self.environment, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], WAIT_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        self.said += line
        found = re.fullmatch(r"listening on https?://([^\s,]+)(, not ready: .+)?\n", line)
        self.address = found[1] if found else self.address
        if not found or (found[2] and not may_wait and not self._becomes_ready()):
            self.kill()
            raise AssertionError(f"not ready, said {line!r}; log:\n{self.log_tail()}")
        return self

    def _becomes_ready(self):
        """It says so where that takes ten seconds; a slow machine takes longer."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.is_running() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.get("/readyz")[0] == 200:
                    return True
            time.sleep(0.1)
        return False

    def log_tail(self):
        return self.log.read_text("utf-8", "replace")[-4000:]

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(WAIT_SECONDS)
            self.said += self.process.stdout.read()
            return code
        finally:
            self.process.stdout.close()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def token(self, user, roles=None):
        body = {"user_id": user} | ({"roles": roles} if roles else {})
        request = urllib.request.Request(
            f"http://{self.address}/dev/token", json.dumps(body).encode("utf-8"),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
            return json.load(response)["token"]

    def get(self, path, token=None):
        """(status, body) of a GET."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
                return response.status, response.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8")


class Client:
    """One socket. `async with` connects and waits for connection_ready; frames collect in order."""

    def __init__(self, service, user, token=None, way="header", dialect="signalbox.v1", **query):
        self.token = token or service.token(user)
        self.user = user
        self.way = way
        self.dialect = dialect
        text = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items() if value)
        self.url = f"ws://{service.address}/ws" + (f"?{text}" if text else "")
        self.frames = []
        self.bytes = []
        self.close_code = None
        self._news = asyncio.Event()

    async def __aenter__(self):
        await self.connect()
        await self.wait_for(type="connection_ready")
        return self

    async def __aexit__(self, *failure):
        await self.close()

    async def connect(self):
        protocols = [self.dialect]
        headers = {}
        if self.way == "header":
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.way == "subprotocol":
            protocols.append(f"bearer.{self.token}")
        self.socket = await websockets.connect(
            self.url, subprotocols=protocols, extra_headers=headers, max_size=None, max_queue=None,
            compression=None, ping_interval=None, open_timeout=WAIT_SECONDS, close_timeout=5)
        self._reader = asyncio.create_task(self._read())
        if self.way == "frame":
            await self.send({"type": "authenticate", "token": self.token})

    async def _read(self):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self.socket:
                self.bytes.append(text)
                self.frames.append(json.loads(text))
                self._news.set()
        self.close_code = self.socket.close_code
        self._news.set()

    async def close(self):
        await self.socket.close()
        await self._reader

    async def drop(self):
        """The network is gone: no closing handshake."""
        self.socket.transport.abort()
        await self._reader

    async def send(self, frame):
        await self.socket.send(json.dumps(frame))

    async def wait_until(self, found, what):
        """Waits until found() is true; what it returned."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (result := found()):
            self._news.clear()
            left = deadline - time.monotonic()
            if left <= 0 or self.close_code is not None:
                raise AssertionError(f"{self.user}: no {what}; closed with {self.close_code}; "
                                     f"last frames: {self.frames[-5:]}")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
        return result

    def find(self, **fields):
        """The first frame with these fields, searched for by equality, or None."""
        for frame in self.frames:
            if all(frame.get(name) == value for name, value in fields.items()):
                return frame
        return None

    async def wait_for(self, **fields):
        return await self.wait_until(lambda: self.find(**fields), f"frame with {fields}")

    async def wait_closed(self):
        await asyncio.wait_for(self._reader, WAIT_SECONDS)
        return self.close_code

    async def say(self, message_id, content, thread_id="thread-1", agent=None):
        """Sends a message and waits for its ack; the run id."""
        await self.send({"type": "user_message", "id": f"send-{message_id}",
                         "message_id": message_id, "thread_id": thread_id, "content": content}
                        | ({"agent": agent} if agent else {}))
        answer = await self.wait_for(id=f"send-{message_id}")
        assert answer["type"] == "ack", answer
        return answer["run_id"]

    async def wait_for_end(self, run_id):
        """Waits for the run's terminal event; all its events."""
        await self.wait_until(lambda: any(e["type"] in TERMINAL for e in self.run_events(run_id)),
                              f"end of run {run_id}")
        return self.run_events(run_id)

    def events(self):
        return [frame for frame in self.frames if "seq" in frame]

    def run_events(self, run_id):
        return [frame for frame in self.events() if frame.get("run_id") == run_id]

    def last_cursor(self):
        """Where this socket's stream goes on: the cursor of the last frame that had one."""
        return next(frame["cursor"] for frame in reversed(self.frames) if "cursor" in frame)


def assert_gapless(events, first=1):
    """The seqs of these events are first, first + 1, ..."""
    seqs = [event["seq"] for event in events]
    assert seqs == list(range(first, first + len(seqs))), seqs
