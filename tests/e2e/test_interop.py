"""Stock tools that share no code with us and our topics: kcat, Kafka's own Java tools and the
CloudEvents SDK read every record; a stock Java producer sends a command and is served like anybody."""
import asyncio
import json
import os
import pathlib
import re
import subprocess
import uuid

import pytest

import contract
import log_check
from harness import ROOT, Client, Service, assert_gapless, clean_environment
from kafka_broker import Kafka, consume, fresh_prefix, kcat, skip_without_kafka
from kafka_reader import KafkaReader, as_record

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TOPICS = ["inbound", "events", "progress", "connections", "quarantine", "snapshots"]
USERS = ["105945141827451681156", "Zoë", "a b,c=d"]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    """A broker, since the Java tools are run against the one that ops/kafka/up knows the folder of."""
    cluster = Kafka(tmp_path_factory.mktemp("kafka") / "data")
    cluster.start()
    yield cluster
    cluster.stop()


def send_what_nobody_understands(address, prefix):
    """A valid CloudEvent that is no command of any version; waits until it is in quarantine."""
    user = USERS[0]
    headers = {"content-type": "application/json", "ce_specversion": "1.0", "ce_id": str(uuid.uuid4()),
               "ce_source": "https://shop.example/orders", "ce_type": "dev.signalbox.command.sing",
               "ce_time": "2026-11-20T09:30:00.000000Z", "ce_subject": user, "ce_partitionkey": user,
               "ce_dataschema": "urn:signalbox:contract:command.sing:1"}
    kcat(address, "-P", "-t", f"{prefix}.inbound", "-p", str(contract.partition_of(user, 4)), "-k", user,
         *[word for name, text in headers.items() for word in ("-H", f"{name}={text}")], text="{}\n")
    Kafka.wait_until(lambda: consume(address, f"{prefix}.quarantine"), "a record in quarantine")


@pytest.fixture(scope="module")
def box(request, kafka, tmp_path_factory):
    """A service on that broker, in which some users have talked: (service, prefix)."""
    program, prefix = request.config.getoption("--program"), fresh_prefix()
    subprocess.run([program, "topics", "create", "--kafka", kafka.address, "--topic-prefix", prefix,
                    "--partitions", "4"], check=True, timeout=60, env=clean_environment(),
                   stdout=subprocess.DEVNULL)
    service = Service(program, tmp_path_factory.mktemp("box") / "data", kafka_brokers=kafka.address,
                      kafka_topic_prefix=prefix).start()

    async def talk(user):
        async with Client(service, user) as client:
            for number in (17, 23):
                run = await client.say(f"m-{number}", f"what is {number} * 3?")
                end = (await client.wait_for_end(run))[-1]
                assert end["type"] == "agent_completed", end
                assert str(number * 3) in end["data"]["content"], end
            assert_gapless(client.events())

    for user in USERS:
        asyncio.run(talk(user))
    send_what_nobody_understands(kafka.address, prefix)
    assert service.stop() == 0  # in order: it leaves a snapshot of each user
    service.start()
    yield service, prefix
    service.stop()


def printed_records(kafka, prefix, topic):
    return consume(kafka.address, f"{prefix}.{topic}")


def test_kcat_parses_every_header_and_payload(kafka, box):
    _, prefix = box
    for topic in TOPICS:
        printed = printed_records(kafka, prefix, topic)
        assert printed, topic
        for one in printed:
            record = as_record(one)
            headers = record.headers
            assert headers["ce_specversion"] == "1.0", one
            assert headers["content-type"] == "application/json", one
            assert TIME.fullmatch(headers["ce_time"]), one
            assert headers["ce_id"] and headers["ce_source"] and headers["ce_type"], one
            assert re.fullmatch(r"urn:signalbox:contract:[a-z_.]+:\d+", headers["ce_dataschema"]), one
            assert isinstance(json.loads(record.value), dict), one
            if record.key is None:
                assert "ce_subject" not in headers, one
                continue
            if topic == "snapshots" and record.key.startswith("!"):  # of a partition, not of a user
                assert "ce_subject" not in headers, one
                assert record.key == f"!partition/{one['partition']}", one
                continue
            assert headers["ce_subject"] == headers["ce_partitionkey"] == record.key, one
            assert one["partition"] == contract.partition_of(record.key, 4), one
    users = {one["key"] for one in printed_records(kafka, prefix, "events")} - {None}
    assert users == set(USERS)
    assert set(USERS) <= {one["key"] for one in printed_records(kafka, prefix, "snapshots")}
    assert [one["key"] for one in printed_records(kafka, prefix, "quarantine")] == USERS[:1]


def test_an_independent_checker_finds_the_log_on_kafka_whole(kafka, box):
    _, prefix = box
    report = log_check.check_log(KafkaReader(kafka.address, prefix), complete=True)
    assert report.faults == []
    assert {user for user, _ in report.messages} >= set(USERS)


def test_the_cloudevents_sdk_takes_every_record(kafka, box):
    _, prefix = box
    npm = os.environ.get("SIGNALBOX_NPM", "")
    if not pathlib.Path(npm, "node_modules", "cloudevents").is_dir():
        skip_without_kafka("needs the npm package cloudevents, which install.sh could not install")
    for topic in TOPICS:
        printed = printed_records(kafka, prefix, topic)
        done = subprocess.run(["node", str(ROOT / "tests/e2e/interop/cloud_events.mjs")], text=True,
                              input="".join(json.dumps(one) + "\n" for one in printed),
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(events) == len(printed)
        for one, event in zip(printed, events, strict=True):
            headers = as_record(one).headers
            assert event["id"] == headers["ce_id"]
            assert event["type"] == headers["ce_type"]
            assert event.get("subject") == headers.get("ce_subject")
            assert event["dataschema"] == headers["ce_dataschema"]
            assert event["data"] == json.loads(one["payload"])
            if topic == "events" and one["key"] is not None:
                assert event["userseq"] == headers["ce_userseq"]


def test_the_java_console_consumer_reads_what_kcat_reads(kafka, box):
    _, prefix = box
    printed = printed_records(kafka, prefix, "events")
    said = kafka.console_consumer(f"{prefix}.events", len(printed), "--property", "print.key=true",
                                  "--property", "print.headers=true", "--property", "print.partition=true",
                                  "--property", "key.separator=\x02")
    lines = [line.split("\x02") for line in said.splitlines() if line.startswith("Partition:")]
    seen = {(parts[0], parts[1], parts[2], parts[3]) for parts in lines}
    assert len(lines) == len(printed)
    for one in printed:
        texts = one["headers"]
        headers = ",".join(f"{name}:{value}" for name, value in zip(texts[::2], texts[1::2], strict=True))
        key = "null" if one["key"] is None else one["key"]
        assert (f"Partition:{one['partition']}", headers, key, one["payload"]) in seen, one


def test_the_broker_has_what_idempotent_producers_sent_compressed(kafka, box):
    _, prefix = box
    codecs = set()
    for topic in ("events", "inbound"):
        # As the broker numbers producers: those that are not idempotent are -1. An idempotent one of
        # librdkafka cannot be made without acks of all replicas.
        batches = kafka.batches(f"{prefix}.{topic}")
        strangers = [batch for batch in batches if int(batch["producerId"]) < 0]
        assert len(strangers) == (1 if topic == "inbound" else 0), strangers  # by kcat
        assert all(int(batch["baseSequence"]) >= 0 for batch in batches if batch not in strangers)
        codecs |= {batch["compresscodec"] for batch in batches if batch not in strangers}
    # A record of its own may be shorter as it is.
    assert "zstd" in codecs and codecs <= {"zstd", "none"}


def test_a_stock_java_producer_is_served_like_anybody(kafka, box):
    service, prefix = box
    user, message = "jävä-user", f"m-{uuid.uuid4().hex[:8]}"
    headers = {"content-type": "application/json", "ce_specversion": "1.0",
               "ce_id": str(uuid.uuid4()), "ce_source": "https://shop.example/orders",
               "ce_type": "dev.signalbox.command.user_message", "ce_time": "2026-11-20T09:30:00+01:00",
               "ce_subject": user, "ce_wsclientid": "svc_shop"}
    value = json.dumps({"message_id": message, "thread_id": "orders", "content": "what is 6 * 7?"})

    async def story():
        async with Client(service, user) as client:
            line = ",".join(f"{name}:{text}" for name, text in headers.items())
            # The producer chooses the partition by itself, as any Java client does.
            kafka.tool("ConsoleProducer", "--topic", f"{prefix}.inbound", "--property", "parse.headers=true",
                       "--property", "parse.key=true", "--property", "headers.delimiter=\x02",
                       "--property", "key.separator=\x03",
                       text=f"{line}\x02{user}\x03{value}\n")
            run = contract.run_id_of(user, message)
            received = await client.wait_for(type="message_received")
            assert received["data"]["message_id"] == message
            assert received["run_id"] == run
            assert received["websocket_client_id"] == "svc_shop"
            end = (await client.wait_for_end(run))[-1]
            assert end["type"] == "agent_completed" and "42" in end["data"]["content"], end

    asyncio.run(story())
    report = log_check.check_log(KafkaReader(kafka.address, prefix), complete=True)
    assert report.faults == []
