"""log_check.py finds what it is there to find: a correct little log, then broken once per rule."""
import copy
import json
import pathlib
import sqlite3

import contract
import log_check
import log_reader
import pytest

LOG = "0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"
USER = "105945141827451681156"
PARTITIONS = 12
PARTITION = contract.partition_of(USER, PARTITIONS)
VECTORS = pathlib.Path(__file__).parents[1] / "contract" / "contract-vectors.json"


def control(name, **data):
    return {"key": None, "headers": {"ce_type": f"dev.signalbox.control.{name}"}, "data": data}


def command(name, **data):
    return {"key": USER, "data": data,
            "headers": {"ce_type": f"dev.signalbox.command.{name}", "ce_subject": USER}}


def event(name, ordinal, offset, run=None, epoch=1, key=USER, **data):
    headers = {"ce_type": f"dev.signalbox.{name}", "ce_subject": USER, "ce_partitionkey": USER,
               "ce_ownerepoch": str(epoch), "ce_ownerseq": str(ordinal),
               "ce_inboundoffset": str(offset), "ce_time": "2026-11-20T09:30:00.000000Z"}
    if run:
        headers |= {"ce_runid": run, "ce_threadid": "t", "ce_attempt": "1"}
    return {"key": key, "headers": headers, "data": data}


def a_log():
    """Two messages, the second cancelled; the first sent twice. Returns (inbound, events)."""
    one, two = contract.run_id_of(USER, "m1"), contract.run_id_of(USER, "m2")
    call = contract.uuid5("call", one, 1)
    inbound = [command("user_message", message_id="m1"), command("user_message", message_id="m2"),
               command("user_message", message_id="m1"), command("cancel_run", run_id=two)]
    events = [
        control("log_genesis", log_id=LOG, partitions=PARTITIONS, partitioner="murmur2-java"),
        control("partition_owned", epoch=1, claim_id="c1", inbound_next=0),
        event("message_received", 1, 0, one, message_id="m1"),
        event("agent_started", 2, 0, one, agent="assistant"),
        event("message_received", 3, 1, two, message_id="m2"),
        event("message_duplicate", 4, 2, message_id="m1", run_id=one),
        event("tool_executing", 5, 0, one, step=1, call_id=call),
        event("tool_completed", 6, 0, one, step=1, call_id=call, result=1),
        event("agent_completed", 7, 0, one, content="done"),
        event("agent_started", 8, 1, two, agent="assistant"),
        event("cancel_requested", 9, 3, run_id=two),
        event("agent_cancelled", 10, 1, two, reason="user", by=USER),
        control("partition_checkpoint", epoch=1, claim_id="c1", inbound_next=4),
        control("partition_released", epoch=1, claim_id="c1"),
    ]
    return inbound, events


def seal(events):
    """Gives events seqs, ids and chain hashes, as their owner would have."""
    seq, chain = 0, contract.chain_start(LOG, USER)
    for each in events:
        headers = each["headers"]
        if "ce_ownerseq" not in headers:
            continue
        seq += 1
        headers.setdefault("ce_userseq", str(seq))
        headers.setdefault("ce_id", contract.uuid5(
            "event", LOG, PARTITION, headers["ce_ownerepoch"], USER, seq))
        chain = contract.chain_next(chain, headers, json.dumps(each["data"]).encode())
        headers.setdefault("ce_chainhash", chain.hex())
    return events


def records(entries):
    return [log_reader.Record(offset, each["key"], each["headers"],
                              json.dumps(each["data"]).encode())
            for offset, each in enumerate(entries)]


def faults(inbound, events, complete=True):
    check = log_check.PartitionCheck(PARTITION, PARTITIONS, records(inbound))
    for record in records(events):
        check.fold(record)
    if complete:
        check.check_complete()
    return check


def test_a_correct_log_has_no_fault():
    inbound, events = a_log()
    check = faults(inbound, seal(events))
    assert check.faults == []
    assert check.verdicts == {"genesis": 1, "control": 1, "valid": 10, "repeat": 1, "released": 1}


def test_what_zombies_and_producers_do_is_no_fault():
    inbound, events = a_log()
    seal(events)
    events.insert(6, copy.deepcopy(events[5]))  # sent again
    events.insert(7, event("agent_thinking", 9, 0, content="too early"))
    events.append(control("partition_owned", epoch=2, claim_id="c2", inbound_next=4))
    events.append(event("agent_thinking", 11, 0, content="of a zombie"))
    events.append(control("partition_owned", epoch=2, claim_id="c3", inbound_next=4))
    check = faults(inbound, events)
    assert check.faults == []
    assert check.verdicts == {"genesis": 1, "control": 2, "valid": 10, "repeat": 1, "released": 1,
                              "duplicate": 1, "hole": 1, "superseded": 1, "ignored": 1}


def drop(at):
    def change(inbound, events):
        del events[at]
        for ordinal, each in enumerate((e for e in events if "ce_ownerseq" in e["headers"]), 1):
            each["headers"]["ce_ownerseq"] = str(ordinal)
    return change


def set_header(at, name, value):
    return lambda inbound, events: events[at]["headers"].update({name: value})


def set_data(at, **data):
    return lambda inbound, events: events[at]["data"].update(data)


def swap(first, second):
    def change(inbound, events):
        events[first], events[second] = events[second], events[first]
        for ordinal, at in ((3, first), (4, second)):
            events[at]["headers"]["ce_ownerseq"] = str(ordinal)
    return change


def unanswered(inbound, events):
    inbound.append(command("user_message", message_id="m3"))


def second_terminal(inbound, events):
    run = contract.run_id_of(USER, "m1")
    events.append(event("agent_failed", 11, 0, run, code="deadline"))


@pytest.mark.parametrize("change, said", [
    (unanswered, "inbound/10@4: no outcome"),
    (drop(8), "has its thread"),
    (drop(4), "answers inbound 2 while 1 waits"),
    (swap(4, 5), "answers inbound 2 while 1 waits"),
    (second_terminal, "agent_failed after agent_completed"),
    (drop(11), "never ended"),
    (set_header(2, "ce_userseq", "2"), "seq 2 of"),
    (set_header(3, "ce_id", "x"), "ce_id x where"),
    (set_header(3, "ce_chainhash", "00"), "chain of"),
    (set_header(9, "ce_time", "2026-11-20T09:29:59.000000Z"), "goes back"),
    (set_header(2, "ce_runid", contract.run_id_of(USER, "m2")), "is not that of message"),
    (set_header(3, "ce_ownerepoch", "2"), "epoch 2, which nobody claimed"),
    (set_data(1, inbound_next=1), "resume point 1 passes inbound 0"),
    (set_data(6, call_id="x"), "call_id of step 1"),
    (drop(6), "without a call"),
    (drop(3), "before agent_started"),
    (set_header(8, "ce_attempt", "2"), "attempt 2 in attempt 1"),
    (set_data(5, message_id="m7"), "that nobody sent"),
    (set_header(11, "ce_type", "dev.signalbox.agent_completed"), "cancelled run"),
])
def test_a_broken_log_is_named(change, said):
    inbound, events = a_log()
    change(inbound, events)
    found = faults(inbound, seal(events)).faults
    assert any(said in fault for fault in found), found


def test_the_contracts_worked_examples_come_out():
    vectors = json.loads(VECTORS.read_text("utf-8"))
    for each in vectors["partitions"]:
        assert contract.partition_of(each["user_id"], 12) == each["of_12"]
        assert contract.partition_of(each["user_id"], 240) == each["of_240"]
    for each in vectors["ids"]:
        assert contract.uuid5(*each["parts"]) == each["uuid5"]
    chain = contract.chain_start(vectors["log_id"], vectors["chain"]["user_id"])
    assert chain.hex() == vectors["chain"]["start"]
    for each in vectors["chain"]["events"]:
        value = each["value"].encode("utf-8")
        assert contract.content_hash(each["headers"], value).hex() == each["content_hash"]
        chain = contract.chain_next(chain, each["headers"], value)
        assert chain.hex() == each["chainhash"]


def write_log(path):
    database = sqlite3.connect(path)
    database.execute('CREATE TABLE records (place, "offset", appended_at, key, headers, value, '
                     "sha256)")
    for topic, partition, entries in [("events", 0, [a_log()[1][0]])]:
        place = log_reader.TOPICS[topic] << 24 | partition
        for offset, each in enumerate(entries):
            headers = b"".join(contract.prefixed(text) for header in each["headers"].items()
                               for text in header)
            value = json.dumps(each["data"]).encode()
            checksum = log_reader.row_checksum(place, offset, 7, None, headers, value)
            database.execute("INSERT INTO records VALUES (?, ?, 7, NULL, ?, ?, ?)",
                             (place, offset, headers, value, checksum))
    database.commit()
    return database


def test_a_changed_row_is_refused(tmp_path):
    with write_log(tmp_path / log_reader.LOG_FILE) as database:
        assert log_check.check(tmp_path).faults == []
        database.execute("UPDATE records SET appended_at = 8")
        database.commit()
        with pytest.raises(ValueError, match="events/0@0: does not match its checksum"):
            log_check.check(tmp_path)
