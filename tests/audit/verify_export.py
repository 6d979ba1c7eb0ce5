"""A second verifier of exports and checkpoints, written from the contract alone (7, 15):
`verify_export.py FILE --key anchor.pub`. Of logs: verify_log.py.

Shares no code with the product: standard library and `cryptography`. Prints every fault and what
the anchors cover; exit code 0 when all is whole, else 3.
"""
import argparse
import base64
import binascii
import dataclasses
import hashlib
import json
import pathlib
import re
import struct
import sys
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOT_HASHED = {"ce_chainhash", "ce_traceparent"}
NO_HASH = bytes(32)


class Fault(Exception):
    """Something that is not as the contract has it."""


def require(condition, what):
    if not condition:
        raise Fault(what)


def lp(data):
    data = data.encode("utf-8") if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unbase64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Fault(f"no base64: {error}") from error
    require(base64.b64encode(raw).decode() == text, "base64 that is not canonical")
    return raw


def unhex(text):
    require(isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text), "no hash in lowercase hex")
    return bytes.fromhex(text)


def count(value, at_least=0):
    require(type(value) is int and value >= at_least, f"no number of at least {at_least}")
    return value


# Section 7: chain, leaf, tree.

def content_of(headers, value):
    hashed = sorted((name.encode("utf-8"), text) for name, text in headers.items()
                    if name == "content-type" or name.startswith("ce_") and name not in NOT_HASHED)
    return sha256(*(lp(name) + lp(text) for name, text in hashed)) + sha256(value)


def chain_start(log_id, user):
    return sha256(b"signalbox/chain/1", uuid.UUID(log_id).bytes, lp(user))


def leaf_of(content, headers):
    try:
        stated = unhex(headers.get("ce_chainhash"))
    except Fault:
        stated = NO_HASH
    return sha256(b"\0", content, stated)


def node_of(left, right):
    return sha256(b"\1", left, right)


class Tree:
    """The roots of the complete subtrees, as (height, root), the largest first."""

    def __init__(self):
        self.size = 0
        self.subtrees = []

    def append(self, leaf):
        self.size += 1
        self.subtrees.append((0, leaf))
        while len(self.subtrees) > 1 and self.subtrees[-1][0] == self.subtrees[-2][0]:
            (height, right), (_, left) = self.subtrees.pop(), self.subtrees.pop()
            self.subtrees.append((height + 1, node_of(left, right)))

    def root(self):
        if not self.subtrees:
            return sha256()
        root = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            root = node_of(left, root)
        return root


def root_by_path(leaf, index, size, path):
    """RFC 6962, 2.1.1, backwards: the root that a leaf of a tree of this size and its path give."""
    if size == 1:
        require(not path, "the proof is too long")
        return leaf
    require(path, "the proof is too short")
    left_size = 1 << (size - 1).bit_length() - 1
    if index < left_size:
        return node_of(root_by_path(leaf, index, left_size, path[:-1]), path[-1])
    return node_of(path[-1], root_by_path(leaf, index - left_size, size - left_size, path[:-1]))


# C2SP signed notes and checkpoints.

@dataclasses.dataclass
class VerifierKey:
    name: str
    raw: bytes

    @staticmethod
    def parse(text):
        found = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)\n?", text)
        require(found, "no verifier key in one line")
        raw = unbase64(found[3])
        require(len(raw) == 33 and raw[0] == 1, "no Ed25519 key")
        key = VerifierKey(found[1], raw[1:])
        require(key.id_as(found[1]).hex() == found[2], "the key id is not that of name and key")
        return key

    def id_as(self, name):
        return sha256(name.encode("utf-8"), b"\n\1", self.raw)[:4]


@dataclasses.dataclass
class Checkpoint:
    origin: str
    size: int
    root: bytes
    next_offset: int
    epoch: int
    ownerseq: int


def open_note(note, name, key):
    """The signed text."""
    require(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "a control character in the note")
    text, gap, signatures = note.rpartition("\n\n")
    require(gap and signatures.endswith("\n"), "no signature behind an empty line")
    text += "\n"
    is_signed = False
    for line in signatures[:-1].split("\n"):
        found = re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line)
        require(found, "a line that is no signature")
        signature = unbase64(found[2])
        if found[1] != name or signature[:4] != key.id_as(name):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(signature[4:], text.encode("utf-8"))
        except InvalidSignature as error:
            raise Fault("the note's signature is wrong") from error
        is_signed = True
    require(is_signed, f"the note is not signed with this key as {name}")
    return text


def open_checkpoint(note, log_id, partition, key):
    require(isinstance(note, str), "the note is no text")
    origin = f"signalbox/{log_id}/{partition}"
    require(key.name in (origin, f"signalbox/{log_id}"), "the key is that of another log")
    lines = open_note(note, origin, key).split("\n")
    require(len(lines) == 5 and lines[0] == origin, "the note is no checkpoint of this partition")
    number = "(0|[1-9][0-9]*)"
    position = re.fullmatch(f"{number} {number} {number}", lines[3])
    require(re.fullmatch(number, lines[1]) and position, "the checkpoint's numbers are none")
    root = unbase64(lines[2])
    require(len(root) == 32, "the checkpoint's root is no hash")
    return Checkpoint(origin, int(lines[1]), root, *map(int, position.groups()))


# Section 15: exports.

class ExportVerifier:
    def __init__(self, key):
        self.key = key
        self.faults = []
        self.line = 0
        self.events = 0
        self.anchored = 0  # the newest seq an anchor covers
        self.last = 0

    def fault(self, what):
        self.faults.append(f"line {self.line}: {what}")

    def run(self, lines):
        """`lines`: bytes with their ends."""
        for self.line, line in enumerate(lines, 1):
            try:
                require(line.endswith(b"\n"), "the line has no end")
                read = json.loads(line)
                require(isinstance(read, dict), "no object")
                (self.read_manifest if self.line == 1 else self.read_record)(read)
            except (Fault, ValueError, KeyError, TypeError, AttributeError) as error:
                self.fault(f"{type(error).__name__}: {error}")
                if self.line == 1:
                    return self
        if not self.line:
            self.fault("the file is empty")
        else:
            self.finish()
        return self

    def read_manifest(self, manifest):
        self.log_id, self.user = manifest["log_id"], manifest["user_id"]
        require(str(uuid.UUID(self.log_id)) == self.log_id, "log_id is no UUID in lower case")
        self.first = count(manifest["first_seq"], 1)
        self.last = count(manifest["last_seq"], self.first)
        count(manifest["contract_version"])
        self.seq, self.chain = self.first - 1, unhex(manifest["chain_before"])
        self.offset = -1
        starts = self.chain == chain_start(self.log_id, self.user)
        if starts != (self.first == 1):
            self.fault("chain_before and first_seq do not belong together")
        self.anchors = []
        size = 0
        for anchor in manifest["anchors"]:
            try:
                checkpoint = open_checkpoint(anchor["note"], self.log_id,
                                             count(manifest["partition"]), self.key)
                require(checkpoint.size > size, "not of a larger tree than the one before")
                size = checkpoint.size
                self.anchors.append((count(anchor["seq"]), count(anchor["leaf_index"]),
                                     [unhex(part) for part in anchor["proof"]], checkpoint))
            except (Fault, KeyError, TypeError) as error:
                self.fault(f"an anchor: {error}")

    def read_record(self, record):
        headers, value = record["headers"], unbase64(record["value"])
        require(all(isinstance(text, str) for text in headers.values()), "a header is no text")
        self.events += 1
        if count(record["offset"]) <= self.offset:
            self.fault("the offset does not grow")
        self.offset = record["offset"]
        if not record["key"] == headers.get("ce_subject") == self.user:
            self.fault("of another user")
        content = content_of(headers, value)
        self.seq, self.chain = self.seq + 1, sha256(self.chain, content)
        if headers.get("ce_userseq") != str(self.seq):
            self.fault(f"seq {headers.get('ce_userseq')}, not {self.seq}")
            self.seq = int(headers["ce_userseq"])
        if headers.get("ce_chainhash") != self.chain.hex():
            self.fault("the chain breaks")
            self.chain = unhex(headers.get("ce_chainhash"))
        leaf = leaf_of(content, headers)
        for anchor in [anchor for anchor in self.anchors if anchor[0] == self.seq]:
            self.anchors.remove(anchor)
            self.check_anchor(leaf, *anchor)

    def check_anchor(self, leaf, seq, index, proof, checkpoint):
        try:
            require(self.offset < checkpoint.next_offset, "signed before this offset")
            require(index < checkpoint.size, "no such leaf")
            require(root_by_path(leaf, index, checkpoint.size, proof) == checkpoint.root,
                    "the proof does not lead to the root")
            self.anchored = max(self.anchored, seq)
        except Fault as error:
            self.fault(f"the anchor of {checkpoint.size} events: {error}")

    def finish(self):
        if self.seq != self.last:
            self.fault(f"it ends at seq {self.seq}, not {self.last}")
        for seq, *_ in self.anchors:
            self.fault(f"an anchor covers seq {seq}, which is not there")


def verify_export(path, key_path):
    key = VerifierKey.parse(pathlib.Path(key_path).read_text("utf-8"))
    with open(path, "rb") as lines:
        return ExportVerifier(key).run(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--key", required=True)
    arguments = parser.parse_args()
    verifier = verify_export(arguments.file, arguments.key)
    print(f"{verifier.events} events, anchored up to seq {verifier.anchored} of {verifier.last}")
    for fault in verifier.faults:
        print(fault)
    return 3 if verifier.faults else 0


if __name__ == "__main__":
    sys.exit(main())
