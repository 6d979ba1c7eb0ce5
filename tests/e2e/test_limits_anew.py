"""SIGHUP reads the limits anew: sockets that are open have them at once, what cannot change says so, and
a file that is wrong changes nothing."""
import asyncio
import re
import signal
import time

import pytest

from harness import WAIT_SECONDS, Client


@pytest.fixture
def box(make_service, tmp_path):
    """A service whose limits stand in a file."""
    service = make_service()
    service.limits = tmp_path / "box.toml"
    service.limits.write_text('[limits]\nconnects_exempt = ["10.0.0.0/8"]\n')
    service.command += ["--config", str(service.limits)]
    return service.start()


def reread(service, text, said):
    """Waits until the service's log says so."""
    before = service.log.stat().st_size
    service.limits.write_text('[limits]\nconnects_exempt = ["10.0.0.0/8"]\n' + text)
    service.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + WAIT_SECONDS
    while said not in service.log.read_text("utf-8")[before:]:
        assert time.monotonic() < deadline, service.log_tail()
        time.sleep(0.02)


def gauge(service, name):
    return float(re.search(rf'^signalbox_limit{{limit="{name}"}} (\S+)$', service.get("/metrics")[1],
                           re.MULTILINE)[1])


async def refusal(client, message_id, content="hello"):
    await client.send({"type": "user_message", "id": message_id, "message_id": message_id,
                       "thread_id": "thread-1", "content": content})
    answer = await client.wait_for(id=message_id)
    return answer.get("code")


def test_an_open_socket_has_the_new_limits_at_once(box):
    async def story():
        async with Client(box, "ann") as ann:
            assert await refusal(ann, "m1", "x" * 200) is None
            reread(box, "content_bytes_max = 100\n", "limits.content_bytes_max is 100 now")
            assert gauge(box, "content_bytes_max") == 100

            async def is_refused(number):
                return await refusal(ann, f"m2-{number}", "x" * 200) == "too_large"
            # The shards take it one after the other.
            assert any([await is_refused(number) for number in range(20)])
            assert await is_refused("last")
            assert await refusal(ann, "m3", "x" * 100) is None

            reread(box, "messages_per_second = 1\nmessages_burst = 2\n", "limits.messages_burst is 2 now")
            assert gauge(box, "content_bytes_max") == 32768, "gone from the file: as it is by itself"
            codes = await asyncio.gather(*(refusal(ann, f"m4-{number}") for number in range(20)))
            assert codes[0] is None and "rate_limited" in codes, codes

    asyncio.run(story())
    assert box.stop() == 0


def test_who_comes_has_the_new_limits(box):
    async def story():
        async with Client(box, "ann"), Client(box, "ann") as second:
            reread(box, "sockets_per_user_max = 1\n", "limits.sockets_per_user_max is 1 now")
            third = Client(box, "ann")
            await third.connect()
            assert await third.wait_closed() == 4409
            await second.say("m1", "who is there stays")
        reread(box, "connects_burst = 1\nconnects_per_second = 1\n", "limits.connects_burst is 1 now")
        many = [Client(box, "bob") for _ in range(10)]
        came = await asyncio.gather(*(one.connect() for one in many), return_exceptions=True)
        assert any("429" in str(failure) for failure in came if failure)
        for one, failure in zip(many, came):
            if not failure:
                await one.close()

    asyncio.run(story())
    assert box.stop() == 0


def test_what_cannot_change_is_told_of_and_a_wrong_file_changes_nothing(box):
    reread(box, "log_scans_max = 7\nheartbeat = \"20s\"\n",
           "limits.log_scans_max has changed; that takes effect at the next start")
    assert (gauge(box, "log_scans_max"), gauge(box, "heartbeat")) == (2, 20)
    reread(box, "heartbeat = \"21s\"\nmesages_burst = 3\n",
           "box.toml:4: unknown key limits.mesages_burst")
    assert gauge(box, "heartbeat") == 20
    reread(box, "waiting_per_user = 1000\n[router]\nopen_events_max = 2048\n",
           "router.open_events_max must be at least")  # which stays as it is until the next start
    assert gauge(box, "waiting_per_user") == 128
    reread(box, "heartbeat = \"50s\"\nheartbeat_lost = \"40s\"\n",
           "limits.heartbeat_lost must be longer than limits.heartbeat; the limits stay as they are")
    assert gauge(box, "heartbeat") == 20
    assert box.stop() == 0


def test_the_router_takes_its_limits_too(box):
    async def story():
        async with Client(box, "ann") as ann:
            reread(box, "queue_per_thread = 0\n", "limits.queue_per_thread is 0 now")
            for number in range(20):
                await ann.send({"type": "user_message", "message_id": f"m{number}",
                                "thread_id": "thread-1", "content": "what time is it?"})
            rejected = await ann.wait_for(type="message_rejected")
            assert rejected["data"]["code"] == "queue_full"

    asyncio.run(story())
    assert box.stop() == 0
