"""What a client sees on one or two sockets, among it the failures of the platform before this one."""
import asyncio

import contract
import log_check
import pytest
import websockets

from harness import Client, assert_gapless

SEED_USER = "105945141827451681156"  # does not fit 64 bits
SEED_CLIENT = "ws_10594514_1757335346_19513def"


def test_the_user_whose_id_fits_no_number_goes_the_whole_way(service):
    async def story():
        async with Client(service, SEED_USER, client=SEED_CLIENT) as client:
            ready = client.frames[0]
            assert ready["user_id"] == SEED_USER
            assert ready["websocket_client_id"] == SEED_CLIENT
            assert set(ready) == {"type", "websocket_client_id", "user_id", "cursor",
                                  "heartbeat_seconds", "frame_bytes_max", "shard"}
            assert (ready["heartbeat_seconds"], ready["frame_bytes_max"]) == (25, 256 * 1024)
            assert ready["shard"] == contract.partition_of(SEED_USER, 12)
            await client.wait_for(type="caught_up")
            run = await client.say("m-1", "what is 17 * 23?")
            assert run == contract.run_id_of(SEED_USER, "m-1")
            events = await client.wait_for_end(run)
            assert_gapless(events)
            names = [event["type"] for event in events]
            assert names[:2] == ["message_received", "agent_started"]
            assert names[-1] == "agent_completed"
            assert "391" in events[-1]["data"]["content"]
            for event in events:
                assert event["user_id"] == SEED_USER
                assert event["websocket_client_id"] == SEED_CLIENT
                assert event["thread_id"] == "thread-1"

    asyncio.run(story())
    assert service.stop() == 0
    report = log_check.check(service.data, complete=True)
    assert report.faults == []
    assert list(report.messages) == [(SEED_USER, "m-1")]


def test_websocket_connection_id_is_refused_with_the_whole_field_name_and_the_right_one(service):
    async def story():
        async with Client(service, SEED_USER) as client:
            await client.send({"type": "user_message", "id": "1", "message_id": "m", "content": "hi",
                               "thread_id": "t", "websocket_connection_id": SEED_CLIENT})
            error = await client.wait_for(id="1")
            assert error["type"] == "error"
            assert error["code"] == "deprecated_field"
            assert error["field"] == "websocket_connection_id"
            assert error["hint"] == "use websocket_client_id"
            await client.say("m", "hello")  # the socket goes on, and nothing was sent before

    asyncio.run(story())


def test_the_legacy_alias_is_readable_only_where_it_was_negotiated(service):
    async def story():
        async with Client(service, SEED_USER, client=SEED_CLIENT) as sender, \
                Client(service, SEED_USER, dialect="signalbox.v1+legacy") as legacy:
            assert sender.socket.subprotocol == "signalbox.v1"
            assert legacy.socket.subprotocol == "signalbox.v1+legacy"
            await legacy.wait_for(type="caught_up")
            run = await sender.say("m", "hello")
            new, old = await sender.wait_for_end(run), await legacy.wait_for_end(run)
            assert [event["seq"] for event in new] == [event["seq"] for event in old]
            for frame in sender.frames:
                assert "websocket_connection_id" not in frame
            for frame in [legacy.frames[0], *old]:
                assert frame["websocket_connection_id"] == frame["websocket_client_id"]
            # It is for reading: what a client sends has the new name there too.
            await legacy.send({"type": "ping", "id": "old", "websocket_connection_id": SEED_CLIENT})
            refused = await legacy.wait_for(id="old")
            assert (refused["code"], refused["field"]) == ("deprecated_field",
                                                           "websocket_connection_id")

    asyncio.run(story())


@pytest.mark.parametrize("way", ["header", "subprotocol", "frame"])
def test_a_token_may_be_presented_in_three_ways(service, way):
    async def story():
        async with Client(service, SEED_USER, way=way) as client:
            assert client.socket.subprotocol == "signalbox.v1"
            assert client.frames[0]["user_id"] == SEED_USER
            await client.wait_for_end(await client.say("m", "hello"))

    asyncio.run(story())


@pytest.mark.parametrize("way", ["header", "subprotocol"])
def test_a_bad_token_in_the_handshake_is_refused_with_401(service, way):
    async def story():
        good = service.token(SEED_USER)
        client = Client(service, SEED_USER, token=good[:-4] + "AAAA", way=way)
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            await client.connect()
        assert refused.value.status_code == 401

    asyncio.run(story())


def test_a_bad_token_in_the_first_frame_closes_with_4401(service):
    async def story():
        client = Client(service, SEED_USER, token="a.b.c", way="frame")
        await client.connect()
        assert await client.wait_closed() == 4401

    asyncio.run(story())


def test_who_offers_no_protocol_of_ours_is_refused_with_400(service):
    async def story():
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            await Client(service, SEED_USER, dialect="chat").connect()
        assert refused.value.status_code == 400

    asyncio.run(story())


def test_all_sockets_of_a_user_get_everything_and_nobody_else_does(service):
    async def story():
        async with Client(service, "alice") as one, Client(service, "alice") as two, \
                Client(service, "bob") as other:
            for client in (one, two, other):
                await client.wait_for(type="caught_up")
            first = await one.say("m-1", "what is 2 + 2?", thread_id="a")
            second = await two.say("m-2", "what is 3 + 3?", thread_id="b")
            for client in (one, two):
                await client.wait_for_end(first)
                await client.wait_for_end(second)
                assert_gapless(client.events())
            assert one.events() == two.events()
            await other.wait_for_end(await other.say("m-1", "what is 4 + 4?"))
            assert {event["user_id"] for event in other.events()} == {"bob"}
            assert_gapless(other.events())

    asyncio.run(story())


def test_what_is_wrong_with_a_frame_is_named_and_the_socket_goes_on(service):
    async def story():
        async with Client(service, SEED_USER) as client:
            message = {"type": "user_message", "message_id": "m", "thread_id": "t", "content": "hi"}
            for number, (change, code, field) in enumerate([
                    ({"type": "shout"}, "unknown_type", "type"),
                    ({"content": None}, "bad_field", "content"),
                    ({"content": "x" * 32769}, "too_large", "content"),
                    ({"message_id": ""}, "bad_field", "message_id"),
                    ({"agent": "nobody"}, "unknown_agent", "agent")]):
                await client.send(message | change | {"id": f"{number}"})
                error = await client.wait_for(id=f"{number}")
                assert (error["type"], error["code"], error["field"]) == ("error", code, field)
            del message["thread_id"]
            await client.send(message | {"id": "missing"})
            error = await client.wait_for(id="missing")
            assert (error["code"], error["field"]) == ("missing_field", "thread_id")
            await client.socket.send("{")
            assert (await client.wait_for(code="bad_json"))["type"] == "error"
            await client.send({"type": "ping", "nonce": "n"})
            await client.wait_for(type="pong", nonce="n")
            await client.say("m", "still here")

    asyncio.run(story())


def test_a_message_sent_twice_runs_once(service):
    async def story():
        async with Client(service, SEED_USER) as client:
            run = await client.say("m", "what is 2 + 2?")
            await client.wait_for_end(run)
            await client.send({"type": "user_message", "id": "again", "message_id": "m",
                               "thread_id": "thread-1", "content": "what is 2 + 2?"})
            assert (await client.wait_for(id="again"))["run_id"] == run
            duplicate = await client.wait_for(type="message_duplicate")
            assert duplicate["data"]["run_id"] == run
            await client.send({"type": "user_message", "id": "other", "message_id": "m",
                               "thread_id": "thread-1", "content": "something else"})
            rejected = await client.wait_for(type="message_rejected")
            assert rejected["data"]["code"] == "message_id_conflict"

    asyncio.run(story())
    assert service.stop() == 0
    assert log_check.check(service.data, complete=True).faults == []


def test_a_queued_run_is_cancelled_at_once_from_another_device(make_service):
    service = make_service(playbook_latency_scale="300").start()

    async def story():
        async with Client(service, SEED_USER) as one, Client(service, SEED_USER) as two:
            await two.wait_for(type="caught_up")
            # The first keeps the thread busy with its tools; the second waits for its turn.
            await one.say("first", "one Chai Latte please", agent="playbook")
            second = await one.say("second", "what is 2 + 2?")
            await two.send({"type": "cancel_run", "id": "cancel", "run_id": second})
            assert (await two.wait_for(id="cancel"))["type"] == "ack"
            names = [event["type"] for event in await one.wait_for_end(second)]
            assert names == ["message_received", "cancel_requested", "agent_cancelled"]
            first_events = await one.wait_for_end(contract.run_id_of(SEED_USER, "first"))
            assert first_events[-1]["type"] == "agent_completed"

    asyncio.run(story())
    assert service.stop() == 0
    assert log_check.check(service.data, complete=True).faults == []


def test_a_running_run_is_cancelled_once_and_an_unknown_one_is_not(make_service):
    service = make_service(playbook_latency_scale="300").start()

    async def story():
        async with Client(service, SEED_USER) as client:
            run = await client.say("m", "one Chai Latte please", agent="playbook")
            await client.wait_for(type="tool_executing", run_id=run)
            await client.send({"type": "cancel_run", "id": "1", "run_id": run})
            events = await client.wait_for_end(run)
            assert events[-1]["type"] == "agent_cancelled"
            await client.send({"type": "cancel_run", "id": "2", "run_id": run})
            rejected = await client.wait_for(type="cancel_rejected")
            assert rejected["data"] == {"run_id": run, "code": "run_ended"}
            unknown = contract.run_id_of(SEED_USER, "never sent")
            await client.send({"type": "cancel_run", "id": "3", "run_id": unknown})
            await client.wait_until(
                lambda: {"run_id": unknown, "code": "unknown_run"} in
                [frame.get("data") for frame in client.frames], "cancel_rejected")

    asyncio.run(story())
    assert service.stop() == 0
    assert log_check.check(service.data, complete=True).faults == []
