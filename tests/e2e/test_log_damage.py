"""Every damage that `signalbox replay verify` is tried with in C++, done to the log of a service, and
judged by the product and by a second verifier written from the contract (tests/audit/verify_log.py):
both give the same verdict and name the same first bad record."""
import asyncio
import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
import types

import pytest

from harness import ROOT, WAIT_SECONDS, Client, Service, clean_environment

sys.path.append(str(pathlib.Path(__file__).parents[1] / "audit"))
import anchor_damage  # noqa: E402
import log_damage  # noqa: E402
from attacked_log import ANNA, CARLA, NEIGHBOUR, ROWS_COUNTER, Attacker  # noqa: E402
from verify_log import UNANCHORED, verify_log  # noqa: E402

ANCHORS = "anchors"
UNSEEN = log_damage.UNSEEN_DAMAGES | anchor_damage.UNSEEN_DAMAGES
# The product's kinds of damage, and what the second verifier says of one.
KINDS = {
    None: "cannot be read",
    "file_unreadable": "log.db cannot be read",
    "row_changed": "does not match its checksum",
    "row_unreadable": "key or headers cannot be read",
    "row_missing": "it is missing",
    "row_out_of_order": "it is missing",
    "row_misplaced": "which this log has not",
    "row_beyond_the_end": "greater numbers than",
    "tail_missing": "the log has counted to",
    "log_shorter_than_it_was": "head: it has seen",
    "wrong_genesis": "not the genesis of this log",
    "unclaimed_epoch": "claimed by nobody",
    "hole_left": "it waits for events before it",
    "unknown_record": "neither an event nor a control record",
    "wrong_user": "its user: ",
    "control_of_a_user": "a control record has ",
    "seq_broken": ", not ",
    "chain_broken": "the chain of its user breaks",
    "chain_unreadable": "seq or chain hash cannot be read",
    "archive_unreadable": "archive/",
    "archive_changed": "log and archive disagree",
    "archive_lacks_event": "the archive has not this event",
    "archive_has_more": "the archive has an event here",
    "archive_ahead": "the log ends here",
    "anchor_disagrees": "anchors/",
    "anchor_key_changed": "another key than the one that signs",
}


async def say(service, user, number):
    async with Client(service, user) as client:
        await client.wait_for_end(await client.say(f"m-{number}", "what is 17 * 23?"))


def wait_until_anchored(service):
    covered, since = None, time.monotonic()
    while not (second := verify_log(service.data, service.data / ANCHORS)).is_anchored:
        if second.covered != covered:
            covered, since = second.covered, time.monotonic()
        assert time.monotonic() < since + WAIT_SECONDS, service.log_tail()
        time.sleep(0.05)


def copy_database(source, to):
    with contextlib.closing(sqlite3.connect(source)) as live, \
            contextlib.closing(sqlite3.connect(to)) as copy:
        live.backup(copy)


def see_the_newest_commit(data):
    """Where the kill came between a commit and the witness `head`, this is what it would have seen."""
    with contextlib.closing(sqlite3.connect(data / "log.db")) as database:
        (rows,), = database.execute("SELECT next FROM counters WHERE place = ?", (ROWS_COUNTER,))
    head = bytearray((data / "head").read_bytes())
    struct.pack_into("=Q", head, 24, rows)
    (data / "head").write_bytes(head)


@pytest.fixture(scope="module")
def whole(request, tmp_path_factory):
    """A log whose newest records are anna's last run, ended by kill -9: nothing of its owner's
    farewell stands behind them. `older`: log.db before that run."""
    folder = tmp_path_factory.mktemp("whole")
    service = Service(request.config.getoption("--program"), folder / "data", log_partitions="2",
                      audit_anchor_interval="200ms").start()
    try:
        for number in range(3):
            for user in (NEIGHBOUR, CARLA, ANNA):
                asyncio.run(say(service, user, number))
        wait_until_anchored(service)
        copy_database(service.data / "log.db", folder / "older.db")
        asyncio.run(say(service, ANNA, "newest"))
        wait_until_anchored(service)
    finally:
        service.kill()
    for path in [service.data / "log.db", *(service.data / "archive").glob("*.db")]:
        with contextlib.closing(sqlite3.connect(path)) as database:  # its WAL goes with it
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    see_the_newest_commit(service.data)
    # A cache of the router's: tests/replay/snapshot_damage_test.cpp tells what is said of it.
    for path in service.data.glob("snapshots.db*"):
        path.unlink()
    return types.SimpleNamespace(data=service.data, older=folder / "older.db")


@pytest.fixture
def judge(request):
    """Both verdicts over a data directory: (what the product says as JSON, the second verifier)."""
    def run(data, anchors, key=None):
        done = subprocess.run(
            [request.config.getoption("--program"), "replay", "verify", "--json", "--data", data,
             "--anchor-dir", anchors, *(["--key", key] if key else [])], capture_output=True, text=True, timeout=60, check=False,
            env=clean_environment())
        assert done.returncode in (0, 3), done
        said = json.loads(done.stdout) if done.stdout else {"findings": [{"what": done.stderr}]}
        second = verify_log(data, anchors, key)
        assert (done.returncode == 0) == (not second.findings), (said, second.findings)
        return said, second

    return run


def record_of(finding):
    return (finding["topic"], finding["partition"], finding["offset"]) \
        if {"topic", "offset"} <= finding.keys() else None


def attack(whole, tmp_path, change):
    """The damaged copy, and the first bad record."""
    shutil.copytree(whole.data, tmp_path / "data")
    return tmp_path / "data", change(Attacker(tmp_path / "data", whole.older))


def assert_agreed(name, bad, said, second):
    if name in UNSEEN:
        assert not second.findings and not second.is_anchored
        assert said["unanchored"] == UNANCHORED
        return
    assert second.findings, said
    assert KINDS[said["findings"][0].get("kind")] in str(second.findings[0]), (said, second.findings)
    if bad is not None:
        assert record_of(said["findings"][0]) == bad, said["findings"]
        assert second.findings[0].record == bad, second.findings


def test_an_untouched_log_is_whole_and_anchored_to_its_end_for_both(whole, judge):
    said, second = judge(whole.data, whole.data / ANCHORS)
    assert not second.findings and second.is_anchored and "unanchored" not in said
    assert said["events"] == said["anchored_events"] == said["archived_events"] == second.events
    assert said["events"] > 30


@pytest.mark.parametrize("name", log_damage.DAMAGES)
def test_damage_of_a_log_is_the_same_for_both(whole, judge, tmp_path, name):
    data, bad = attack(whole, tmp_path, log_damage.DAMAGES[name])
    said, second = judge(data, tmp_path / "no anchors")
    assert_agreed(name, bad, said, second)


@pytest.mark.parametrize("name", anchor_damage.DAMAGES)
def test_damage_that_concerns_anchors_is_the_same_for_both(whole, judge, tmp_path, name):
    data, bad = attack(whole, tmp_path, anchor_damage.DAMAGES[name])
    said, second = judge(data, data / ANCHORS)
    assert_agreed(name, bad, said, second)


def test_anchors_signed_anew_are_shown_by_a_key_kept_elsewhere(whole, judge, tmp_path):
    """Review of issue 5: nobody could name the key that a log's anchors must be signed with."""
    name = "AllAnchorsSignedAnewWithAnotherKey"
    data, _ = attack(whole, tmp_path, anchor_damage.DAMAGES[name])
    (data / "anchor.key").unlink()
    said, second = judge(data, data / ANCHORS)
    assert said["whole"] and second.is_anchored
    said, second = judge(data, data / ANCHORS, whole.data / ANCHORS / "anchor.pub")
    assert said["findings"][0]["kind"] == "anchor_key_changed"
    assert_agreed(name, None, said, second)


@pytest.mark.parametrize("file, damages", [
    ("verify_damage_test.cpp", log_damage.DAMAGES),
    ("anchor_damage_test.cpp", anchor_damage.DAMAGES)])
def test_no_damage_of_the_products_own_tests_is_left_out(file, damages):
    table = (ROOT / "tests" / "replay" / file).read_text("utf-8").partition("kAttacks{")[2]
    names = re.findall(r'^    \{"(\w+)",', table.partition("\n};")[0], re.MULTILINE)
    assert len(names) >= 15
    assert set(names) <= damages.keys()
