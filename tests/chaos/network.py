"""A network between two processes that can be harmed: a proxy on loopback, of our own, so that it needs no
privilege. It knows nothing of what it carries.

Threads: the loop runs on one of its own; every method of Network and Link may be called from any thread.
"""
import asyncio
import contextlib
import socket
import struct
import threading

CHUNK = 64 * 1024
STEP_SECONDS = 0.05  # how long a slow link takes to give a piece
# A reset in place of an orderly end.
LINGER_NONE = struct.pack("ii", 1, 0)
HALF_REQUEST = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: web"


class Link:
    """From an address of its own to one target, which may come and go. `harm` says what it does now:

    None        carries everything at once
    "refuse"    nobody is let in, and who is in is reset
    "silent"    half-open: nobody is told of anything, whoever connects is let in and hears nothing
    "delay"     every piece waits for `amount` seconds, in order
    "slow"      `amount` bytes a second in each direction of each connection
    """

    def __init__(self, name, target):
        self.name, self.target = name, target  # HOST:PORT
        self.busy = False  # a fault has it
        self.address = None
        self.harm, self.amount = None, 0.0
        self.healthy = None  # an asyncio.Event: not silent
        self.writers = set()
        self.server = None

    async def open(self):
        self.healthy = asyncio.Event()
        self.healthy.set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        host, port = self.server.sockets[0].getsockname()
        self.address = f"{host}:{port}"

    def set(self, harm, amount):
        self.harm, self.amount = harm, amount
        if harm == "silent":
            self.healthy.clear()
        else:
            self.healthy.set()
        if harm == "refuse":
            self.reset()

    def reset(self):
        for writer in list(self.writers):
            reset(writer)

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        try:
            if self.harm == "refuse":
                return
            await self.healthy.wait()
            host, port = self.target.rsplit(":", 1)
            there, back = await asyncio.open_connection(host, int(port), limit=CHUNK)
            self.writers.add(back)
            try:
                await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
            finally:
                self.writers.discard(back)
                reset(back)
        except OSError:
            pass  # either end is gone, and so is the other one now
        finally:
            self.writers.discard(writer)
            reset(writer)

    async def _carry(self, reader, writer):
        while True:
            is_slow = self.harm == "slow"
            chunk = await reader.read(max(1, int(self.amount * STEP_SECONDS)) if is_slow else CHUNK)
            await self.healthy.wait()
            # The harm may be another one than when the piece was waited for.
            if self.harm == "slow":
                await asyncio.sleep(STEP_SECONDS)
            elif self.harm == "delay":
                await asyncio.sleep(self.amount)
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()


def reset(writer):
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    writer.transport.abort()


class Network:
    """All links of a deployment."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="network", daemon=True)
        self.thread.start()
        self.links = []

    def link(self, name, target):
        made = Link(name, target)
        asyncio.run_coroutine_threadsafe(made.open(), self.loop).result()
        self.links.append(made)
        return made

    def set(self, link, harm, amount=0.0):
        self.loop.call_soon_threadsafe(link.set, harm, amount)

    def close(self):
        """Everybody is cut off."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self._end)
        self.thread.join()
        self.loop.close()

    def _end(self):
        for link in self.links:
            link.server.close()
            link.reset()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        asyncio.ensure_future(self._stop_after(tasks), loop=self.loop)

    async def _stop_after(self, tasks):
        await asyncio.gather(*tasks, return_exceptions=True)
        self.loop.stop()


class HalfOpenStorm:
    """So many connections at once to an address, from addresses of their own, each with half a request; they
    are held until it is left."""

    def __init__(self, address, count):
        host, port = address.rsplit(":", 1)
        self.target, self.count = (host, int(port)), count
        self.sockets = []
        self.sent = 0  # of the half requests

    def __enter__(self):
        for number in range(self.count):
            made = socket.socket()
            self.sockets.append(made)
            made.setblocking(False)
            with contextlib.suppress(OSError):
                made.bind((f"127.9.{number // 200}.{number % 200 + 1}", 0))
                made.connect(self.target)
        for made in self.sockets:
            with contextlib.suppress(OSError):
                made.settimeout(1)
                made.send(HALF_REQUEST)
                self.sent += 1
        return self

    def __exit__(self, *failure):
        for made in self.sockets:
            made.close()
