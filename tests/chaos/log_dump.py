"""A log as JSON Lines, the same of both backends: every record of inbound and events as it is stored,
also those that do not count.

First line: {"log_id", "partitions"}; then, partition by partition, its inbound and its events, a record
a line: {"topic", "partition", "offset", "key", "headers", "value"}, the value as text.
"""
import itertools
import json
import subprocess

import log_reader

TOPICS = ("inbound", "events")
WAIT_SECONDS = 60


class EmbeddedSource:
    """The log in a data directory, every row's checksum verified."""

    def __init__(self, data):
        self.data = data

    def __enter__(self):
        self.reader = log_reader.LogReader(self.data).__enter__()
        return self

    def __exit__(self, *failure):
        self.reader.__exit__(*failure)

    def records(self, topic, partition):
        return iter(self.reader.records(topic, partition))


class KafkaSource:
    """The topics under a prefix through kcat, a record at a time."""

    def __init__(self, address, prefix):
        self.address, self.prefix = address, prefix

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def records(self, topic, partition):
        command = ["timeout", str(WAIT_SECONDS), "kcat", "-b", self.address, "-C", "-t",
                   f"{self.prefix}.{topic}", "-p", str(partition), "-o", "beginning", "-e", "-q", "-J"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as kcat:
            for line in kcat.stdout:
                printed = json.loads(line)
                texts = printed.get("headers", [])
                yield log_reader.Record(printed["offset"], printed["key"],
                                        dict(zip(texts[::2], texts[1::2], strict=True)),
                                        (printed["payload"] or "").encode("utf-8"))
            said = kcat.stderr.read()
        if kcat.returncode != 0:
            raise OSError(f"{topic}/{partition} cannot be read: {said}")


def write_dump(source, path):
    """Writes what a source holds; how many records."""
    count = 0
    with source, open(path, "w", encoding="utf-8") as out:
        events = source.records("events", 0)
        genesis = json.loads(next(events).value)
        out.write(json.dumps({"log_id": genesis["log_id"], "partitions": genesis["partitions"]}) + "\n")
        for partition in range(genesis["partitions"]):
            for topic in TOPICS:
                for record in source.records(topic, partition):
                    count += 1
                    out.write(json.dumps(
                        {"topic": topic, "partition": partition, "offset": record.offset,
                         "key": record.key, "headers": record.headers,
                         "value": record.value.decode("utf-8", "surrogateescape")}) + "\n")
    return count


def read_dump(path):
    """(head, an iterator of (partition, inbound records, an iterator of events))."""
    with open(path, encoding="utf-8") as first:
        head = json.loads(first.readline())
    return head, _partitions(path, head["partitions"])


def _partitions(path, partitions):
    with open(path, encoding="utf-8") as lines:
        next(lines)
        parsed = map(json.loads, lines)
        waiting = next(parsed, None)
        for partition in range(partitions):
            inbound = []
            while waiting and (waiting["partition"], waiting["topic"]) == (partition, "inbound"):
                inbound.append(_record(waiting))
                waiting = next(parsed, None)
            events = []
            while waiting and waiting["partition"] == partition:
                events.append(_record(waiting))
                waiting = next(parsed, None)
            yield partition, inbound, events
        for left in itertools.chain([waiting] if waiting else [], parsed):
            raise ValueError(f"{left['topic']}/{left['partition']}@{left['offset']} is of no partition")


def _record(line):
    return log_reader.Record(line["offset"], line["key"], line["headers"],
                             line["value"].encode("utf-8", "surrogateescape"))
