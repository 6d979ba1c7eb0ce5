"""An auditor's check of a log: `log_check.py DATA [--complete]`, or of one on Kafka:
`log_check.py --kafka HOST:PORT --topic-prefix signalbox [--complete]`.

Reads the SQLite file of a data directory, read-only, or the topics through kcat, and verifies with an implementation of its
own (contract 4 to 8) what must hold: the validity fold, each user's seq and chain, ids and
partitions, one outcome event for every inbound record in inbound order, resume points, and what a
run may look like. With --complete nothing may be open: every command answered, every run ended.
Prints what it counted and every fault; exit code 0 when there is none, else 3.
"""
import argparse
import collections
import dataclasses
import json
import sys

import contract
import kafka_reader
import log_reader

TYPE_PREFIX = "dev.signalbox."
OUTCOMES = {
    "user_message": {"message_received", "message_duplicate", "message_rejected"},
    "cancel_run": {"cancel_requested", "cancel_rejected", "message_rejected"},
    "run_input": {"run_input_received", "run_input_rejected", "message_rejected"},
    "view_history": {"history_viewed", "message_rejected"},
}
OUTCOME_NAMES = set().union(*OUTCOMES.values())
TERMINAL = {"agent_completed", "agent_failed", "agent_cancelled"}


@dataclasses.dataclass
class Position:
    epoch: int = 0
    claim: str | None = None
    ord: int = 0


@dataclasses.dataclass
class Run:
    user: str
    thread: str
    message_id: str
    started: bool = False
    terminal: str | None = None
    cancelled: bool = False
    attempt: int = 1
    open_tools: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class User:
    seq: int = 0
    chain: bytes = b""
    time: str = ""
    running: dict = dataclasses.field(default_factory=dict)  # thread -> run that was started


class PartitionCheck:
    """Folds one partition of events and holds it against the same partition of inbound."""

    def __init__(self, partition, partitions, inbound):
        self.partition = partition
        self.partitions = partitions
        self.inbound = {record.offset: record for record in inbound}
        self.expected = collections.deque(
            record.offset for record in inbound if self.names_user(record))
        self.faults = []
        self.verdicts = collections.Counter()
        self.position = Position()
        self.log_id = None
        self.users = {}
        self.runs = {}
        self.messages = {}  # (user, message id) -> the run of its message_received
        self.last_outcome = -1

    def fault(self, record, invariant, what):
        """Each fault begins with the number of the invariant that it breaks, as tests/chaos lists them."""
        self.faults.append(f"{invariant} events/{self.partition}@{record.offset}: {what}")

    def names_user(self, record):
        if record.key is None or not contract.is_opaque_id(record.key):
            return False
        subject = record.headers.get("ce_subject", record.key)
        return contract.partition_of(record.key, self.partitions) == self.partition \
            and subject == record.key

    # ---- the validity fold

    def fold(self, record):
        name = record.headers.get("ce_type", "").removeprefix(TYPE_PREFIX)
        if name.startswith("control."):
            verdict = self.fold_control(record, name.removeprefix("control."))
        else:
            verdict = self.fold_event(record)
        self.verdicts[verdict] += 1
        if verdict == "valid":
            self.follow_event(record, name)
        return verdict

    def fold_control(self, record, name):
        data = json.loads(record.value)
        if name == "log_genesis":
            if record.offset != 0:
                return "ignored"
            self.log_id = data["log_id"]
            if data["partitions"] != self.partitions or data["partitioner"] != "murmur2-java":
                self.fault(record, "I13", f"genesis of another layout: {data}")
            return "genesis"
        if name == "partition_released":
            return "released"
        same = (data["epoch"], data["claim_id"]) == (self.position.epoch, self.position.claim)
        if name == "partition_owned" and data["epoch"] > self.position.epoch:
            self.position = Position(data["epoch"], data["claim_id"], 0)
            self.check_inbound_next(record, data["inbound_next"])
            return "control"
        if same:
            self.check_inbound_next(record, data["inbound_next"])
            return "repeat"
        return "ignored"

    def check_inbound_next(self, record, inbound_next):
        """No record below a resume point may still wait for its outcome."""
        if self.expected and self.expected[0] < inbound_next:
            self.fault(record, "I13", f"resume point {inbound_next} passes inbound {self.expected[0]}, "
                               "which has no outcome")

    def fold_event(self, record):
        epoch, ordinal = (int(record.headers[name]) for name in ("ce_ownerepoch", "ce_ownerseq"))
        if epoch < self.position.epoch:
            return "superseded"
        if epoch > self.position.epoch:
            self.fault(record, "I8", f"an event of epoch {epoch}, which nobody claimed")
            return "corrupt"
        if ordinal <= self.position.ord:
            return "duplicate"
        if ordinal > self.position.ord + 1:
            return "hole"
        self.position.ord += 1
        return "valid"

    # ---- what a valid event must be

    def follow_event(self, record, name):
        headers = record.headers
        user_id = headers["ce_subject"]
        user = self.users.setdefault(
            user_id, User(chain=contract.chain_start(self.log_id, user_id)))
        if record.key != user_id or headers.get("ce_partitionkey") != user_id:
            self.fault(record, "I9", f"key {record.key!r} is not its subject {user_id!r}")
        if contract.partition_of(user_id, self.partitions) != self.partition:
            self.fault(record, "I9", f"user {user_id!r} does not belong to this partition")
        user.seq += 1
        if int(headers["ce_userseq"]) != user.seq:
            self.fault(record, "I7", f"seq {headers['ce_userseq']} of {user_id!r}, {user.seq} expected")
        user.chain = contract.chain_next(user.chain, headers, record.value)
        if headers.get("ce_chainhash") != user.chain.hex():
            self.fault(record, "I14", f"chain of {user_id!r} breaks at seq {user.seq}")
        event_id = contract.uuid5("event", self.log_id, self.partition, self.position.epoch,
                                  user_id, user.seq)
        if headers["ce_id"] != event_id:
            self.fault(record, "I7", f"ce_id {headers['ce_id']} where {event_id} follows")
        if headers["ce_time"] < user.time:
            self.fault(record, "I21", f"ce_time of {user_id!r} goes back")
        user.time = headers["ce_time"]
        data = json.loads(record.value)
        if name in OUTCOME_NAMES:
            self.follow_outcome(record, name)
        self.follow_run(record, name, user_id, user, data)

    def follow_outcome(self, record, name):
        offset = int(record.headers["ce_inboundoffset"])
        if not self.expected or self.expected[0] != offset:
            waiting = self.expected[0] if self.expected else "nothing"
            self.fault(record, "I13", f"{name} answers inbound {offset} while {waiting} waits")
            return
        self.expected.popleft()
        self.last_outcome = offset
        command = self.inbound[offset]
        asked = command.headers.get("ce_type", "").removeprefix(TYPE_PREFIX + "command.")
        if name not in OUTCOMES.get(asked, {"message_rejected"}):
            self.fault(record, "I13", f"{name} answers a {asked}")
        if command.key != record.key:
            self.fault(record, "I9", f"{name} of {record.key!r} answers a command of {command.key!r}")

    def follow_run(self, record, name, user_id, user, data):
        run_id = record.headers.get("ce_runid")
        if name == "message_received":
            self.begin_run(record, run_id, user_id, data)
            return
        if name == "message_duplicate":
            if self.messages.get((user_id, data["message_id"])) != data["run_id"]:
                self.fault(record, "I3", f"duplicate of message {data['message_id']!r} that nobody sent")
            return
        if name == "cancel_requested":
            run = self.runs.get(data["run_id"])
            if run is None or run.terminal:
                self.fault(record, "I5", f"cancel_requested for run {data['run_id']}, which is not open")
            else:
                run.cancelled = True
            return
        if name in OUTCOME_NAMES:
            return
        run = self.runs.get(run_id)
        if run is None:
            self.fault(record, "I2", f"{name} of run {run_id}, which no message began")
        elif run.user != user_id or run.thread != record.headers.get("ce_threadid"):
            self.fault(record, "I9", f"{name} of run {run_id} of another user or thread")
        elif run.terminal:
            self.fault(record, "I5", f"{name} after {run.terminal} of run {run_id}")
        else:
            self.follow_run_event(record, name, run_id, run, user, data)

    def begin_run(self, record, run_id, user_id, data):
        message = (user_id, data["message_id"])
        if run_id != contract.run_id_of(*message):
            self.fault(record, "I3", f"run {run_id} is not that of message {data['message_id']!r}")
        if message in self.messages:
            self.fault(record, "I3", f"message {data['message_id']!r} of {user_id!r} received twice")
        self.messages[message] = run_id
        self.runs[run_id] = Run(user_id, record.headers["ce_threadid"], data["message_id"])

    def follow_run_event(self, record, name, run_id, run, user, data):
        if name == "agent_started":
            if run.started:
                self.fault(record, "I5", f"run {run_id} started twice")
            if run.thread in user.running:
                self.fault(record, "I4", f"run {run_id} started while {user.running[run.thread]} has "
                                   "its thread")
            run.started = True
            user.running[run.thread] = run_id
        elif not run.started and name != "agent_cancelled" and name != "agent_failed":
            self.fault(record, "I5", f"{name} before agent_started of run {run_id}")
        attempt = int(record.headers.get("ce_attempt", run.attempt))
        if attempt != run.attempt + (name == "run_resumed"):
            self.fault(record, "I5", f"{name} of attempt {attempt} in attempt {run.attempt}")
        run.attempt = attempt
        if name in ("tool_executing", "tool_completed"):
            self.follow_tool(record, name, run_id, run, data)
        if name in TERMINAL:
            run.terminal = name
            if run.cancelled and name != "agent_cancelled":
                self.fault(record, "I5", f"cancelled run {run_id} ended by {name}")
            if user.running.get(run.thread) == run_id:
                del user.running[run.thread]

    def follow_tool(self, record, name, run_id, run, data):
        step, call_id = data["step"], data["call_id"]
        if call_id != contract.uuid5("call", run_id, step):
            self.fault(record, "I3", f"call_id of step {step} of run {run_id} is {call_id}")
        if name == "tool_executing":
            if run.open_tools.get(step) == "completed":
                self.fault(record, "I5", f"step {step} of run {run_id} is called after its result")
            run.open_tools[step] = "executing"
        else:
            if run.open_tools.get(step) != "executing":
                self.fault(record, "I5", f"result of step {step} of run {run_id} without a call")
            if ("result" in data) == ("error" in data):
                self.fault(record, "I5", f"step {step} of run {run_id} has not one result or error")
            run.open_tools[step] = "completed"

    def check_complete(self):
        for offset in self.expected:
            self.faults.append(f"I13 inbound/{self.partition}@{offset}: no outcome")
        for run_id, run in self.runs.items():
            if not run.terminal:
                self.faults.append(f"I6 run {run_id} of {run.user!r} never ended")


@dataclasses.dataclass
class Report:
    faults: list
    verdicts: collections.Counter
    users: int
    messages: dict  # (user, message id) -> run id, of every message_received
    terminals: dict  # run id -> name of its terminal event, None while it is open


def check(data, complete=False):
    """Checks the log in data directory `data`."""
    return check_log(log_reader.LogReader(data), complete)


def check_log(reader, complete=False):
    """Checks what a LogReader or a KafkaReader reads."""
    report = Report([], collections.Counter(), 0, {}, {})
    with reader as log:
        for partition in range(log.partitions):
            part = PartitionCheck(partition, log.partitions, log.records("inbound", partition))
            for record in log.records("events", partition):
                part.fold(record)
            if complete:
                part.check_complete()
            report.faults += part.faults
            report.verdicts += part.verdicts
            report.users += len(part.users)
            report.messages |= part.messages
            report.terminals |= {run_id: run.terminal for run_id, run in part.runs.items()}
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("data", nargs="?", help="data directory of signalbox serve")
    parser.add_argument("--kafka", help="a broker's HOST:PORT, in place of a data directory")
    parser.add_argument("--topic-prefix", default="signalbox")
    parser.add_argument("--complete", action="store_true", help="nothing may be open")
    arguments = parser.parse_args()
    if (arguments.data is None) == (arguments.kafka is None):
        parser.error("either a data directory or --kafka")
    reader = kafka_reader.KafkaReader(arguments.kafka, arguments.topic_prefix) if arguments.kafka \
        else log_reader.LogReader(arguments.data)
    report = check_log(reader, arguments.complete)
    for fault in report.faults:
        print(f"fault: {fault}")
    verdicts = ", ".join(f"{count} {name}" for name, count in sorted(report.verdicts.items()))
    print(f"{report.users} users, {len(report.messages)} messages; {verdicts}; "
          f"{len(report.faults)} faults")
    return 3 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
