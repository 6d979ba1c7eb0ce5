"""One checker for each invariant of which clients' histories tell (the log's own are in log_check.py).

A checker sees every line of the history in order (ops/bench/history_file.hpp says what they are), may ask
the LogIndex of the same run, and names what is wrong by its invariant and the line. They stream: what is
kept is per user, or per message.
"""
import collections
import json
import re

import contract
import log_index

TERMINAL = {"agent_completed", "agent_failed", "agent_cancelled"}
KEPT = 20  # violations of a checker that are told in full


class Checker:
    invariant = ""

    def __init__(self, log):
        self.log = log
        self.found = []
        self.count = 0

    def violation(self, line, what):
        self.count += 1
        if len(self.found) < KEPT:
            shown = json.dumps(line, sort_keys=True) if isinstance(line, dict) else line
            self.found.append(f"{self.invariant} {what}: {shown}")

    def see(self, line):
        """One line of the history."""

    def finish(self):
        """The history is over."""


def is_send(line):
    return line.get("op") == "user_message"


def device_of(line):
    """Whose stream of events a line is of: a user's, or one of several devices of his."""
    return line["user"], line.get("device")


class AcksAreInTheLog(Checker):
    """Every acknowledged message is in inbound and became an event."""
    invariant = "I1"

    def see(self, line):
        if line["kind"] != "ok" or not is_send(line):
            return
        message = (line["user"], line["message_id"])
        if message not in self.log.sent:
            self.violation(line, "acknowledged, but not in inbound")
        elif message not in self.log.received and message not in self.log.rejected:
            self.violation(line, "acknowledged, but it never became an event")


class NothingIsInvented(Checker):
    """Every message in inbound was sent by that user, with that text, in that thread."""
    invariant = "I2"

    def __init__(self, log):
        super().__init__(log)
        self.invoked = collections.defaultdict(set)

    def see(self, line):
        if line["kind"] == "invoke" and is_send(line):
            self.invoked[line["user"], line["message_id"]].add(
                (line["thread_id"], line["content_sha256"]))

    def finish(self):
        for message, records in self.log.sent.items():
            for record in records:
                if (record.thread_id, record.content_sha256) not in self.invoked[message]:
                    self.violation(f"{message} at inbound offset {record.offset}",
                                   "in inbound as nobody sent it")


class OneRunForAMessage(Checker):
    """Every ack of a message names the run that its ids give, and the log has that one."""
    invariant = "I3"

    def see(self, line):
        if line["kind"] != "ok" or not is_send(line):
            return
        message = (line["user"], line["message_id"])
        if line["run_id"] != contract.run_id_of(*message):
            self.violation(line, "the ack names another run than its message has")
        elif message in self.log.received and self.log.received[message][1] != line["run_id"]:
            self.violation(line, f"the log has run {self.log.received[message][1]}")


class AcksKeepOrder(Checker):
    """What was acknowledged before another message was first sent stands before it in inbound and in the
    user's events."""
    invariant = "I4"

    def __init__(self, log):
        super().__init__(log)
        self.high = collections.defaultdict(lambda: (-1, 0))  # user -> inbound offset, seq

    def see(self, line):
        if not is_send(line) or line["kind"] not in ("invoke", "ok"):
            return
        message = (line["user"], line["message_id"])
        offset = min((sent.offset for sent in self.log.sent.get(message, [])), default=None)
        seq = self.log.received.get(message, (None,))[0]
        if message in self.log.rejected:  # it may come in later, by a copy of it
            seq = None
        high_offset, high_seq = self.high[line["user"]]
        if line["kind"] == "ok":
            self.high[line["user"]] = (max(high_offset, -1 if offset is None else offset),
                                       max(high_seq, seq or 0))
        elif line["n"] == 1:
            if offset is not None and offset <= high_offset:
                self.violation(line, f"inbound offset {offset}, one acknowledged before has {high_offset}")
            if seq is not None and seq <= high_seq:
                self.violation(line, f"seq {seq}, one acknowledged before has {high_seq}")


class RunsEndForClients(Checker):
    """Every acknowledged message's run has one end in the log, and its user saw it, once in the stream."""
    invariant = "I5"
    def __init__(self, log):
        super().__init__(log)
        self.acked = {}  # (user, run id) -> line of its ack
        self.ended = {}  # (user, run id) -> seq of its end

    def see(self, line):
        user = line["user"]
        if line["kind"] == "ok" and is_send(line) \
                and (user, line["message_id"]) not in self.log.rejected:
            self.acked.setdefault((user, line["run_id"]), line)
        if line["kind"] == "frame" and line["type"] in TERMINAL and "seq" in line:
            if self.ended.setdefault((user, line["run_id"]), line["seq"]) != line["seq"]:
                self.violation(line, f"a second end; the first has seq {self.ended[user, line['run_id']]}")

    def finish(self):
        for run, line in self.acked.items():
            if run not in self.ended:
                self.violation(line, "acknowledged, and its user saw no end of it")


class EverythingEnds(Checker):
    """Within `limit_seconds` after the faults are over, the last run that was open ended."""
    invariant = "I6"

    def __init__(self, log, healed_at=None, limit_seconds=None):
        super().__init__(log)
        self.healed_at, self.limit_seconds = healed_at, limit_seconds
        self.waiting = {}  # (user, run id) -> the line of its ack, until its end is seen
        self.ended = set()
        self.last_end = 0.0

    def see(self, line):
        if line["kind"] == "ok" and is_send(line) and (line["user"], line["run_id"]) not in self.ended \
                and (line["user"], line["message_id"]) not in self.log.rejected:
            self.waiting[line["user"], line["run_id"]] = line
        if line["kind"] != "frame" or line["type"] not in TERMINAL or "seq" not in line:
            return
        run = (line["user"], line["run_id"])
        acked = self.waiting.pop(run, None)
        if run in self.ended:
            return  # read again
        self.ended.add(run)
        if self.healed_at is not None and acked is not None and acked["t"] / 1e9 > self.healed_at:
            return  # of a message after the faults
        self.last_end = line["t"] / 1e9
        seconds = self.seconds_to_the_last_end()
        if seconds is not None and seconds > self.limit_seconds:
            self.violation(line, f"its run ended only {seconds:.1f} s after the faults")

    def seconds_to_the_last_end(self):
        return None if self.healed_at is None else max(0.0, self.last_end - self.healed_at)

    def finish(self):
        for line in self.waiting.values():
            self.violation(line, "no end was seen")


class UsersSeeTheirOwn(Checker):
    """No frame of another user, of another's run, thread or socket; no record of another's socket."""
    invariant = "I9"

    def __init__(self, log):
        super().__init__(log)
        self.runs, self.threads, self.sockets = (collections.defaultdict(set) for _ in range(3))

    def see(self, line):
        user = line["user"]
        if line["kind"] == "invoke" and is_send(line):
            self.runs[user].add(contract.run_id_of(user, line["message_id"]))
            self.threads[user].add(line["thread_id"])
        elif line["kind"] == "socket" and line["state"] == "ready":
            self.sockets[user].add(line["client_id"])
        elif line["kind"] == "frame" and line["type"] not in ("error", "connection_ready", "pong"):
            for name, known in (("run_id", self.runs), ("thread_id", self.threads),
                                ("websocket_client_id", self.sockets)):
                # Services write svc_<name>: of a command that no socket of the user sent.
                is_service = name == "websocket_client_id" and line.get(name, "").startswith("svc_")
                if name in line and line[name] not in known[user] and not is_service:
                    self.violation(line, f"its {name} is not of this user")
        if line.get("user_id", user) != user:
            self.violation(line, f"a frame of user {line['user_id']}")

    def finish(self):
        for user, named in self.log.client_ids.items():
            for client_id in named - self.sockets[user]:
                if not client_id.startswith("svc_"):
                    self.violation(f"user {user}", f"the log names socket {client_id}, which was not his")


class StreamsAreWhole(Checker):
    """Over all sockets of a user: from the cursor on, every event once and in order; read again from the
    start, all there are in the log."""
    invariant = "I10"

    def __init__(self, log):
        super().__init__(log)
        self.next = {}  # device -> seq that must come next
        self.again = set()  # devices that read everything again, from the start
        self.back = {}  # device -> seq at which it goes on once what was on its way has come

    def see(self, line):
        device, kind = device_of(line), line["kind"]
        if kind == "socket":
            self.again.discard(device)
            self.back.pop(device, None)
            if line["state"] == "open":
                self.next[device] = self.after(line, line["cursor"])
        elif kind == "invoke" and line["op"] == "resume":
            self.begin_again(line, device)
        elif kind == "frame" and "seq" in line:
            if line["seq"] not in (self.next.get(device), self.back.get(device)):
                self.violation(line, f"seq {line['seq']} where {self.next.get(device)} follows")
            if line["seq"] == self.back.get(device):
                del self.back[device]
            self.next[device] = line["seq"] + 1
        elif kind == "frame" and line["type"] == "caught_up":
            self.next[device] = self.back.pop(device, self.next.get(device, 0))
            last = self.after(line, line["cursor"]) - 1
            if last and last != self.next[device] - 1:
                self.violation(line, f"caught up at seq {last}, the last event has {self.next[device] - 1}")
        elif kind == "ok" and line["op"] == "resume" and device in self.again:
            count = len(self.log.users.get(line["user"], ()))
            if self.next[device] - 1 != count:
                self.violation(line, f"{self.next[device] - 1} events read again, the log has {count}")

    def begin_again(self, line, device):
        self.back[device] = self.after(line, line.get("cursor"))
        if "cursor" not in line:
            self.again.add(device)

    @staticmethod
    def after(line, cursor):
        try:
            return log_index.decode_cursor(cursor, line["user"]).last_seq + 1 if cursor else 1
        except ValueError:
            return 1  # HonestCursors names it


class HonestCursors(Checker):
    """Every cursor a client is given states what holds at its position; what it comes back with is taken."""
    invariant = "I11"

    def __init__(self, log):
        super().__init__(log)
        self.foreign = set()  # devices that come with a cursor of somebody else's

    def see(self, line):
        device = device_of(line)
        if line["kind"] == "socket" and line["state"] in ("foreign", "ended"):
            (self.foreign.add if line["state"] == "foreign" else self.foreign.discard)(device)
        is_refused = line["kind"] == "frame" and line["type"] == "error" \
            and line.get("code") == "cursor_invalid"
        if is_refused and device not in self.foreign:
            self.violation(line, "a cursor of this log was refused")
        if device in self.foreign and line["kind"] == "frame" and line["type"] == "connection_ready" \
                and "cursor" in line:
            self.violation(line, "a cursor of another user was taken")
        if line["kind"] == "frame" and line.get("cursor"):
            try:
                wrong = self.wrong(line, log_index.decode_cursor(line["cursor"], line["user"]))
            except ValueError as damaged:
                wrong = f"damaged cursor: {damaged}"
            if wrong:
                self.violation(line, wrong)

    def wrong(self, line, cursor):
        user = line["user"]
        if cursor.log_id.hex() != self.log.log_id.replace("-", ""):
            return "a cursor of another log"
        if cursor.partition != contract.partition_of(user, self.log.partitions):
            return f"a cursor of partition {cursor.partition}"
        position = self.log.positions[cursor.partition].before(cursor.next_offset)
        if position is None:
            return f"its offset {cursor.next_offset} is beyond the log"
        if position != (cursor.epoch, cursor.ord):
            return f"it says {(cursor.epoch, cursor.ord)} where {position} holds"
        events = self.log.users.get(user)
        seq = events.seq_before(cursor.next_offset) if events else 0
        if cursor.last_seq not in (0, seq):
            return f"it says seq {cursor.last_seq} where {seq} is the last"
        if "seq" in line and cursor.last_seq != line["seq"]:
            return f"it says seq {cursor.last_seq} beside seq {line['seq']}"
        return None


class NoPhantoms(Checker):
    """Every event a client saw is a valid event of his in the log, the very same."""
    invariant = "I12"

    def see(self, line):
        if line["kind"] != "frame" or "seq" not in line:
            return
        events = self.log.users.get(line["user"], ())
        if not 1 <= line["seq"] <= len(events):
            self.violation(line, f"no such event; the user has {len(events)} in the log")
            return
        seen = log_index.event_digest(
            line["type"], line.get("run_id"), line.get("thread_id"), line.get("attempt"),
            line.get("time"), line.get("websocket_client_id"), line.get("data_sha256"))
        if seen != events.digest(line["seq"]):
            self.violation(line, f"another event than at offset {events.offsets[line['seq'] - 1]} of the log")


class EverySendIsAnswered(Checker):
    """Every operation has exactly one end: ok, fail, or unknown where the socket ended."""
    invariant = "I23"

    def __init__(self, log):
        super().__init__(log)
        self.open = {}  # (device, operation, message id) -> its invocation
        self.ends = collections.Counter()

    def see(self, line):
        operation = (device_of(line), line.get("op"), line.get("message_id"))
        if line["kind"] == "invoke":
            if operation in self.open:
                self.violation(line, "invoked again before its end")
            self.open[operation] = line
        elif line["kind"] in ("ok", "fail", "unknown") and line["op"] != "stream":
            self.ends[line["kind"]] += 1
            if self.open.pop(operation, None) is None:
                self.violation(line, "the end of nothing")

    def finish(self):
        for line in self.open.values():
            self.violation(line, "it has no end")


class FailsStop(Checker):
    """While the disk of the log takes nothing, nothing is acknowledged. Meant for histories in which nothing else
    holds up what is under way then."""
    invariant = "I19"
    ON_ITS_WAY = 2_000_000_000  # nanoseconds an ack may take from the disk to a client on a busy machine

    def __init__(self, log):
        super().__init__(log)
        self.refusals = []  # (from, to), as Disk has them

    def see(self, line):
        if line["kind"] != "ok" or not is_send(line):
            return
        for since, until in self.refusals:
            if since + self.ON_ITS_WAY < line["t"] < until:
                self.violation(line, f"acknowledged {(line['t'] - since) / 1e9:.1f} s after the disk refused a "
                                     "change")


class Outcomes:
    """What became of what users sent. A correct history may have any of it: how much there may be of what is
    for whoever made the history to judge."""

    def __init__(self, log):
        self.log = log
        self.acked = {}  # (user, message id) -> run id
        self.refused = collections.Counter()  # by code of the error frame

    def see(self, line):
        if line["kind"] == "ok" and is_send(line):
            self.acked[line["user"], line["message_id"]] = line["run_id"]
        elif line["kind"] == "fail":
            self.refused[line["code"]] += 1

    def ends(self):
        """How many of the acknowledged messages ended how, in the log."""
        return collections.Counter(self._end(*message) for message in self.acked.items())

    def _end(self, message, run_id):
        if message in self.log.rejected:
            return f"message_rejected {self.log.rejected[message]}"
        end = self.log.terminals.get(run_id)
        return f"{end} {self.log.failed[run_id]}" if end == "agent_failed" else end or "nothing"


class MemoryIsBounded(Checker):
    """No process grows above its limit, nor holds more open files than its limit."""
    invariant = "I16"

    def __init__(self, log, bytes_max, files_max):
        super().__init__(log)
        self.bytes_max, self.files_max = bytes_max, files_max
        self.most = {}  # process -> [bytes, files]

    def sample(self, line):
        most = self.most.setdefault(line["process"], [0, 0])
        for at, (name, limit) in enumerate((("rss", self.bytes_max), ("files", self.files_max))):
            if line[name] > limit >= most[at]:
                self.violation(line, f"{name} above {limit}")
            most[at] = max(most[at], line[name])

    def expect(self, processes):
        """Each of them was measured while it ran."""
        for process in processes:
            if self.most.get(process, [0])[0] == 0:
                self.violation(f"process {process}", "never measured")


class NothingLeaks(Checker):
    """Once all clients have left, every process has the open files and threads it had before they came."""
    invariant = "I17"
    # Three producers of Kafka, which start when something is appended, have four threads and some ten files
    # each; connections between the parts and looks into files come and go.
    MORE_FILES, MORE_THREADS = 48, 12

    def __init__(self, log):
        super().__init__(log)
        self.before = {}  # process -> {"files": counted by kind, "threads": counted by name}

    def compare(self, samples):
        """Anew: what was found before is forgotten."""
        self.found, self.count = [], 0
        for process, before in self.before.items():
            sample = samples.get(process)
            if sample is None:
                self.violation(f"process {process}", "not there to be looked at")
                continue
            for name, more in (("files", self.MORE_FILES), ("threads", self.MORE_THREADS)):
                if sum((sample[name] - before[name]).values()) > more:
                    self.violation(f"process {process}", f"more {name} than before: "
                                   f"{dict(sample[name] - before[name])}")


class LogsKeepSecrets(Checker):
    """No token, and no text that a user wrote, stands in what a process says."""
    invariant = "I22"
    TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}")

    def __init__(self, log, texts=()):
        super().__init__(log)
        self.texts = [text.encode("utf-8") for text in texts]

    def read(self, path):
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if self.TOKEN.search(line):
                    self.violation(f"{path}:{number}", "a token in a log line")
                if any(text in line for text in self.texts):
                    self.violation(f"{path}:{number}", "what a user wrote in a log line")


OF_HISTORIES = (AcksAreInTheLog, NothingIsInvented, OneRunForAMessage, AcksKeepOrder, RunsEndForClients,
                EverythingEnds, UsersSeeTheirOwn, StreamsAreWhole, HonestCursors, NoPhantoms,
                EverySendIsAnswered, FailsStop)
