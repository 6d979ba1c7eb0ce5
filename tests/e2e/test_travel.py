"""Snapshots that travel, on a real broker: who takes a partition over folds what changed since, and no
more, also behind what compaction took; a partition is handed over, not cut off."""
import asyncio
import json

import contract
from harness import Client, assert_gapless
from kafka_broker import Kafka, consume, fresh_prefix
from kafka_reader import KafkaReader

USERS = [f"user-{i}" for i in range(12)]


def counter(process, name):
    return next(float(line.rsplit(" ", 1)[1]) for line in process.get("/metrics")[1].splitlines()
                if line.startswith(name + " "))


def is_ready(router):
    """It owns something and serves it; one without a partition is a ready spare."""
    status, body = router.get("/readyz")
    return status == 200 and bool(json.loads(body)["router"]["partitions"])


def talk(gateway, message, users):
    """Each of them is answered; how many events they have then, all in all."""
    async def one(user):
        async with Client(gateway, user, from_="start") as client:
            await client.wait_for_end(await client.say(message, "what is 2 + 2?"))
            assert_gapless(client.events())
            return len(client.events())

    async def everybody():
        return sum(await asyncio.gather(*map(one, users)))

    return asyncio.run(everybody())


def wait_for_counter(router, name, value):
    """Figures are a second old at most."""
    Kafka.wait_until(lambda: counter(router, name) == value, f"{name} {value}")


def warm(standby, after):
    """It has read what there is, and something."""
    Kafka.wait_until(lambda: counter(standby, "signalbox_snapshots_behind") == 0
                     and counter(standby, "signalbox_snapshots_taken_total") > after,
                     "a warm standby")


def folded_nothing_wrong(router):
    for name in ("rebuilds_total", "users_damaged_total", "snapshots_refused_total"):
        assert counter(router, f"signalbox_router_{name}") == 0, name


def folded(router):
    """Events of others that it folded when it took over: all valid ones without its own."""
    assert is_ready(router)
    return (counter(router, "signalbox_router_records_valid_total")
            - counter(router, "signalbox_router_events_total"))


def test_who_takes_over_folds_what_changed_since_and_no_more(make_service, kafka_address, make_log):
    log = make_log(kafka_address)
    gateway = make_service("gateway", role="gateway", kafka=log).start()
    first = make_service("router-0", role="router", kafka=log).start()
    talk(gateway, "m-1", USERS)
    assert first.stop() == 0  # in order: its last snapshots hold everything
    # Another machine, which knows what travelled and no more.
    second = make_service("router-1", role="router", kafka=log).start()
    Kafka.wait_until(lambda: counter(second, "signalbox_router_records_control_total") > 0,
                     "figures of after its claim")
    assert folded(second) == 0
    first.start(may_wait=True)
    routers = first, second
    Kafka.wait_until(lambda: sum(map(is_ready, routers)) == 1, "one owner of one partition")
    owner, standby = sorted(routers, key=is_ready, reverse=True)
    some = USERS[:3]
    had = talk(gateway, "m-2", some) // 2
    wait_for_counter(owner, "signalbox_router_events_total", had)
    folded_nothing_wrong(owner)
    before = counter(standby, "signalbox_router_records_valid_total")
    owner.kill()  # without a word: what those three did stands in no snapshot
    Kafka.wait_until(lambda: is_ready(standby), "the owner after a kill")
    wait_for_counter(standby, "signalbox_router_records_valid_total", before + had)
    folded_nothing_wrong(standby)
    talk(gateway, "m-3", USERS)
    folded_nothing_wrong(standby)


def owners_of_runs(log):
    """User -> the epochs whose owners wrote what his one run did after it was begun."""
    owners = {}
    with KafkaReader(*log) as reader:
        for partition in range(reader.partitions):
            for record in reader.records("events", partition):
                if "ce_runid" in record.headers and not record.headers["ce_type"].endswith(".message_received"):
                    owners.setdefault(record.key, set()).add(record.headers["ce_ownerepoch"])
    return owners


def test_a_partition_is_handed_to_a_router_that_joins_between_two_steps(
        make_service, kafka_address, make_log):
    log = make_log(kafka_address, partitions=2)
    slow = {"playbook_latency_scale": "600"}  # a call takes 0.6 to 4.8 s
    gateway = make_service("gateway", role="gateway", kafka=log).start()
    make_service("router-0", role="router", kafka=log, **slow).start()

    async def chat(user):
        async with Client(gateway, user, from_="start") as client:
            run = await client.say("m-1", "one Chai Latte please", agent="playbook")
            events = await client.wait_for_end(run)
            assert_gapless(client.events())
            return events

    async def joined():
        runs = [asyncio.create_task(chat(user)) for user in USERS]
        await asyncio.sleep(0.5)
        other = make_service("router-1", role="router", kafka=log, **slow)
        await asyncio.to_thread(other.start, True)
        return other, await asyncio.gather(*runs)

    other, runs = asyncio.run(joined())
    moved = {int(partition) for partition in json.loads(other.get("/readyz")[1])["router"]["partitions"]}
    assert len(moved) == 1
    owners = owners_of_runs(log)
    resumed = {user: sum(e["type"] == "run_resumed" for e in events)
               for user, events in zip(USERS, runs, strict=True)}
    assert any(resumed.values())
    for user, times in resumed.items():
        # One that ended before its partition moved has one owner.
        assert times == len(owners[user]) - 1, user
        assert times == 0 or contract.partition_of(user, 2) in moved, f"{user} was interrupted for others"
    for events in runs:
        assert events[-1]["type"] == "agent_completed"
        calls = [e["data"]["call_id"] for e in events if e["type"] == "tool_executing"]
        assert len(calls) == len(set(calls)), "a step was cut off and done again"
        assert {e["data"]["reason"] for e in events if e["type"] == "run_resumed"} <= {"released"}


def users_in(log):
    """Users' keys of records in the topic, as often as they are there."""
    return [record["key"] for record in consume(log[0], f"{log[1]}.snapshots", partition=0)
            if not record["key"].startswith("!")]


def test_a_standby_that_comes_back_behind_what_compaction_took_is_told_all(
        make_service, make_kafka, make_log):
    kafka = make_kafka()
    kafka.start()
    prefix = fresh_prefix()
    kafka.create_topic(f"{prefix}.snapshots", cleanup_policy="compact", segment_ms=1000,
                       min_cleanable_dirty_ratio=0.001, max_compaction_lag_ms=1000)
    log = make_log(kafka.address, prefix=prefix)
    gateway = make_service("gateway", role="gateway", kafka=log).start()
    owner = make_service("router-0", role="router", kafka=log).start()
    talk(gateway, "m-0", USERS)
    assert owner.stop() == 0
    standby = make_service("router-1", role="router", kafka=log).start()
    talk(gateway, "m-1", USERS[:4])
    standby.kill()  # in the middle: what comes now it reads when it is back
    owner.start(may_wait=True)
    Kafka.wait_until(lambda: is_ready(owner), "the owner")
    for number in range(2, 6):
        talk(gateway, f"m-{number}", USERS)
        assert owner.stop() == 0
        owner.start(may_wait=True)
        Kafka.wait_until(lambda: is_ready(owner), "the owner again")
    written = len(users_in(log))

    def compacted():
        talk(gateway, f"m-{compacted.number}", USERS[:1])
        assert owner.stop() == 0  # a record closes the segment before it
        owner.start(may_wait=True)
        Kafka.wait_until(lambda: is_ready(owner), "the owner again")
        compacted.number += 1
        return len(users_in(log)) < written

    compacted.number = 6
    Kafka.wait_until(compacted, "what compaction leaves")
    assert set(users_in(log)) == set(USERS)
    standby.start(may_wait=True)
    warm(standby, 0)
    assert owner.stop() == 0
    Kafka.wait_until(lambda: is_ready(standby), "the standby as owner")
    talk(gateway, "m-last", USERS)
    Kafka.wait_until(lambda: counter(standby, "signalbox_router_events_total") > 0, "its events")
    assert folded(standby) == 0
    folded_nothing_wrong(standby)
    assert counter(standby, "signalbox_snapshots_unusable_total") == 0
