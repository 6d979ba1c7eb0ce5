"""Every role on a secure cluster of its own, with a certificate of its own and the rights that
ops/kafka/acls gives it and no others; and by SCRAM, where librdkafka can."""
import asyncio
import os
import subprocess

import pytest

from harness import Client, clean_environment
from kafka_broker import Kafka

PREFIX = "signalbox"


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    kafka = Kafka(tmp_path_factory.mktemp("secure") / "kafka", secure=True).start()
    kafka.apply_acls(PREFIX)
    yield kafka
    kafka.stop()


@pytest.fixture
def topics(request):
    """Runs `signalbox topics` with a client file: (exit code, what it printed)."""
    def run(verb, address, config, *arguments):
        done = subprocess.run(
            [request.config.getoption("--program"), "topics", verb, "--kafka", address, "--topic-prefix",
             PREFIX, "--config", str(config), *arguments],
            capture_output=True, text=True, timeout=90, check=False, env=clean_environment())
        return done.returncode, done.stdout + done.stderr

    return run


def config_of(kafka, name, folder):
    """A client file of librdkafka as the table [kafka] of a configuration."""
    lines = (kafka.folder / "secrets" / f"{name}.conf").read_text("utf-8").splitlines()
    path = folder / f"{name}.toml"
    path.write_text("[kafka]\n" + "".join(
        '{} = "{}"\n'.format(*line.split("=", 1)) for line in lines), "utf-8")
    return path


def test_topics_are_made_and_a_message_is_answered_by_roles_with_their_rights_alone(
        secure, topics, make_service, tmp_path):
    address, *_ = secure.certificate("admin")
    refused, said = topics("create", address, config_of(secure, "router.certificate", tmp_path))
    assert refused != 0, said
    made, said = topics("create", address, config_of(secure, "topics.certificate", tmp_path),
                        "--partitions", "4")
    assert made == 0, said
    checked, said = topics("check", address, config_of(secure, "audit.certificate", tmp_path))
    assert checked == 0, said

    def start(role):
        service = make_service(role, role=role, kafka=(address, PREFIX))
        service.command += ["--config", str(config_of(secure, f"{role}.certificate", tmp_path))]
        return service.start(may_wait=True)

    async def live():
        for role in ("event-store", "router"):
            start(role)
        async with Client(start("gateway"), "alice", from_="start") as alice:
            events = await alice.wait_for_end(await alice.say("m1", "17 * 23"))
        assert "391" in events[-1]["data"]["content"]

    asyncio.run(live())


def test_scram_lets_the_program_in_where_its_library_can(secure, topics, tmp_path):
    version = os.environ.get("SIGNALBOX_TEST_KAFKA_VERSION", "4.3")
    config = config_of(secure, "topics.scram", tmp_path)
    code, said = topics("create", secure.address, config, "--partitions", "4")
    if version == "3.9":
        assert code == 0, said
    else:  # librdkafka 2.0.2 of Debian 12; from 2.6.1 on it can
        assert code != 0
        assert "Authentication failed" in said or "SASL authentication error" in said, said
