"""What may be done to a good export, and to the key it is checked with, that no verifier may take.

DAMAGES: name -> Damage: what changes an Export, and what each verifier then says. An Export has
`lines`, the objects of its lines (the manifest first), and `key`, the text of anchor.pub; a line
may be put as bytes.
"""
import base64
import copy
import dataclasses
import json
import pathlib
from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verify_export as contract


class Export:
    def __init__(self, lines, key):
        self.lines = lines
        self.key = key

    @staticmethod
    def read(path, key_path):
        with open(path, encoding="utf-8") as lines:
            return Export([json.loads(line) for line in lines],
                          pathlib.Path(key_path).read_text("utf-8"))

    def copy(self):
        return copy.deepcopy(self)

    def write(self, path, key_path):
        with open(path, "wb") as file:
            for line in self.lines:
                file.write(line if isinstance(line, bytes)
                           else json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n")
        pathlib.Path(key_path).write_text(self.key, "utf-8")

    @property
    def manifest(self):
        return self.lines[0]

    @property
    def records(self):
        return self.lines[1:]

    @property
    def anchor(self):
        return self.manifest["anchors"][-1]

    def rechain(self):
        """Makes seq and chain fit what the records say, as one who may write everything could."""
        chain = bytes.fromhex(self.manifest["chain_before"])
        for seq, record in enumerate(self.records, self.manifest["first_seq"]):
            headers = record["headers"]
            headers["ce_userseq"] = str(seq)
            content = contract.content_of(headers, base64.b64decode(record["value"]))
            chain = contract.sha256(chain, content)
            headers["ce_chainhash"] = chain.hex()
        self.manifest["last_seq"] = seq


def flip(text, at=5):
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:]


def flip_value(record, at=-2):
    value = bytearray(base64.b64decode(record["value"]))
    value[at] ^= 1
    record["value"] = base64.b64encode(value).decode("ascii")


def signed_by(private, name, text):
    raw = private.public_key().public_bytes(serialization.Encoding.Raw,
                                            serialization.PublicFormat.Raw)
    key = contract.VerifierKey(name, raw)
    signature = base64.b64encode(key.id_as(name) + private.sign(text.encode("utf-8"))).decode()
    return f"{text}\n\u2014 {name} {signature}\n"


# What several of them look like, to the product and to the second verifier.
NOT_THAT_LEAF = ("this event is not leaf", "the proof does not lead to the root")
WRONG_SIGNATURE = ("the signature of", "the note's signature is wrong")
ANOTHER_KEY = ("the note is not signed with this key under the name",
               "the note is not signed with this key as")
SEQ_NOT_THERE = ("which is not in the export", "which is not there")


@dataclasses.dataclass(frozen=True)
class Damage:
    change: Callable[[Export], None]
    product: str  # stands in what the product says
    second: str  # stands in a fault of the second verifier


DAMAGES = {}


def damage(product, second):
    def name_it(function):
        DAMAGES[function.__name__] = Damage(function, product, second)
        return function
    return name_it


@damage("line 4: expected ce_chainhash", "line 4: the chain breaks")
def value_changed(export):
    flip_value(export.records[2])


@damage(*NOT_THAT_LEAF)
def value_changed_and_chain_recomputed(export):
    flip_value(export.records[0])
    export.rechain()


@damage(*NOT_THAT_LEAF)
def newest_value_changed_and_chain_recomputed(export):
    flip_value(export.records[-1])
    export.rechain()


@damage("line 3: it is no record of an export", "line 3: Fault: no base64")
def value_is_no_base64(export):
    export.records[1]["value"] = "=" + export.records[1]["value"]


@damage("line 3: expected ce_chainhash", "line 3: the chain breaks")
def header_changed(export):
    export.records[1]["headers"]["ce_time"] = "2001-01-01T00:00:00.000000Z"


@damage("line 3: expected ce_chainhash", "line 3: the chain breaks")
def header_added(export):
    export.records[1]["headers"]["ce_more"] = "x"


@damage("line 3: expected ce_chainhash", "line 3: the chain breaks")
def header_removed(export):
    del export.records[1]["headers"]["ce_source"]


@damage("line 3: expected ce_chainhash", "line 3: the chain breaks")
def chain_hash_changed(export):
    headers = export.records[1]["headers"]
    headers["ce_chainhash"] = flip(headers["ce_chainhash"])


@damage("expected ce_chainhash", "the chain breaks")
def chain_hash_of_the_newest_changed(export):
    headers = export.records[-1]["headers"]
    headers["ce_chainhash"] = flip(headers["ce_chainhash"])


@damage("line 3: ce_chainhash is absent or no hash", "line 3: Fault: no hash in lowercase hex")
def chain_hash_removed(export):
    del export.records[1]["headers"]["ce_chainhash"]


@damage("line 4: expected ce_userseq 3, found 4", "line 4: seq 4, not 3")
def line_in_the_middle_missing(export):
    del export.lines[3]


@damage("line 2: expected ce_userseq 1, found 2", "line 2: seq 2, not 1")
def first_record_missing(export):
    del export.lines[1]


@damage(*SEQ_NOT_THERE)
def first_record_missing_and_chain_recomputed(export):
    del export.lines[1]
    export.rechain()


@damage("the export ends at seq", "it ends at seq")
def newest_record_missing(export):
    del export.lines[-1]


@damage(*SEQ_NOT_THERE)
def newest_record_missing_and_manifest_made_to_fit(export):
    del export.lines[-1]
    export.manifest["last_seq"] -= 1


@damage("line 1: the export ends at seq 0", "line 1: it ends at seq 0")
def all_records_missing(export):
    del export.lines[1:]


@damage("line 3: expected ce_userseq 2, found 3", "line 3: seq 3, not 2")
def records_swapped(export):
    export.lines[2], export.lines[3] = export.lines[3], export.lines[2]


@damage("line 4: expected ce_userseq 3, found 2", "line 4: seq 2, not 3")
def record_doubled(export):
    export.lines.insert(3, export.lines[2])


@damage("line 4: expected ce_userseq 3, found 77", "line 4: seq 77, not 3")
def seq_gap(export):
    export.records[2]["headers"]["ce_userseq"] = "77"


@damage("line 4: it is of another user", "line 4: of another user")
def record_of_another_user(export):
    export.records[2]["key"] = "somebody else"


@damage("line 4: its offset is not greater", "line 4: the offset does not grow")
def offset_goes_back(export):
    export.records[2]["offset"] = 0


@damage("was signed before this offset", "signed before this offset")
def offset_behind_the_anchor(export):
    export.records[-1]["offset"] = 10**9


@damage("line 1: chain_before is not where", "line 1: chain_before and first_seq do not belong")
def chain_before_changed(export):
    export.manifest["chain_before"] = flip(export.manifest["chain_before"])


@damage("line 1: chain_before is where", "line 1: chain_before and first_seq do not belong")
def first_seq_changed(export):
    export.manifest["first_seq"] = 2


@damage("the export ends at seq", "it ends at seq")
def last_seq_changed(export):
    export.manifest["last_seq"] += 1


@damage("line 2: it is of another user", "line 2: of another user")
def user_of_the_manifest_changed(export):
    export.manifest["user_id"] += "x"


@damage("the key is that of", "the key is that of another log")
def log_of_the_manifest_changed(export):
    export.manifest["log_id"] = flip(export.manifest["log_id"])


@damage("is of another log or partition", "the note is not signed with this key as")
def partition_of_the_manifest_changed(export):
    export.manifest["partition"] += 1


@damage("line 1: the manifest lacks a field", "line 1: KeyError: 'anchors'")
def manifest_without_anchors_field(export):
    del export.manifest["anchors"]


@damage("line 1: it is no manifest of an export", "line 1: JSONDecodeError")
def manifest_is_no_json(export):
    export.lines[0] = b"{\n"


@damage("line 3: it is no record of an export", "line 3: JSONDecodeError")
def record_is_no_json(export):
    export.lines[2] = b"[1, 2\n"


@damage("the file ends within the line", "the line has no end")
def last_line_cut(export):
    export.lines[-1] = json.dumps(export.lines[-1]).encode("utf-8")[:-9]


@damage(*WRONG_SIGNATURE)
def note_signature_changed(export):
    note = export.anchor["note"]
    at = len(note) - 12
    export.anchor["note"] = note[:at] + ("A" if note[at] != "A" else "B") + note[at + 1:]


@damage(*WRONG_SIGNATURE)
def note_root_changed(export):
    lines = export.anchor["note"].split("\n")
    lines[2] = base64.b64encode(bytes(32)).decode("ascii")
    export.anchor["note"] = "\n".join(lines)


@damage(*WRONG_SIGNATURE)
def note_size_changed(export):
    lines = export.anchor["note"].split("\n")
    lines[1] = str(int(lines[1]) + 1)
    export.anchor["note"] = "\n".join(lines)


@damage(*WRONG_SIGNATURE)
def note_position_changed(export):
    lines = export.anchor["note"].split("\n")
    lines[3] = "9" + lines[3]
    export.anchor["note"] = "\n".join(lines)


@damage(*ANOTHER_KEY)
def note_forged_with_another_key(export):
    text, _, _ = export.anchor["note"].rpartition("\n\n")
    name = text.split("\n")[0]
    export.anchor["note"] = signed_by(Ed25519PrivateKey.from_private_bytes(bytes(32)), name,
                                      text + "\n")


@damage("the note has no signature behind an empty line", "no signature behind an empty line")
def note_without_signature(export):
    export.anchor["note"] = export.anchor["note"].rpartition("\n\n")[0] + "\n\n"


@damage(*NOT_THAT_LEAF)
def proof_changed(export):
    export.anchor["proof"][0] = flip(export.anchor["proof"][0])


@damage("this event is not leaf", "the proof is too short")
def proof_too_short(export):
    export.anchor["proof"].pop()


@damage("this event is not leaf", "the proof is too long")
def proof_too_long(export):
    export.anchor["proof"].append("00" * 32)


@damage(*NOT_THAT_LEAF)
def proof_in_another_order(export):
    export.anchor["proof"].reverse()


@damage(*NOT_THAT_LEAF)
def leaf_index_changed(export):
    export.anchor["leaf_index"] -= 1


@damage("this event is not leaf", "no such leaf")
def leaf_index_beyond_the_tree(export):
    export.anchor["leaf_index"] += 10**6


@damage(*NOT_THAT_LEAF)
def anchor_seq_changed(export):
    export.anchor["seq"] -= 1


@damage(*SEQ_NOT_THERE)
def anchor_seq_not_there(export):
    export.anchor["seq"] += 10**6


@damage(*ANOTHER_KEY)
def key_of_another_log(export):
    private = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    raw = private.public_key().public_bytes(serialization.Encoding.Raw,
                                            serialization.PublicFormat.Raw)
    name = export.key.split("+")[0]
    key = contract.VerifierKey(name, raw)
    export.key = f"{name}+{key.id_as(name).hex()}+{base64.b64encode(bytes([1]) + raw).decode()}\n"
