"""The proxy between clients and the service, before an echo server."""
import contextlib
import socket
import socketserver
import threading

import pytest

import network


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionError):
            while chunk := self.request.recv(1 << 16):
                self.request.sendall(chunk)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100


@pytest.fixture
def echo():
    """An address that sends back what it gets."""
    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield "{}:{}".format(*server.server_address)
        server.shutdown()
        thread.join()


@pytest.fixture
def link(echo):
    made = network.Network()
    yield made, made.link("echo", echo)
    made.close()


def connect(link):
    host, port = link.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30)


def say(client, text):
    threading.Thread(target=client.sendall, args=(text,), daemon=True).start()
    got = b""
    while len(got) < len(text):
        more = client.recv(len(text))
        if not more:
            return got
        got += more
    return got


def test_it_carries_everything(link):
    with connect(link[1]) as client:
        assert say(client, b"x" * 1_000_000) == b"x" * 1_000_000


def test_who_is_refused_is_reset_and_nobody_else_is_let_in(link):
    net, to = link
    with connect(to) as client:
        assert say(client, b"hello") == b"hello"
        net.set(to, "refuse")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        # The reset may be there before the handshake is seen to be over.
        with pytest.raises(ConnectionResetError), connect(to) as other:
            other.recv(1)
        net.set(to, None)
        with connect(to) as again:
            assert say(again, b"hello") == b"hello"


def test_a_silent_link_tells_nobody_and_loses_nothing(link):
    net, to = link
    with connect(to) as client:
        assert say(client, b"hello") == b"hello"
        net.set(to, "silent")
        client.sendall(b"later")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        net.set(to, None)
        client.settimeout(30)
        assert client.recv(5) == b"later"


@pytest.mark.parametrize(("harm", "amount"), [("delay", 0.05), ("slow", 400)])
def test_a_late_piece_is_the_same_piece(link, harm, amount):
    net, to = link
    with connect(to) as client:
        net.set(to, harm, amount)
        assert say(client, bytes(range(100))) == bytes(range(100))


def test_a_storm_against_nobody_is_none():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = "{}:{}".format(*nobody.getsockname())
    with network.HalfOpenStorm(address, 3) as storm:
        assert storm.sent == 0


def test_a_storm_takes_its_connections_along(echo):
    with network.HalfOpenStorm(echo, 50) as storm:
        assert storm.sent == 50
        for client in storm.sockets:
            client.settimeout(30)
            assert network.HALF_REQUEST.startswith(client.recv(1))
    assert all(made.fileno() == -1 for made in storm.sockets)
