"""Roles on Kafka while brokers, routers and records fail: what was acknowledged is answered exactly
once, every stream is whole, and a checker that shares no code with us finds the log whole."""
import asyncio
import contextlib
import itertools
import json
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import websockets

import contract
import log_check
from harness import TERMINAL, Client, assert_gapless, clean_environment
from kafka_broker import Kafka, fresh_prefix, kcat
from kafka_reader import KafkaReader

PARTITIONS = 4
USERS = ["105945141827451681156", "ann", "ben", "cleo", "dora"]
RETRY_SECONDS = 0.2
SILENT_SECONDS = 5
# No connection, one that ended, a run whose end did not come in time.
CUT_OFF = (OSError, asyncio.TimeoutError, AssertionError, websockets.WebSocketException)


@pytest.fixture
def log(kafka_address, make_log):
    return make_log(kafka_address, PARTITIONS)


@pytest.fixture
def own(make_kafka, make_log):
    """own(brokers) -> (a cluster to harm, a log on it)."""

    def make(brokers=1):
        kafka = make_kafka(brokers=brokers)
        kafka.start()
        return kafka, make_log(kafka.address, PARTITIONS)

    return make


@pytest.fixture
def start(make_service):
    """start(log, role, name, setting="value"), and waits until it is ready."""

    def begin(log, role, name, may_wait=False, **settings):
        return make_service(name, role=role, kafka=log, **settings).start(may_wait=may_wait)

    return begin


class NoAnswer(Exception):
    """A send got no ack and no error, and the socket stayed open."""


class Talker:
    """A user who sends question after question until told to stop, and connects again whenever he is
    cut off, each time with his cursor."""

    def __init__(self, gateways, user):
        self.gateways, self.user = gateways, user
        self.acknowledged = {}  # message id -> run id
        self.refused = []  # codes of errors that answered a send
        self.told = set()  # codes of errors that answered none
        self.events = []
        self.stop = False
        self.sent = 0
        self.last = None  # what cut him off

    async def run(self):
        cursor = None
        while not self.stop:
            for gateway in self.gateways:
                try:
                    client = Client(gateway, self.user,
                                    **({"cursor": cursor} if cursor else {"from_": "start"}))
                except OSError as why:  # nobody is there to give him a token
                    self.last = why
                    continue
                try:
                    async with client:
                        await self.talk(client)
                except CUT_OFF as why:
                    self.last = why
                self.events += client.events()
                self.told |= {frame["code"] for frame in client.frames
                              if frame["type"] == "error" and "id" not in frame}
                with contextlib.suppress(StopIteration):
                    cursor = client.last_cursor()
                if self.stop:
                    return
            await asyncio.sleep(RETRY_SECONDS)

    async def talk(self, client):
        while not self.stop and client.close_code is None:
            self.sent += 1
            message = f"m-{self.sent}"
            await client.send({"type": "user_message", "id": message, "message_id": message,
                               "thread_id": "t", "content": f"what is {self.sent} * 3?"})
            try:
                answer = await client.wait_until(lambda at=message: client.find(id=at), "answer")
            except AssertionError as failed:
                if client.close_code is None:
                    raise NoAnswer(message) from failed
                raise
            if answer["type"] == "ack":
                run = self.acknowledged[message] = answer["run_id"]
                # One at a time, so that no queue is ever full; but what lasts must not silence him.
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(client.wait_until(
                        lambda at=run: ended(client.run_events(at)), "end of the run"), SILENT_SECONDS)
            else:
                self.refused.append(answer["code"])
                await asyncio.sleep(RETRY_SECONDS)


def ended(events):
    return [event["type"] for event in events if event["type"] in TERMINAL]


async def talk_while(gateways, harm, users=USERS, then_seconds=3):
    """The users' talkers, after harm() has run on a thread of its own while they talked, and a while
    after it."""
    talkers = [Talker(gateways, user) for user in users]
    tasks = [asyncio.create_task(talker.run()) for talker in talkers]
    await asyncio.sleep(2)
    await asyncio.to_thread(harm)
    before = [len(talker.acknowledged) for talker in talkers]
    deadline = time.monotonic() + 60
    while any(len(t.acknowledged) <= had + 2 for t, had in zip(talkers, before, strict=True)):
        assert time.monotonic() < deadline, f"no acks after it: {[t.last for t in talkers]}"
        await asyncio.sleep(0.1)
    await asyncio.sleep(then_seconds)
    for talker in talkers:
        talker.stop = True
    await asyncio.gather(*tasks)
    return talkers


async def all_is_answered(gateway, talkers):
    """Every acknowledged message has its run, ended once, in a whole stream from the start."""
    for talker in talkers:
        assert_gapless(talker.events)  # over all cuts, by cursors
        async with Client(gateway, talker.user, from_="start") as client:
            runs = set(talker.acknowledged.values())
            await client.wait_until(lambda all_of=client, runs=runs: all(
                ended(all_of.run_events(run)) for run in runs), "end of every run")
            assert_gapless(client.events())
            assert all(len(ended(client.run_events(run))) == 1 for run in runs)


def is_whole(log, talkers):
    """Waits until nothing is open any more, then checks all of the log."""
    deadline = time.monotonic() + 30
    while (report := log_check.check_log(KafkaReader(*log), complete=True)).faults:
        assert time.monotonic() < deadline, report.faults[:5]
        time.sleep(1)
    for talker in talkers:
        for message, run in talker.acknowledged.items():
            assert report.messages[(talker.user, message)] == run
    return report


def endure(gateway, harm):
    """The talkers, once all they were promised has come to them."""
    async def story():
        talkers = await talk_while([gateway], harm)
        await all_is_answered(gateway, talkers)
        return talkers

    return asyncio.run(story())


def survive(log, gateway, harm):
    """The talkers, and the checker's report on a whole log."""
    talkers = endure(gateway, harm)
    return talkers, is_whole(log, talkers)


def test_a_broker_killed_and_started_again(own, start):
    kafka, log = own()
    start(log, "router", "router")
    gateway = start(log, "gateway", "gateway")

    def harm():
        kafka.kill()
        kafka.start()

    survive(log, gateway, harm)


def test_all_brokers_gone_for_30_seconds(own, start):
    kafka, log = own()
    start(log, "router", "router")
    gateway = start(log, "gateway", "gateway")

    def harm():
        kafka.kill()
        time.sleep(30)
        kafka.start()

    talkers, _ = survive(log, gateway, harm)
    assert {code for talker in talkers for code in talker.refused} <= {"log_unavailable", "overloaded"}
    assert any("log_unavailable" in talker.refused for talker in talkers)


def test_a_broker_frozen_for_40_seconds_marks_nobody_damaged(own, start):
    kafka, log = own()
    start(log, "router", "router")
    gateway = start(log, "gateway", "gateway")

    def harm():
        until = time.monotonic() + 40
        kafka.freeze()
        # An idle gateway, too, knows that nobody answers.
        while "no broker has answered for" not in gateway.get("/readyz")[1]:
            assert time.monotonic() < until, gateway.get("/readyz")
            time.sleep(0.5)
        time.sleep(max(0, until - time.monotonic()))
        kafka.thaw()

    talkers, report = survive(log, gateway, harm)
    assert not any("history_damaged" in talker.told for talker in talkers)
    assert report.verdicts["corrupt"] == 0


def test_every_role_ends_in_its_time_over_a_frozen_broker(own, start):
    """And whoever comes after them finds everything: nothing was promised that is not in the log."""
    kafka, log = own()
    roles = [start(log, role, role) for role in ("event-store", "router", "gateway")]

    def harm():
        kafka.freeze()
        time.sleep(1)
        with ThreadPoolExecutor(len(roles)) as pool:
            assert list(pool.map(lambda role: role.stop(), roles)) == [0, 0, 0]
        kafka.thaw()
        for role in roles:
            role.start(may_wait=True)

    survive(log, roles[-1], harm)


def test_leaders_that_move(own, start):
    kafka, log = own(brokers=3)
    start(log, "router", "router")
    gateway = start(log, "gateway", "gateway")

    def harm():
        for topic in ("inbound", "events"):
            kafka.move_leaders(f"{log[1]}.{topic}")
        kafka.kill(kafka.leaders(f"{log[1]}.events")[0])

    survive(log, gateway, harm)


def test_topics_on_one_broker_of_three_are_refused_by_topics_create_and_by_every_role(
        make_kafka, make_log, request, tmp_path):
    kafka = make_kafka(brokers=3)
    kafka.start()
    prefix = fresh_prefix()

    def refused(*words):
        done = subprocess.run(
            [request.config.getoption("--program"), *words, "--kafka", kafka.address, "--topic-prefix", prefix],
            capture_output=True, text=True, timeout=60, env=clean_environment(), check=False)
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr

    assert "--replication 1 on a cluster of 3 brokers" in refused("topics", "create", "--replication", "1")
    # The rest is as it should be: nothing else keeps a role from starting.
    kafka.tool("TopicCommand", "--create", "--topic", f"{prefix}.events", "--partitions", str(PARTITIONS),
               "--replication-factor", "1", "--config", "retention.ms=-1", "--config", "retention.bytes=-1",
               "--config", "min.insync.replicas=1", "--config", "max.message.bytes=5242880")
    make_log(kafka.address, PARTITIONS, prefix)
    for role in ("gateway", "router", "event-store"):
        said = refused(role, "--dev", "--data", str(tmp_path / role), "--listen", "127.0.0.1:0")
        assert (f"{prefix}.events: replication factor is 1, must be 3: a lost disk takes the partition along "
                "(loses data); mend: kafka-reassign-partitions.sh ") in said
        assert said.count("(loses data)") == 1, said


def owned(router):
    """The partitions a router has, as numbers."""
    known = json.loads(router.get("/readyz")[1]).get("router", {}).get("partitions", {})
    return {int(partition) for partition in known}


def stop_in_a_tool_call(router, gateway):
    """SIGSTOP between a tool call and its result, which it then has to write when it goes on."""
    mine = owned(router)
    user = next(name for name in map("customer-{}".format, itertools.count())
                if contract.partition_of(name, PARTITIONS) in mine)

    async def story():
        async with Client(gateway, user, from_="start") as client:
            await client.say("m-1", "one Chai Latte please", agent="playbook")
            await client.wait_for(type="tool_executing")
            router.process.send_signal(signal.SIGSTOP)

    asyncio.run(story())


def test_a_router_that_was_stopped_past_its_session_counts_for_nobody(log, start):
    slow = {"playbook_latency_scale": "500"}  # a call takes 0.5 to 4 s
    routers = [start(log, "router", "router-1", **slow),
               start(log, "router", "router-2", may_wait=True, **slow)]
    gateway = start(log, "gateway", "gateway")
    everything = set(range(PARTITIONS))
    Kafka.wait_until(lambda: all(map(owned, routers))
                     and owned(routers[0]) | owned(routers[1]) == everything, "two shares")

    def harm():
        stop_in_a_tool_call(routers[0], gateway)
        Kafka.wait_until(lambda: owned(routers[1]) == everything, "a router that has it all")
        time.sleep(3)
        routers[0].process.send_signal(signal.SIGCONT)

    talkers, report = survive(log, gateway, harm)
    assert report.verdicts["corrupt"] == 0
    # Two shares, each claimed once, and at least the stopped one's again.
    assert report.verdicts["control"] > PARTITIONS
    # It did write when it went on, of an epoch that was over.
    assert report.verdicts["superseded"] > 0
    for talker in talkers:
        for event in talker.events:
            assert event["type"] != "agent_failed", event


def test_the_broker_goes_while_a_router_takes_over_and_users_are_loaded(own, start):
    kafka, log = own()
    # One user in memory of each partition: the others are loaded from their snapshots.
    routers = [start(log, "router", name, may_wait=True, router_users_max="1")
               for name in ("router-1", "router-2")]
    gateway = start(log, "gateway", "gateway")
    everything = set(range(PARTITIONS))
    Kafka.wait_until(lambda: all(map(owned, routers))
                     and owned(routers[0]) | owned(routers[1]) == everything, "two shares")

    def harm():
        routers[0].kill()
        Kafka.wait_until(lambda: owned(routers[1]) == everything, "a router that has it all")
        kafka.kill()
        time.sleep(20)
        kafka.start()

    talkers, report = survive(log, gateway, harm)
    assert not any("history_damaged" in talker.told for talker in talkers)
    assert report.verdicts["corrupt"] == 0
    metrics = routers[1].get("/metrics")[1]
    assert "signalbox_router_users_damaged_total 0\n" in metrics
    assert "signalbox_router_snapshots_refused_total 0\n" in metrics
    Kafka.wait_until(lambda: routers[1].get("/readyz")[0] == 200, "a router that serves all of it")


def test_a_rebalance_every_2_seconds_for_a_minute(log, start):
    start(log, "router", "router-1")
    gateway = start(log, "gateway", "gateway")

    def harm():
        began = time.monotonic()
        guest = None
        for number in range(30):
            if guest is None:
                guest = start(log, "router", f"guest-{number}", may_wait=True)
            elif number % 4 == 3:
                guest.kill()
                guest = None
            else:
                assert guest.stop() == 0
                guest = None
            time.sleep(max(0.0, began + 2 * (number + 1) - time.monotonic()))

    survive(log, gateway, harm)


def test_records_nobody_can_parse_harm_nobody(log, start):
    address, prefix = log
    start(log, "router", "router")
    gateway = start(log, "gateway", "gateway")

    def harm():
        for partition in range(PARTITIONS):
            for topic in ("inbound", "events"):
                kcat(address, "-P", "-t", f"{prefix}.{topic}", "-p", str(partition), text="{\n")
        kcat(address, "-P", "-t", f"{prefix}.inbound", "-p",
             str(contract.partition_of("ann", PARTITIONS)), "-k", "ann",
             "-H", "ce_type=dev.signalbox.command.user_message", text="[1, 2\n")

    talkers = endure(gateway, harm)
    rejected = [event for talker in talkers if talker.user == "ann" for event in talker.events
                if event["type"] == "message_rejected"]
    assert [event["data"]["code"] for event in rejected] == ["malformed"]
    with KafkaReader(*log) as reader:
        quarantined = [record for partition in range(PARTITIONS)
                       for record in reader.records("quarantine", partition)]
        assert len(quarantined) == PARTITIONS + 1
        for record in quarantined:
            assert json.loads(record.value)["reason"] == "malformed"


def test_a_record_that_parses_and_is_nobodys_ends_no_process(log, start):
    """By its epoch and number the owner's next event, but without a key: every gateway that read it
    ended, again after each start, and so did the router that owned the partition."""
    address, prefix = log
    router = start(log, "router", "router")
    gateway = start(log, "gateway", "gateway")
    partition = contract.partition_of("ann", PARTITIONS)

    async def talk(service, number, **query):
        async with Client(service, "ann", **query) as client:
            await client.wait_for_end(await client.say(f"m-{number}", f"what is {number} + 1?"))
            return client.events()

    asyncio.run(talk(gateway, 1))
    with KafkaReader(*log) as reader:
        epoch, number = max((int(record.headers["ce_ownerepoch"]), int(record.headers["ce_ownerseq"]))
                            for record in reader.records("events", partition)
                            if "ce_ownerseq" in record.headers)
    kcat(address, "-P", "-t", f"{prefix}.events", "-p", str(partition),
         "-H", "ce_type=dev.signalbox.agent_thinking", "-H", f"ce_ownerepoch={epoch}",
         "-H", f"ce_ownerseq={number + 1}", text="{}\n")
    asyncio.run(talk(gateway, 2))
    events = asyncio.run(talk(start(log, "gateway", "gateway-2"), 3, from_="start"))
    assert_gapless(events)
    assert [event["type"] for event in events].count("agent_completed") == 3
    assert router.is_running() and gateway.is_running()


def test_a_cursor_below_what_retention_left_is_told_the_oldest(own, start, tmp_path):
    kafka, log = own()
    router = start(log, "router", "router")
    first = start(log, "gateway", "gateway-1")

    async def talk(gateway, number, **query):
        async with Client(gateway, "ann", **query) as client:
            await client.wait_for_end(await client.say(f"m-{number}", f"what is {number} + 1?"))
            return client.find(type="connection_ready")["cursor"]

    oldest = asyncio.run(talk(first, 1, from_="start"))
    for number in (2, 3):
        assert router.stop() == 0  # its last checkpoint states a position that can be trusted
        router.start()
        asyncio.run(talk(first, number))
    first.stop()
    second = start(log, "gateway", "gateway-2")
    partition = contract.partition_of("ann", PARTITIONS)

    def delete_before(partition, offset):
        plan = tmp_path / "delete.json"
        plan.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": f"{log[1]}.events", "partition": partition, "offset": offset}]}), "utf-8")
        kafka.tool("DeleteRecordsCommand", "--offset-json-file", str(plan))

    with KafkaReader(*log) as reader:
        # Where the first owner's last checkpoint trusts it: the oldest position that can be stated is
        # the first of the log as well.
        checkpoints = [json.loads(record.value) for record in reader.records("events", partition)
                       if record.headers["ce_type"].endswith(".partition_checkpoint")]
        delete_before(partition, [checkpoint["fold_at"]["offset"] for checkpoint in checkpoints
                                  if checkpoint["epoch"] == 1][-1])
        left = [int(record.headers["ce_userseq"]) for record in reader.records("events", partition)
                if record.key == "ann"]
    assert left[0] > 1

    async def come_back():
        client = Client(second, "ann", cursor=oldest)
        await client.connect()
        refusal = await client.wait_for(type="error", code="cursor_invalid")
        assert refusal["reason"] == "expired", refusal
        await client.send({"type": "resume", "cursor": refusal["oldest_cursor"]})
        await client.wait_for(type="caught_up")
        assert [event["seq"] for event in client.events()] == left
        await client.close()

    asyncio.run(come_back())

    # Roles had refused to start on a log whose genesis was gone, and on no other that was cut.
    delete_before(0, 1)
    assert router.stop() == 0
    second.stop()
    router.start()
    asyncio.run(talk(start(log, "gateway", "gateway-3"), 4))
