"""`[contract] write`: services that are told to write the older version, and a log with both."""
import asyncio
import json

import log_check
import log_reader

from harness import ROOT, Client, assert_gapless

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
