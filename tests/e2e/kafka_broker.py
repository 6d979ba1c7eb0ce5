"""Apache Kafka for tests from outside, and stock tools that share no code with us.

The fixture `kafka_address` is the broker all tests share (tests/kafka): take topics under
`fresh_prefix()`, and leave the broker alone. `make_kafka()` makes a `Kafka`, a cluster of the test's
own, which it may kill, stop, freeze and move leaders of. Every wait is bounded.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import uuid

import pytest

ROOT = pathlib.Path(__file__).parents[2]
WAIT_SECONDS = 60
METADATA_SECONDS = 20  # kcat's own limit is 5
UNAVAILABLE = 69


def skip_without_kafka(reason):
    """Skips the test; with CI=true there must be a Kafka, and it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"with CI=true there must be a Kafka: {reason}")
    pytest.skip(reason)


@pytest.fixture
def kafka_address():
    """HOST:PORT[,...] of the shared broker, or of the shared cluster, whichever ctest was told; the
    test is skipped where there is none."""
    address = os.environ.get("SIGNALBOX_TEST_KAFKA", "")
    path = os.environ.get("SIGNALBOX_TEST_KAFKA_FILE")
    if not address and path and os.path.exists(path):
        address = pathlib.Path(path).read_text("utf-8").strip()
    return address or skip_without_kafka("there is no broker; the fixture's set-up says why")


def fresh_prefix():
    """A topic prefix that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


def kcat(address, *arguments, text=None, check=True):
    """What kcat printed; with check=False the finished process."""
    done = subprocess.run(["kcat", "-b", address, "-m", str(METADATA_SECONDS), *arguments],
                          input=text, text=True, capture_output=True, timeout=WAIT_SECONDS,
                          check=False)
    if not check:
        return done
    assert done.returncode == 0, f"kcat {arguments}: {done.stderr}"
    return done.stdout


def produce(address, topic, lines, *arguments):
    """Lines as records, acknowledged by all replicas that must have them."""
    kcat(address, "-P", "-t", topic, "-X", "acks=all", *arguments, text="".join(f"{x}\n" for x in lines))


def consume(address, topic, *arguments, partition=None):
    """Every record there is now, each a dict as kcat prints it (topic, partition, offset, headers,
    key, payload), in the order of each partition."""
    which = [] if partition is None else ["-p", str(partition)]
    printed = kcat(address, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", *which, *arguments)
    return [json.loads(line) for line in printed.splitlines()]


def metadata(address, topic=None, *arguments):
    """The cluster as kcat prints it: brokers, topics with their partitions."""
    return json.loads(kcat(address, "-L", "-J", *(["-t", topic] if topic else []), *arguments))


class Kafka:
    """One cluster by ops/kafka/up in `folder`, gone down at the latest with this process.

    A second start() begins every node that does not run, on the same ports and data.
    """

    def __init__(self, folder, brokers=1, version=None, secure=False):
        self.folder = pathlib.Path(folder)
        self.nodes = range(1, brokers + 1)
        version = version or os.environ.get("SIGNALBOX_TEST_KAFKA_VERSION", "4.3")
        self.command = [str(ROOT / "ops/kafka/up"), "--dir", str(self.folder), "--port", "0",
                        "--brokers", str(brokers), "--version", version, "--while", str(os.getpid())]
        self.command += ["--secure"] if secure else []
        self.secure = secure
        self.address = None
        self.said = ""

    def start(self):
        """Starts every node that does not run; `said` is what `up` printed."""
        done = subprocess.run(self.command, text=True, capture_output=True, timeout=180, check=False)
        if done.returncode == UNAVAILABLE:
            skip_without_kafka(done.stderr.strip().splitlines()[-1])
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout.splitlines()[-1]
        assert said.startswith("kafka ready at "), done.stdout
        self.address, self.said = said.removeprefix("kafka ready at "), done.stdout
        return self

    def stop(self):
        subprocess.run([str(ROOT / "ops/kafka/down"), "--dir", str(self.folder)], check=True,
                       timeout=WAIT_SECONDS, stdout=subprocess.DEVNULL)

    def pid(self, node=1):
        return int((self.folder / f"node-{node}" / "pid").read_text("utf-8"))

    def signal(self, node, which):
        os.kill(self.pid(node), which)

    def kill(self, node=1):
        """kill -9, and waits until it is gone."""
        pid = self.pid(node)
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + WAIT_SECONDS
        while _state(pid) not in ("", "Z"):
            assert time.monotonic() < deadline, f"node {node} survived kill -9"
            time.sleep(0.02)

    def freeze(self, node=1):
        """SIGSTOP, and waits until it stands."""
        self.signal(node, signal.SIGSTOP)
        self.wait_until(lambda: _state(self.pid(node)) == "T", f"node {node} standing")

    def thaw(self, node=1):
        self.signal(node, signal.SIGCONT)

    def apply_acls(self, prefix="signalbox"):
        """Gives each role its rights on a secure cluster."""
        subprocess.run([str(ROOT / "ops/kafka/acls"), "--dir", str(self.folder), "--prefix", prefix],
                       check=True, timeout=180, stdout=subprocess.DEVNULL)

    def certificate(self, role):
        """What kcat needs to come to a secure cluster as this role: address and arguments."""
        address = (self.folder / "address-for-certificates").read_text("utf-8").strip()
        return address, "-F", str(self.folder / "secrets" / f"{role}.certificate.conf")

    def tool(self, name, *arguments, role=None, text=None, check=True):
        """What one of Kafka's Java tools printed (its class below org.apache.kafka.tools); with
        check=False the finished process."""
        who = ["--as", role] if role else []
        done = subprocess.run(
            [str(ROOT / "ops/kafka/tool"), "--dir", str(self.folder), *who,
             f"org.apache.kafka.tools.{name}", *arguments],
            input=text, text=True, capture_output=True, timeout=WAIT_SECONDS, check=False)
        if not check:
            return done
        assert done.returncode == 0, f"{name} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def create_topic(self, name, partitions=1, **config):
        """And waits until every node that answers knows it."""
        options = [word for key, value in config.items()
                   for word in ("--config", f"{key.replace('_', '.')}={value}")]
        self.tool("TopicCommand", "--create", "--topic", name, "--partitions", str(partitions), *options)
        self.wait_until(lambda: all(
            len(self.partitions(name, node)) == partitions and -1 not in self.leaders(name, node).values()
            for node in self.answering()), f"topic {name}")

    def answering(self):
        """The nodes that are neither dead nor frozen."""
        return [node for node in self.nodes if _state(self.pid(node)) not in ("", "Z", "T")]

    def partitions(self, topic, node=None):
        """Those of a topic as kcat prints them, as this node knows them: nodes learn one by one. It is
        asked again where the client went on to a frozen one."""
        address, who = self.address, []
        if self.secure:
            address, *who = self.certificate("admin")

        def ask():
            at = address.split(",")[(node or self.answering()[0]) - 1]
            asked = kcat(at, *who, "-m", "5", "-L", "-J", "-t", topic, check=False)
            return asked.stdout if asked.returncode == 0 else ""

        return json.loads(self.wait_until(ask, f"what node {node} knows of {topic}"))["topics"][0]["partitions"]

    def leaders(self, topic, node=None):
        """Partition -> number of the node that leads it, as this node knows it."""
        return {each["partition"]: each["leader"] for each in self.partitions(topic, node)}

    def console_consumer(self, topic, count, *arguments):
        """The first records of a topic as the Java console consumer prints them, a line each."""
        return self.tool("consumer.ConsoleConsumer", "--topic", topic, "--from-beginning",
                         "--max-messages", str(count), "--timeout-ms", "30000", *arguments)

    def batches(self, topic, node=1):
        """What a node has on its disk of a topic, a dict for each batch as it was sent: baseOffset,
        producerId, baseSequence, compresscodec and more, all texts."""
        files = sorted((self.folder / f"node-{node}" / "data").glob(f"{topic}-*/*.log"))
        said = self.tool("DumpLogSegments", "--files", ",".join(map(str, files)))
        return [dict(re.findall(r"(\w+): (\S+)", line)) for line in said.splitlines()
                if line.startswith("baseOffset: ")]

    def move_leaders(self, topic):
        """Gives each partition of the topic to its next replica, and waits until it leads. No data
        moves. All nodes answer."""
        partitions = self.partitions(topic)
        wanted = {}
        for each in partitions:
            replicas = [replica["id"] for replica in each["replicas"]]
            at = replicas.index(each["leader"]) + 1
            each["order"] = replicas[at:] + replicas[:at]
            wanted[each["partition"]] = each["order"][0]
        plan = self.folder / "plan.json"
        plan.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": topic, "partition": each["partition"], "replicas": each["order"]}
            for each in partitions]}), "utf-8")
        self.tool("reassign.ReassignPartitionsCommand", "--reassignment-json-file", str(plan), "--execute")
        plan.write_text(json.dumps({"partitions": [
            {"topic": topic, "partition": number} for number in wanted]}), "utf-8")
        self.tool("LeaderElectionCommand", "--election-type", "preferred", "--path-to-json-file", str(plan))
        self.wait_until(lambda: all(self.leaders(topic, node) == wanted for node in self.nodes),
                        f"leaders {wanted} of {topic}")

    @staticmethod
    def wait_until(found, what):
        deadline = time.monotonic() + WAIT_SECONDS
        while not (result := found()):
            assert time.monotonic() < deadline, f"not seen: {what}"
            time.sleep(0.1)
        return result


@pytest.fixture
def make_kafka(tmp_path):
    """Makes clusters of the test's own, not started yet; they are down at its end."""
    made = []

    def make(name="kafka", **options):
        made.append(Kafka(tmp_path / name, **options))
        return made[-1]

    yield make
    for kafka in made:
        kafka.stop()


def _state(pid):
    """The letter of a process: Z for one that ended and that nobody waited for, T for a stopped one,
    nothing where there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return ""
