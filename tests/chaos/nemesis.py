"""Faults, drawn from a seed, each on a thread of its own: what it harms, for how long, and its healing.

A fault has what it harms to itself: a process, what leads to it, its clock, or several of them. Others may be at
work at the same time elsewhere, also on the other ones of a process. Every fault and its end is a line of `journal`, in
the clock of the clients' histories.
"""
import json
import random
import signal
import threading
import time

import network
from deployment import TRY_AGAIN

SESSION_SECONDS = 10  # a router not heard of for so long is out of the group
PAUSE = (0.5, 3.0)  # between two faults
STORM_CONNECTIONS = 400
# Within what tokens are given of another machine's clock ([auth] leeway), so that nobody is signed out.
CLOCK_JUMP_SECONDS = 25
AT_ONCE = 3
FAILED = 1  # exit code


class Nemesis:
    def __init__(self, deployment, seed, journal, kinds):
        self.deployment, self.kinds = deployment, kinds
        self.random = random.Random(seed)
        self.journal = journal
        self.lock = threading.Lock()
        self.counts = {kind: 0 for kind in kinds}
        self.failures = []  # a part that did not come back
        self.at_work = []
        self.bag = []

    def run(self, until, goes_on):
        """Harms until then (time.monotonic()) and while goes_on(), and returns when everything is healed;
        the time of that."""
        while time.monotonic() < until and goes_on():
            self.at_work = [thread for thread in self.at_work if thread.is_alive()]
            if len(self.at_work) < AT_ONCE:
                self._strike()
            time.sleep(min(self.random.uniform(*PAUSE), max(0.0, until - time.monotonic())))
        self.rest()
        self._write("nemesis", "healed")
        return time.monotonic()

    def rest(self):
        """Waits until every fault is healed."""
        for thread in self.at_work:
            thread.join()

    def _strike(self):
        if not self.bag:
            self.bag = list(self.kinds)
            self.random.shuffle(self.bag)
            if not any(self.counts.values()):  # so that a short run has them
                self.bag.sort(key=lambda kind: "disk" in kind or "power" in kind)
        kind = self.bag.pop()
        seconds = self.random.uniform(*self.kinds[kind][1])
        held = self.kinds[kind][0](self.deployment, self.random)
        if held is None:
            self.bag.insert(len(self.bag) * 3 // 4, kind)  # again after a few others
            return
        for each in held:
            each.busy = True
        self.counts[kind] += 1
        thread = threading.Thread(target=self._harm, args=(kind, held, seconds), name=kind)
        self.at_work.append(thread)
        thread.start()

    def _harm(self, kind, held, seconds):
        part = held[0]
        self._write(part.name, kind, seconds=round(seconds, 2))
        try:
            self.kinds[kind][2](self.deployment, part, seconds)
            self._write(part.name, f"{kind} over")
        except BaseException as failed:  # whatever it was, the run goes on and is judged by it
            self.failures.append(f"{part.name} after {kind}: {failed!r}")
            self._write(part.name, f"{kind} failed", why=repr(failed))
        finally:
            for each in held:
                each.busy = False

    def _write(self, target, what, **more):
        with self.lock:
            self.journal.write(json.dumps({"t": time.monotonic_ns(), "target": target, "what": what}
                                          | more) + "\n")
            self.journal.flush()


# ---- what is chosen: all that a fault has to itself, first what it harms; None where nothing is idle

def one_idle(chance, choices):
    idle = [held for held in choices if not any(each is None or each.busy for each in held)]
    return chance.choice(idle) if idle else None


def one_of(role, *and_its):
    """A part of this role that runs, with what of it is named."""
    def choose(deployment, chance):
        return one_idle(chance, [[part, *(getattr(part, name) for name in and_its)]
                                 for part in deployment.of_role(role)
                                 if part.service.is_running() and not part.name.startswith("guest")])
    return choose


def one_with_its_link(role):
    """For faults during which what clients see must come straight from it."""
    return one_of(role, "link")


def idle_of(role, what):
    """What belongs to a part of this role, whatever becomes of the part."""
    def choose(deployment, chance):
        return one_idle(chance, [[getattr(part, what)] for part in deployment.of_role(role)])
    return choose


def a_link_to(role):
    return idle_of(role, "link")


def a_clock_of(role):
    return idle_of(role, "clock")


def a_guest(deployment, _):
    return [deployment.guest()]


class BrokerPart:
    """The broker, chosen as parts are."""

    def __init__(self, node):
        self.name, self.node, self.busy = f"broker-{node}", node, False


def a_broker(deployment, chance):
    if not hasattr(deployment, "brokers"):
        deployment.brokers = [BrokerPart(node) for node in deployment.kafka.nodes]
    if any(broker.busy for broker in deployment.brokers):
        return None
    return [chance.choice(deployment.brokers)]


# ---- what is done

def kill(deployment, part, seconds):
    part.service.kill()
    deployment.keep_snapshots(part)
    time.sleep(seconds)
    part.start()


def stop(_, part, seconds):
    code = part.service.stop()
    assert code == 0, f"exit code {code} on SIGTERM"
    time.sleep(seconds)
    part.start()


def pause(_, part, seconds):
    part.signal(signal.SIGSTOP)
    time.sleep(seconds)
    part.signal(signal.SIGCONT)


def visit(deployment, part, seconds):
    part.start()
    time.sleep(seconds)
    code = part.service.stop()
    assert code == 0, f"exit code {code} on SIGTERM"


def fill_disk(_, part, seconds):
    """It goes on by itself once there is room."""
    part.disk.spoil("full", seconds)
    assert part.ended() is None, f"exit code {part.ended()} on a full disk"


def break_disk(_, part, seconds):
    """Who keeps the log ends, as what he does not know to be written he cannot go on from; others may."""
    part.disk.spoil("broken", seconds)
    assert part.ended() in ((FAILED,) if part.role == "serve" else (None, FAILED, TRY_AGAIN)), \
        f"exit code {part.ended()} on a broken disk"
    if part.ended() is not None:
        part.start()


def cut_power(_, part, seconds):
    part.service.kill()
    part.disk.cut_power(random.Random(seconds))
    time.sleep(seconds)
    part.start()


def kill_broker(deployment, part, seconds):
    deployment.kafka.kill(part.node)
    time.sleep(seconds)
    deployment.kafka.start()


def freeze_broker(deployment, part, seconds):
    deployment.kafka.freeze(part.node)
    time.sleep(seconds)
    deployment.kafka.thaw(part.node)


def poison(deployment, _, seconds):
    """A few at once, so that a batch has more than one."""
    for _ in range(3):
        deployment.poison(int(seconds * 1000) % deployment.partitions)


def through(harm, amount=0.0):
    """Everything that a link carries meets this."""
    def spoil(deployment, link, seconds):
        deployment.network.set(link, harm, amount)
        time.sleep(seconds)
        deployment.network.set(link, None)
    return spoil


def half_open(deployment, link, seconds):
    """Nobody hears anything; then all that was under way is lost."""
    deployment.network.set(link, "silent")
    time.sleep(seconds)
    deployment.network.set(link, "refuse")
    deployment.network.set(link, None)


def storm(_, link, seconds):
    """Again where nobody is there, so that each is one."""
    sent = 0
    while not sent:
        with network.HalfOpenStorm(link.target, STORM_CONNECTIONS) as connections:
            sent = connections.sent
            time.sleep(seconds)


def move_clock(by):
    def jump(_, clock, seconds):
        clock.move(by)
        time.sleep(seconds)
        clock.move(0)
    return jump


# Kind -> (what is chosen, between how many and how many seconds, what is done)
PAST_THE_SESSION = (SESSION_SECONDS + 2, SESSION_SECONDS + 6)
OF_CLUSTERS = {
    "kill router": (one_of("router"), (0, 5), kill),
    "pause router past its session": (one_of("router"), PAST_THE_SESSION, pause),
    "pause router": (one_of("router"), (1, SESSION_SECONDS - 2), pause),
    "drain router": (one_of("router"), (0, 5), stop),
    "add router": (a_guest, (2, 10), visit),
    "kill gateway": (one_of("gateway"), (0, 5), kill),
    "stop gateway": (one_of("gateway"), (0, 5), stop),
    "pause gateway": (one_of("gateway"), (1, 8), pause),
    "kill event store": (one_of("event-store"), (0, 5), kill),
    "stop event store": (one_of("event-store"), (0, 5), stop),
    "pause event store": (one_of("event-store"), (1, 8), pause),
    "full disk of event store": (one_with_its_link("event-store"), (0, 5), fill_disk),
    "broken disk of event store": (one_with_its_link("event-store"), (0, 2), break_disk),
    "power cut of event store": (one_of("event-store"), (0, 5), cut_power),
    "kill broker": (a_broker, (0, 5), kill_broker),
    "freeze broker": (a_broker, (1, 8), freeze_broker),
    "poison": (a_broker, (0, 1), poison),
    "cut gateway off": (a_link_to("gateway"), (0, 3), through("refuse")),
    "half-open gateway": (a_link_to("gateway"), (1, 8), half_open),
    "delayed gateway": (a_link_to("gateway"), (1, 6), through("delay", 0.1)),
    "slow gateway": (a_link_to("gateway"), (1, 6), through("slow", 4000)),
    "storm of connections": (a_link_to("gateway"), (1, 4), storm),
    "cut event store off": (a_link_to("event-store"), (0, 5), through("refuse")),
    "half-open event store": (a_link_to("event-store"), (1, 8), half_open),
    "clock of router forward": (a_clock_of("router"), (2, 8), move_clock(CLOCK_JUMP_SECONDS)),
    "clock of router back": (a_clock_of("router"), (2, 8), move_clock(-CLOCK_JUMP_SECONDS)),
    "clock of gateway forward": (a_clock_of("gateway"), (2, 8), move_clock(CLOCK_JUMP_SECONDS)),
    "clock of gateway back": (a_clock_of("gateway"), (2, 8), move_clock(-CLOCK_JUMP_SECONDS)),
}
OF_ONE_PROCESS = {
    "kill": (one_of("serve"), (0, 1), kill),
    "stop": (one_of("serve"), (0, 1), stop),
    "pause": (one_of("serve"), (0.2, 4), pause),
    "full disk": (one_with_its_link("serve"), (3, 5), fill_disk),
    "broken disk": (one_with_its_link("serve"), (3, 5), break_disk),
    "power cut": (one_of("serve"), (0, 1), cut_power),
    "cut off": (a_link_to("serve"), (0, 3), through("refuse")),
    "half-open": (a_link_to("serve"), (1, 8), half_open),
    "delayed": (a_link_to("serve"), (1, 6), through("delay", 0.1)),
    "slow": (a_link_to("serve"), (1, 6), through("slow", 4000)),
    "storm of connections": (a_link_to("serve"), (1, 4), storm),
    "clock forward": (a_clock_of("serve"), (2, 8), move_clock(CLOCK_JUMP_SECONDS)),
    "clock back": (a_clock_of("serve"), (2, 8), move_clock(-CLOCK_JUMP_SECONDS)),
}
