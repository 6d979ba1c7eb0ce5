"""Requests that are slow, unfinished or without end, and the Host rule of --dev, over real sockets."""
import os
import time

import pytest

from harness import WAIT_SECONDS
from raw_socket import connect, read_to_end

SENT_MAX = 256 << 20  # far more than the kernels on both sides keep
UPGRADE = ("GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
           "Sec-WebSocket-Protocol: signalbox.v1\r\n")


def open_descriptors(service):
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


def resident_bytes(service):
    with open(f"/proc/{service.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sends_half_and_waits(connection, text):
    connection.sendall(text[:len(text) // 2])
    return read_to_end(connection)


def sends_a_byte_at_a_time(connection, text):
    """Every byte comes long before the handshake is late, all of them would not."""
    sent = 0
    try:
        for byte in text * 1000:
            connection.sendall(bytes([byte]))
            sent += 1
            time.sleep(0.05)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert sent < len(text), "the request was read to its end"
    return read_to_end(connection)


def sends_headers_without_end(connection, text):
    sent = 0
    try:
        connection.sendall(text)
        while sent < SENT_MAX:
            sent += connection.send(b"X-More: " + b"x" * 1000 + b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert sent < SENT_MAX, "the service took headers without end"
    return read_to_end(connection)


@pytest.mark.parametrize("way, may_be_said", [
    (sends_half_and_waits, b""), (sends_a_byte_at_a_time, b""),
    (sends_headers_without_end, b"HTTP/1.1 431 ")])
def test_a_request_that_never_ends_is_cut_and_nothing_of_it_is_kept(make_service, way, may_be_said):
    service = make_service(limits_handshake="800ms").start()
    text = UPGRADE.format(host=service.address).encode("ascii")
    assert sends_half_and_waits(connect(service), text) == b""
    descriptors, memory = open_descriptors(service), []
    for _ in range(2):  # what is made once, is made the first time
        held = [connect(service) for _ in range(40)]
        for connection in held[1:]:
            connection.sendall(text[:40])
        with held[0]:
            said = way(held[0], text)
        assert said == b"" or (may_be_said and said.startswith(may_be_said)), said[:200]
        for connection in held[1:]:
            with connection:
                assert read_to_end(connection) == b""
        give_up = time.monotonic() + WAIT_SECONDS
        while open_descriptors(service) > descriptors and time.monotonic() < give_up:
            time.sleep(0.02)
        assert open_descriptors(service) <= descriptors
        memory.append(resident_bytes(service))
    assert memory[1] < memory[0] + (4 << 20)
    assert service.get("/healthz")[0] == 200
    assert service.stop() == 0


@pytest.mark.parametrize("host, status", [
    ("{address}", 200), ("localhost", 200), ("localhost:1", 200), ("127.8.9.1", 200),
    ("[::1]:80", 200), ("evil.example", 403), ("localhost.evil.example", 403),
    ("127.0.0.1.evil.example", 403), ("[::2]", 403),
    ("", 400), (None, 400)])  # not even HTTP/1.1, which is said before anything is looked at
def test_with_dev_only_a_host_of_this_machine_is_answered(service, host, status):
    named = None if host is None else host.format(address=service.address)
    line = "" if named is None else f"Host: {named}\r\n"
    with connect(service) as connection:
        connection.sendall(f"GET /healthz HTTP/1.1\r\n{line}\r\n".encode("ascii"))
        answer = read_to_end(connection).split(b" ", 2)
    assert int(answer[1]) == status


@pytest.mark.parametrize("host, status", [("{address}", 101), ("evil.example", 403)])
def test_with_dev_only_a_host_of_this_machine_gets_a_socket(service, host, status):
    token = service.token("alice")
    text = UPGRADE.format(host=host.format(address=service.address))
    with connect(service) as connection:
        connection.sendall(f"{text}Authorization: Bearer {token}\r\n\r\n".encode("ascii"))
        assert connection.recv(64).startswith(f"HTTP/1.1 {status} ".encode("ascii"))


def test_a_token_is_not_given_to_a_page_of_another_host(service):
    with connect(service) as connection:
        connection.sendall(b"POST /dev/token HTTP/1.1\r\nHost: evil.example\r\n"
                           b"Content-Length: 19\r\n\r\n{\"user_id\":\"alice\"}")
        answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"token\":" not in answer
