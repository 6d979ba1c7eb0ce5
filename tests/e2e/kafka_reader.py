"""Reads a log on Kafka through kcat, in the form in which log_check.py checks one."""
import json

from kafka_broker import consume
from log_reader import Record


class KafkaReader:
    """The topics under a prefix, each partition as it is when it is asked for. Use with `with`."""

    def __init__(self, address, prefix):
        self.address = address
        self.prefix = prefix
        self.partitions = 0

    def __enter__(self):
        genesis = self.records("events", 0)[0]
        self.partitions = json.loads(genesis.value)["partitions"]
        return self

    def __exit__(self, *failure):
        pass

    def records(self, topic, partition):
        """All records of a partition, in order; offsets may skip, as Kafka's may."""
        return [as_record(printed)
                for printed in consume(self.address, f"{self.prefix}.{topic}", partition=partition)]


def as_record(printed):
    """A record as kcat prints it in JSON: its headers are a list of names and values in turn."""
    texts = printed.get("headers", [])
    return Record(printed["offset"], printed["key"],
                  dict(zip(texts[::2], texts[1::2], strict=True)),
                  (printed["payload"] or "").encode("utf-8"))
