"""A dump says of a log what the log holds, also what does not count, and what is out of place is refused."""
import json

import log_dump
import pytest
from log_reader import Record

GENESIS = Record(0, None, {"ce_type": "dev.signalbox.control.log_genesis"},
                 b'{"log_id":"0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15","partitions":3}')
RECORDS = {
    ("events", 0): [GENESIS, Record(4, "ann", {"ce_type": "x", "ce_id": "1"}, "{\"a\":\"ü\"}".encode())],
    ("inbound", 1): [Record(7, "ben", {}, b"\xff{")],
    ("events", 2): [GENESIS],
    ("inbound", 2): [Record(0, None, {"ce_type": "y"}, b"{}"), Record(1, "cleo", {}, b"")],
}


class Source:
    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def records(self, topic, partition):
        return iter(RECORDS.get((topic, partition), []))


def test_what_was_dumped_is_read_again(tmp_path):
    path = tmp_path / "log.jsonl"
    assert log_dump.write_dump(Source(), path) == 6
    head, partitions = log_dump.read_dump(path)
    assert head == {"log_id": "0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15", "partitions": 3}
    found = list(partitions)
    assert [partition for partition, _, _ in found] == [0, 1, 2]
    for partition, inbound, events in found:
        assert inbound == RECORDS.get(("inbound", partition), [])
        assert events == RECORDS.get(("events", partition), [])


def test_a_record_of_no_partition_is_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    log_dump.write_dump(Source(), path)
    with open(path, "a", encoding="utf-8") as out:
        out.write(json.dumps({"topic": "events", "partition": 9, "offset": 3, "key": None, "headers": {},
                              "value": ""}) + "\n")
    with pytest.raises(ValueError, match="events/9@3"):
        list(log_dump.read_dump(path)[1])
