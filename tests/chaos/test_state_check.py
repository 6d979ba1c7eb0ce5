"""state_check, on a simulated run with many faults: what the routers kept is what the log gives, and whatever
is changed in either of them is named, also where the SHA-256 of a snapshot was made to fit."""
import collections
import contextlib
import ctypes
import hashlib
import itertools
import json
import os
import shutil
import sqlite3
import struct
import subprocess

import pytest
from contract import prefixed

SIMULATION, PROGRAM = os.environ.get("SIGNALBOX_SIMULATION"), os.environ.get("STATE_CHECK")
pytestmark = pytest.mark.skipif(not (SIMULATION and PROGRAM), reason="no programs are named")
SEEDS = range(18, 118)  # of them the first whose run leaves all that is tried, which the first one did
ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
for name in ("ZSTD_compressBound", "ZSTD_compress", "ZSTD_decompress"):
    getattr(ZSTD, name).restype = ctypes.c_size_t


def decompress(stored):
    size = ZSTD.ZSTD_getFrameContentSize(stored, ctypes.c_size_t(len(stored)))
    text = ctypes.create_string_buffer(size)
    assert ZSTD.ZSTD_decompress(text, ctypes.c_size_t(size), stored, ctypes.c_size_t(len(stored))) == size
    return text.raw


def compress(text):
    room = ZSTD.ZSTD_compressBound(ctypes.c_size_t(len(text)))
    stored = ctypes.create_string_buffer(room)
    size = ZSTD.ZSTD_compress(stored, ctypes.c_size_t(room), text, ctypes.c_size_t(len(text)), 1)
    return stored.raw[:size]


class Kept:
    """What a run left."""

    def __init__(self, folder):
        self.dump, self.files = folder / "log.jsonl", sorted((folder / "snapshots").iterdir())

    def judged(self):
        """(exit code, lines)."""
        ended = subprocess.run([PROGRAM, self.dump, *self.files], stdout=subprocess.PIPE, text=True, timeout=60,
                               check=False)
        return ended.returncode, ended.stdout.splitlines()

    def lines(self, change):
        """Each line of the dump but the first becomes what change() makes of it; none, where that is None."""
        head, *lines = self.dump.read_text("utf-8").splitlines()
        changed = [change(json.loads(line)) for line in lines]
        self.dump.write_text("\n".join([head, *(json.dumps(line) for line in changed if line)]) + "\n", "utf-8")

    def snapshots(self):
        """(file, key, ordinal, fold version, snapshot) of each."""
        for file in self.files:
            with contextlib.closing(sqlite3.connect(file)) as database:
                rows = database.execute("SELECT key, ordinal, fold_version, bytes FROM snapshots").fetchall()
            for key, ordinal, fold_version, stored in rows:
                yield file, key, ordinal, fold_version, json.loads(decompress(stored))

    def events(self):
        """The lines of the dump that are events."""
        return [line for line in map(json.loads, self.dump.read_text("utf-8").splitlines()[1:]) if is_event(line)]

    def forge(self, is_meant, change, order=0, version=0):
        """Changes the first snapshot that is meant, with the SHA-256 that belongs to it, and the numbers it is
        kept under by so much; its key."""
        for file, key, ordinal, fold_version, snapshot in self.snapshots():
            if is_meant(snapshot):
                change(snapshot)
                with sqlite3.connect(file) as database:
                    self._write(database, key, ordinal + order, fold_version + version,
                                compress(json.dumps(snapshot).encode()))
                return key
        raise LookupError("no snapshot is like that")

    @staticmethod
    def _write(database, key, ordinal, version, stored):
        hashed = hashlib.sha256(prefixed(key.encode()) + struct.pack(">qq", ordinal, version) + prefixed(stored))
        database.execute("UPDATE snapshots SET ordinal = ?, fold_version = ?, bytes = ?, hash = ? WHERE key = ?",
                         (ordinal, version, stored, hashed.digest(), key))


def is_event(line):
    return line["topic"] == "events" and "ce_userseq" in line["headers"]


def play(seed, folder):
    (folder / "snapshots").mkdir(parents=True)
    subprocess.run([SIMULATION, "--seed", str(seed), "--dump", folder / "log.jsonl", "--snapshots",
                    folder / "snapshots"], stdout=subprocess.DEVNULL, timeout=120, check=True)
    return folder


def lacking(kept):
    """What a run did not leave of that which is tried below: by what it left, not by how that is judged."""
    met = [snapshot for *_, snapshot in kept.snapshots()]
    wanted = {what: whose for what, (whose, _, _) in FORGERIES.items()}
    wanted |= {"a memory that lasts": with_a_memory_that_lasts(kept),
               "open users who are heard of later": with_open_users_heard_of_later(kept)}
    yield from (what for what, whose in wanted.items() if not any(map(whose, met)))
    code, lines = kept.judged()
    # A run that is passed over for what it lacks is judged whole like any other.
    assert code == 0, lines
    counts = json.loads(lines[-1])
    yield from (what for what, least in COUNTS_LEAST.items() if counts.get(what, 0) < least)
    ends = {(file, snapshot["partition"]): snapshot["at"]["offset"]
            for file, *_, snapshot in kept.snapshots() if of_a_partition(snapshot)}
    events = kept.events()
    if not any(line["offset"] < ends.get((kept.files[0], line["partition"]), 0) for line in events):
        yield "a partition that relies on its users"
    users = [(file, key, snapshot["at"]["offset"]) for file, key, *_, snapshot in kept.snapshots() if of_a_user(snapshot)]
    if not any(line["key"] == key == of and older <= line["offset"] < min(newer, ends.get((file, line["partition"]), 0))
               for file, key, newer in users for _, of, older in users for line in events):
        yield "a partition that relies on a newer snapshot than another router's"


@pytest.fixture(name="played", scope="module")
def a_run(tmp_path_factory):
    lacked = {}
    for seed in SEEDS:
        folder = play(seed, tmp_path_factory.mktemp("played") / "run")
        lacked[seed] = list(lacking(Kept(folder)))
        if not lacked[seed]:
            return folder
    raise LookupError(f"no run of {SEEDS} leaves all that is tried; they lack {lacked}")


@pytest.fixture(name="kept")
def what_it_left(played, tmp_path):
    shutil.copytree(played, tmp_path / "kept")
    return Kept(tmp_path / "kept")


def of_a_user(snapshot):
    return "state" in snapshot


def with_a_run(snapshot):
    return of_a_user(snapshot) and snapshot["state"]["runs"]


def with_a_step(snapshot):
    return of_a_user(snapshot) and any(run["steps"] for run in snapshot["state"]["runs"])


def with_a_memory(snapshot):
    return of_a_user(snapshot) and snapshot["state"]["memories"]


def of_a_partition(snapshot):
    return "open_users" in snapshot


def not_of_phase_two(snapshot):
    return with_a_run(snapshot) and snapshot["state"]["runs"][0]["phase"] != 2


def with_decided_inbound(snapshot):
    return of_a_partition(snapshot) and snapshot["inbound"]["next"] > 0


def with_a_memory_that_lasts(kept):
    """Of a user's snapshots the one that is folded on to the end: no later run of its thread leaves another."""
    users = [(snapshot["at"]["offset"], key, snapshot) for _, key, *_, snapshot in kept.snapshots() if of_a_user(snapshot)]
    first = {key: snapshot for _, key, snapshot in sorted(users, key=lambda each: each[:2], reverse=True)}
    ended = [(line["key"], line["headers"]["ce_threadid"], line["offset"]) for line in kept.events()
             if line["headers"]["ce_type"].endswith(".agent_completed")]
    return lambda meant: meant in [
        snapshot for key, snapshot in first.items() if with_a_memory(snapshot) and not any(
            (user, thread) == (key, snapshot["state"]["memories"][0][0]) and offset >= snapshot["at"]["offset"]
            for user, thread, offset in ended)]


def with_open_users_heard_of_later(kept):
    events = kept.events()

    def are_heard_of(snapshot):
        return of_a_partition(snapshot) and snapshot["open_users"] and all(
            any(line["key"] == user and line["offset"] >= snapshot["at"]["offset"] for line in events)
            for user in snapshot["open_users"])
    return are_heard_of


def set_in_run(name, value):
    return lambda snapshot: snapshot["state"]["runs"][0].update({name: value})


def drop_a_step(snapshot):
    next(run for run in snapshot["state"]["runs"] if run["steps"])["steps"].pop()


def set_in_state(name, value):
    return lambda snapshot: snapshot["state"].update({name: value})


def leave_text_in_log(snapshot):
    del snapshot["state"]["runs"][0]["content"]["text"]


def leave_text_elsewhere(snapshot):
    leave_text_in_log(snapshot)
    snapshot["state"]["runs"][0]["content"]["offset"] = 0


def forget_order(snapshot):
    snapshot["state"]["seen"].reverse()


FORGERIES = {  # what -> (whose, the change, what is named)
    "tries": (with_a_run, set_in_run("tries", 4), "/state/runs/0/tries is 4"),
    "phase": (not_of_phase_two, set_in_run("phase", 2), "/state/runs/0/phase is 2"),
    "time of its start": (with_a_run, set_in_run("started_at", 7), "/state/runs/0/started_at is 7"),
    "cancelled": (with_a_run, set_in_run("cancelled_by", "ann"), "/state/runs/0/cancelled_by"),
    "a step": (with_a_step, drop_a_step, "/steps"),
    "a text": (with_a_run, lambda snapshot: snapshot["state"]["runs"][0]["content"].update(text="no"), "/content"),
    "a text left elsewhere": (with_a_run, leave_text_elsewhere, "the log lacks a text"),
    "a memory": (with_a_memory, lambda snapshot: snapshot["state"]["memories"][0].__setitem__(1, "no"),
                 "/state/memories/0/1"),
    "the window": (of_a_user, lambda snapshot: snapshot["state"]["seen"].pop(), "/state/seen"),
    "its order": (lambda snapshot: of_a_user(snapshot) and len(snapshot["state"]["seen"]) > 1, forget_order,
                  "/state/seen"),
    "the time": (of_a_user, set_in_state("last_time", 7), "/state/last_time is 7"),
    "the command": (of_a_user, set_in_state("last_inbound", 9999), "/state/last_inbound is 9999"),
    "the chain": (of_a_user, set_in_state("chainhash", "0" * 64), "/state/chainhash"),
    "damage": (of_a_user, set_in_state("damaged_at", 3), "/state/damaged_at is 3"),
    "the epoch": (of_a_user, lambda snapshot: snapshot["at"].update(epoch=99), "/at/epoch is 99"),
    "the place": (of_a_user, lambda snapshot: snapshot["at"].update(offset=99_999), "no record that ends"),
    "an earlier place": (of_a_user, lambda snapshot: snapshot["at"].update(offset=1), "/at/"),
    "the seq": (of_a_user, set_in_state("seq", 9999), "kept as of seq"),
    "where to go on": (with_decided_inbound, lambda snapshot: snapshot["inbound"].update(next=0), "/inbound/next is 0"),
    "the owner": (of_a_partition, lambda snapshot: snapshot["at"].update(ownerseq=9999), "/at/ownerseq is 9999"),
    "the log": (of_a_partition, lambda snapshot: snapshot.update(log_id="0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"),
                "another log"),
    "no form": (of_a_user, lambda snapshot: snapshot.update(more=1), "does not decode"),
}


COUNTS_LEAST = {"states of users": 3, "users folded on to the end": 3, "states of partitions": 4,
                "open runs in them": 4}


def test_what_routers_keep_is_what_the_log_gives(kept):
    code, lines = kept.judged()
    counts = json.loads(lines[-1])
    assert code == 0 and len(lines) == 1 and counts["states that differ"] == 0
    assert counts["states of users"] >= counts["users folded on to the end"]


@pytest.mark.parametrize("seed", range(1, 11))
def test_of_any_simulated_run_too(tmp_path, seed):
    code, lines = Kept(play(seed, tmp_path)).judged()
    assert code == 0, lines


def test_a_text_may_stay_in_the_log(kept):
    kept.forge(with_a_run, leave_text_in_log)
    assert kept.judged()[0] == 0


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_snapshot_is_named(kept, what):
    whose, change, named = FORGERIES[what]
    key = kept.forge(whose, change)
    code, lines = kept.judged()
    assert code == 1 and lines[0].startswith("difference: ")
    assert key.removeprefix("!").replace("/", " ") in lines[0] or key in lines[0]
    assert any(named in line for line in lines[:-1]), lines


@pytest.mark.parametrize("whose_of, change", [
    (with_a_memory_that_lasts, lambda snapshot: snapshot["state"]["memories"][0].__setitem__(1, "no")),
    (lambda _: of_a_partition, lambda snapshot: snapshot["inbound"].update(next=9999))])
def test_what_follows_from_a_forged_snapshot_is_named_too(kept, whose_of, change):
    kept.forge(whose_of(kept), change)
    code, lines = kept.judged()
    assert code == 1 and any(" folded on" in line for line in lines[1:-1]), lines


def test_a_partition_that_forgot_an_open_user_is_named(kept):
    """The list is what a new owner begins with, so it matters of whom nothing is heard afterwards."""
    forgotten = {}

    def forget(snapshot):
        forgotten.update(snapshot | {"open_users": list(snapshot["open_users"])})
        snapshot["open_users"].clear()
    kept.forge(with_open_users_heard_of_later(kept), forget)
    assert kept.judged()[0] == 0  # all of them were heard of
    end = forgotten["at"]["offset"]
    kept.lines(lambda line: line if (line["topic"], line["partition"]) != ("events", forgotten["partition"])
               or line["offset"] < end else None)
    named = [line for line in kept.judged()[1] if "had open runs and is not on its list" in line]
    assert named and any(user in named[0] for user in forgotten["open_users"])


def test_a_user_whose_snapshot_is_gone_is_missed(kept):
    with sqlite3.connect(kept.files[0]) as database:
        database.execute("DELETE FROM snapshots WHERE key NOT LIKE '!partition%'")
    code, lines = kept.judged()
    assert code == 1 and "no snapshot holds all of user" in lines[0]


def test_a_user_whose_snapshot_is_too_old_for_his_partition_is_missed(kept):
    """One that another router kept is right in itself, but behind what the partition's relies on."""
    held = {file: sqlite3.connect(file) for file in kept.files}
    named = set()
    for newer, older in itertools.permutations(held.values(), 2):
        rows = older.execute("SELECT * FROM snapshots WHERE key NOT LIKE '!%'").fetchall()
        for row in rows:
            newer.execute("DELETE FROM snapshots WHERE key = ? AND ordinal > ?", row[:2])
            if newer.execute("SELECT changes()").fetchone()[0]:
                newer.execute("INSERT INTO snapshots VALUES(?, ?, ?, ?, ?)", row)
                newer.commit()
                named |= {line.rpartition(": ")[2] for line in kept.judged()[1] if line.startswith("difference")}
    assert named and all(line.startswith("no snapshot holds all of user ") for line in named)


@pytest.mark.parametrize("whose, numbers, named", [
    (of_a_user, {"order": 1}, "it is kept as of seq"), (of_a_partition, {"order": -1}, "it is kept as of offset"),
    (of_a_user, {"version": 1}, "it is of fold version"), (of_a_partition, {"version": 1}, "it is of fold version")])
def test_a_snapshot_kept_under_another_number_is_named(kept, whose, numbers, named):
    kept.forge(whose, lambda snapshot: None, **numbers)
    code, lines = kept.judged()
    assert code == 1 and named in lines[0]


def test_a_snapshot_whose_hash_is_wrong_is_named(kept):
    with sqlite3.connect(kept.files[0]) as database:
        database.execute("UPDATE snapshots SET hash = zeroblob(32)")
    code, lines = kept.judged()
    assert code == 1 and "its SHA-256 does not match" in lines[0]


def change_first_event(kept, change):
    """As Kept.lines(), of the first event alone that was stated once, and so counts."""
    stated = collections.Counter((line["key"], line["headers"]["ce_userseq"]) for line in kept.events())
    left = [change]
    kept.lines(lambda line: left.pop()(line) if left and is_event(line)
               and stated[line["key"], line["headers"]["ce_userseq"]] == 1 else line)


def test_a_dump_that_lacks_an_event_is_refused(kept):
    change_first_event(kept, lambda line: None)
    code, lines = kept.judged()
    assert code == 1 and lines[0].startswith("difference: ")


def test_a_dump_whose_end_is_gone_is_refused(kept):
    kept.lines(lambda line: line if line["offset"] < 20 else None)
    code, lines = kept.judged()
    assert code == 1 and any("no record that ends" in line for line in lines)


@pytest.mark.parametrize("change", [
    lambda line: line["headers"].update(ce_time="2001-01-01T00:00:00.000000Z"),
    lambda line: line.update(value=line["value"].replace("}", ',"more":1}', 1)),
    lambda line: line["headers"].update(ce_ownerseq="99"),
], ids=["time", "value", "ownerseq"])
def test_a_dump_with_a_changed_event_is_refused(kept, change):
    change_first_event(kept, lambda line: change(line) or line)
    code, lines = kept.judged()
    assert code == 1 and lines[0].startswith("difference: ")


@pytest.mark.parametrize("line", ['{"topic": "events"', '{"topic": "other", "partition": 0}',
                                  '{"topic": "events", "partition": 99, "offset": 1, "key": null, "headers": {}, '
                                  '"value": ""}'])
def test_what_is_no_dump_is_refused(kept, line):
    with open(kept.dump, "a", encoding="utf-8") as out:
        out.write(line + "\n")
    code, lines = kept.judged()
    assert code == 1 and " of the dump: " in lines[0]


def test_records_in_another_order_are_refused(kept):
    head, *lines = kept.dump.read_text("utf-8").splitlines()
    at = next(at for at, line in enumerate(lines) if is_event(json.loads(line)))
    for changed in ([*lines[:at + 1], *lines[at:]], [*lines[at:], *lines[:at]]):
        kept.dump.write_text("\n".join([head, *changed]) + "\n", "utf-8")
        code, said = kept.judged()
        assert code == 1 and "a record out of its place" in said[0]


def test_where_nothing_is_compared_nothing_is_shown(kept):
    for file in kept.files:
        with sqlite3.connect(file) as database:
            database.execute("DELETE FROM snapshots")
    code, lines = kept.judged()
    assert code == 1 and lines[0].startswith("too little to judge")
    kept.files = [kept.dump.with_name("none.db")]
    assert kept.judged()[0] == 1
