"""Upgrades that are not quite ones, byte for byte: each gets its status, or the socket it asked for.
What is wrong with a request of any kind is in test_http."""
import json

import pytest

import raw_socket
from harness import Service
from raw_socket import KEY, PING, PONG, TEXT, connect, frame, read_to_end, upgrade_lines

VERSION, PROTOCOL = "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"
# (header, what stands there instead; None: nothing, status); `{host}` stands for the address.
HEADERS = [
    ("Upgrade", "WebSocket", 101), ("Upgrade", "WEBSOCKET", 101), ("Upgrade", None, 426),
    ("Upgrade", "", 426), ("Upgrade", "h2c", 426), ("Upgrade", "TLS/1.0", 426),
    ("Connection", "keep-alive, Upgrade", 101), ("Connection", "upgrade", 101),
    ("Connection", "UPGRADE,keep-alive", 101), ("Connection", None, 426),
    ("Connection", "close", 426), ("Connection", "keep-alive", 426),
    (VERSION, None, 426), (VERSION, "", 426), (VERSION, "0", 426), (VERSION, "7", 426),
    (VERSION, "8", 426), (VERSION, "12", 426), (VERSION, "14", 426), (VERSION, "013", 426),
    (VERSION, "13x", 426), (VERSION, "13, 8", 426), (VERSION, "-13", 426), (VERSION, "9" * 30, 426),
    ("Sec-WebSocket-Key", None, 400), ("Sec-WebSocket-Key", "", 400),
    ("Sec-WebSocket-Key", "YQ==", 400), ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2Rl", 400),
    ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZmc=", 400), ("Sec-WebSocket-Key", KEY[:-2], 400),
    ("Sec-WebSocket-Key", "!" * 22 + "==", 400), ("Sec-WebSocket-Key", "A" * 4000, 400),
    ("Sec-WebSocket-Key", KEY + ", " + KEY, 400),
    (PROTOCOL, None, 400), (PROTOCOL, "", 400), (PROTOCOL, "signalbox.v2", 400),
    (PROTOCOL, "signalbox", 400), (PROTOCOL, "signalbox.v1.1", 400), (PROTOCOL, "Signalbox.V1", 400),
    (PROTOCOL, "chat, signalbox.v2", 400),
    (PROTOCOL, "chat, signalbox.v1", 101), (PROTOCOL, "signalbox.v1+legacy", 101),
    ("Host", None, 400), ("Host", "evil.example", 403),
    ("Origin", "http://{host}", 101), ("Origin", "HTTP://{host}", 101),
    ("Origin", "https://chat.example", 101), ("Origin", "https://two.example:8443", 101),
    ("Origin", "https://two.example", 403), ("Origin", "http://chat.example", 403),
    ("Origin", "https://CHAT.example.evil.example", 403), ("Origin", "https://chat.example/", 403),
    ("Origin", "https://sub.chat.example", 403), ("Origin", "http://evil.example", 403),
    ("Origin", "null", 403), ("Origin", "", 403), ("Origin", "{host}", 403), ("Origin", "*", 403),
    ("Origin", "file://", 403), ("Origin", "http://127.0.0.1:1", 403),
    ("Origin", "http://{host}@evil.example", 403), ("Origin", "http://evil@{host}", 403),
    ("Origin", "http://{host}.evil.example", 403), ("Origin", "http://evil.example/{host}", 403),
    ("Origin", "http://{host} http://evil.example", 403),
    ("Origin", "http://evil.example, http://{host}", 403),
    ("Origin", "https://chat.example, https://two.example:8443", 403),
    ("Content-Length", "0", 101), ("Content-Length", "5", 400), ("Transfer-Encoding", "chunked", 411),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits", 101),
    ("Sec-WebSocket-Extensions", ";;;=,", 101),
]
LINES = [
    ("GET /ws HTTP/1.0", 400), ("GET /ws HTTP/2.0", 505), ("GET /ws", 400), ("get /ws HTTP/1.1", 400),
    ("HEAD /ws HTTP/1.1", 400), ("OPTIONS /ws HTTP/1.1", 400), ("POST /ws HTTP/1.1", 411),
    ("GET /ws/ HTTP/1.1", 404), ("GET //ws HTTP/1.1", 404), ("GET /WS HTTP/1.1", 404),
    ("GET /%77s HTTP/1.1", 404), ("GET ws HTTP/1.1", 400), ("GET * HTTP/1.1", 400),
    ("GET http://evil.example/ws HTTP/1.1", 400), ("GET /ws?from=middle HTTP/1.1", 400),
    ("GET /ws?from=start HTTP/1.1", 101), ("GET /ws?cursor=%zz HTTP/1.1", 101),
    ("GET /ws?shard=x&client=%00 HTTP/1.1", 101), ("GET /ws? HTTP/1.1", 101),
]


@pytest.fixture(scope="module")
def service(request, tmp_path_factory):
    service = Service(request.config.getoption("--program"), tmp_path_factory.mktemp("b") / "data",
                      gateway_origins="https://chat.example,https://two.example:8443",
                      limits_sockets_per_user_max="1000").start()
    yield service
    assert service.stop() == 0


def answer(service, lines, more=b""):
    """(status, headers, body) of the answer to these lines."""
    with connect(service) as raw:
        raw.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + more)
        came = b""
        while b"\r\n\r\n" not in came:
            part = raw.recv(4096)
            assert part, came
            came += part
        head, _, body = came.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest)
        while len(body) < int(headers.get("content-length", 0)):
            body += raw.recv(4096)
        return int(first.split(" ")[1]), headers, body


def judge(answered, status):
    got, headers, body = answered
    assert got == status, body
    if status == 101:
        assert headers["sec-websocket-protocol"] in ("signalbox.v1", "signalbox.v1+legacy")
        assert "sec-websocket-extensions" not in headers
        return
    assert "sec-websocket-accept" not in headers
    assert set(json.loads(body)["error"]) >= {"code", "message"}
    if status == 426:
        assert headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize("name, value, status", HEADERS)
def test_a_header_that_is_not_as_it_should_be_gets_its_status(service, name, value, status):
    lines = [line for line in upgrade_lines(service, service.token("ann"))
             if not line.startswith(name + ":")]
    if value is not None:
        lines.append(f"{name}: {value.format(host=service.address)}")
    judge(answer(service, lines), status)


@pytest.mark.parametrize("line, status", LINES)
def test_a_first_line_that_is_not_as_it_should_be_gets_its_status(service, line, status):
    judge(answer(service, [line, *upgrade_lines(service, service.token("ann"))[1:]]), status)


@pytest.mark.parametrize("name", ["Host", "Upgrade", "Origin", "Authorization", "Sec-WebSocket-Key",
                                  "Sec-WebSocket-Version"])
def test_a_header_that_stands_twice_is_refused(service, name):
    lines = [*upgrade_lines(service, service.token("ann")), f"Origin: http://{service.address}"]
    again = next(line for line in lines if line.startswith(name + ":"))
    judge(answer(service, [*lines, again]), 400)


def test_frames_that_come_with_the_upgrade_are_answered_after_it(service):
    with connect(service) as raw:
        head = "\r\n".join([*upgrade_lines(service, service.token("ann")), "", ""]).encode("ascii")
        raw.sendall(head + frame(TEXT, '{"type":"ping","nonce":"early"}') + frame(PING, b"x"))
        came = b""
        while not (b"early" in came and bytes([0x80 | PONG, 1]) + b"x" in came):
            part = raw.recv(4096)
            assert part, came
            came += part
        assert came.index(b"connection_ready") < came.index(b"early")


def test_a_refused_upgrade_serves_no_frame_and_no_second_request(service):
    lines = upgrade_lines(service, "a.b.c")
    second = "\r\n".join(["GET /healthz HTTP/1.1", f"Host: {service.address}", "", ""]).encode()
    for more in (frame(TEXT, '{"type":"ping","nonce":"smuggled"}'), second):
        with connect(service) as raw:
            raw.sendall("\r\n".join([*lines, "", ""]).encode("ascii") + more)
            came = read_to_end(raw)
        assert came.count(b"HTTP/1.1 ") == 1 and came.startswith(b"HTTP/1.1 401 ")
        assert b"smuggled" not in came
    assert raw_socket.RawSocket(service, "ann").receive()[0] == TEXT
