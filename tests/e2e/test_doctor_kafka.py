"""What tells how a service over Kafka is: `signalbox doctor`, `/readyz`, the lag, and tokens without
a data directory."""
import json

import pytest

from contract import partition_of
from kafka_broker import fresh_prefix
from test_audit import talk, wait_until
from test_replay_kafka import PARTITIONS, run


@pytest.fixture
def log(kafka_address, make_log):
    return make_log(kafka_address, PARTITIONS)


@pytest.fixture
def doctor(request):
    def examine(address, prefix, code, *words):
        """(findings by check, in order)"""
        done = run(request.config.getoption("--program"), "doctor", "--dev", "--json", "--listen",
                   "127.0.0.1:0", "--kafka", address, "--topic-prefix", prefix, *words)
        assert done.returncode == code, done.stdout + done.stderr
        found = {}
        for finding in json.loads(done.stdout)["checks"]:
            found.setdefault(finding["check"], []).append(finding)
        return found

    return examine


def readiness(process):
    return json.loads(process.get("/readyz")[1])


def has_value(metrics, name, role, number, value):
    labels = (f'{{partition="{number}",role="{role}"}}', f'{{role="{role}",partition="{number}"}}')
    return any(f"{name}{one} {value}" in metrics for one in labels)


def test_who_owns_what_and_how_far_it_is_behind_is_told(make_service, log, doctor, request):
    found = doctor(*log, 0)
    assert found["kafka-brokers"][0]["result"] == found["kafka-topics"][0]["result"] == "ok"
    assert found["kafka-owners"][0]["result"] == "warning"
    assert "nobody has partition 0-2" in found["kafka-owners"][0]["what"]
    assert found["kafka-owners"][0]["mend"].startswith("signalbox router --kafka ")
    assert "data-folder" not in found and "log-file" not in found  # none was named
    router = make_service("router", role="router", kafka=log, router_instance="first").start()
    store = make_service("store", role="event-store", kafka=log).start()
    gateway = make_service("gateway", role="gateway", kafka=log).start()
    talk(gateway, "anna", "hello")
    found = doctor(*log, 0)
    assert "each partition is claimed: first has 0-2" in found["kafka-owners"][0]["what"]
    assert found["kafka-lag"][0]["what"].startswith("0 commands wait in inbound")
    names = {str(number) for number in range(PARTITIONS)}
    for process, role, position in ((router, "router", "inbound_next"),
                                    (store, "event_store", "complete_to")):
        parts = wait_until(
            lambda: readiness(process)[role]["partitions"],
            lambda all_parts: all(part["lag"] == 0 for part in all_parts.values()))
        assert set(parts) == names
        assert parts[str(partition_of("anna", PARTITIONS))][position] > 0
        # The gauges follow /readyz within a look at the log.
        metrics = wait_until(
            lambda: process.get("/metrics")[1],
            lambda text: all(has_value(text, f"signalbox_partition_{name}", role, number, value)
                             for number in names
                             for name, value in (("owned", 1), ("lag_records", 0))))
        assert metrics
    program = request.config.getoption("--program")
    made = run(program, "token", "--user", "carol", "--role", "auditor", "--kafka", log[0],
               "--topic-prefix", log[1])
    assert made.returncode == 0, made.stderr
    assert store.get("/v1/audit/users/anna/events", made.stdout.strip())[0] == 200


def test_a_router_that_is_not_needed_is_ready(make_service, log):
    routers = [make_service(f"router{number}", role="router", kafka=log).start(may_wait=True)
               for number in range(PARTITIONS + 1)]
    shares = wait_until(
        lambda: [readiness(router) for router in routers],
        lambda all_of: all(one["ready"] for one in all_of)
        and sorted(len(one["router"]["partitions"]) for one in all_of) == [0, 1, 1, 1])
    assert all(not one["reasons"] for one in shares)


def test_brokers_that_do_not_answer_and_topics_that_are_missing_are_faults(kafka_address, doctor,
                                                                           tmp_path):
    found = doctor("127.0.0.1:1", "none", 1)
    assert found["kafka-brokers"][0]["result"] == "fault"
    assert found["kafka-brokers"][0]["mend"] == "nc -vz 127.0.0.1 1"
    found = doctor(kafka_address, fresh_prefix(), 1)
    assert found["kafka-topics"][0]["result"] == "fault"
    assert "signalbox topics create" in found["kafka-topics"][0]["mend"]
    config = tmp_path / "box.toml"
    config.write_text('[kafka]\n"security.protocol" = "SASL_SSL"\n'
                      '"ssl.ca.location" = "/nowhere/ca.pem"\n')
    found = doctor("127.0.0.1:1", "none", 1, "--config", config)
    assert "there is no /nowhere/ca.pem" in found["kafka-security"][0]["what"]


def test_a_gateway_whose_event_store_is_gone_reads_history_from_the_log(make_service, log):
    make_service("router", role="router", kafka=log).start()
    gateway = make_service("gateway", role="gateway", kafka=log,
                           event_store_urls="http://127.0.0.1:1").start(may_wait=True)
    _, events = talk(gateway, "anna", "hello")
    status, body = gateway.get("/v1/history?after=0&limit=1000", gateway.token("anna"))
    assert status == 200, body
    assert [event["seq"] for event in json.loads(body)["events"]] == [e["seq"] for e in events]
    assert gateway.get("/v1/threads", gateway.token("anna"))[0] == 200


def test_an_event_store_speaks_for_the_partitions_it_keeps(make_service, log):
    own = partition_of("anna", PARTITIONS)
    make_service("router", role="router", kafka=log).start()
    gateway = make_service("gateway", role="gateway", kafka=log).start()
    talk(gateway, "anna", "hello")
    stores = {number: make_service(f"store{number}", role="event-store", kafka=log,
                                   event_store_partitions=str(number)).start()
              for number in (own, (own + 1) % PARTITIONS)}
    auditor = gateway.token("carol", ["auditor"])
    for number, store in stores.items():
        users = json.loads(store.get("/v1/audit/users", auditor)[1])["users"]
        assert [user["user_id"] for user in users if user["user_id"] == "anna"] == (
            ["anna"] if number == own else [])
        status, body = store.get("/v1/audit/users/anna/state", auditor)
        assert status == (200 if number == own else 421), body
        status, body = store.get("/internal/v1/users/anna/events",
                                 gateway.token("svc", ["service"]))
        assert status == (200 if number == own else 421), body
