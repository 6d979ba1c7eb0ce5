"""`signalbox quarantine`: a record nobody may act on is listed, shown, tried again and dropped."""
import asyncio
import contextlib
import json
import sqlite3
import subprocess
import time

import pytest

from contract import partition_of, prefixed
from harness import WAIT_SECONDS, Client
from log_reader import TOPICS, LogReader, row_checksum

USER = "anna"
SECRET = "a canary that only show may sing"  # noqa: S105 no password


@pytest.fixture
def quarantine(request):
    """Runs a verb over a service's data; (exit code, standard output, standard error)."""
    program = request.config.getoption("--program")

    def run(service, *words):
        done = subprocess.run([program, "quarantine", *words, "--data", str(service.data)],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def write_inbound(service, value, headers):
    """What a foreign producer would append; the service is stopped. Its partition."""
    with LogReader(service.data) as log:
        partition = partition_of(USER, log.partitions)
        offset = len(log.records("inbound", partition))
    place = TOPICS["inbound"] << 24 | partition
    packed = b"".join(prefixed(text.encode()) for pair in headers.items() for text in pair)
    checksum = row_checksum(place, offset, 7, USER.encode(), packed, value)
    with contextlib.closing(sqlite3.connect(service.data / "log.db")) as database, database:
        database.execute(
            'INSERT INTO records (id, place, "offset", appended_at, key, headers, value, sha256)'
            " VALUES (1000000, ?, ?, 7, ?, ?, ?, ?)",
            (place, offset, USER.encode(), packed, value, checksum))
        database.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (place, offset + 1))
    return partition


def wait_for_quarantine(service, partition, count):
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        with LogReader(service.data) as log:
            records = log.records("quarantine", partition)
        if len(records) >= count:
            return records
        assert time.monotonic() < deadline, records
        time.sleep(0.05)


@pytest.fixture
def poisoned(service):
    """A service that was given a command without `content`, and what became of it."""
    service.stop()
    headers = {"content-type": "application/json", "ce_specversion": "1.0", "ce_id": "foreign-1",
               "ce_source": "/elsewhere", "ce_type": "dev.signalbox.command.user_message",
               "ce_time": "2026-11-20T09:30:00Z", "ce_subject": USER, "ce_wsclientid": "ws_foreign"}
    value = json.dumps({"message_id": "m-1", "note": SECRET}).encode()
    partition = write_inbound(service, value, headers)
    service.start(may_wait=True)
    wait_for_quarantine(service, partition, 1)
    return service, partition


def listed(quarantine, service, *words):
    code, said, trouble = quarantine(service, "list", "--json", *words)
    assert code == 0, trouble
    return [json.loads(line) for line in said.splitlines()]


async def rejections(service, count):
    """At least so many: one is stated after its record is in quarantine."""
    async with Client(service, USER, from_="start") as client:
        def found():
            return [e for e in client.events() if e["type"] == "message_rejected"]
        await client.wait_for(type="caught_up")
        await client.wait_until(lambda: len(found()) >= count, f"{count} rejections")
        return found()


def test_what_is_in_quarantine_is_listed_beside_a_running_service(poisoned, quarantine):
    service, partition = poisoned
    entry, = listed(quarantine, service)
    assert entry["reason"] == "malformed"
    assert (entry["topic"], entry["partition"], entry["user"]) == ("inbound", partition, USER)
    assert entry["type"] == "dev.signalbox.command.user_message"
    code, said, _ = quarantine(service, "list")
    assert code == 0 and said.startswith(entry["id"])
    assert SECRET not in said + service.log_tail()
    code, said, _ = quarantine(service, "show", entry["id"])
    assert code == 0 and SECRET in said and "ce_source: /elsewhere" in said


def test_who_would_write_beside_a_running_service_is_told_to_wait(poisoned, quarantine):
    service, _ = poisoned
    entry, = listed(quarantine, service)
    for verb in ("retry", "drop"):
        code, _, trouble = quarantine(service, verb, entry["id"])
        assert code == 75 and "stop it first" in trouble
    assert len(listed(quarantine, service)) == 1


def test_a_retry_has_an_outcome_and_is_done_once(poisoned, quarantine):
    service, partition = poisoned
    entry, = listed(quarantine, service)
    assert len(asyncio.run(rejections(service, 1))) == 1
    service.stop()
    code, said, trouble = quarantine(service, "retry", entry["id"])
    assert code == 0 and "in inbound again" in said, trouble
    for verb in ("retry", "drop"):
        code, _, trouble = quarantine(service, verb, entry["id"])
        assert code == 1 and "resolved already, by retry" in trouble
    assert listed(quarantine, service) == []
    assert listed(quarantine, service, "--all")[0]["resolved"] == "retry"
    service.start(may_wait=True)
    # It is what it was: it has its outcome, and is in quarantine under another id.
    wait_for_quarantine(service, partition, 3)
    assert len(asyncio.run(rejections(service, 2))) == 2
    again, = listed(quarantine, service)
    assert again["id"] != entry["id"] and again["offset"] > entry["offset"]


def test_what_is_dropped_is_not_tried(poisoned, quarantine):
    service, partition = poisoned
    entry, = listed(quarantine, service)
    service.stop()
    with LogReader(service.data) as log:
        before = len(log.records("inbound", partition))
    assert quarantine(service, "drop", entry["id"])[0] == 0
    with LogReader(service.data) as log:
        assert len(log.records("inbound", partition)) == before
    assert listed(quarantine, service) == []
    assert listed(quarantine, service, "--all")[0]["resolved"] == "drop"


def test_what_is_not_there_is_said(service, quarantine):
    code, _, trouble = quarantine(service, "show", "00000000-0000-4000-8000-000000000000")
    assert code == 1 and "no record with this id" in trouble
