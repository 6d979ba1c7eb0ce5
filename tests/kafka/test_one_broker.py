"""ops/kafka/up and down with one broker: it serves stock tools, keeps its data, ends when it is told
to, and says what is wrong when it cannot be had."""
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from kafka_broker import ROOT, UNAVAILABLE, WAIT_SECONDS, Kafka, consume, kcat, produce


def run(name, *arguments, **environment):
    return subprocess.run([str(ROOT / "ops/kafka" / name), *arguments], text=True, capture_output=True,
                          timeout=WAIT_SECONDS, check=False, env=os.environ | environment)


@pytest.fixture(name="broker", scope="module")
def fixture_broker(tmp_path_factory):
    kafka = Kafka(tmp_path_factory.mktemp("one") / "kafka")
    kafka.start()
    yield kafka
    kafka.stop()


def test_it_serves_stock_tools_and_keeps_its_data_when_it_is_killed(broker):
    broker.create_topic("kept.inbound", partitions=3)
    produce(broker.address, "kept.inbound", ["alice:one", "alice:two"], "-K:")
    assert broker.console_consumer("kept.inbound", 2).splitlines() == ["one", "two"]

    broker.kill()
    assert not kcat(broker.address, "-L", "-m", "1", check=False).stdout
    address = broker.address
    broker.start()
    assert broker.address == address
    kept = consume(broker.address, "kept.inbound")
    assert [(each["key"], each["payload"]) for each in kept] == [("alice", "one"), ("alice", "two")]


def test_a_topic_that_nobody_made_is_not_made(broker):
    refused = kcat(broker.address, "-P", "-t", "mistyped", "-X", "message.timeout.ms=3000", text="x\n",
                   check=False)
    assert refused.returncode != 0
    assert "mistyped" not in broker.tool("TopicCommand", "--list").splitlines()


def test_up_again_leaves_it_alone_and_says_so(broker):
    pid = broker.pid()
    assert "kafka runs already" in broker.start().said
    assert broker.pid() == pid


def test_a_folder_is_served_as_it_was_made(broker):
    done = run("up", "--dir", str(broker.folder), "--brokers", "3")
    assert done.returncode == 1
    assert "holds a cluster with brokers 1" in done.stderr


def test_a_taken_port_is_named(broker, tmp_path):
    port = broker.address.rpartition(":")[2]
    done = run("up", "--dir", str(tmp_path / "kafka"), "--port", port)
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert not list((tmp_path / "kafka").glob("node-*/pid"))


def test_a_changed_jar_is_refused(broker, tmp_path):
    """On every use, also where it was right when it was downloaded."""
    caches = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    mine = tmp_path / "cache"
    shutil.copytree(caches / "signalbox" / "kafka", mine / "signalbox" / "kafka", copy_function=os.link)
    for jar in (mine / "signalbox" / "kafka").glob("*/kafka-clients-*.jar"):
        whole = jar.read_bytes()
        jar.unlink()  # a link: the true one stays as it is
        jar.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = run("tool", "--dir", str(broker.folder), "org.apache.kafka.tools.TopicCommand", "--list",
               XDG_CACHE_HOME=str(mine))
    assert done.returncode == 1
    assert "kafka-clients-" in done.stderr and "not as they were published" in done.stderr
    assert run("up", "--dir", str(tmp_path / "kafka"), "--port", "0",
               XDG_CACHE_HOME=str(mine)).returncode == 1
    assert not list((tmp_path / "kafka").glob("node-*/pid"))


def programs_without(folder, *missing):
    """A PATH with everything but these."""
    folder.mkdir()
    for source in os.environ["PATH"].split(":"):
        for program in pathlib.Path(source).glob("*"):
            if program.name not in missing and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return str(folder)


@pytest.mark.parametrize("missing", ["java", "mvn", "kcat"])
def test_what_is_missing_is_named(tmp_path, missing):
    done = run("up", "--dir", str(tmp_path / "kafka"), "--port", "0",
               PATH=programs_without(tmp_path / "bin", missing), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == UNAVAILABLE
    assert {"java": "no Java", "mvn": "no Maven", "kcat": "no kcat"}[missing] in done.stderr
    assert "apt-get install" in done.stderr


@pytest.mark.parametrize("ci, code", [("", 77), ("true", UNAVAILABLE)])
def test_the_broker_of_the_tests_is_skipped_without_java_and_in_ci_it_fails(tmp_path, ci, code):
    done = subprocess.run(
        [str(ROOT / "tests/kafka/broker.sh"), "up", str(tmp_path / "broker")], text=True, capture_output=True,
        timeout=WAIT_SECONDS, check=False,
        env=os.environ | {"PATH": programs_without(tmp_path / "bin", "java"), "CI": ci})
    assert done.returncode == code, done.stdout + done.stderr
    assert "there is no Java" in done.stdout
    assert ("SKIPPED: " in done.stdout) == (code == 77)


def test_a_broker_that_does_not_come_up_shows_the_end_of_its_log(make_kafka):
    kafka = make_kafka()
    kafka.start()
    kafka.stop()
    with open(kafka.folder / "node-1" / "server.properties", "a", encoding="utf-8") as properties:
        properties.write("min.insync.replicas=none\n")
    done = subprocess.run(kafka.command, text=True, capture_output=True, timeout=WAIT_SECONDS, check=False)
    assert done.returncode == 1
    assert "Invalid value none for configuration min.insync.replicas" in done.stderr
    assert "ended before it served" in done.stderr and "node-1/log.txt" in done.stderr


def test_it_goes_down_with_the_process_it_was_started_for(make_kafka):
    kafka = make_kafka()
    with subprocess.Popen(["sleep", "600"]) as other:
        kafka.command[kafka.command.index("--while") + 1] = str(other.pid)
        kafka.start()
        assert (kafka.folder / "address").exists()
        other.kill()
    kafka.wait_until(lambda: not (kafka.folder / "node-1" / "pid").exists(), "the end of the broker")
    assert not kcat(kafka.address, "-L", "-m", "1", check=False).stdout


def test_down_ends_nothing_but_its_own_and_may_come_twice(tmp_path):
    (tmp_path / "node-1").mkdir()
    with subprocess.Popen(["sleep", "600"]) as other:
        (tmp_path / "node-1" / "pid").write_text(f"{other.pid}\n", "utf-8")
        for _ in range(2):
            done = run("down", "--dir", str(tmp_path))
            assert done.returncode == 0
            assert "kafka does not run" in done.stdout
        assert other.poll() is None
        other.kill()
