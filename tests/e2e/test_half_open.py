"""A peer that vanishes without a word: its kernel acknowledges nothing and sends nothing, or a proxy
keeps the far side open for it. The heartbeat ends its socket and frees all it held."""
import asyncio
import contextlib
import json
import os
import re
import socket
import struct
import threading
import time

from harness import WAIT_SECONDS, Client
from raw_socket import TEXT, RawSocket, frame

PEERS = 20


def metric(service, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", service.get("/metrics")[1], re.MULTILINE)
    return float(found[1])


def descriptors(service):
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


async def until(condition, what):
    """Meanwhile the clients of this process go on reading."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


class Proxy:
    """Passes bytes on both ways until forget(): then it keeps both ends open and passes nothing."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.forgotten = threading.Event()
        self.far = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                self.far.append(far)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source, sink):
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                if not self.forgotten.is_set():
                    sink.sendall(part)

    def close(self):
        self.listener.close()
        for far in self.far:
            far.close()


class Through:
    """What a raw socket needs of a service, by way of the proxy."""

    def __init__(self, service, proxy):
        self.service, self.address = service, proxy.address

    def token(self, user):
        return self.service.token(user)


def test_peers_behind_a_proxy_that_says_nothing_are_let_go_and_leave_nothing(make_service):
    service = make_service(limits_heartbeat="1s", limits_heartbeat_lost="12s",
                           limits_sockets_per_user_max=str(PEERS), limits_close_stalled="1s",
                           limits_close_linger="2s").start()
    proxy = Proxy(service.address)

    async def play():
        async with Client(service, "bob") as other:
            await other.wait_for(type="caught_up")
            before = descriptors(service)
            peers = [RawSocket(Through(service, proxy), "ann") for _ in range(PEERS)]
            for raw in peers:
                raw.receive_until(lambda f: f["type"] == "caught_up")
            # What one of them was told to be durable is.
            peers[0].send(frame(TEXT, json.dumps(
                {"type": "user_message", "message_id": "m", "thread_id": "t", "content": "1+1"})))
            peers[0].receive_until(lambda f: f["type"] == "ack")
            proxy.forgotten.set()
            assert metric(service, "signalbox_gateway_connections") == PEERS + 1
            await until(lambda: metric(service, "signalbox_gateway_connections") == 1, "the heartbeat")
            await until(lambda: descriptors(service) <= before, "the descriptors")
            assert metric(service, 'signalbox_gateway_closes_total{code="4002"}') == PEERS
            # Every place of the user is free again, and nobody else noticed anything.
            async with contextlib.AsyncExitStack() as stack:
                again = [await stack.enter_async_context(Client(service, "ann", from_="start"))
                         for _ in range(PEERS)]
                await again[0].wait_for(type="agent_completed")
                assert [e["seq"] for e in again[0].events()] == \
                    list(range(1, len(again[0].events()) + 1))
            await other.say("m", "1+1")
    asyncio.run(play())
    proxy.close()
    assert service.stop() == 0


def test_peers_that_reset_in_the_middle_of_a_frame_leave_nothing(make_service):
    service = make_service(limits_sockets_per_user_max="1000").start()
    asyncio.run(until(lambda: service.get("/readyz")[0] == 200, "ready"))
    RawSocket(service, "ann").socket.close()
    asyncio.run(until(lambda: metric(service, "signalbox_gateway_connections") == 0, "its end"))
    before = descriptors(service)
    for number in range(200):
        with RawSocket(service, "ann") as raw:
            raw.send(frame(TEXT, "x" * 1000, fin=number % 2 == 0)[:500 + number])
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asyncio.run(until(lambda: metric(service, "signalbox_gateway_connections") == 0, "their ends"))
    asyncio.run(until(lambda: descriptors(service) <= before, "the descriptors"))
    assert service.stop() == 0
