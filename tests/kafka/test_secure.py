"""ops/kafka/up --secure and ops/kafka/acls: nobody comes in without a name, and each role can do what
it needs and no more. By certificate, which every librdkafka can, and by SCRAM-SHA-512."""
import stat

import pytest

from kafka_broker import Kafka, kcat

from acl_table import GROUP, READS, ROLES, TOPICS, WRITES

BY_SCRAM = "consumer.ConsoleConsumer"


@pytest.fixture(name="secure", scope="module")
def fixture_secure(tmp_path_factory):
    kafka = Kafka(tmp_path_factory.mktemp("secure") / "kafka", secure=True)
    kafka.start()
    kafka.apply_acls()
    for topic in TOPICS:
        kafka.create_topic(f"signalbox.{topic}")
        address, *who = kafka.certificate("admin")
        kcat(address, *who, "-P", "-t", f"signalbox.{topic}", text="seed\n")
    yield kafka
    kafka.stop()


def may_read(kafka, role, topic):
    address, *who = kafka.certificate(role)
    done = kcat(address, *who, "-C", "-t", f"signalbox.{topic}", "-p", "0", "-o", "0", "-c", "1", "-e",
                check=False)
    assert done.returncode == 0 or "authorization failed" in done.stderr, done.stderr
    return done.returncode == 0 and done.stdout.startswith("seed")


def may_write(kafka, role, topic):
    """As a producer of ours writes: idempotent, all replicas. Whether the record is there."""
    before = end_of(kafka, topic)
    address, *who = kafka.certificate(role)
    done = kcat(address, *who, "-P", "-t", f"signalbox.{topic}", "-p", "0", "-X",
                "enable.idempotence=true", "-X", "message.timeout.ms=20000", text="x\n", check=False)
    written = end_of(kafka, topic) > before
    assert written or "uthorization failed" in done.stderr, done.stderr
    return written


def end_of(kafka, topic):
    address, *who = kafka.certificate("admin")
    return int(kcat(address, *who, "-Q", "-t", f"signalbox.{topic}:0:-1").split()[-1])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_and_writes_its_topics_and_no_others(secure, role):
    assert {topic for topic in TOPICS if may_read(secure, role, topic)} == READS[role]
    assert {topic for topic in TOPICS if may_write(secure, role, topic)} == WRITES[role]


@pytest.mark.parametrize("role", ROLES)
def test_only_routers_join_their_group_and_nobody_opens_a_transaction(secure, role):
    address, *who = secure.certificate(role)
    joined = kcat(address, *who, "-X", "auto.offset.reset=earliest", "-G", GROUP, "-c", "1",
                  "signalbox.events", check=False)
    assert (joined.returncode == 0) == (role == "router"), joined.stderr
    assert role == "router" or "uthorization failed" in joined.stderr
    opened = kcat(address, *who, "-P", "-t", "signalbox.inbound", "-X", "transactional.id=mine",
                  text="x\n", check=False)
    assert opened.returncode != 0


def test_only_the_one_who_makes_topics_makes_topics(secure):
    for role in ("router", "topics"):
        made = secure.tool("TopicCommand", "--create", "--topic", f"signalbox.by-{role}", role=role,
                           check=False)
        assert (made.returncode == 0) == (role == "topics"), made.stdout + made.stderr
    elsewhere = secure.tool("TopicCommand", "--create", "--topic", "other.events", role="topics",
                            check=False)
    assert "authorization" in elsewhere.stdout.lower() + elsewhere.stderr.lower()


def test_scram_lets_in_by_password_and_nobody_without(secure):
    read = ["--topic", "signalbox.events", "--partition", "0", "--offset", "earliest",
            "--max-messages", "1", "--timeout-ms", "20000"]
    assert secure.tool(BY_SCRAM, *read, role="audit").startswith("seed")

    properties = secure.folder / "secrets" / "audit.properties"
    right = properties.read_text("utf-8")
    password = (secure.folder / "secrets" / "audit.password").read_text("utf-8").strip()
    properties.write_text(right.replace(password, "guessed"), "utf-8")
    refused = secure.tool(BY_SCRAM, *read, role="audit", check=False)
    properties.write_text(right, "utf-8")
    assert "Authentication failed" in refused.stderr + refused.stdout
    assert "seed" not in refused.stdout


def test_nobody_comes_in_without_a_name(secure):
    certificates, *_, config = secure.certificate("audit")
    ca = ["-X", f"ssl.ca.location={secure.folder}/secrets/ca.pem"]
    for address in (secure.address, certificates):
        assert kcat(address, "-L", "-m", "3", check=False).returncode != 0, "in clear"
        assert kcat(address, "-X", "security.protocol=ssl", *ca, "-L", "-m", "3",
                    check=False).returncode != 0, "by TLS without a certificate"
    assert kcat(certificates, "-F", config, "-L", "-m", "10", check=False).returncode == 0


def test_secrets_are_for_their_owner_alone(secure):
    folders = [secure.folder / "secrets", secure.folder / "node-1"]
    files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    assert len(files) > 3 * len(ROLES)
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
