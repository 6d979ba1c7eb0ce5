"""`signalbox quarantine` on a real broker, beside services that run: what nobody may act on is listed,
shown, tried again where that helps, and dropped; what nobody can parse among the events is counted."""
import asyncio
import json
import subprocess

import pytest

from contract import partition_of
from harness import Client, clean_environment
from kafka_broker import Kafka, kcat

PARTITIONS = 4
USER = "anna"
SECRET = "a canary that only show may sing"  # noqa: S105 no password


@pytest.fixture
def log(kafka_address, make_log):
    return make_log(kafka_address, PARTITIONS)


@pytest.fixture
def quarantine(request, log):
    """Runs a verb; (exit code, standard output, standard error)."""
    program = request.config.getoption("--program")

    def run(*words):
        done = subprocess.run([program, "quarantine", *words, "--kafka", log[0], "--topic-prefix",
                               log[1]], capture_output=True, text=True, timeout=60, check=False,
                              env=clean_environment())
        return done.returncode, done.stdout, done.stderr

    return run


def produce(log, topic, partition, text, *headers, key=None):
    """One record as a stranger would write it."""
    words = [word for header in headers for word in ("-H", header)]
    words += ["-k", key] if key else []
    kcat(log[0], "-P", "-t", f"{log[1]}.{topic}", "-p", str(partition), *words, text=text + "\n")


def command_headers():
    return ["content-type=application/json", "ce_specversion=1.0", "ce_id=foreign-1",
            "ce_source=/elsewhere", "ce_type=dev.signalbox.command.user_message",
            "ce_time=2026-11-20T09:30:00Z", f"ce_subject={USER}", "ce_wsclientid=ws_foreign"]


def entries(quarantine, *words):
    code, said, trouble = quarantine("list", "--json", *words)
    assert code == 0, trouble
    return [json.loads(line) for line in said.splitlines()]


def wait_for(quarantine, count):
    return Kafka.wait_until(
        lambda: (found := entries(quarantine)) if len(entries(quarantine)) >= count else None,
        f"{count} records in quarantine")


def counter(process, name):
    return next(float(line.rsplit(" ", 1)[1]) for line in process.get("/metrics")[1].splitlines()
                if line.startswith(name + " "))


def test_what_is_in_quarantine_is_tried_again_or_dropped_while_services_run(
        make_service, log, quarantine):
    router = make_service("router", role="router", kafka=log).start()
    gateway = make_service("gateway", role="gateway", kafka=log).start()
    home = partition_of(USER, PARTITIONS)
    # A producer with another partitioner: nothing is wrong with it but its place.
    message = {"message_id": "m-1", "thread_id": "t", "content": "what is 17 * 23?"}
    produce(log, "inbound", (home + 1) % PARTITIONS, json.dumps(message), *command_headers(), key=USER)
    produce(log, "inbound", home, "{ " + SECRET)
    for partition in range(PARTITIONS):
        produce(log, "events", partition, "{ " + SECRET)
    by_reason = {entry["reason"]: entry for entry in wait_for(quarantine, 2)}
    assert set(by_reason) == {"wrong_partition", "malformed"}
    astray, nonsense = by_reason["wrong_partition"], by_reason["malformed"]
    assert astray["topic"] == nonsense["topic"] == "inbound"
    assert "user" not in nonsense and nonsense["partition"] == home
    code, said, _ = quarantine("list")
    assert code == 0 and SECRET not in said + router.log_tail()
    code, said, _ = quarantine("show", nonsense["id"])
    assert code == 0 and SECRET in said

    async def answered():
        async with Client(gateway, USER, from_="start") as client:
            assert not client.events()
            code, said, trouble = await asyncio.to_thread(quarantine, "retry", astray["id"])
            assert code == 0 and "in inbound again" in said, trouble
            done = await client.wait_for(type="agent_completed")
            assert "391" in done["data"]["content"]

    asyncio.run(answered())
    assert quarantine("drop", nonsense["id"])[0] == 0
    for verb in ("retry", "drop"):
        code, _, trouble = quarantine(verb, astray["id"])
        assert code == 1 and "resolved already, by retry" in trouble
        code, _, trouble = quarantine(verb, nonsense["id"])
        assert code == 1 and "resolved already, by drop" in trouble
    assert entries(quarantine) == []
    assert {entry["resolved"] for entry in entries(quarantine, "--all")} == {"retry", "drop"}
    # Whoever writes nonsense among the events harms nobody; it is counted.
    Kafka.wait_until(
        lambda: counter(router, "signalbox_router_records_malformed_total") == PARTITIONS,
        "what nobody can parse among the events")


def test_a_retry_of_what_is_still_wrong_is_in_quarantine_again(make_service, log, quarantine):
    make_service("router", role="router", kafka=log).start()
    produce(log, "inbound", partition_of(USER, PARTITIONS), "[1, 2", *command_headers(), key=USER)
    first, = wait_for(quarantine, 1)
    assert (first["reason"], first["user"]) == ("malformed", USER)
    assert quarantine("retry", first["id"])[0] == 0
    again, = wait_for(quarantine, 1)
    Kafka.wait_until(lambda: any(e["id"] != first["id"] for e in entries(quarantine)), "a second one")
    again, = entries(quarantine)
    assert again["offset"] > first["offset"]
