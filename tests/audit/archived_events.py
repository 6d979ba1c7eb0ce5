"""The archive of one partition (archive_format.hpp), held against the log it was made of.

ArchivedEvents yields findings as (what, offset).
"""
import contextlib
import dataclasses
import sqlite3
import struct
import uuid

import verify_export as history


def row_hash(*parts):
    """Numbers as 8 bytes, big-endian; texts and bytes as lp(x)."""
    return history.sha256(*(struct.pack(">q", part) if isinstance(part, int) else history.lp(part)
                            for part in parts))


@dataclasses.dataclass
class Row:
    user: str
    seq: int
    offset: int
    appended_at: int
    thread: str | None
    headers: bytes
    value: bytes
    hash: bytes

    def differs_from(self, record, seq):
        """In which field; None: in none."""
        wanted = {"user": record.key, "seq": seq, "headers": record.raw_headers,
                  "value": record.value, "appended_at": record.appended_at,
                  "thread": record.headers.get("ce_threadid")}
        for name, value in wanted.items():
            if getattr(self, name) != value:
                return name
        whole = row_hash(self.user, self.seq, self.offset, self.appended_at, self.headers,
                         self.value)
        return None if self.hash == whole else "hash"


class ArchivedEvents:
    def __init__(self, rows, complete_to, tree_size, tree_root):
        self.rows = rows  # in the order they were read from the log; the next one last
        self.complete_to = complete_to
        self.tree_size, self.tree_root = tree_size, tree_root

    def compare(self, record, seq):
        """With the next valid event of the log."""
        if record.offset >= self.complete_to:
            return
        yield from self.extra_before(record.offset)
        if not self.rows or self.rows[-1].offset != record.offset:
            yield "the archive has not this event", record.offset
            return
        field = self.rows.pop().differs_from(record, seq)
        if field:
            yield f"log and archive disagree: {field}", record.offset

    def extra_before(self, offset):
        while self.rows and self.rows[-1].offset < offset:
            yield "the archive has an event here, the log has not", self.rows.pop().offset

    def rest(self, end):
        """What the archive has and the log, which ended there, has not."""
        yield from self.extra_before(self.complete_to)
        if self.complete_to > end:
            yield f"the log ends here, the archive has read up to {self.complete_to}", end

    def has_another_tree(self, tree):
        return tree.size == self.tree_size and tree.root() != self.tree_root


def read(path, log_id):
    """Raises sqlite3.DatabaseError, Fault."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        (owner,), = file.execute("SELECT log_id FROM owner")
        history.require(owner == uuid.UUID(log_id).bytes, "of another log")
        next_offset = 0
        for *position, stated in file.execute(
                "SELECT next_offset, epoch, claim, owner_seq, hash FROM position"):
            history.require(stated == row_hash(*position), "its position does not match its hash")
            next_offset = position[0]
        tree = history.Tree()
        for *parts, stated in file.execute(
                "SELECT size, edge, anchored_size, anchored_root, hash FROM tree"):
            history.require(stated == row_hash(*parts), "its tree does not match its hash")
            tree.size, edge = parts[0], parts[1]
            heights = [bit for bit in reversed(range(64)) if tree.size >> bit & 1]
            tree.subtrees = [(height, edge[at:at + 32])
                             for height, at in zip(heights, range(0, len(edge), 32), strict=True)]
        rows = [Row(*row) for row in file.execute(
            "SELECT coalesce(name, ''), events.seq, place, appended_at, thread, headers, value,"
            " events.hash FROM events LEFT JOIN users ON users.id = events.user ORDER BY events.id")]
    return ArchivedEvents(rows[::-1], next_offset, tree.size, tree.root())
