"""A second verifier of an embedded log and what lies beside it: `verify_log.py DATA [--anchors DIR]
[--key FILE]`, where FILE is a copy of anchor.pub kept elsewhere.

Written from the contract (1 to 3, 7, 8) and, of the files themselves, from the heads of
sqlite_rows.hpp, head_witness.hpp and archive_format.hpp; shares no code with the product. Reads a
log that nobody writes to, all of it into memory; snapshots, a cache that proves nothing, it leaves to
the product, and a log on Kafka, too. Prints every finding and what the anchors cover;
exit code 0 when all is whole, else 3.
"""
import argparse
import collections
import contextlib
import dataclasses
import json
import pathlib
import sqlite3
import struct
import sys
import uuid

from cryptography.hazmat.primitives import serialization

sys.path.append(str(pathlib.Path(__file__).parents[1] / "e2e"))
import archived_events  # noqa: E402
import verify_export as history  # noqa: E402
from contract import is_opaque_id, partition_of  # noqa: E402
from log_reader import row_checksum, unpack_headers  # noqa: E402

TOPICS = ("inbound", "events", "progress", "connections", "snapshots", "quarantine")
EVENTS = TOPICS.index("events")
ROWS_COUNTER = -1
CONTROL = "dev.signalbox.control."
OF_A_USER = ("ce_subject", "ce_partitionkey", "ce_wsclientid")  # no control record has them
UNANCHORED = "unanchored: a removed tail cannot be seen"


@dataclasses.dataclass(frozen=True)
class Finding:
    what: str
    topic: str | None = None  # with partition and offset: the record that is bad
    partition: int | None = None
    offset: int | None = None

    @property
    def record(self):
        return None if self.offset is None else (self.topic, self.partition, self.offset)

    def __str__(self):
        return self.what if self.record is None else "{}/{}@{}: {}".format(*self.record, self.what)


@dataclasses.dataclass
class Record:
    offset: int
    appended_at: int
    key: str | None
    raw_headers: bytes
    headers: dict
    value: bytes

    def number(self, name):
        """A header that counts from 1; None where it does not."""
        text = self.headers.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def headers_of(packed):
    """Raises struct.error, ValueError. Those of the contract are UTF-8; a mirror may add others."""
    headers = unpack_headers(packed)
    for name, text in headers.items():
        if name == "content-type" or name.startswith("ce_"):
            (name + text).encode("utf-8")
    return headers


def is_uuid(value):
    try:
        return str(uuid.UUID(value)) == value
    except (AttributeError, TypeError, ValueError):
        return False


def is_count(value):
    return type(value) is int and 0 <= value < 2**63


# What the data of a control record must say (contract 8).
CONTROLS = {
    "log_genesis": {"log_id": is_uuid, "partitions": is_count,
                    "partitioner": lambda value: value == "murmur2-java"},
    "partition_owned": {"log_id": is_uuid, "epoch": is_count, "claim_id": is_uuid,
                        "router_id": lambda value: isinstance(value, str),
                        "inbound_next": is_count},
    "partition_checkpoint": {"log_id": is_uuid, "epoch": is_count, "claim_id": is_uuid,
                             "inbound_next": is_count,
                             "fold_at": lambda value: isinstance(value, dict)},
    "partition_released": {"epoch": is_count, "claim_id": is_uuid},
}


def read_control(record):
    """(name, data). Raises Fault, ValueError, where it is not as the contract has it."""
    name = record.headers["ce_type"].removeprefix(CONTROL)
    history.require(name in CONTROLS, f"no control record is called {name}")
    for header in ("ce_id", "ce_source", "ce_time"):
        history.require(record.headers.get(header), f"a control record without {header}")
    data = json.loads(record.value)
    history.require(isinstance(data, dict), "the data is no object")
    for field, is_as_agreed in CONTROLS[name].items():
        history.require(is_as_agreed(data.get(field)), f"{field} of {name}")
    return name, data


class Fold:
    """Contract 8: what counts in a partition."""

    def __init__(self):
        self.epoch, self.claim, self.ord = 0, None, 0

    def judge(self, record):
        if record.headers.get("ce_type", "").startswith(CONTROL):
            return self.judge_control(*read_control(record))
        epoch, order = record.number("ce_ownerepoch"), record.number("ce_ownerseq")
        if epoch is None or order is None:
            return "neither an event nor a control record"
        if epoch > self.epoch:
            return "unclaimed"
        if epoch < self.epoch or order <= self.ord:
            return "dropped"
        if order > self.ord + 1:
            return "hole"
        self.ord += 1
        return "valid"

    def judge_control(self, name, data):
        if name == "partition_owned" and data["epoch"] > self.epoch:
            self.epoch, self.claim, self.ord = data["epoch"], data["claim_id"], 0
            return "claim"
        return "control"

    def go_on_at(self, record):
        """Behind damage: as this record states."""
        self.epoch, self.ord = record.number("ce_ownerepoch"), record.number("ce_ownerseq")


class EventsCheck:
    """One partition of events, record by record in log order."""

    def __init__(self, log, partition, archive, notes):
        self.log = log
        self.partition = partition
        self.archive = archive
        self.notes = notes  # paths of the notes not yet compared
        self.fold, self.tree = Fold(), history.Tree()
        self.chains = {}  # user -> (seq, chain hash) as his newest event states them
        self.hole = None  # the first event that waits for those before it
        self.hole_end = 0
        self.is_damaged = False  # what comes next need not follow from what was before
        self.covered = 0
        self.noted = None  # (path, note, position behind its newest event), until what follows is met

    def find(self, offset, what):
        self.log.find(what, EVENTS, self.partition, offset)

    def take(self, record):
        if record.offset == 0:
            self.check_genesis(record)
        try:
            verdict = self.fold.judge(record)
            if verdict in ("claim", "control"):
                self.check_control(record)
        except (history.Fault, ValueError) as error:
            verdict = f"a control record that cannot be read: {error}"
        if self.is_damaged and verdict in ("hole", "unclaimed"):
            self.fold.go_on_at(record)
            verdict = "valid"
        if verdict == "valid":
            self.take_valid(record)
        elif verdict == "claim":
            self.hole = None  # whoever claimed decides afresh
        elif verdict == "hole":
            self.hole = record.offset if self.hole is None else self.hole
            self.hole_end = max(self.hole_end, record.number("ce_ownerseq"))
        elif verdict == "unclaimed":
            self.find(record.offset, f"epoch {record.headers['ce_ownerepoch']}, claimed by nobody")
        elif verdict not in ("control", "dropped"):
            self.find(record.offset, verdict)

    def check_control(self, record):
        if record.key is not None:
            self.find(record.offset, "a control record has a key")
        elif found := [name for name in OF_A_USER if name in record.headers]:
            self.find(record.offset, f"a control record has {found}")

    def check_genesis(self, record):
        try:
            name, data = read_control(record)
            history.require(name == "log_genesis" and data["log_id"] == self.log.log_id and
                            data["partitions"] == self.log.partitions, "that of another log")
        except (history.Fault, ValueError, KeyError) as error:
            self.find(0, f"not the genesis of this log: {error}")

    def take_valid(self, record):
        self.is_damaged = False
        self.check_position(record.offset)
        if self.fold.ord >= self.hole_end:
            self.hole = None
        if record.key is None or not is_opaque_id(record.key):
            self.find(record.offset, "its user: none is named")
            return
        if record.headers.get("ce_subject") != record.key:
            self.find(record.offset, "its user: key and ce_subject differ")
        if partition_of(record.key, self.log.partitions) != self.partition:
            self.find(record.offset, "its user: of another partition")
        content = history.content_of(record.headers, record.value)
        seq = self.follow_chain(record, content)
        self.tree.append(history.leaf_of(content, record.headers))
        if self.archive:
            for what, offset in self.archive.compare(record, seq):
                self.find(offset, what)
            if self.archive.has_another_tree(self.tree):
                self.find(record.offset, "log and archive disagree: the tree")
        while self.notes and int(self.notes[0].stem) <= self.tree.size:
            self.check_note(self.notes.pop(0), record.offset + 1)

    def follow_chain(self, record, content):
        seq, chain = self.chains.get(
            record.key, (0, history.chain_start(self.log.log_id, record.key)))
        seq, chain = seq + 1, history.sha256(chain, content)
        stated, stated_chain = record.number("ce_userseq"), record.headers.get("ce_chainhash")
        try:
            stated_chain = history.unhex(stated_chain)
        except history.Fault:
            stated_chain = None
        if stated is None or stated_chain is None:
            self.find(record.offset, "seq or chain hash cannot be read")
        elif stated != seq:
            self.find(record.offset, f"seq {stated}, not {seq}")
        elif stated_chain != chain:
            self.find(record.offset, "the chain of its user breaks")
        # What is not stated is gone on from as if it were right.
        self.chains[record.key] = (stated or seq, stated_chain or chain)
        return stated or seq

    def check_note(self, path, behind):
        try:
            note = history.open_checkpoint(path.read_bytes().decode("utf-8"), self.log.log_id,
                                           self.partition, self.log.key)
            history.require(path.name == f"{note.size:020}.note", "the name is not the tree size")
            history.require(note.root == self.tree.root(), "the log's tree is another")
            self.covered = note.size
            self.noted = path, note, (behind, self.fold.epoch, self.fold.ord)
        except (history.Fault, UnicodeDecodeError) as error:
            self.log.find(f"{path}: {error}")

    def check_position(self, next_offset):
        """That of the note before: a reader came to it before it met what is at next_offset."""
        if self.noted is None:
            return
        (path, note, (behind, epoch, order)), self.noted = self.noted, None
        is_claimed_since = (epoch < note.epoch <= self.fold.epoch and note.ownerseq == 0
                            and note.next_offset > behind)
        if not behind <= note.next_offset <= next_offset or \
                (note.epoch, note.ownerseq) != (epoch, order) and not is_claimed_since:
            self.log.find(f"{path}: its position is none of its tree's", EVENTS, self.partition,
                          behind - 1)

    def end(self):
        self.check_position(self.log.ends[EVENTS << 24 | self.partition])
        if self.hole is not None:
            self.find(self.hole, "it waits for events before it, which never came")
        if self.archive:
            for what, offset in self.archive.rest(self.log.ends[EVENTS << 24 | self.partition]):
                self.find(offset, what)
        for path in self.notes:
            self.log.find(f"{path}: the log has but {self.tree.size} events")


class LogVerifier:
    """`findings`, in the order they are met, and what was read; call run() once."""

    def __init__(self, data, anchors=None, key=None):
        self.data = pathlib.Path(data)
        self.pinned = pathlib.Path(key) if key else None
        self.anchors = pathlib.Path(anchors) if anchors else None
        self.findings = []
        self.key = None
        self.ends = collections.defaultdict(int)  # place -> the offset that follows
        self.missing = set()  # (place, offset) named when a greater offset came first
        self.checks = []

    def find(self, what, topic=None, partition=None, offset=None):
        self.findings.append(
            Finding(what, None if topic is None else TOPICS[topic], partition, offset))

    @property
    def events(self):
        return sum(check.tree.size for check in self.checks)

    @property
    def covered(self):
        """By partition: how many of its events the anchors cover."""
        return [check.covered for check in self.checks]

    @property
    def is_anchored(self):
        return sum(self.covered) == self.events

    def run(self):
        try:
            with contextlib.closing(
                    sqlite3.connect(f"file:{self.data}/log.db?mode=ro", uri=True)) as log:
                self.verify(log)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self.find(f"log.db cannot be read: {error}")
        return self

    def verify(self, log):
        (log_id, self.partitions), = log.execute("SELECT log_id, partitions FROM meta")
        self.log_id = str(uuid.UUID(bytes=log_id))
        counters = dict(log.execute("SELECT place, next FROM counters"))
        self.read_key()
        self.checks = [self.check_of(partition) for partition in range(self.partitions)]
        for row in log.execute('SELECT place, "offset", appended_at, key, headers, value, sha256'
                               " FROM records WHERE id <= ? ORDER BY id", (counters[ROWS_COUNTER],)):
            self.take(*row)
        self.check_ends(counters)
        for check in self.checks:
            check.end()
        self.check_head(counters[ROWS_COUNTER])
        (beyond,), = log.execute("SELECT count(*) FROM records WHERE id > ?",
                                 (counters[ROWS_COUNTER],))
        if beyond:
            self.find(f"{beyond} rows have greater numbers than the log has given")

    def read_key(self):
        """What the notes are signed with: the key that was named, else that of the private key, else
        what lies beside the notes."""
        path = self.anchors / "anchor.pub" if self.anchors else None
        if path is None or not path.exists() and not self.pinned:
            return
        try:
            known = self.known_key()
            self.key = known or self.parse_key(path)
            if known and path.exists() and self.parse_key(path).raw != known.raw:
                self.find(f"{path}: another key than the one that signs")
        except (history.Fault, UnicodeDecodeError) as error:
            self.key = None
            self.find(f"{path}: {error}")

    def known_key(self):
        if self.pinned:
            return self.parse_key(self.pinned)
        path = self.data / "anchor.key"
        if not path.exists():
            return None
        private = serialization.load_pem_private_key(path.read_bytes(), None)
        return history.VerifierKey(f"signalbox/{self.log_id}", private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw))

    def parse_key(self, path):
        key = history.VerifierKey.parse(path.read_text("utf-8"))
        history.require(key.name == f"signalbox/{self.log_id}", "the key of another log")
        return key

    def check_of(self, partition):
        notes = sorted(self.anchors.glob(f"{partition}/*.note")) if self.key else []
        path = self.data / "archive" / f"{partition}.db"
        archive = None
        if path.exists():
            try:
                archive = archived_events.read(path, self.log_id)
            except (sqlite3.DatabaseError, history.Fault) as error:
                self.find(f"{path}: {error}")
        return EventsCheck(self, partition, archive, notes)

    def take(self, place, offset, appended_at, key, headers, value, checksum):
        topic, partition = place >> 24, place & 0xFFFFFF
        if topic >= len(TOPICS) or partition >= self.partitions:
            self.find(f"a row of place {place}, which this log has not")
            return
        check = self.checks[partition] if topic == EVENTS else None
        if not self.follows(topic, partition, offset):
            return
        if row_checksum(place, offset, appended_at, key, headers, value) != checksum:
            self.find("the row does not match its checksum", topic, partition, offset)
            if check:
                check.is_damaged = True
            return
        try:
            record = Record(offset, appended_at, None if key is None else key.decode("utf-8"),
                            headers, headers_of(headers), value)
        except (struct.error, ValueError) as error:
            self.find(f"key or headers cannot be read: {error}", topic, partition, offset)
            return
        if check:
            check.take(record)

    def follows(self, topic, partition, offset):
        """Whether the row goes on where its place had ended. Of events nothing is ever deleted, of
        the other topics only from the front."""
        place = topic << 24 | partition
        begins = topic != EVENTS and place not in self.ends
        end = offset if begins else self.ends[place]
        if offset > end:
            self.find(f"it is missing; {offset} follows", topic, partition, end)
            self.missing |= {(place, missing) for missing in range(end, offset)}
            if topic == EVENTS:
                self.checks[partition].is_damaged = True
        elif offset < end:
            if (place, offset) not in self.missing:
                self.find("a second row of this place", topic, partition, offset)
            return False
        self.ends[place] = offset + 1
        return True

    def check_ends(self, counters):
        for place, end in counters.items():
            topic, partition = place >> 24, place & 0xFFFFFF
            if place == ROWS_COUNTER or topic != EVENTS and place not in self.ends:
                continue
            if self.ends[place] != end:
                self.find(f"the rows end at {self.ends[place]}, the log has counted to {end}",
                          topic, partition, min(self.ends[place], end))

    def check_head(self, rows):
        path = self.data / "head"
        head = path.read_bytes() if path.exists() else b""
        if len(head) < 32 or head[:24] != b"sbxhead1" + uuid.UUID(self.log_id).bytes:
            return  # none of this log
        (witnessed,) = struct.unpack_from("=Q", head, 24)
        if witnessed > rows:
            self.find(f"{path}: it has seen {witnessed} rows, the log has counted {rows}")


def verify_log(data, anchors=None, key=None):
    return LogVerifier(data, anchors, key).run()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--anchors")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    verifier = verify_log(arguments.data, arguments.anchors, arguments.key)
    for finding in verifier.findings:
        print(finding)
    print(f"{verifier.events} events; covered by anchors, by partition: {verifier.covered}")
    if not verifier.is_anchored:
        print(UNANCHORED)
    return 3 if verifier.findings else 0


if __name__ == "__main__":
    sys.exit(main())
