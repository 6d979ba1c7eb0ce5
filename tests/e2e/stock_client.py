"""Clients that share no code with us, each a driver in tests/e2e/clients/, and a network to lose.

A driver is a program that does with the library under test what it is told, and judges nothing.
Lines in, words separated by tabs: `connect URL WAY TOKEN` (WAY: header, subprotocol or frame; for
`frame` the token is sent later, as any frame), `send TEXT`, `close`; it ends with its input. Lines
out: `open SUBPROTOCOL`, `text FRAME`, `closed CODE`.
"""
import asyncio
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys

from harness import WAIT_SECONDS, Client

DRIVERS = pathlib.Path(__file__).parent / "clients"
INSTALL = pathlib.Path(__file__).parents[1] / "web" / "install.sh"
INSTALL_SKIPS = 77
ALL_WAYS = ("header", "subprotocol", "frame")
LINE_BYTES_MAX = 4 << 20
RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing discards what is unsent and resets


class Missing(Exception):
    """A tool chain that is not on this machine."""


def tool(name, folder=""):
    """The path of a program of this machine, which may be in a folder that PATH does not name."""
    path = shutil.which(name) or shutil.which(name, path=folder)
    if path is None:
        raise Missing(f"{name} is not on this machine")
    return path


@contextlib.contextmanager
def made_in(folder):
    """One process at a time makes something in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def node_modules(build):
    """The folder with the pinned modules from the npm registry, made once in the build tree."""
    folder = build / "npm"
    with made_in(folder):
        made = subprocess.run([INSTALL, folder, DRIVERS], check=False, stdout=subprocess.DEVNULL)
    if made.returncode == INSTALL_SKIPS:
        raise Missing("npm is not on this machine, or could not install what package-lock.json names")
    assert made.returncode == 0, "tests/web/install.sh failed"
    return folder


def python_websockets(build):
    return [sys.executable, DRIVERS / "python_websockets.py"]


def node_ws(build):
    return [tool("node"), DRIVERS / "node_ws.mjs", node_modules(build)]


def browser(build):
    return [tool("node"), DRIVERS / "browser.mjs", node_modules(build), tool("chromium")]


def java_http_client(build):
    tool("javac")  # a source file is launched by the JDK, not by a bare runtime
    return [tool("java"), DRIVERS / "JavaHttpClient.java"]


def go_coder_websocket(build):
    go = tool("go", "/usr/local/go/bin")
    with made_in(build / "go"):
        made = subprocess.run([go, "build", "-mod=readonly", "-o", build / "go" / "client", "."],
                              cwd=DRIVERS / "go", check=False, stderr=subprocess.PIPE, text=True,
                              env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"})
        if made.returncode != 0 and any(word in made.stderr for word in ("dial", "lookup", "proxy")):
            raise Missing("its Go module is not to be had")
        assert made.returncode == 0, made.stderr
    return [build / "go" / "client"]


# Name -> (its command, given the build folder; the ways to present a token that it has).
CLIENTS = {
    "python_websockets": (python_websockets, ALL_WAYS),
    "node_ws": (node_ws, ALL_WAYS),
    "browser": (browser, ("subprotocol", "frame")),  # a page cannot set headers
    "java_http_client": (java_http_client, ALL_WAYS),
    "go_coder_websocket": (go_coder_websocket, ALL_WAYS),
}


class Driver:
    """A driver's process; its sockets come one after the other."""

    def __init__(self, command):
        self.command = [str(word) for word in command]

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=LINE_BYTES_MAX)
        return self

    async def __aexit__(self, *failure):
        if failure[0] is not None:
            self.process.kill()
        self.process.stdin.close()
        code = await asyncio.wait_for(self.process.wait(), WAIT_SECONDS)
        assert failure[0] is not None or code == 0, f"the driver ended with {code}"

    async def tell(self, *words):
        self.process.stdin.write(("\t".join(words) + "\n").encode("utf-8"))
        await self.process.stdin.drain()

    async def hear(self):
        """The next line it says: (verb, word)."""
        line = await self.process.stdout.readline()
        assert line, "the driver ended"
        verb, _, word = line.decode("utf-8").rstrip("\n").partition("\t")
        return verb, word


class StockClient(Client):
    """One socket of a driver, behind a network."""

    def __init__(self, driver, network, user, token, way, **query):
        super().__init__(network, user, token=token, way=way, **query)
        self.driver = driver
        self.subprotocol = None

    async def connect(self):
        await self.driver.tell("connect", self.url, self.way, self.token)
        verb, self.subprotocol = await asyncio.wait_for(self.driver.hear(), WAIT_SECONDS)
        assert verb == "open", (verb, self.subprotocol)
        self._reader = asyncio.create_task(self._read())
        if self.way == "frame":
            await self.send({"type": "authenticate", "token": self.token})

    async def _read(self):
        verb = None
        while verb != "closed":
            verb, word = await self.driver.hear()
            if verb == "text":
                self.frames.append(json.loads(word))
                self._news.set()
        self.close_code = int(word)
        self._news.set()

    async def send(self, frame):
        await self.driver.tell("send", json.dumps(frame))

    async def close(self):
        if self.close_code is None:
            await self.driver.tell("close")
        return await self.wait_closed()


class Network:
    """Stands between clients and the service; lose() ends every connection without a close."""

    def __init__(self, service):
        self.host, _, self.port = service.address.rpartition(":")
        self.ends = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *failure):
        self.lose()
        self.server.close()
        await self.server.wait_closed()

    async def _carry(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        ends = {writer, far_writer}
        self.ends |= ends
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        self.ends -= ends

    @staticmethod
    async def _copy(reader, writer):
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        writer.close()

    def lose(self):
        # By a reset: Java 17's client now and then misses that a stream has ended without a word.
        for end in {end for end in self.ends if not end.is_closing()}:
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()
