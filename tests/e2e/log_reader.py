"""Reads the embedded log of a data directory directly and read-only, each row's checksum verified.

Rows as event-store/log/sqlite_rows.hpp describes them: place = topic * 2^24 + partition; headers =
lp(name) lp(value) ...; sha256 over topic, partition, offset, time and the hash of the content.
"""
import dataclasses
import hashlib
import json
import pathlib
import sqlite3
import struct

from contract import prefixed

TOPICS = {"inbound": 0, "events": 1, "connections": 3, "quarantine": 5}
LOG_FILE = "log.db"


@dataclasses.dataclass
class Record:
    offset: int
    key: str | None
    headers: dict
    value: bytes


def unpack_headers(packed):
    """Bytes that are no UTF-8 are kept, as surrogates; packed again by pack_headers()."""
    texts, at = [], 0
    while at < len(packed):
        (length,) = struct.unpack_from(">I", packed, at)
        texts.append(packed[at + 4:at + 4 + length].decode("utf-8", "surrogateescape"))
        at += 4 + length
    return dict(zip(texts[::2], texts[1::2], strict=True))


def pack_headers(headers):
    return b"".join(prefixed(text.encode("utf-8", "surrogateescape"))
                    for header in headers.items() for text in header)


def row_checksum(place, offset, appended_at, key, headers, value):
    content = hashlib.sha256((b"\0" if key is None else b"\1") + prefixed(key or b"")
                             + prefixed(headers) + prefixed(value)).digest()
    return hashlib.sha256(struct.pack(">BIQQ", place >> 24, place & 0xFFFFFF, offset, appended_at)
                          + content).digest()


class LogReader:
    """One read transaction over a log, so that what it returns is one state. Use with `with`."""

    def __init__(self, data):
        self.path = pathlib.Path(data, LOG_FILE)
        if not self.path.exists():
            raise FileNotFoundError(f"{self.path}: no log here")

    def __enter__(self):
        self.database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, isolation_level=None)
        self.database.execute("BEGIN")
        genesis = self.records("events", 0)[0]
        self.partitions = json.loads(genesis.value)["partitions"]
        return self

    def __exit__(self, *failure):
        self.database.close()

    def records(self, topic, partition):
        """All records of a partition, in order. Raises ValueError at a damaged or missing row."""
        place = TOPICS[topic] << 24 | partition
        found = []
        rows = self.database.execute(
            'SELECT "offset", appended_at, key, headers, value, sha256 FROM records'
            ' WHERE place = ? ORDER BY "offset"', (place,))
        for offset, appended_at, key, headers, value, checksum in rows:
            key, headers, value = (part.encode("utf-8") if isinstance(part, str) else part
                                   for part in (key, headers, value))
            if found and offset != found[-1].offset + 1:
                raise ValueError(f"{topic}/{partition}@{offset}: {found[-1].offset + 1} is missing")
            if row_checksum(place, offset, appended_at, key, headers, value) != checksum:
                raise ValueError(f"{topic}/{partition}@{offset}: does not match its checksum")
            found.append(Record(offset, None if key is None else key.decode("utf-8"),
                                unpack_headers(headers), value))
        return found
