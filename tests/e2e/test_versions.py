"""`[contract] write`: services that are told to write the older version, and a log with both."""
import asyncio
import contextlib
import json
import sqlite3
import threading
import time
import urllib.error

import log_check
import log_reader

from contract import chain_next, prefixed
from harness import ROOT, WAIT_SECONDS, Client, assert_gapless

USER = "105945141827451681156"
SCHEMAS = ROOT / "event-store" / "contract" / "schemas" / "event"
TYPES_OF_TWO_VERSIONS = {path.name.removesuffix(".v2.json") for path in SCHEMAS.glob("*.v2.json")}


async def talk(service, numbers):
    """Asks these, waits for the ends; all that the user ever got, and each answer of now."""
    async with Client(service, USER, from_="start") as client:
        await client.wait_for(type="caught_up")
        answers = []
        for number in numbers:
            events = await client.wait_for_end(await client.say(f"m-{number}",
                                                                f"what is {number} * 10?"))
            answers.append(events[-1]["data"]["content"])
        assert_gapless(client.events())
        return client.events(), answers


def versions(service):
    """(type, version, data) of every event of the log, in order."""
    found = []
    with log_reader.LogReader(service.data) as log:
        for partition in range(log.partitions):
            for record in log.records("events", partition):
                if "ce_userseq" not in record.headers:
                    continue
                _, name, version = record.headers["ce_dataschema"].rsplit(":", 2)
                data = json.loads(record.value)
                if name in TYPES_OF_TWO_VERSIONS and version == "1":
                    assert data["websocket_connection_id"] == record.headers["ce_wsclientid"]
                found.append((name, int(version), data))
    return found


def required(name, version):
    return json.loads((SCHEMAS / f"{name}.v{version}.json").read_text("utf-8"))["required"]


def test_told_to_write_the_older_version_every_event_is_what_a_reader_of_then_asks_for(
        make_service):
    service = make_service(contract_write="1").start()
    _, answers = asyncio.run(talk(service, range(3)))
    assert service.stop() == 0
    events = versions(service)
    assert {version for _, version, _ in events} == {1}
    assert {"agent_started", "tool_executing", "tool_completed",
            "agent_completed"} <= {name for name, _, _ in events}
    for name, _, data in events:
        assert set(required(name, 1)) <= set(data), name
        assert "websocket_client_id" not in data
    assert ["0" in answers[0], "10" in answers[1], "20" in answers[2]] == [True] * 3
    assert log_check.check(service.data, complete=True).faults == []


def test_a_log_of_both_versions_folds_and_reads_as_one_history(make_service):
    old = make_service(contract_write="1").start()
    before, _ = asyncio.run(talk(old, range(3)))
    old.kill()
    for path in old.data.glob("snapshots.db*"):
        path.unlink()  # so that the next owner has to fold every event again
    new = make_service().start()
    after, _ = asyncio.run(talk(new, range(3, 5)))
    assert new.stop() == 0
    assert [frame["seq"] for frame in after[:len(before)]] == [frame["seq"] for frame in before]
    assert after[:len(before)] == before
    written = [version for name, version, _ in versions(new) if name in TYPES_OF_TWO_VERSIONS]
    assert written == sorted(written) and set(written) == {1, 2}
    assert log_check.check(new.data, complete=True).faults == []


def test_back_to_the_older_version_is_only_a_matter_of_what_is_written(make_service):
    new = make_service().start()
    asyncio.run(talk(new, range(2)))
    assert new.stop() == 0
    old = make_service(contract_write="1").start()
    asyncio.run(talk(old, range(2, 4)))
    assert old.stop() == 0
    written = [version for name, version, _ in versions(old) if name in TYPES_OF_TWO_VERSIONS]
    assert written == sorted(written, reverse=True) and set(written) == {1, 2}
    assert log_check.check(old.data, complete=True).faults == []


def append_event_of_the_next_version(data, version=99):
    """As the next build would write it, after the newest event; (partition, its type)."""
    with log_reader.LogReader(data) as log:
        partition = next(partition for partition in range(log.partitions)
                         if any(record.key for record in log.records("events", partition)))
        records = log.records("events", partition)
    newest = next(record for record in reversed(records) if record.key)
    headers = dict(newest.headers)
    schema, _ = headers["ce_dataschema"].rsplit(":", 1)
    headers["ce_dataschema"] = f"{schema}:{version}"
    for name in ("ce_userseq", "ce_ownerseq"):
        headers[name] = str(int(headers[name]) + 1)
    headers["ce_chainhash"] = chain_next(bytes.fromhex(headers["ce_chainhash"]), headers,
                                         newest.value).hex()
    packed = b"".join(prefixed(text) for pair in headers.items() for text in pair)
    place = log_reader.TOPICS["events"] << 24 | partition
    offset = records[-1].offset + 1
    key = newest.key.encode("utf-8")
    with contextlib.closing(sqlite3.connect(data / log_reader.LOG_FILE)) as database, database:
        [(at,)] = database.execute("SELECT max(appended_at) FROM records WHERE place = ?", [place])
        database.execute(
            "INSERT INTO records VALUES (1000000, ?, ?, ?, ?, ?, ?, ?)",
            [place, offset, at, key, packed, newest.value,
             log_reader.row_checksum(place, offset, at, key, packed, newest.value)])
        database.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", [place, offset + 1])
    return partition, schema.rsplit(":", 1)[1]


def poll(service, path, found):
    """The first answer of that path that found() takes."""
    deadline = time.monotonic() + WAIT_SECONDS
    answer = None
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            answer = service.get(path)
            if found(answer):
                return answer
        time.sleep(0.05)
    raise AssertionError(f"{path} said last: {answer}; log:\n{service.log_tail()}")


def test_a_router_that_cannot_fold_an_event_does_not_own_its_partition_and_ends_with_75(
        make_service):
    service = make_service().start()
    asyncio.run(talk(service, range(1)))
    service.kill()
    partition, name = append_event_of_the_next_version(service.data)
    with log_reader.LogReader(service.data) as log:
        before = len(log.records("events", partition))
    reason = rf"partition {partition}: stopped: this version reads {name} up to version"
    starting = threading.Thread(target=service.start, kwargs={"may_wait": True})
    starting.start()
    try:
        status, _ = poll(service, "/readyz", lambda answer: reason in answer[1])
        assert status == 503
    finally:
        starting.join()
    assert "not ready" in service.said
    assert service.process.wait(WAIT_SECONDS) == 75
    service.process.stdout.close()
    assert "this version cannot fold an event of its log" in service.log_tail()
    assert f"partition {partition} stops: this version reads {name}" in service.log_tail()
    with log_reader.LogReader(service.data) as log:
        assert len(log.records("events", partition)) == before, "it wrote what it may not own"
        others = [p for p in range(log.partitions) if p != partition]
        for other in others:
            assert log.records("events", other)[-1].headers["ce_type"].endswith("released"), other
