"""A client that loses the network comes back with its cursor and misses nothing, gets nothing twice."""
import asyncio
import contextlib
import random
import re
import sqlite3
import time

import contract
import log_check
import log_reader

from harness import WAIT_SECONDS, Client, assert_gapless

USER = "105945141827451681156"


def test_what_happened_while_away_comes_after_the_cursor_and_nothing_twice(service):
    async def story():
        async with Client(service, USER) as other:
            client = Client(service, USER, from_="start")
            seen = []
            cursor = None
            for number in range(12):
                client = Client(service, USER, cursor=cursor, from_=None if cursor else "start")
                async with client:
                    run = await client.say(f"m-{number}", f"what is {number} + 1?")
                    # Cut at different places: before, in and after the run.
                    if number % 3 == 1:
                        await client.wait_for(type="agent_started", run_id=run)
                    elif number % 3 == 2:
                        await client.wait_for_end(run)
                    await client.drop()
                seen += client.events()
                cursor = client.last_cursor()
                await other.wait_for_end(run)  # a lost network never cancels a run
            async with Client(service, USER, cursor=cursor) as client:
                await client.wait_for(type="caught_up")
            seen += client.events()
            assert_gapless(seen)
            assert [event["seq"] for event in seen] == [event["seq"] for event in other.events()]

    asyncio.run(story())
    assert service.stop() == 0
    assert log_check.check(service.data, complete=True).faults == []


def test_any_cursor_ever_seen_leads_to_the_same_rest(service):
    async def story():
        async with Client(service, USER) as client:
            for number in range(5):
                await client.wait_for_end(await client.say(f"m-{number}", f"what is {number}+1?"))
            events = client.events()
        for event in random.Random(7).sample(events, 6):
            async with Client(service, USER, cursor=event["cursor"]) as again:
                await again.wait_for(type="caught_up")
                assert again.events() == events[event["seq"]:]

    asyncio.run(story())


def test_resume_on_an_open_socket_starts_over_from_the_start(service):
    async def story():
        async with Client(service, USER) as client:
            await client.wait_for_end(await client.say("m", "what is 1 + 1?"))
            events = client.events()
            client.frames.clear()
            await client.send({"type": "resume", "from": "start"})
            await client.wait_for(type="caught_up")
            assert client.events() == events
            await client.wait_for_end(await client.say("m-2", "what is 2 + 2?"))
            assert_gapless(client.events())

    asyncio.run(story())


def test_history_survives_a_restart_and_cursors_stay_good(make_service):
    first = make_service().start()

    async def before():
        async with Client(first, USER) as client:
            await client.wait_for_end(await client.say("m-1", "what is 1 + 1?"))
            return client.events()

    events = asyncio.run(before())
    assert first.stop() == 0
    second = make_service().start()

    async def after():
        async with Client(second, USER, cursor=events[0]["cursor"]) as client:
            await client.wait_for(type="caught_up")
            assert client.events() == events[1:]
            await client.wait_for_end(await client.say("m-2", "what is 2 + 2?"))
            assert_gapless(client.events(), first=2)
        async with Client(second, USER, from_="start") as client:
            await client.wait_for(type="caught_up")
            assert_gapless(client.events())
            assert client.events()[:len(events)] == events

    asyncio.run(after())
    assert second.stop() == 0
    assert log_check.check(second.data, complete=True).faults == []


def test_what_is_older_than_the_window_comes_from_the_archive_once_and_in_order(make_service):
    first = make_service().start()
    thousands = "x" * 6000

    async def before():
        async with Client(first, USER) as client:
            for number in range(25):
                run = await client.say(f"m-{number}", f"what is {number} + 1? {thousands}")
                await client.wait_for_end(run)
            return client.events()

    events = asyncio.run(before())
    assert first.stop() == 0
    second = make_service(limits_window_bytes_max="65536").start()

    async def after():
        async with Client(second, USER, cursor=events[2]["cursor"]) as client:
            await client.wait_for(type="caught_up")
            assert client.events() == events[3:]
            assert client.frames[-1]["type"] == "caught_up"
            # What comes after that is live, and follows without a gap.
            await client.wait_for_end(await client.say("m-later", "what is 2 + 2?"))
            assert_gapless(client.events(), first=4)
        pages = re.search(r'^signalbox_gateway_catch_up_pages_total\{source="history"\} (\d+)$',
                          second.get("/metrics")[1], re.MULTILINE)
        assert pages and int(pages[1]) > 0

    asyncio.run(after())
    assert second.stop() == 0
    assert log_check.check(second.data, complete=True).faults == []


def test_a_cursor_of_somebody_else_is_refused_and_nothing_flows_until_resume(service):
    async def story():
        async with Client(service, "alice") as alice:
            await alice.wait_for_end(await alice.say("m", "what is 1 + 1?"))
            cursor = alice.last_cursor()
        async with Client(service, "bob", cursor=cursor) as bob:
            error = await bob.wait_for(type="error", code="cursor_invalid")
            assert error["reason"] in ("other_user", "other_partition")
            assert "cursor" not in bob.frames[0]
            await bob.send({"type": "resume", "from": "start"})
            await bob.wait_for(type="caught_up")
            assert bob.events() == []
            await bob.wait_for_end(await bob.say("m", "what is 1 + 1?"))
            assert {event["user_id"] for event in bob.events()} == {"bob"}

    asyncio.run(story())


def test_a_row_that_changed_closes_its_partition_with_4004_until_it_is_restored(make_service):
    partitions = 12
    partition = contract.partition_of("ann", partitions)
    other = next(name for name in (f"bob-{n}" for n in range(100))
                 if contract.partition_of(name, partitions) != partition)
    place = log_reader.TOPICS["events"] << 24 | partition

    async def talk(user, message_id, **query):
        async with Client(service, user, **query) as client:
            await client.wait_for_end(await client.say(message_id, "1+1"))
            return client.events()

    async def end(**query):
        client = Client(service, "ann", **query)
        await client.connect()
        return await client.wait_closed(), [frame.get("code") for frame in client.frames]

    def wait_for_readiness(wanted):
        deadline = time.monotonic() + WAIT_SECONDS
        while (answer := service.get("/readyz"))[0] != wanted:
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)
        return answer[1]

    def write(value):
        with contextlib.closing(sqlite3.connect(service.data / "log.db")) as database, database:
            database.execute('UPDATE records SET value = ? WHERE place = ? AND "offset" = ?',
                             [value, place, offset])

    service = make_service(limits_partition_retry_max="500ms").start()
    events = asyncio.run(talk("ann", "m1", from_="start"))
    assert service.stop() == 0
    with log_reader.LogReader(service.data) as log:
        offset, value = next((record.offset, record.value)
                             for record in log.records("events", partition)
                             if record.headers.get("ce_userseq") == "3")
    write(value[:-1] + b" ")
    service.start(may_wait=True)  # one row is no reason for the others to wait
    for query in ({"from_": "start"}, {"cursor": events[0]["cursor"]}):
        assert asyncio.run(end(**query)) == (4004, ["log_unavailable"])
    assert_gapless(asyncio.run(talk(other, "m1", from_="start")))
    assert f"partition {partition} offset {offset}" in wait_for_readiness(503)

    write(value)
    wait_for_readiness(200)
    assert_gapless(asyncio.run(talk("ann", "m2", cursor=events[0]["cursor"])), first=2)
    assert service.stop() == 0
