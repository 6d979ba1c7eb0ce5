"""What only an anchor shows, and what was done to anchors: the attacks of
tests/replay/anchor_damage_test.cpp by the names they have there; each as in log_damage.py.

An anchor says between which records something happened, not to which.
"""
import base64
import shutil
import uuid

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import archived_events
import verify_export as history
from attacked_log import ANNA, EVENTS, NEIGHBOUR
from export_damage import signed_by
from log_damage import also, cut_tail, put_the_older_file_back, remove_the_neighbour, \
    rewrite_with_chain


def all_made_to_fit(attack):
    """What is made anew from the log would only agree with it."""
    return also(attack, "archive", "head", unnamed=True)


def edit_note(change):
    def attack(a):
        path = a.notes(ANNA)[-1]
        path.write_bytes(change(path.read_bytes()))
    return attack


def flip_at(at):
    def change(note):
        place = at(note)
        return note[:place] + bytes([note[place] ^ 1]) + note[place + 1:]
    return change


def sign_with_another_key(note):
    text = note.decode("utf-8").rpartition("\n\n")[0] + "\n"
    return signed_by(Ed25519PrivateKey.from_private_bytes(bytes(32)), text.partition("\n")[0],
                     text).encode("utf-8")


def state_in_note(change):
    """Its extension line, signed by who may sign; `change` gets and gives offset, epoch, ownerseq."""
    def attack(a):
        path = a.notes(ANNA)[-1]
        lines = path.read_text("utf-8").partition("\n\n")[0].split("\n")
        lines[3] = " ".join(map(str, change(*map(int, lines[3].split()))))
        key = serialization.load_pem_private_key((a.data / "anchor.key").read_bytes(), None)
        path.write_text(signed_by(key, lines[0], "\n".join(lines) + "\n"), "utf-8")
    return attack


def rename_the_newest_note(a):
    note = a.notes(ANNA)[-1]
    note.rename(note.with_name(f"{3:020}.note"))


def put_a_note_that_states_more(a):
    note = a.notes(ANNA)[-1]
    shutil.copy(note, note.with_name(f"{9999:020}.note"))


def put_a_note_of_another_partition(a):
    shutil.copy(a.notes(NEIGHBOUR)[-1], a.notes(ANNA)[-1])


def put_the_key_of_another_log(a):
    put_key(a, f"signalbox/{uuid.UUID(int=0)}", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def put_key(a, name, private):
    raw = private.public_key().public_bytes(serialization.Encoding.Raw,
                                            serialization.PublicFormat.Raw)
    key = base64.b64encode(b"\1" + raw).decode()
    (a.data / "anchors" / "anchor.pub").write_text(
        f"{name}+{history.VerifierKey(name, raw).id_as(name).hex()}+{key}\n", "utf-8")


def sign_all_anew(a):
    """Every note states the tree the log has now, and is signed with a key that is not the log's."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([1] + [0] * 31))
    put_key(a, f"signalbox/{a.log_id}", private)
    for partition in range(a.partitions):
        notes = {int(path.stem): path
                 for path in (a.data / "anchors" / str(partition)).glob("*.note")}
        tree = history.Tree()
        for row in a.rows("place = ?", EVENTS << 24 | partition):
            if "ce_ownerseq" not in row.headers:
                continue
            tree.append(history.leaf_of(history.content_of(row.headers, row.value), row.headers))
            if tree.size in notes:
                lines = notes[tree.size].read_text("utf-8").partition("\n\n")[0].split("\n")
                lines[2] = base64.b64encode(tree.root()).decode()
                notes[tree.size].write_text(
                    signed_by(private, lines[0], "\n".join(lines) + "\n"), "utf-8")


def rewrite_and_sign_all_anew(a):
    all_made_to_fit(rewrite_with_chain(3))(a)
    sign_all_anew(a)


def put_another_tree(a):
    tree = history.Tree()
    for _ in range(5):
        tree.append(bytes(32))
    parts = (tree.size, b"".join(root for _, root in tree.subtrees), 0, bytes(32))
    a.sql("INSERT OR REPLACE INTO tree VALUES(1, ?, ?, ?, ?, ?)", *parts,
          archived_events.row_hash(*parts), file=a.archive(ANNA))
    return "events", a.partition(ANNA), a.offset(ANNA, tree.size)


def remove_the_newest_note(a):
    a.notes(ANNA)[-1].unlink()


DAMAGES = {
    "ATailRemoved": all_made_to_fit(cut_tail),
    "AUserRemoved": all_made_to_fit(remove_the_neighbour),
    "AValueRewrittenWithItsChain": all_made_to_fit(rewrite_with_chain(3)),
    "TheNewestValueRewrittenWithItsChain": all_made_to_fit(rewrite_with_chain(-1)),
    "AnOlderCopyOfAllButTheAnchors": all_made_to_fit(put_the_older_file_back),
    "ANoteWhoseSignatureWasChanged": edit_note(flip_at(lambda note: len(note) - 9)),
    "ANoteWhoseTextWasChanged": edit_note(flip_at(lambda note: note.index(b"=") - 5)),
    "ANoteSignedWithAnotherKey": edit_note(sign_with_another_key),
    "ANoteUnderAnotherName": rename_the_newest_note,
    "ANoteThatStatesMore": put_a_note_that_states_more,
    "ANoteOfAnotherPartition": put_a_note_of_another_partition,
    "ANoteOfAnotherOwnerSeq": state_in_note(lambda at, epoch, order: (at, epoch, order + 1)),
    "ANoteOfALaterEpoch": state_in_note(lambda at, epoch, order: (at, epoch + 1, 0)),
    "ANoteOfAPositionBehindTheLog": state_in_note(lambda at, epoch, order: (at + 1000, epoch, order)),
    "ANoteOfAPositionBeforeItsTree": state_in_note(lambda at, epoch, order: (1, epoch, order)),
    "ThePublicKeyOfAnotherLog": put_the_key_of_another_log,
    "AllAnchorsSignedAnewWithAnotherKey": rewrite_and_sign_all_anew,
    "TheTreeOfTheArchive": put_another_tree,
    "TheAnchorsRemoved": also(lambda a: None, "anchors"),
    "TheAnchorsRemovedWithATail": also(all_made_to_fit(cut_tail), "anchors"),
    "TheNewestAnchorsRemoved": remove_the_newest_note,
}
UNSEEN_DAMAGES = {"TheAnchorsRemoved", "TheAnchorsRemovedWithATail", "TheNewestAnchorsRemoved"}
