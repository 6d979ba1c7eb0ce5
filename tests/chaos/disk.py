"""A disk under one process that is spoilt while it runs, and what a power cut takes back of it.

tests/chaos/faulty_disk.cpp, which is put before the program, does what is told here and keeps what is not
synced yet; its head says what the files of the folder are.
"""
import mmap
import os
import pathlib
import struct
import time
import urllib.parse

SECTOR = 512
MODES = {"healthy": b"h", "full": b"f", "broken": b"b"}
REFUSAL_SECONDS = 120
LIBRARY = "libfaulty_disk.so"


class Disk:
    """For processes started with `environment`, one at a time."""

    def __init__(self, folder, library):
        self.name, self.folder = folder.name, folder
        self.lost = 0  # bytes, in all power cuts
        self.refusals = []  # (from, to): nothing could be written, in nanoseconds of time.monotonic_ns()
        (folder / "undo").mkdir(parents=True)
        (folder / "control").write_bytes(b"h".ljust(16, b"\0"))
        with open(folder / "control", "r+b") as file:
            self.control = mmap.mmap(file.fileno(), 16)
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_DISK": str(folder)}

    def become(self, mode):
        """From the next change on."""
        self.control[:1] = MODES[mode]

    def spoil(self, mode, seconds):
        """For so long, from the first change on that it refuses."""
        before, deadline = self.refused(), time.monotonic() + REFUSAL_SECONDS
        self.become(mode)
        try:
            while self.refused() == before:
                assert time.monotonic() < deadline, f"no change met the {mode} disk"
                time.sleep(0.01)
            since = time.monotonic_ns()
            time.sleep(seconds)
            self.refusals.append((since, time.monotonic_ns()))
        finally:
            self.become("healthy")

    def refused(self):
        """How many changes it refused so far."""
        return struct.unpack_from("=Q", self.control, 8)[0]

    def cut_power(self, chance):
        """To be called while nobody runs on it. Of what was not synced each part survives for itself:
        sector by sector of each write, each cut as a whole."""
        survives = chance.choice((0, 0.5, 0.9))
        for undo in (self.folder / "undo").iterdir():
            path = pathlib.Path(urllib.parse.unquote(undo.name))
            inode, changes = read_undo(undo.read_bytes())
            undo.unlink()
            if path.exists() and path.stat().st_ino == inode:
                self.lost += lose(path, changes, lambda: chance.random() < survives)


def read_undo(text):
    """(inode, [(kind, at, size before, bytes written, old bytes)]); the last record may be cut off, then its
    change was not made."""
    changes = []
    at = 8
    while at + 33 <= len(text):
        kind, where, size, written, old = struct.unpack_from("=cQQQQ", text, at)
        if at + 33 + old > len(text):
            break
        changes.append((kind, where, size, written, text[at + 33:at + 33 + old]))
        at += 33 + old
    return (struct.unpack_from("=Q", text)[0] if len(text) >= 8 else None), changes


def lose(path, changes, survives):
    """Takes all changes back, then makes those parts of them again that survive; bytes that do not."""
    file = os.open(path, os.O_RDWR)
    try:
        made = []
        for kind, at, size, written, old in reversed(changes):
            made.append((kind, at, os.pread(file, written, at)))
            os.pwrite(file, old, at)
            os.ftruncate(file, size)
        return sum(make_again(file, change, survives) for change in reversed(made))
    finally:
        os.close(file)


def make_again(file, change, survives):
    kind, at, new = change
    if kind == b"c":
        if survives():
            os.ftruncate(file, at)
        return 0
    lost = 0
    end = at + len(new)
    while at < end:
        upto = min(end, at - at % SECTOR + SECTOR)
        if survives():
            os.pwrite(file, new[-(end - at):][:upto - at], at)
        else:
            lost += upto - at
        at = upto
    return lost
