"""Frames that are wrong as bytes: what breaks RFC 6455 ends the socket with its code and never
before what was acknowledged; what is only unusual works. What is wrong as JSON is in
tests/gateway/bad_frames_test.cpp, of which the most is repeated here through a socket."""
import asyncio
import json
import os
import struct

import pytest

import log_check
from harness import Client, Service
from raw_socket import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, frame

FRAME_BYTES_MAX = 256 * 1024
PING_FRAME = '{"type":"ping","nonce":"n"}'


def message(number):
    return json.dumps({"type": "user_message", "id": f"{number}", "message_id": f"m{number}",
                       "thread_id": f"t{number}", "content": "1+1"})


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


# (what, bytes, close code the client sees)
BROKEN = [
    ("not masked", frame(TEXT, PING_FRAME, masked=False), 1002),
    ("an unmasked ping", frame(PING, b"x", masked=False), 1002),
    *((f"reserved bit {rsv}", frame(TEXT, PING_FRAME, rsv=rsv), 1002) for rsv in (1, 2, 4, 7)),
    *((f"opcode {code}", frame(code, b"x"), 1002) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("a continuation of nothing", frame(0, PING_FRAME), 1002),
    ("a new text inside another", frame(TEXT, "{", fin=False) + frame(TEXT, PING_FRAME), 1002),
    ("a binary inside a text", frame(TEXT, "{", fin=False) + frame(BINARY, b"x"), 1002),
    ("a ping in parts", frame(PING, b"x", fin=False), 1002),
    ("a close in parts", frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    ("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    ("a length in more bytes than it needs", frame(TEXT, PING_FRAME, width=2), 1002),
    ("a length in 8 bytes that fits in 2", frame(TEXT, PING_FRAME, width=8), 1002),
    ("a length beyond 2^63", b"\x81\xff" + b"\xff" * 8 + bytes(4), 1009),
    ("a close of one byte", frame(CLOSE, b"\x03"), 1002),
    *((f"close code {code}", close(code), 1002)
      for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)),
    ("a close reason that is no UTF-8", close(1000, b"\xff"), 1002),
    ("a close reason of 124 bytes", close(1000, b"x" * 124), 1002),
    ("no UTF-8", frame(TEXT, b'{"type":"\xff"}'), 1007),
    ("UTF-8 in too many bytes", frame(TEXT, b'{"type":"\xc0\xaf"}'), 1007),
    ("half of a surrogate pair", frame(TEXT, b'{"type":"\xed\xa0\x80"}'), 1007),
    ("beyond U+10FFFF", frame(TEXT, b'{"type":"\xf4\x90\x80\x80"}'), 1007),
    ("a code point that is cut", frame(TEXT, b'{"type":"\xe2\x82'), 1007),
    ("no UTF-8 over two parts", frame(TEXT, b"\xe2", fin=False) + frame(0, b"\x28\xa1"), 1007),
    ("binary", frame(BINARY, PING_FRAME), 1003),
    ("empty binary", frame(BINARY), 1003),
    ("binary in parts", frame(BINARY, b"{", fin=False) + frame(0, b"}"), 1003),
    ("one byte too long", frame(TEXT, " " * (FRAME_BYTES_MAX + 1)), 1009),
    ("said to be too long", frame(TEXT, b"", length=FRAME_BYTES_MAX + 1, width=8), 1009),
    ("said to be of 2^62 bytes", frame(TEXT, b"", length=2**62, width=8), 1009),
    ("too long in parts", frame(TEXT, " " * 200_000, fin=False) + frame(0, " " * 100_000), 1009),
    ("binary that is too long", frame(BINARY, b"", length=2**40, width=8), 1009),
]


@pytest.fixture(scope="module")
def service(request, tmp_path_factory):
    service = Service(request.config.getoption("--program"), tmp_path_factory.mktemp("f") / "data",
                      limits_messages_per_second="1000", limits_messages_burst="10000").start()
    yield service


def resident_bytes(service):
    with open(f"/proc/{service.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_breaks_the_protocol_ends_the_socket_and_loses_nothing_acknowledged(service):
    acked = []
    for number, (what, data, code) in enumerate(BROKEN):
        with RawSocket(service, "ann") as raw:
            raw.receive_until(lambda f: f["type"] == "caught_up")
            raw.send(frame(TEXT, message(number)) + data)
            frames, seen, reason = raw.receive_to_end()
        assert seen == code, (what, seen, reason)
        assert reason, what
        # Nothing that was broken is answered, and what came before it is at most once.
        answers = [f for f in frames if f["type"] in ("ack", "error", "pong")]
        assert [f["type"] for f in answers] in ([], ["ack"]), (what, answers)
        acked += [f["message_id"] for f in answers]
    assert service.get("/healthz")[0] == 200

    async def play():
        async with Client(service, "ann", from_="start") as client:
            await client.wait_for(type="caught_up")
            received = {event["data"]["message_id"] for event in client.events()
                        if event["type"] == "message_received"}
            assert set(acked) <= received
            for message_id in received:
                run = await client.say(message_id, "1+1", thread_id=f"t{message_id[1:]}")
                await client.wait_for_end(run)
    asyncio.run(play())


def test_parts_with_pings_between_them_are_one_frame(service):
    text = json.dumps({"type": "user_message", "id": "p", "message_id": "parts", "thread_id": "t",
                       "content": "gr\u00fc\u00df \U0001f600 1+1"}, ensure_ascii=False).encode()
    with RawSocket(service, "bob") as raw:
        raw.receive_until(lambda f: f["type"] == "caught_up")
        for at, byte in enumerate(text):
            raw.send(frame(0 if at else TEXT, bytes([byte]), fin=False))
            raw.send(frame(PING, f"{at}".encode()))
        raw.send(frame(0, b"") + frame(PING, b"last"))
        pongs, frames = [], []
        while len(pongs) < len(text) + 1 or not any(f["type"] == "ack" for f in frames):
            opcode, payload = raw.receive()
            assert opcode in (PONG, TEXT)
            if opcode == PONG:
                pongs.append(payload)
            else:
                frames.append(json.loads(payload))
        assert pongs == [f"{at}".encode() for at in range(len(text))] + [b"last"]
        while not any(f["type"] == "message_received" for f in frames):
            frames += raw.receive_until(lambda f: True)
        received = next(f for f in frames if f["type"] == "message_received")
        assert received["data"]["content"] == "gr\u00fc\u00df \U0001f600 1+1"


def test_frames_at_their_limits_are_taken(service):
    with RawSocket(service, "cy") as raw:
        raw.receive_until(lambda f: f["type"] == "caught_up")
        for data in (frame(TEXT, PING_FRAME.ljust(FRAME_BYTES_MAX)),
                     frame(TEXT, PING_FRAME, fin=False) + frame(0),
                     b"".join(frame(TEXT if at == 0 else 0, PING_FRAME.ljust(1000) if at == 0 else
                                    " " * 1000, fin=at == 261) for at in range(262)),
                     frame(TEXT, PING_FRAME, fin=False) + frame(0, b"", fin=False) * 2000 + frame(0),
                     frame(PONG, b"nobody asked") + frame(TEXT, PING_FRAME)):
            raw.send(data)
            assert raw.receive_until(lambda f: True)[-1] == {"type": "pong", "nonce": "n"}
        raw.send(frame(PING, b"x" * 125))
        assert raw.receive() == (PONG, b"x" * 125)
        raw.send(close(1000, b"x" * 123))
        assert raw.receive_to_end()[1] == 1000


@pytest.mark.parametrize("text, code, field", [
    ("", "bad_json", None), (" ", "bad_json", None), ("{", "bad_json", None), ("[]", "bad_json", None),
    ("null", "bad_json", None), ("\ufeff" + PING_FRAME, "bad_json", None),
    (PING_FRAME + "\0", "bad_json", None), (PING_FRAME * 2, "bad_json", None),
    ('{"type":"ping","a":"\0"}', "bad_json", None), ('{"type":"ping","type":"ping"}', "bad_json", None),
    ('{"type":"ping","a":{"b":{"c":1,"c":1}}}', "bad_json", None),
    ('{"type":"ping","a":' + "[" * 64 + "]" * 64 + "}", "bad_json", None),
    ("[" * 200_000, "bad_json", None), ('{"a":' * 40_000, "bad_json", None),
    ('{"type":"ping","nonce":"\\ud800"}', "bad_field", "nonce"),
    ('{"type":"ping","id":9223372036854775808}', "bad_field", "id"),
    ('{"type":"ping"' + "".join(f',"{n}":1' for n in range(20_000)) + ',"7":1}', "bad_json", None),
    ('{"type":"Ping"}', "unknown_type", "type"), ("{}", "missing_field", "type"),
    ('{"type":"user_message","message_id":"m","thread_id":"t","content":"' + "x" * 32_769 + '"}',
     "too_large", "content"),
])
def test_a_text_that_is_no_frame_of_ours_gets_one_error_and_the_socket_goes_on(service, text, code,
                                                                              field):
    with RawSocket(service, "dee") as raw:
        raw.receive_until(lambda f: f["type"] == "caught_up")
        raw.send(frame(TEXT, text) + frame(TEXT, PING_FRAME))
        error, pong = raw.receive_until(lambda f: f["type"] == "pong")
        assert (error["type"], error["code"], error.get("field")) == ("error", code, field)


def test_unfinished_frames_take_no_more_than_they_may(service):
    """Each holds a frame open at its limit; memory is what was sent, and comes back."""
    sockets = [RawSocket(service, f"user{number}") for number in range(60)]
    before = resident_bytes(service)
    for raw in sockets:
        raw.send(frame(TEXT, " " * (FRAME_BYTES_MAX - 1), fin=False))
        raw.send(frame(PING, b"here"))
    for raw in sockets:
        while raw.receive() != (PONG, b"here"):
            pass
    assert resident_bytes(service) - before < 4 * len(sockets) * FRAME_BYTES_MAX
    for raw in sockets:
        raw.socket.close()


def test_afterwards_it_stops_by_itself_and_the_log_is_whole(service):
    assert service.stop() == 0
    report = log_check.check(service.data, complete=True)
    assert report.faults == []
