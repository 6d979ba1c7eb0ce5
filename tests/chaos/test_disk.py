"""The faulty disk, under SQLite as Python has it."""
import os
import pathlib
import random
import sqlite3
import struct
import subprocess
import sys

import pytest

import disk as disks

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Each line is a statement; what it says of it is one, too.
PROGRAM = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    try:
        print([list(row) for row in database.execute(line)], flush=True)
    except sqlite3.OperationalError as error:
        print(error, flush=True)
"""


@pytest.fixture(name="disk")
def a_disk(tmp_path):
    library = os.environ.get("FAULTY_DISK") or next(ROOT.glob(f"build/*/tests/chaos/{disks.LIBRARY}"))
    return disks.Disk(tmp_path / "disk", library)


class Process:
    """SQLite on that disk; ended by a kill."""

    def __init__(self, disk, path):
        self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, path], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=os.environ | disk.environment)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def do(self, statement):
        self.process.stdin.write(statement + "\n")
        return self.process.stdout.readline().strip()

    def fill(self, synchronous):
        assert self.do("PRAGMA journal_mode=WAL") == "[['wal']]"
        self.do("CREATE TABLE numbers(number)")
        self.do(f"PRAGMA synchronous={synchronous}")
        for number in range(50):
            assert self.do(f"INSERT INTO numbers VALUES({number})") == "[]"


def numbers(path):
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = [row[0] for row in database.execute("SELECT number FROM numbers ORDER BY rowid")]
    database.close()
    return found


def test_a_full_and_a_broken_disk_refuse_until_they_are_healthy(disk, tmp_path):
    with Process(disk, tmp_path / "database") as process:
        process.fill("FULL")
        for mode, said in (("full", "database or disk is full"), ("broken", "disk I/O error")):
            before = disk.refused()
            disk.become(mode)
            assert process.do("INSERT INTO numbers VALUES(0)") == said
            assert disk.refused() > before
            disk.become("healthy")
            assert process.do("INSERT INTO numbers VALUES(50)") == "[]"
    assert numbers(tmp_path / "database") == [*range(50), 50, 50]


@pytest.mark.parametrize("seed", range(20))
def test_a_power_cut_takes_what_was_not_synced_and_nothing_else(disk, tmp_path, seed):
    """However many processes were killed meanwhile."""
    path = tmp_path / "database"
    with Process(disk, path) as process:
        process.fill("FULL")
    with Process(disk, path) as process:
        process.do("PRAGMA synchronous=OFF")
        for number in range(50, 60):
            process.do(f"INSERT INTO numbers VALUES({number})")
    disk.cut_power(random.Random(seed))
    assert disk.lost > 0
    found = numbers(path)
    assert found == list(range(len(found))) and 50 <= len(found) < 60


def test_who_does_not_sync_loses_what_was_acknowledged(disk, tmp_path):
    with Process(disk, tmp_path / "database") as process:
        process.fill("NORMAL")
    disk.cut_power(random.Random(1))
    assert len(numbers(tmp_path / "database")) < 50


def test_each_part_of_a_change_survives_for_itself(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a" * 1000 + b"b" * 1000)
    # Written over, cut, written behind the end.
    changes = [(b"w", 0, 1000, 1000, b"."*1000), (b"c", 500, 1000, 0, b"a" * 500),
               (b"w", 1000, 500, 1000, b"")]

    def left(*survivors):
        path.write_bytes(b"a" * 500 + b"\0" * 500 + b"b" * 1000)
        told = iter(survivors)
        lost = disks.lose(path, changes, lambda: next(told))
        return lost, path.read_bytes()

    assert left(0, 0, 0, 0, 0, 0) == (2000, b"." * 1000)
    assert left(1, 1, 1, 1, 1, 1) == (0, b"a" * 500 + b"\0" * 500 + b"b" * 1000)
    assert left(0, 1, 0, 0, 1, 0) == (512 + 24 + 464, b"." * 512 + b"a" * 488 + b"\0" * 24 + b"b" * 512)


def test_a_record_that_was_cut_off_is_a_change_that_was_not_made():
    whole = struct.pack("=QcQQQQ", 7, b"w", 0, 3, 3, 3) + b"old"
    assert disks.read_undo(whole) == (7, [(b"w", 0, 3, 3, b"old")])
    for length in range(8, len(whole)):
        assert disks.read_undo(whole[:length]) == (7, [])
