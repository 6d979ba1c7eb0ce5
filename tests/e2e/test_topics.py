"""`signalbox topics` against a real broker: what it makes, what it finds, and that its remedies mend."""
import re
import subprocess

import pytest

from harness import clean_environment
from kafka_broker import ROOT, Kafka, consume, fresh_prefix, kcat, metadata

TOPICS = ["inbound", "events", "progress", "connections", "snapshots", "quarantine"]
@pytest.fixture
def topics(request):
    """Runs `signalbox topics`: (exit code, lines of standard output, standard error)."""
    program = request.config.getoption("--program")

    def run(verb, address, prefix, *arguments):
        done = subprocess.run(
            [program, "topics", verb, "--kafka", address, "--topic-prefix", prefix, *arguments],
            capture_output=True, text=True, timeout=60, check=False, env=clean_environment())
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


def genesis_of(address, prefix):
    """The record at offset 0 of each partition of events, as (log_id, partitions, source)."""
    first = [record for record in consume(address, f"{prefix}.events") if record["offset"] == 0]
    return [re.search(r'"log_id":"([^"]+)","partitions":(\d+)', record["payload"]).groups()
            for record in sorted(first, key=lambda record: record["partition"])]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    """A broker whose topics a test may change by Kafka's own tools."""
    cluster = Kafka(tmp_path_factory.mktemp("kafka") / "data")
    cluster.start()
    yield cluster
    cluster.stop()


def run_remedy(kafka, remedy):
    """What an operator pastes: the script's name becomes its class, the address is added."""
    script, _, address, *words = remedy.split()
    assert address == kafka.address
    classes = {"kafka-configs.sh": "kafka.admin.ConfigCommand",
               "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand"}
    done = subprocess.run([str(ROOT / "ops/kafka/tool"), "--dir", str(kafka.folder),
                           classes[script], *words],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def alter(kafka, topic, **settings):
    text = ",".join(f"{name.replace('_', '.')}={value}" for name, value in settings.items())
    run_remedy(kafka, f"kafka-configs.sh --bootstrap-server {kafka.address} --alter --entity-type "
                      f"topics --entity-name {topic} --add-config {text}")


def deviations(said):
    """Per line: (topic, setting) -> (found, loses data, remedy)."""
    lines = [re.fullmatch(r"(\S+): (.+?) is (.+?), must be (.+?): (.+); mend: (.+)", line)
             for line in said if not line.startswith("log ")]
    return {(line[1], line[2]): (line[3], "(loses data)" in line[5], line[6])
            for line in lines}


def test_a_log_is_made_once_and_made_again_stays_as_it_is(kafka_address, topics):
    prefix = fresh_prefix()
    code, said, _ = topics("create", kafka_address, prefix)
    assert code == 0, said
    log_id = re.fullmatch(rf"log (\S+), 12 partitions, topics {prefix}\.\*", said[0])[1]
    for topic in TOPICS:
        found = metadata(kafka_address, f"{prefix}.{topic}")["topics"][0]
        assert len(found["partitions"]) == 12
    assert genesis_of(kafka_address, prefix) == [(log_id, "12")] * 12
    code, again, _ = topics("create", kafka_address, prefix)
    assert (code, again) == (0, said)
    assert len(consume(kafka_address, f"{prefix}.events")) == 12  # nothing was written twice
    assert topics("check", kafka_address, prefix) == (0, said, "")


def test_two_at_a_time_end_with_one_log(kafka_address, request):
    prefix = fresh_prefix()
    command = [request.config.getoption("--program"), "topics", "create", "--kafka", kafka_address,
               "--topic-prefix", prefix, "--partitions", "4"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
            for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0] == said[1]
    assert len(set(genesis_of(kafka_address, prefix))) == 1


def test_one_that_was_interrupted_is_finished(kafka, topics):
    whole, half = fresh_prefix(), fresh_prefix()
    assert topics("create", kafka.address, whole, "--partitions", "3")[0] == 0
    genesis = consume(kafka.address, f"{whole}.events", partition=0)[0]
    # Two topics are there, of them one partition has what begins the log.
    kafka.create_topic(f"{half}.inbound", partitions=3)
    kafka.create_topic(f"{half}.events", partitions=3)
    names = genesis["headers"][0::2]
    values = genesis["headers"][1::2]
    headers = [word for name, value in zip(names, values) for word in ("-H", f"{name}={value}")]
    kcat(kafka.address, "-P", "-t", f"{half}.events", "-p", "1", *headers, text=genesis["payload"])
    code, said, _ = topics("create", kafka.address, half)
    assert code == 3  # those made by hand have the broker's own settings
    assert {topic for topic, _ in deviations(said)} == {f"{half}.inbound", f"{half}.events"}
    assert all(setting != "partitions" and "genesis" not in setting
               for _, setting in deviations(said))
    assert genesis_of(kafka.address, half) == [genesis_of(kafka.address, whole)[0]] * 3
    assert len(consume(kafka.address, f"{half}.events")) == 3
    assert len(metadata(kafka.address, f"{half}.quarantine")["topics"][0]["partitions"]) == 3


def test_every_deviation_is_named_and_its_remedy_mends_it(kafka, topics):
    prefix = fresh_prefix()
    assert topics("create", kafka.address, prefix, "--partitions", "2")[0] == 0
    wrong = {
        "inbound": {"cleanup.policy": "compact", "retention.ms": "1000", "retention.bytes": "1000000",
                    "message.timestamp.type": "CreateTime"},
        "events": {"retention.ms": "86400000", "retention.bytes": "1000000",
                   "unclean.leader.election.enable": "true", "max.message.bytes": "100000"},
        "progress": {"retention.ms": "3600000"},
        "connections": {"retention.ms": "-1"},
        "snapshots": {"cleanup.policy": "delete", "min.compaction.lag.ms": "0"},
    }
    for topic, settings in wrong.items():
        alter(kafka, f"{prefix}.{topic}", **settings)
    code, said, _ = topics("check", kafka.address, prefix)
    assert code == 3
    found = deviations(said)
    assert {place: told[0] for place, told in found.items()} == {
        (f"{prefix}.{topic}", setting): value
        for topic, settings in wrong.items() for setting, value in settings.items()}
    loses = {(topic.rsplit(".", 1)[1], setting) for (topic, setting), told in found.items() if told[1]}
    assert loses == {(topic, setting) for topic in ("inbound", "events") for setting in wrong[topic]}
    # Those of one topic in one command, which Kafka's tool allows: it takes its time to start.
    of_topic = {}
    for (topic, _), (_, _, remedy) in found.items():
        command, _, setting = remedy.rpartition(" ")
        of_topic.setdefault((topic, command), []).append(setting)
    for (_, command), settings in of_topic.items():
        run_remedy(kafka, f"{command} {','.join(settings)}")
    assert topics("check", kafka.address, prefix)[0] == 0


def test_topics_of_different_sizes_are_told_and_more_partitions_mend_it(kafka, topics):
    prefix = fresh_prefix()
    assert topics("create", kafka.address, prefix, "--partitions", "3")[0] == 0
    kafka.tool("TopicCommand", "--delete", "--topic", f"{prefix}.inbound")
    kafka.create_topic(f"{prefix}.inbound", partitions=2)
    found = deviations(topics("check", kafka.address, prefix)[1])
    fewer = found[(f"{prefix}.inbound", "partitions")]
    assert fewer[:2] == ("2", True)
    run_remedy(kafka, fewer[2])
    found = deviations(topics("check", kafka.address, prefix)[1])
    assert (f"{prefix}.inbound", "partitions") not in found
    kafka.tool("TopicCommand", "--alter", "--topic", f"{prefix}.events", "--partitions", "4")
    found = deviations(topics("check", kafka.address, prefix)[1])
    assert found[(f"{prefix}.events", "partitions")][:2] == ("4", True)
    assert (f"{prefix}.events", "log_genesis of partition 3") in found


def test_a_missing_topic_is_told_with_the_command_that_makes_it(kafka, topics):
    prefix = fresh_prefix()
    assert topics("create", kafka.address, prefix, "--partitions", "2")[0] == 0
    kafka.tool("TopicCommand", "--delete", "--topic", f"{prefix}.snapshots")
    code, said, _ = topics("check", kafka.address, prefix)
    assert code == 3
    command = deviations(said)[(f"{prefix}.snapshots", "topic")][2].split()
    assert command[:3] == ["signalbox", "topics", "create"]
    assert topics("create", command[4], command[6])[0] == 0


def test_what_the_cluster_cannot_give_is_told_by_the_cluster(kafka_address, topics):
    code, _, said = topics("create", kafka_address, fresh_prefix(), "--replication", "9")
    assert code == 2 and "replication factor" in said.lower() and "9" in said


def test_where_no_broker_answers_it_says_so_and_asks_to_try_again(topics):
    code, _, said = topics("check", "127.0.0.1:9", fresh_prefix())
    assert code == 75
    assert "Kafka at 127.0.0.1:9: no broker answers" in said and "refused" in said


def test_properties_pass_through_and_bad_ones_are_refused_with_their_place(topics, tmp_path):
    file = tmp_path / "box.toml"
    for text, complaint in [
            ('[kafka]\n"linger.millis" = 1\n', "box.toml:2: kafka.linger.millis: "),
            ('[kafka]\nsecurity.protocol = "carrier_pigeon"\n', "box.toml:2: kafka.security.protocol: "),
            ('[kafka]\nacks = 1\n', "box.toml:2: kafka.acks: is fixed"),
            ('[kafka]\ntopic_prefix = "a b"\n', "box.toml:2: kafka.topic_prefix must be "),
            ('[kafka]\nbrokers = "nowhere"\n', "box.toml:2: kafka.brokers must be HOST:PORT")]:
        file.write_text(text)
        code, _, said = topics("check", "127.0.0.1:9", "x", "--config", str(file))
        assert code == 2 and complaint in said, said
    file.write_text('[kafka]\nsecurity.protocol = "SASL_PLAINTEXT"\n'
                    'sasl.mechanism = "SCRAM-SHA-512"\nsasl.username = "box"\n'
                    'sasl.password = "open sesame"\n')
    code, said, _ = topics("check", "127.0.0.1:9", "x", "--config", str(file), "--print-config")
    assert code == 0
    assert 'kafka.sasl.username = "box"' in "\n".join(said)
    assert any(line.startswith('kafka.sasl.password = "***"') for line in said)
    assert "sesame" not in "".join(said)
