"""The service that is attacked: one process on the embedded log, or roles on a Kafka of its own. Every
process has a name, is ended by its process id, and keeps its address and data over a restart."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

from harness import Service, clean_environment
from kafka_broker import Kafka, produce

import disk
import log_dump
import network

PARTITIONS = 12
PREFIX = "chaos"
TRY_AGAIN = 75
START_SECONDS = 180
FAKE_CLOCK = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
WITH_DATABASES = ("serve", "event-store")
WITH_SNAPSHOTS = ("serve", "router")
SNAPSHOTS = "snapshots.db"
STATE_CHECK = "state_check"
# Tools of the recorded dialogues take 10 to 80 ms, so that faults meet runs in flight.
SLOW_TIMES = 10
# Far more often than they do by themselves, so that whoever is killed leaves states in the midst of runs.
SNAPSHOTS_OFTEN = {"router_snapshot_events": "20", "router_snapshot_interval": "5s"}


def built_beside(program, name):
    """Where the build that made the program puts what belongs to tests/chaos."""
    return pathlib.Path(program).parent / "tests" / "chaos" / name


def what_is_lacking(program):
    """What faults and checks need and is not here, in words; empty where all is."""
    if FAKE_CLOCK is None:
        return "libfaketimeMT.so.1, for clocks that jump: install Debian's libfaketime"
    for name, target in ((disk.LIBRARY, "faulty_disk"), (STATE_CHECK, "state_check")):
        if not built_beside(program, name).exists():
            return f"{built_beside(program, name)}: build the target {target}, too"
    return ""


class WallClock:
    """What processes started with `environment` take for the time of day; time that only passes is the
    machine's."""

    def __init__(self, file):
        self.name, self.file = file.name, file
        self.busy = False  # a fault has it
        self.environment = {
            "LD_PRELOAD": str(FAKE_CLOCK), "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.move(0)

    def move(self, seconds):
        """Against the machine's; who runs sees it at once."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+.3f}\n", "ascii")
        new.replace(self.file)


class Part:
    """One process, and what becomes of it."""

    def __init__(self, name, role, service, may_wait, over):
        self.name, self.role, self.service, self.may_wait = name, role, service, may_wait
        self.over = over  # an event: nothing is started any more
        self.busy = False  # a fault has it, so that its end is no news
        self.restarts = 0  # starts that did not come to serving
        self.link = None  # what clients and other processes reach it through
        self.clock = WallClock(service.data.with_name(f"{name}.clock"))
        self.disk = None  # of those alone that have databases
        service.environment |= self.clock.environment

    def put_on(self, spoilt):
        self.disk = spoilt
        self.service.environment |= spoilt.environment | {
            "LD_PRELOAD": f"{self.service.environment['LD_PRELOAD']} {spoilt.environment['LD_PRELOAD']}"}

    @property
    def pid(self):
        return self.service.process.pid if self.service.process else 0

    def start(self):
        """As whoever supervises services does: again while it ends with 75, or waits for Kafka longer than
        is waited for it here, when it is killed."""
        deadline = time.monotonic() + START_SECONDS
        while not self.over.is_set():
            try:
                self.service.start(may_wait=self.may_wait)
                return
            except AssertionError:
                if self.service.process.returncode not in (TRY_AGAIN, -signal.SIGKILL) \
                        or time.monotonic() > deadline:
                    raise
                self.restarts += 1
                time.sleep(0.5)

    def signal(self, which):
        self.service.process.send_signal(which)

    def ended(self):
        """Its exit code where it ended though nobody ended it, else None."""
        return None if self.service.process is None else self.service.process.poll()

    def kill(self):
        if self.service.is_running():
            self.service.process.send_signal(signal.SIGCONT)
            self.service.kill()


class Deployment:
    """What both have in common."""

    def __init__(self, program, folder, hurry=False):
        self.program, self.folder = str(program), pathlib.Path(folder)
        self.of_routers = {"playbook_latency_scale": "1" if hurry else str(SLOW_TIMES)} | SNAPSHOTS_OFTEN
        self.parts = {}
        self.over = threading.Event()
        self.kept_snapshots = []  # files
        self.network = network.Network()

    def add(self, name, role, may_wait=False, **settings):
        """A part that does not run yet."""
        service = Service(self.program, self.folder / name, role=role, kafka=self.log, **settings)
        part = Part(name, role, service, may_wait, self.over)
        if role in WITH_DATABASES:
            part.put_on(disk.Disk(self.folder / f"{name}.disk", built_beside(self.program, disk.LIBRARY)))
        self.parts[name] = part
        return part

    def of_role(self, role):
        return [part for part in list(self.parts.values()) if part.role == role]

    def link(self, part):
        """Puts the network before a part that has been started once."""
        part.link = self.network.link(f"link to {part.name}", part.service.address)

    def refusals(self):
        """When the disk of the log took nothing."""
        return []

    def urls(self, role):
        return ",".join(f"ws://{part.link.address}/ws" for part in self.of_role(role))

    def logs(self):
        return [part.service.log for part in self.parts.values()]

    def snapshots(self):
        """The files of all that keep some, and what was kept of them when they were killed."""
        return self.kept_snapshots + [self.folder / part.name / SNAPSHOTS for part in self.parts.values()
                                      if part.role in WITH_SNAPSHOTS]

    def keep_snapshots(self, part):
        """As somebody who was killed left them, before the next process goes on with them."""
        if part.role not in WITH_SNAPSHOTS:
            return
        kept = self.folder / "snapshots" / f"{part.name}-{len(self.kept_snapshots)}"
        kept.mkdir(parents=True)
        for file in (self.folder / part.name).glob(f"{SNAPSHOTS}*"):
            shutil.copy(file, kept)
        self.kept_snapshots.append(kept / SNAPSHOTS)

    def end(self):
        """SIGTERM to all at once; the exit code of each, None where it had to be killed."""
        running = [part for part in self.parts.values() if part.service.is_running()]
        for part in running:
            part.signal(signal.SIGTERM)
        codes = {}
        for part in running:
            try:
                codes[part.name] = part.service.stop()
            except subprocess.TimeoutExpired:
                part.kill()
                codes[part.name] = None
        return codes

    def destroy(self):
        self.over.set()
        for part in self.parts.values():
            with contextlib.suppress(ProcessLookupError, ValueError):
                part.kill()
        self.network.close()


class Embedded(Deployment):
    """`signalbox serve` on its own log."""
    log = None

    def start(self):
        serve = self.add("serve", "serve", **self.of_routers)
        serve.start()
        self.link(serve)

    def client_urls(self):
        return self.urls("serve")

    def refusals(self):
        return self.parts["serve"].disk.refusals

    def source(self):
        return log_dump.EmbeddedSource(self.folder / "serve")

    def places(self):
        """Where `replay verify` finds the log, once everything has ended."""
        return [["--data", str(self.folder / "serve")]]

    def check(self):
        """What is wrong beside histories and log."""
        return []


def wrong_in_quarantine(listed, poisoned):
    """Of what `quarantine list --json` said: each poisoned record is there, once, and nothing else."""
    places = [(entry["partition"], entry["offset"]) for entry in map(json.loads, listed.splitlines())]
    if len(places) == len(set(places)) == poisoned:
        return []
    return [f"I13 {poisoned} poisoned records, in quarantine {len(places)} of {len(set(places))} places"]


class Cluster(Deployment):
    """Three routers, two gateways and two event stores."""
    partitions = PARTITIONS

    def __init__(self, program, folder, hurry=False, brokers=1):
        super().__init__(program, folder, hurry)
        self.kafka = Kafka(self.folder / "kafka", brokers=brokers)
        self.log = None
        self.guests = 0
        self.poisoned = 0  # records that nobody can read, among the commands

    def start(self):
        self.kafka.start()
        self.log = (self.kafka.address, PREFIX)
        subprocess.run([self.program, "topics", "create", "--kafka", self.kafka.address, "--topic-prefix",
                        PREFIX, "--partitions", str(PARTITIONS)], check=True, timeout=120,
                       env=clean_environment(), stdout=subprocess.DEVNULL)
        for number, share in enumerate(("0-5", "6-11"), 1):
            store = self.add(f"store-{number}", "event-store", may_wait=True, event_store_partitions=share)
            store.start()
            self.link(store)
        for number in range(1, 4):
            self.add_router(f"router-{number}").start()
        stores = ",".join(f"http://{part.link.address}" for part in self.of_role("event-store"))
        for number in range(1, 3):
            gateway = self.add(f"gateway-{number}", "gateway", may_wait=True, event_store_urls=stores)
            gateway.start()
            self.link(gateway)

    def add_router(self, name):
        return self.add(name, "router", may_wait=True, **self.of_routers)

    def guest(self):
        """A router more, that does not run yet."""
        self.guests += 1
        return self.add_router(f"guest-{self.guests}")

    def poison(self, partition):
        """A command that nobody can read and that names nobody."""
        produce(self.kafka.address, f"{PREFIX}.inbound", [f"{{ poison {self.poisoned}"], "-p", str(partition))
        self.poisoned += 1

    def client_urls(self):
        return self.urls("gateway")

    def source(self):
        return log_dump.KafkaSource(self.kafka.address, PREFIX)

    def places(self):
        """The log alone, and beside it each event store's archive."""
        log = ["--kafka", self.kafka.address, "--topic-prefix", PREFIX]
        return [log] + [[*log, "--data", str(self.folder / part.name)]
                        for part in self.of_role("event-store")]

    def check(self):
        """What is wrong beside histories and log."""
        listed = subprocess.run(
            [self.program, "quarantine", "list", "--json", "--kafka", self.kafka.address, "--topic-prefix",
             PREFIX], capture_output=True, text=True, timeout=120, env=clean_environment(), check=False)
        if listed.returncode:
            return [f"I13 quarantine list: {listed.stderr}"]
        return wrong_in_quarantine(listed.stdout, self.poisoned)

    def destroy(self):
        super().destroy()
        if (self.kafka.folder / "settings").exists():
            for node in self.kafka.nodes:
                with contextlib.suppress(OSError, ValueError):
                    os.kill(self.kafka.pid(node), signal.SIGCONT)
            self.kafka.stop()
