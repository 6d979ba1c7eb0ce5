"""Three brokers of ops/kafka/up: what is acknowledged is on two of them, and one may be killed, frozen
or made to hand over what it leads."""
from kafka_broker import consume, kcat, produce

TOPIC = "trio.events"


def payloads(kafka, *arguments):
    return sorted(each["payload"] for each in consume(kafka.address, TOPIC, *arguments))


def test_three_brokers_go_on_when_one_is_killed_and_when_one_is_frozen(make_kafka):
    kafka = make_kafka(brokers=3)
    kafka.start()
    assert len(kafka.address.split(",")) == 3
    kafka.create_topic(TOPIC, partitions=3)
    produce(kafka.address, TOPIC, ["one"])

    led = kafka.leaders(TOPIC)
    kafka.move_leaders(TOPIC)
    assert all(kafka.leaders(TOPIC)[partition] != node for partition, node in led.items())

    victim = kafka.leaders(TOPIC)[0]
    kafka.kill(victim)
    kafka.wait_until(lambda: victim not in kafka.leaders(TOPIC).values(), "leaders that live")
    produce(kafka.address, TOPIC, ["two"], "-p", "0")
    assert payloads(kafka) == ["one", "two"]

    assert f"node {victim};" in kafka.start().said, "only the dead one is started again"
    kafka.wait_until(lambda: in_sync(kafka) == 3, "three replicas in sync")

    frozen = kafka.leaders(TOPIC)[0]
    kafka.freeze(frozen)
    kafka.wait_until(lambda: frozen not in kafka.leaders(TOPIC).values(), "leaders that answer")
    produce(kafka.address, TOPIC, ["three"], "-p", "0")
    kafka.thaw(frozen)
    kafka.wait_until(lambda: in_sync(kafka) == 3, "three replicas in sync")
    assert payloads(kafka) == ["one", "three", "two"]

    stays = kafka.leaders(TOPIC)[0]
    for node in {1, 2, 3} - {stays}:
        kafka.kill(node)
    alone = kcat(kafka.address, "-P", "-t", TOPIC, "-p", "0", "-X", "acks=all", "-X",
                 "message.timeout.ms=5000", text="four\n", check=False)
    assert alone.returncode != 0, "nothing is acknowledged by one of three"


def in_sync(kafka):
    """The fewest replicas in sync of a partition."""
    return min(len(each["isrs"]) for each in kafka.partitions(TOPIC))
