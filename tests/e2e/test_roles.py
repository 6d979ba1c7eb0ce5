"""Gateways, routers and event stores as processes of their own over one log on a real broker."""
import asyncio
import base64
import hashlib
import hmac
import json
import re
import signal
import subprocess
import time

import pytest

from contract import partition_of
from harness import TERMINAL, WAIT_SECONDS, Client, assert_gapless, clean_environment
from kafka_broker import fresh_prefix

PARTITIONS = 6
# A tool of the playbook takes 0.5 to 4 s, so that a router can end in the middle of a run.
SLOW = {"playbook_latency_scale": "500"}


def topics(program, verb, log, *arguments):
    address, prefix = log
    return subprocess.run([program, "topics", verb, "--kafka", address, "--topic-prefix", prefix,
                           *arguments],
                          capture_output=True, text=True, timeout=60, check=False,
                          env=clean_environment())


@pytest.fixture
def log(kafka_address, make_log):
    return make_log(kafka_address, PARTITIONS)


@pytest.fixture
def start(make_service, log):
    """Starts a process of a role: start("router", "r1", setting="value")."""

    def begin(role, name, may_wait=False, **settings):
        return make_service(name, role=role, kafka=log, **settings).start(may_wait=may_wait)

    return begin


def readiness(process):
    return json.loads(process.get("/readyz")[1])


def owned(router):
    """The partitions a router has, as numbers."""
    return {int(p) for p in readiness(router).get("router", {}).get("partitions", {})}


def wait_until(holds, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not seen in time: {what}"
        time.sleep(0.05)


def share_all(*routers):
    """Each has some, together they have all, none twice, and all are served."""
    shares = [owned(router) for router in routers]
    return (all(shares) and sum(map(len, shares)) == PARTITIONS
            and set().union(*shares) == set(range(PARTITIONS))
            and all(readiness(router)["ready"] for router in routers))


def owner_of(user, routers):
    return next(router for router in routers if partition_of(user, PARTITIONS) in owned(router))


def terminals(events):
    return [event["type"] for event in events if event["type"] in TERMINAL]


def test_three_processes_serve_a_client_and_an_auditor(start):
    router, store = start("router", "router"), start("event-store", "store")
    gateway = start("gateway", "gateway")

    async def chat():
        async with Client(gateway, "alice", from_="start") as client:
            run = await client.say("m-1", "what is 17 * 23?")
            events = await client.wait_for_end(run)
            assert "391" in events[-1]["data"]["content"]
            assert_gapless(client.events())
            return client.events()

    events = asyncio.run(chat())
    assert readiness(router)["ready"] and readiness(gateway)["ready"]
    assert set(readiness(store)["event_store"]["partitions"]) == {str(p) for p in range(PARTITIONS)}
    auditor = gateway.token("carol", ["auditor"])  # every process with --dev takes the same key

    def audited():
        status, body = store.get("/v1/audit/users/alice/events", auditor)
        return status == 200 and [event["seq"] for event in json.loads(body)["events"]]

    wait_until(lambda: audited() == [event["seq"] for event in events], "the run in the archive")
    assert store.get("/v1/audit/users/alice/events")[0] == 401
    assert store.get("/v1/audit/users/alice/events", gateway.token("carol"))[0] == 403
    for process in (router, store, gateway):
        assert process.get("/healthz")[0] == 200
        assert "signalbox_kafka_appended_total" in process.get("/metrics")[1]
    assert router.get("/ws")[0] == 404
    assert [process.stop() for process in (gateway, router, store)] == [0, 0, 0]


def test_the_key_of_dev_follows_from_the_log(start, log, request):
    said = topics(request.config.getoption("--program"), "check", log).stdout
    log_id = said.split()[1].rstrip(",")
    key = hmac.digest(b"signalbox-dev", log_id.encode(), "sha256")

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {"sub": "alice", "aud": "signalbox", "exp": int(time.time()) + 600}
    text = part(b'{"alg":"HS256"}') + b"." + part(json.dumps(claims).encode())
    token = (text + b"." + part(hmac.new(key, text, hashlib.sha256).digest())).decode()
    gateway = start("gateway", "gateway")
    assert gateway.get("/v1/threads", token)[0] == 200
    assert gateway.get("/v1/threads", token[:-8] + "AAAAAAAA")[0] == 403


def test_all_roles_in_one_process_work_on_kafka_too(start):
    service = start("serve", "all")

    async def chat():
        async with Client(service, "bob", from_="start") as client:
            events = await client.wait_for_end(await client.say("m-1", "what is 2 + 2?"))
            assert terminals(events) == ["agent_completed"]

    asyncio.run(chat())

    def stands(part, place):
        partitions = readiness(service)[part]["partitions"]
        return set(partitions) == {str(p) for p in range(PARTITIONS)} and place(
            partitions[str(partition_of("bob", PARTITIONS))]) and all(
                one["lag"] == 0 for one in partitions.values())

    # As a router and an event store of their own tell it.
    wait_until(lambda: stands("router", lambda one: one["owned"] and one["inbound_next"] == 1),
               "whose the partitions are, and that nothing waits in inbound")
    wait_until(lambda: stands("event_store", lambda one: one["complete_to"] > 1),
               "how far the archive is, and that nothing waits in events")
    assert readiness(service)["ready"]
    assert service.stop() == 0


def test_a_role_speaks_of_its_own_limits_alone_when_they_are_read_anew(make_service, log, tmp_path):
    file = tmp_path / "limits.toml"
    own = {"router": ["limits.queue_per_thread is 3 now",
                      "limits.step has changed; that takes effect at the next start"],
           "gateway": ["limits.log_scans_max has changed; that takes effect at the next start",
                       "limits.sockets_per_user_max is 7 now"]}
    for role, lines in own.items():
        file.write_text("")
        process = make_service(role, role=role, kafka=log)
        process.command += ["--config", str(file)]
        process.start()
        limits = ("[limits]\nqueue_per_thread = 3\nstep = \"9s\"\nlog_scans_max = 3\n"
                  "sockets_per_user_max = 7\n")
        file.write_text(limits)
        process.process.send_signal(signal.SIGHUP)

        def said():
            return re.findall(r"SIGHUP: (limits\.[^\"]+)", process.log.read_text("utf-8"))

        wait_until(lambda: set(lines) <= set(said()), f"what the {role} has to say")
        assert sorted(said()) == sorted(lines)
        shown = re.findall(r'^signalbox_limit{limit="(\w+)"}', process.get("/metrics")[1], re.MULTILINE)
        assert ("queue_per_thread" in shown) == (role == "router")
        assert ("sockets_per_user_max" in shown) == (role == "gateway")


def test_routers_share_the_partitions_and_hand_them_over_when_one_ends(start):
    gateway = start("gateway", "gateway")
    first = start("router", "router-1", **SLOW)
    second = start("router", "router-2", may_wait=True, **SLOW)
    wait_until(lambda: share_all(first, second), "two routers with a share each")

    async def chat(message):
        async with Client(gateway, "alice", from_="start") as client:
            run = await client.say(message, "one Chai Latte please", thread_id=message,
                                   agent="playbook")
            await client.wait_for(type="tool_executing", run_id=run)
            leaving, staying = first, second
            if leaving is not owner_of("alice", (first, second)):
                leaving, staying = second, first
            assert await asyncio.to_thread(leaving.stop) == 0
            events = await client.wait_for_end(run)
            assert_gapless(client.events())
            return leaving, staying, events

    for attempt in range(4):
        leaving, staying, events = asyncio.run(chat(f"m-{attempt}"))
        assert terminals(events) == ["agent_completed"]
        reasons = [event["data"]["reason"] for event in events if event["type"] == "run_resumed"]
        # Who says nothing for 300 ms is taken for lost (design 5): not by a machine that is awake.
        if reasons == ["released"]:
            break
        assert reasons == ["owner_lost"]
        leaving.start(may_wait=True)
        wait_until(lambda: share_all(first, second), "two routers with a share each")
    assert reasons == ["released"]
    # No step was done twice: it was handed over between two of them.
    calls = [event["data"]["call_id"] for event in events if event["type"] == "tool_executing"]
    assert len(calls) == len(set(calls))
    wait_until(lambda: share_all(staying), "one router with all")


def test_a_killed_routers_runs_go_on_at_another(start):
    gateway = start("gateway", "gateway")
    routers = [start("router", "router-1", **SLOW),
               start("router", "router-2", may_wait=True, **SLOW)]
    wait_until(lambda: share_all(*routers), "two routers with a share each")

    async def chat():
        async with Client(gateway, "alice", from_="start") as client:
            run = await client.say("m-1", "one Chai Latte please", agent="playbook")
            await client.wait_for(type="tool_executing", run_id=run)
            owner_of("alice", routers).kill()
            events = await client.wait_for_end(run)
            assert_gapless(client.events())
            # A new message is decided by the new owner.
            again = await client.wait_for_end(await client.say("m-2", "what is 1 + 1?"))
            return events, again

    events, again = asyncio.run(chat())
    assert len(terminals(events)) == 1
    assert [event["data"]["reason"] for event in events if event["type"] == "run_resumed"] == \
        ["owner_lost"]
    assert terminals(again) == ["agent_completed"]


def test_a_killed_gateways_client_goes_on_at_another_with_its_cursor(start):
    start("router", "router", **SLOW)
    gateways = [start("gateway", "gateway-1"), start("gateway", "gateway-2")]

    async def chat():
        before = Client(gateways[0], "alice", from_="start")
        await before.connect()
        await before.wait_for(type="connection_ready")
        run = await before.say("m-1", "one Chai Latte please", agent="playbook")
        await before.wait_for(type="tool_executing", run_id=run)
        gateways[0].kill()
        await before.wait_closed()
        async with Client(gateways[1], "alice", cursor=before.last_cursor()) as after:
            await after.wait_until(lambda: terminals(after.run_events(run)), "end of the run")
            both = before.events() + after.events()
            assert_gapless(both)
            return [event for event in both if event.get("run_id") == run]

    events = asyncio.run(chat())
    assert terminals(events) == ["agent_completed"]
    assert not any(event["type"] == "run_resumed" for event in events)


def counter(process, name):
    """The sum of a metric over its labels."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in process.get("/metrics")[1].splitlines()
               if line.startswith(name))


def without_cursors(events):
    return [{name: value for name, value in event.items() if name != "cursor"} for event in events]


def test_a_gateway_that_came_later_gets_older_events_from_an_event_store_or_the_log(start):
    router = start("router", "router")
    store, first = start("event-store", "store"), start("gateway", "gateway-1")

    async def talk(gateway, numbers):
        async with Client(gateway, "alice", from_="start") as client:
            for number in numbers:
                await client.wait_for_end(await client.say(f"m-{number}", f"what is {number} + 1?"))
            return without_cursors(client.events())

    async def read_all(gateway, count):
        async with Client(gateway, "alice", from_="start") as client:
            await client.wait_for(type="caught_up")
            assert_gapless(client.events())
            assert len(client.events()) == count
            return without_cursors(client.events())

    said = asyncio.run(talk(first, range(5)))
    auditor = first.token("carol", ["auditor"])
    wait_until(lambda: len(json.loads(store.get("/v1/audit/users/alice/events", auditor)[1])
                           .get("events", [])) == len(said), "all of it in the archive")
    # Its last checkpoint is where whoever reads the partition from now on begins.
    assert router.stop() == 0
    router.start()
    settings = {"event_store_urls": f"http://{store.address}"}
    second = start("gateway", "gateway-2", **settings)
    assert asyncio.run(read_all(second, len(said))) == said
    assert counter(second, 'signalbox_gateway_catch_up_pages_total{source="history"}') > 0
    store.kill()
    third = start("gateway", "gateway-3", **settings)
    assert asyncio.run(read_all(third, len(said))) == said
    assert counter(third, 'signalbox_gateway_catch_up_pages_total{source="log"}') > 0


def refused(request, log, role, *arguments):
    """How a role that cannot start ends: (exit code, what it said)."""
    address, prefix = log
    done = subprocess.run(
        [request.config.getoption("--program"), role, "--dev", "--kafka", address,
         "--topic-prefix", prefix, "--listen", "127.0.0.1:0", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env=clean_environment())
    return done.returncode, done.stderr


def test_what_a_role_cannot_work_with_it_says_when_it_starts(request, log, tmp_path):
    address, prefix = log
    program = request.config.getoption("--program")
    for role in ("gateway", "router", "event-store"):
        done = subprocess.run([program, role, "--dev"], capture_output=True, text=True, timeout=60,
                              check=False, cwd=tmp_path, env=clean_environment())
        assert done.returncode == 2
        assert f"signalbox {role}: kafka.brokers: " in done.stderr and "--kafka" in done.stderr
        data = ["--data", str(tmp_path / role)]
        code, said = refused(request, (address, fresh_prefix()), role, *data)
        assert code == 2 and "there is no such topic" in said and "signalbox topics create" in said
        code, said = refused(request, ("127.0.0.1:9", prefix), role, *data)
        assert code == 75 and "no broker answers" in said
        assert not (tmp_path / role).exists()
    code, said = refused(request, log, "event-store", "--partitions", "0-9",
                         "--data", str(tmp_path / "store"))
    assert code == 2 and "event_store.partitions names partition 9" in said
    code, said = refused(request, log, "event-store", "--partitions", "5-x")
    assert code == 2 and "event_store.partitions must be a list" in said
    (tmp_path / "embedded").mkdir()
    (tmp_path / "embedded" / "log.db").touch()
    code, said = refused(request, log, "router", "--data", str(tmp_path / "embedded"))
    assert code == 2 and "holds an embedded log" in said


def test_two_processes_do_not_share_a_data_directory(start, request, log, tmp_path):
    router = start("router", "router")
    code, said = refused(request, log, "event-store", "--data", str(router.data))
    assert code == 1 and str(router.process.pid) in said


def test_an_event_store_keeps_the_partitions_it_is_given(start):
    store = start("event-store", "store", event_store_partitions="1-2,5")
    assert set(readiness(store)["event_store"]["partitions"]) == {"1", "2", "5"}
    assert store.stop() == 0


def test_topics_that_would_lose_data_keep_every_role_from_starting(make_kafka, tmp_path, request):
    kafka = make_kafka()
    kafka.start()
    log = kafka.address, fresh_prefix()
    kafka.create_topic(f"{log[1]}.inbound", partitions=2, cleanup_policy="compact")
    assert topics(request.config.getoption("--program"), "create", log).returncode == 3
    for role in ("gateway", "router", "event-store", "serve"):
        code, said = refused(request, log, role, "--data", str(tmp_path / role))
        assert code == 2
        assert f"{log[1]}.inbound: cleanup.policy is compact, must be delete" in said
        assert f"--entity-name {log[1]}.inbound --add-config cleanup.policy=delete" in said
    fewer = kafka.address, fresh_prefix()
    kafka.create_topic(f"{fewer[1]}.inbound", partitions=2)
    kafka.create_topic(f"{fewer[1]}.events", partitions=4)
    assert topics(request.config.getoption("--program"), "create", fewer).returncode == 3
    for role in ("gateway", "router", "event-store", "serve"):
        code, said = refused(request, fewer, role, "--data", str(tmp_path / role))
        assert code == 2
        assert f"{fewer[1]}.inbound: partitions is 2, must be 4" in said, said
        assert f"--alter --topic {fewer[1]}.inbound --partitions 4" in said
