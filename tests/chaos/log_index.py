"""What the checkers of clients' histories ask of the log: its valid events by user and seq, its commands
by user and message, and the position that holds at every offset.

The dump is read once, a partition at a time, through the auditor's fold (tests/e2e/log_check.py), which
judges the log by itself; its faults are `faults`.
"""
import array
import base64
import bisect
import collections
import dataclasses
import hashlib
import json
import struct

import contract
import log_check
import log_dump

CURSOR = struct.Struct(">B16sHQQQQ")
DIGEST_BYTES = 16


def canonical(data):
    """JSON as the clients' histories hash it: names in order, no space."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256_hex(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def event_digest(name, run_id, thread_id, attempt, time, client_id, data_sha256):
    """Of what an event frame shows of its event."""
    parts = (name, run_id, thread_id, attempt, time, client_id, data_sha256)
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8")).digest()[:DIGEST_BYTES]


def digest_of_record(record, name):
    headers = record.headers
    data = json.loads(record.value)
    if name == "agent_completed":
        data.pop("memory", None)  # not on the wire
    attempt = headers.get("ce_attempt")
    return event_digest(name, headers.get("ce_runid"), headers.get("ce_threadid"),
                        None if attempt is None else int(attempt), headers["ce_time"],
                        headers["ce_wsclientid"], sha256_hex(canonical(data)))


@dataclasses.dataclass
class Cursor:
    log_id: bytes
    partition: int
    next_offset: int
    epoch: int
    ord: int
    last_seq: int


def decode_cursor(text, user):
    """Contract 10. Raises ValueError where it is damaged or of another user."""
    packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(packed) != CURSOR.size + 8:
        raise ValueError(f"{len(packed)} bytes")
    if hashlib.sha256(packed[:-8] + user.encode("utf-8")).digest()[:8] != packed[-8:]:
        raise ValueError("its check sum is not that of this user")
    version, *fields = CURSOR.unpack(packed[:-8])
    if version != 1:
        raise ValueError(f"version {version}")
    return Cursor(*fields)


@dataclasses.dataclass
class Sent:
    """A user_message in inbound."""
    offset: int
    thread_id: str
    content_sha256: str
    client_id: str


class Positions:
    """The position after each record of a partition of events."""

    def __init__(self):
        self.offsets, self.epochs, self.ords = (array.array("Q") for _ in range(3))

    def add(self, offset, position):
        self.offsets.append(offset)
        self.epochs.append(position.epoch)
        self.ords.append(position.ord)

    def before(self, next_offset):
        """(epoch, ord) once all records below this offset are folded; None beyond the log's end."""
        at = bisect.bisect_left(self.offsets, next_offset)
        if at == len(self.offsets) and next_offset > (self.offsets[-1] + 1 if at else 0):
            return None
        return (self.epochs[at - 1], self.ords[at - 1]) if at else (0, 0)


class UserEvents:
    """A user's valid events, the one with seq n at place n - 1."""

    def __init__(self, partition):
        self.partition = partition
        self.digests = bytearray()
        self.offsets = array.array("Q")

    def __len__(self):
        return len(self.offsets)

    def add(self, digest, offset):
        self.digests += digest
        self.offsets.append(offset)

    def digest(self, seq):
        return bytes(self.digests[(seq - 1) * DIGEST_BYTES:seq * DIGEST_BYTES])

    def seq_before(self, next_offset):
        return bisect.bisect_left(self.offsets, next_offset)


class LogIndex:
    def __init__(self, path, complete=True):
        head, partitions = log_dump.read_dump(path)
        self.log_id, self.partitions = head["log_id"], head["partitions"]
        self.faults = []
        self.verdicts = collections.Counter()
        self.users = {}  # user -> UserEvents
        self.sent = {}  # (user, message id) -> [Sent]
        self.rejected = {}  # (user, message id) of what became a message_rejected -> its code
        self.received = {}  # (user, message id) -> (seq, run id) of its message_received
        self._message_at = {}  # (partition, inbound offset) -> (user, message id)
        self.terminals = {}  # run id -> name of its terminal event, None while it is open
        self.failed = {}  # run id -> code of its agent_failed
        self.client_ids = collections.defaultdict(set)  # user -> sockets named in his records
        self.positions = []
        for partition, inbound, events in partitions:
            self._read(partition, inbound, events, complete)

    def _read(self, partition, inbound, events, complete):
        for record in inbound:
            self._add_sent(record, partition)
        check = log_check.PartitionCheck(partition, self.partitions, inbound)
        positions = Positions()
        bytes_of_id = {}
        for record in events:
            self._compare_bytes(record, partition, bytes_of_id)
            try:
                verdict = check.fold(record)
            except (KeyError, ValueError) as broken:
                self.faults.append(f"I13 events/{partition}@{record.offset}: cannot be read: {broken!r}")
                continue
            positions.add(record.offset, check.position)
            if verdict == "valid":
                self._add_event(record, partition)
        if complete:
            check.check_complete()
        self.faults += check.faults
        self.verdicts += check.verdicts
        self.terminals |= {run_id: run.terminal for run_id, run in check.runs.items()}
        self.positions.append(positions)

    def _compare_bytes(self, record, partition, bytes_of_id):
        """Equal ids mean equal bytes, also of records that do not count."""
        digest = hashlib.sha256(contract.content_hash(record.headers, record.value)).digest()[:DIGEST_BYTES]
        if bytes_of_id.setdefault(record.headers.get("ce_id"), digest) != digest:
            self.faults.append(f"I7 events/{partition}@{record.offset}: ce_id {record.headers.get('ce_id')} "
                               "of other bytes")

    def _add_sent(self, record, partition):
        if record.headers.get("ce_type") != "dev.signalbox.command.user_message":
            return
        data = json.loads(record.value)
        self._message_at[partition, record.offset] = record.key, data["message_id"]
        client_id = record.headers.get("ce_wsclientid", "")
        self.client_ids[record.key].add(client_id)
        self.sent.setdefault((record.key, data["message_id"]), []).append(
            Sent(record.offset, data["thread_id"], sha256_hex(data["content"]), client_id))

    def _add_event(self, record, partition):
        name = record.headers["ce_type"].removeprefix(log_check.TYPE_PREFIX)
        user = record.headers["ce_subject"]
        self.client_ids[user].add(record.headers["ce_wsclientid"])
        events = self.users.setdefault(user, UserEvents(partition))
        events.add(digest_of_record(record, name), record.offset)
        if name == "message_received":
            message = (user, json.loads(record.value)["message_id"])
            self.received.setdefault(message, (len(events), record.headers.get("ce_runid")))
        if name == "message_rejected":  # by its place: of a poisoned record nothing is read
            place = partition, int(record.headers["ce_inboundoffset"])
            self.rejected[self._message_at.get(place)] = json.loads(record.value).get("code")
        if name == "agent_failed":
            self.failed[record.headers["ce_runid"]] = json.loads(record.value).get("code")
