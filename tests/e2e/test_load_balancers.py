"""The configurations of ops/load_balancer, as they are but for the addresses, before two small servers:
a shard stays at one of them, moves when it is away and comes back, and nothing is sent twice."""
import asyncio
import contextlib
import http
import os
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import websockets

from harness import ROOT, WAIT_SECONDS

GET_BALANCER = pathlib.Path(__file__).parent / "get_balancer.sh"
SKIPPED = 77
SHARDS = range(120)
CONFIGS = {"haproxy": "haproxy.cfg", "nginx": "nginx.conf"}
GATEWAYS = ("192.0.2.11:8080", "192.0.2.12:8080")


class Backend:
    """Says its name to every socket and then what it is told; keeps the requests it was sent."""

    def __init__(self, name):
        self.name = name
        self.port = 0
        self.requests = []  # (path, headers)
        self.server = None

    async def start(self):
        """On a free port, and on the same one from then on."""
        self.server = await websockets.serve(
            self._serve, "127.0.0.1", self.port, create_protocol=self._make_protocol,
            subprotocols=["signalbox.v1"], compression=None)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, connection, _path):
        await connection.send(self.name)
        async for text in connection:
            await connection.send(text)

    def _make_protocol(self, *arguments, **options):
        backend = self

        class Protocol(websockets.WebSocketServerProtocol):
            async def process_request(self, path, request_headers):
                if path == "/healthz":
                    # As gateways in --dev, which take no names but those of their own machine.
                    if request_headers["Host"] != "localhost":
                        return http.HTTPStatus.FORBIDDEN, [], b"not that name\n"
                    return http.HTTPStatus.OK, [], b"well\n"
                backend.requests.append((path, request_headers))
                if path.startswith("/cut"):
                    self.transport.abort()
                return None

        return Protocol(*arguments, **options)

    def sent(self, path):
        return [headers for at, headers in self.requests if at == path]


def program_of(name, request):
    build = pathlib.Path(request.config.getoption("--program")).resolve().parent
    got = subprocess.run([GET_BALANCER, name, build / name], stdout=subprocess.PIPE, text=True,
                         timeout=240, check=False)
    if got.returncode == SKIPPED:
        pytest.skip(got.stdout.strip())
    assert got.returncode == 0, "get_balancer.sh failed"
    return got.stdout.strip()


def free_port():
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


class Balancer:
    """haproxy or nginx with the configuration we ship, before these backends."""

    def __init__(self, name, program, folder, backends):
        self.port = free_port()
        text = (ROOT / "ops" / "load_balancer" / CONFIGS[name]).read_text("utf-8")
        for gateway, backend in zip(GATEWAYS, backends):
            assert text.count(gateway) == 1
            text = text.replace(gateway, f"127.0.0.1:{backend.port}")
        text = text.replace("0.0.0.0:8443", f"127.0.0.1:{self.port}")
        self.log = folder / "balancer.log"
        config = folder / CONFIGS[name]
        if name == "nginx":  # where it writes, which is else a folder of the installed package
            text = text.replace("http {\n", "http {\n  access_log off;\n" + "".join(
                f"  {which}_temp_path {folder}/{which};\n"
                for which in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")), 1)
            command = [program, "-p", str(folder), "-e", str(self.log), "-c", str(config), "-g",
                       f"daemon off; pid {folder}/nginx.pid;"]
        else:
            command = [program, "-db", "-f", str(config)]
        config.write_text(text, "utf-8")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)
        self.wait_until_it_accepts()

    def wait_until_it_accepts(self):
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text("utf-8")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(WAIT_SECONDS)

    def connect(self, shard):
        query = "" if shard is None else f"?shard={shard}"
        return websockets.connect(f"ws://127.0.0.1:{self.port}/ws{query}", subprotocols=["signalbox.v1"],
                                  compression=None, open_timeout=WAIT_SECONDS)

    async def place_of(self, shard):
        """Which backend a new socket of the shard gets; None where it was refused."""
        with contextlib.suppress(websockets.InvalidStatusCode, websockets.ConnectionClosed, OSError):
            async with self.connect(shard) as connection:
                assert connection.subprotocol == "signalbox.v1"
                return await connection.recv()
        return None

    async def places(self):
        return {shard: await self.place_of(shard) for shard in SHARDS}

    async def wait_for_places(self, expected):
        """As clients that come again when they are refused."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (seen := await self.places()) != expected:
            assert time.monotonic() < deadline, {k: v for k, v in seen.items() if v != expected[k]}
            await asyncio.sleep(0.2)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=WAIT_SECONDS) as got:
                return got.status, got.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""


@contextlib.asynccontextmanager
async def balanced(name, request, folder):
    program = program_of(name, request)
    backends = Backend("one"), Backend("two")
    for backend in backends:
        await backend.start()
    balancer = Balancer(name, program, folder, backends)
    try:
        yield balancer, backends
    finally:
        balancer.stop()
        for backend in backends:
            await backend.stop()


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(0o755)  # nginx, started by root, works as somebody else
    return tmp_path


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shard_stays_at_one_gateway_moves_when_it_is_away_and_comes_back(name, request, folder):
    async def live():
        async with balanced(name, request, folder) as (balancer, (one, two)):
            home = await balancer.places()
            assert await balancer.places() == home
            here = [shard for shard in SHARDS if home[shard] == "one"]
            assert len(SHARDS) // 4 < len(here) < 3 * len(SHARDS) // 4, "each has its part"

            async with balancer.connect(next(s for s in SHARDS if home[s] == "two")) as stays:
                assert await stays.recv() == "two"
                await one.stop()
                await balancer.wait_for_places(dict.fromkeys(SHARDS, "two"))
                await one.start()
                await balancer.wait_for_places(home)
                await stays.send("still here")
                assert await stays.recv() == "still here"

    asyncio.run(live())


@pytest.mark.parametrize("name", CONFIGS)
def test_requests_without_a_shard_are_spread(name, request, folder):
    async def live():
        async with balanced(name, request, folder) as (balancer, _):
            assert {await balancer.place_of(None) for _ in range(40)} == {"one", "two"}

    asyncio.run(live())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_gateway_learns_who_the_client_is(name, request, folder):
    async def live():
        async with balanced(name, request, folder) as (balancer, backends):
            await balancer.place_of(7)
            headers, = [each for backend in backends for each in backend.sent("/ws?shard=7")]
            assert headers["X-Forwarded-For"] == "127.0.0.1"
            assert headers["Sec-WebSocket-Protocol"] == "signalbox.v1"

    asyncio.run(live())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_request_that_was_sent_is_not_sent_again(name, request, folder):
    async def live():
        async with balanced(name, request, folder) as (balancer, backends):
            in_thread = asyncio.get_running_loop().run_in_executor
            status, _ = await in_thread(None, balancer.get, "/cut?shard=1")
            assert status == 502
            assert sum(len(backend.sent("/cut?shard=1")) for backend in backends) == 1

    asyncio.run(live())
