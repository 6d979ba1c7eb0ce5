"""Cursors that are not one's own, or not one at all, through `?cursor=` and through `resume`: each is
refused with its reason, or if by chance it is one, gives nothing of anybody else and no gap."""
import asyncio
import base64
import hashlib
import struct
import uuid

import pytest

import contract
from harness import Client, Service, assert_gapless

PARTITIONS = 12
FORM = ">B16sHqqqq"  # version, log, partition, next offset, epoch, ownerseq, last seq


def decode(cursor):
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def changed(cursor, user, **fields):
    """The cursor with other fields, and a check that is right for the user."""
    names = ("version", "log", "partition", "offset", "epoch", "ownerseq", "seq")
    values = dict(zip(names, struct.unpack(FORM, decode(cursor)[:struct.calcsize(FORM)])))
    body = struct.pack(FORM, *(values | fields).values())
    return encode(body + hashlib.sha256(body + user.encode("utf-8")).digest()[:8])


@pytest.fixture(scope="module")
def service(request, tmp_path_factory):
    service = Service(request.config.getoption("--program"), tmp_path_factory.mktemp("c") / "data",
                      limits_sockets_per_user_max="1000", log_partitions=str(PARTITIONS)).start()
    yield service
    assert service.stop() == 0


async def history(service, user):
    """All events of a user who has said two things."""
    async with Client(service, user, from_="start") as client:
        for number in range(2):
            await client.wait_for_end(await client.say(f"m{number}", f"{number} + 1"))
        await client.wait_until(lambda: client.find(type="caught_up"), "caught_up")
        assert_gapless(client.events())
        return client.events()


async def connect_with(service, user, cursor):
    """(reason or None, events) of a socket that came with this cursor."""
    async with Client(service, user, cursor=cursor) as client:
        end = await client.wait_until(
            lambda: client.find(code="cursor_invalid") or client.find(type="caught_up"), "an end")
        if end["type"] == "caught_up":
            return None, client.events()
        assert end["field"] == "cursor"
        assert "cursor" not in client.frames[0] and client.frames[0]["type"] == "connection_ready"
        assert client.events() == []  # none flow until there is a place to start from
        await client.send({"type": "resume", "id": "r", "from": "latest"})
        await client.wait_for(type="caught_up")
        return end["reason"], []


async def resume_with(client, number, cursor):
    """The same by `resume` on a socket that is open."""
    first = len(client.frames)
    await client.send({"type": "resume", "id": f"{number}", "cursor": cursor})
    end = await client.wait_until(
        lambda: client.find(id=f"{number}") or next(
            (f for f in client.frames[first:] if f["type"] == "caught_up"), None), "an end")
    if end["type"] == "caught_up":
        return None, [f for f in client.frames[first:] if "seq" in f]
    assert (end["type"], end["code"], end["field"]) == ("error", "cursor_invalid", "cursor")
    assert [f for f in client.frames[first:] if "seq" in f] == []
    return end["reason"], []


def user_of_partition_of(user, same):
    mine = contract.partition_of(user, PARTITIONS)
    return next(name for name in (f"user-{n}" for n in range(10_000))
                if (contract.partition_of(name, PARTITIONS) == mine) == same)


def test_a_cursor_of_something_else_is_refused_by_its_name(service):
    async def play():
        events = await history(service, "ann")
        cursor = events[1]["cursor"]
        neighbour, stranger = (user_of_partition_of("ann", same) for same in (True, False))
        theirs = {user: (await history(service, user))[0]["cursor"]
                  for user in (neighbour, stranger)}
        offset = struct.unpack(FORM, decode(cursor)[:51])[3]
        cases = [
            (theirs[neighbour], {"other_user"}), (theirs[stranger], {"other_user"}),
            (changed(theirs[stranger], "ann"), {"other_partition"}),
            (changed(cursor, "ann", partition=65535), {"other_partition"}),
            (changed(cursor, "ann", log=uuid.uuid4().bytes), {"other_log"}),
            (changed(cursor, stranger, log=uuid.uuid4().bytes), {"damaged"}),
            (changed(cursor, "ann", offset=offset + 1_000_000), {"beyond_end"}),
            (changed(cursor, "ann", offset=2**63 - 1), {"beyond_end"}),
            (changed(cursor, "ann", offset=-1), {"damaged"}),
            (changed(cursor, "ann", epoch=-1), {"damaged"}),
            (changed(cursor, "ann", ownerseq=-2**63), {"damaged"}),
            (changed(cursor, "ann", seq=-1), {"damaged"}),
            (changed(cursor, "ann", epoch=2**62), {"damaged"}),
            (changed(cursor, "ann", ownerseq=2**62), {"damaged"}),
            (changed(cursor, "ann", version=0), {"damaged"}),
            (changed(cursor, "ann", version=2), {"damaged"}),
            *((bad, {"damaged"}) for bad in (
                "x", "nonsense", "A", "=", "%00", "null", "0", "latest", cursor + "A", cursor + "=",
                cursor[:-1], cursor[1:], cursor * 2, "A" * 7000, cursor.lower(), cursor[:40],
                "AQ", encode(b"\x01" * 59), encode(bytes(59)), "%C3%A4", "..%2F..")),
        ]
        async with Client(service, "ann") as client:
            await client.wait_for(type="caught_up")
            for number, (bad, reasons) in enumerate(cases):
                reason, _ = await connect_with(service, "ann", bad)
                assert reason in reasons, (bad, reason)
                reason, _ = await resume_with(client, number, bad)
                assert reason in reasons, (bad, reason)
            assert (await resume_with(client, "good", cursor)) == (None, events[2:])
    asyncio.run(play())


def test_a_last_seq_that_is_not_so_is_a_damaged_cursor_and_no_alarm(service):
    async def play():
        events = await history(service, "dan")
        async with Client(service, "dan") as client:
            await client.wait_for(type="caught_up")
            for number, seq in enumerate((1, 3, 2**62, 2**63 - 1)):  # it is 2
                cursor = changed(events[1]["cursor"], "dan", seq=seq)
                assert await resume_with(client, number, cursor) == ("damaged", [])
                assert await connect_with(service, "dan", cursor) == ("damaged", [])
            assert client.find(code="history_damaged") is None
            assert (await resume_with(client, "unknown", changed(events[1]["cursor"], "dan", seq=0))
                    ) == (None, events[2:])
            assert client.frames[-1]["type"] == "caught_up"
    asyncio.run(play())
    assert "\nsignalbox_gateway_history_damaged_total 0\n" in service.get("/metrics")[1]


def test_every_bit_of_a_good_cursor_counts(service):
    async def play():
        events = await history(service, "bea")
        good = decode(events[2]["cursor"])
        async with Client(service, "bea") as client:
            await client.wait_for(type="caught_up")
            for bit in range(len(good) * 8):
                bad = bytearray(good)
                bad[bit // 8] ^= 1 << bit % 8
                answers = [await resume_with(client, bit, encode(bytes(bad)))]
                if bit % 8 == bit // 8 % 8:  # a socket each for every eighth
                    answers.append(await connect_with(service, "bea", encode(bytes(bad))))
                for reason, _ in answers:
                    assert reason in ("damaged", "other_user", "other_log"), (bit, reason)
            assert (await resume_with(client, "good", encode(good))) == (None, events[3:])
    asyncio.run(play())


def test_a_bit_of_a_field_with_a_right_check_gives_no_gap_and_nothing_of_others(service):
    async def play():
        events = await history(service, "cat")
        await history(service, user_of_partition_of("cat", True))
        good = decode(events[2]["cursor"])
        body = struct.calcsize(FORM)
        async with Client(service, "cat") as client:
            await client.wait_for(type="caught_up")
            for bit in range(body * 8):
                bad = bytearray(good[:body])
                bad[bit // 8] ^= 1 << bit % 8
                check = hashlib.sha256(bytes(bad) + b"cat").digest()[:8]
                reason, got = await resume_with(client, bit, encode(bytes(bad) + check))
                if reason is None:  # a place he may name: what follows it is his, and all of it
                    assert got == events[len(events) - len(got):], (bit, [e["seq"] for e in got])
                else:
                    assert reason in ("damaged", "other_log", "other_partition", "beyond_end",
                                      "expired"), (bit, reason)
            assert (await resume_with(client, "good", encode(good))) == (None, events[3:])
    asyncio.run(play())
