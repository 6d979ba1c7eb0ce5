"""A client that writes and reads bytes, for what no library would send."""
import contextlib
import json
import socket
import struct

from harness import WAIT_SECONDS

KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def connect(service):
    host, port = service.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=WAIT_SECONDS)


def read_to_end(connection):
    """What the service still said before it ended the connection."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def upgrade_lines(service, token=None, path="/ws"):
    """The request line and headers of a good upgrade, to be changed."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {service.address}", "Upgrade: websocket",
             "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}",
             "Sec-WebSocket-Protocol: signalbox.v1"]
    return lines + ([f"Authorization: Bearer {token}"] if token else [])


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None, width=None):
    """One frame; length and width tell of a payload that is not as long, or in too many bytes."""
    payload = payload.encode("utf-8") if isinstance(payload, str) else payload
    length = len(payload) if length is None else length
    width = width if width is not None else 0 if length < 126 else 2 if length < 65536 else 8
    head = bytes([fin << 7 | rsv << 4 | opcode,
                  masked << 7 | {0: length, 2: 126, 8: 127}[width]])
    mask = b"\x37\xfa\x21\x3d" if masked else b""
    if masked:
        times = -(-len(payload) // 4)
        key = int.from_bytes(mask * times, "big")
        padded = int.from_bytes(payload.ljust(4 * times, b"\0"), "big")
        payload = (padded ^ key).to_bytes(4 * times, "big")[:len(payload)]
    return head + (length.to_bytes(width, "big") if width else b"") + mask + payload


class RawSocket:
    """A socket after its upgrade; frames are (opcode, payload)."""

    def __init__(self, service, user, path="/ws"):
        self.socket = connect(service)
        lines = upgrade_lines(service, service.token(user), path)
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode("ascii"))
        self.received = b""
        while b"\r\n\r\n" not in self.received:
            self._read()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.socket.close()

    def _read(self):
        part = self.socket.recv(65536)
        if not part:
            raise EOFError(self.received)
        self.received += part

    def _take(self, count):
        while len(self.received) < count:
            self._read()
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def receive(self):
        first, second = self._take(2)
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        return first & 0x0F, self._take(length)

    def receive_until(self, wanted):
        """All JSON frames up to the first that wanted(frame) says yes to."""
        frames = []
        while not frames or not wanted(frames[-1]):
            opcode, payload = self.receive()
            if opcode == PING:  # a heartbeat
                continue
            assert opcode == TEXT, (opcode, payload)
            frames.append(json.loads(payload))
        return frames

    def receive_to_end(self):
        """(JSON frames, close code, reason); (.., None, None) where no close frame came."""
        frames = []
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                opcode, payload = self.receive()
                if opcode == CLOSE:
                    return frames, struct.unpack(">H", payload[:2])[0], payload[2:].decode("utf-8")
                if opcode == TEXT:
                    frames.append(json.loads(payload))
        return frames, None, None
