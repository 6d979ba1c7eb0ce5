"""The roles on a cluster with TLS, names and ACLs, each with its own rights: ops/kafka/acls."""
import asyncio
import re
import subprocess

import pytest

from harness import Client, clean_environment
from kafka_broker import fresh_prefix
from test_roles import refused, terminals, wait_until


def come_as(kafka, role, way):
    """The settings by which a process comes to a secure cluster as this role."""
    lines = (kafka.folder / "secrets" / f"{role}.{way}.conf").read_text("utf-8").splitlines()
    return {f"kafka_{name.replace('.', '_')}": value
            for name, value in (line.split("=", 1) for line in lines if line and line[0] != "#")}


# librdkafka of Debian 12 and brokers from 4.0 on do not agree about SCRAM.
@pytest.mark.parametrize("version, way", [("4.3", "certificate"), ("3.9", "scram")])
def test_each_role_works_with_its_own_rights_and_nothing_more(make_kafka, make_service, request,
                                                              tmp_path, version, way):
    kafka, prefix = make_kafka(version=version, secure=True), fresh_prefix()
    kafka.start()
    kafka.apply_acls(prefix)
    log = (kafka.certificate("topics")[0] if way == "certificate" else kafka.address), prefix

    def run_as(role, *words):
        environment = {f"SIGNALBOX_{name.upper()}": value
                       for name, value in come_as(kafka, role, way).items()}
        done = subprocess.run([request.config.getoption("--program"), *words, "--kafka", log[0],
                               "--topic-prefix", prefix], capture_output=True, text=True,
                              timeout=60, check=False, env=clean_environment() | environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run_as("topics", "topics", "create")
    router, store, gateway = (
        make_service(role, role=role, kafka=log, **come_as(kafka, role, way)).start()
        for role in ("router", "event-store", "gateway"))

    async def chat():
        async with Client(gateway, "alice", from_="start") as client:
            events = await client.wait_for_end(await client.say("m-1", "what is 17 * 23?"))
            assert terminals(events) == ["agent_completed"]

    asyncio.run(chat())
    auditor = gateway.token("carol", ["auditor"])
    wait_until(lambda: store.get("/v1/audit/users/alice/events", auditor)[0] == 200, "the audit")
    assert [process.stop() for process in (gateway, router, store)] == [0, 0, 0]
    for process in (gateway, router, store):
        assert "uthorization" not in process.log_tail()
    assert "agent_completed" in run_as("audit", "replay", "timeline", "--user", "alice")
    assert "whole: " in run_as("audit", "replay", "verify")
    run_as("quarantine", "quarantine", "list")
    # Doctor looks at what commands wait, too: who runs it has the rights of an auditor.
    assert re.search(r"ok +kafka-lag", run_as("audit", "doctor", "--dev", "--data", str(tmp_path)))
    # Without a name nobody comes in, and it is said why.
    code, said = refused(request, log, "gateway")
    assert code != 0 and f"Kafka at {log[0]}" in said
