"""The gateway through real sockets, with a client that shares no code with it.

Run by ctest with the test server's program as SIGNALBOX_GATEWAY_TEST_SERVER.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import websockets

SEED_USER = "105945141827451681156"
SEED_CLIENT = "ws_10594514_1757335346_19513def"


class Server:
    def __init__(self, *limits, data=None, descriptors=None, log=None):
        self.data = data or tempfile.TemporaryDirectory()

        def limit_descriptors():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.process = subprocess.Popen(
            [os.environ["SIGNALBOX_GATEWAY_TEST_SERVER"], self.data.name, *limits],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            preexec_fn=limit_descriptors,
            # Where it is built with AddressSanitizer, memory that was given back is given back.
            env={**os.environ, "ASAN_OPTIONS":
                 os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"})
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://"), line
        self.host = line.split("//")[1].strip()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer == "ok":
            return None
        assert self.process.stdout.readline() == "ok\n"
        return answer

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=30)

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response, text

    def metric(self, name):
        text = self.request("GET", "/metrics")[1].decode()
        return float(re.search(rf"^signalbox_gateway_{name} (\S+)$", text, re.MULTILINE)[1])

    def token(self, user, **more):
        response, text = self.request("POST", "/dev/token", json.dumps({"user_id": user, **more}))
        assert response.status == 200, text
        return json.loads(text)["token"]

    def forge(self, claims):
        with open(os.path.join(self.data.name, "dev.key"), "rb") as file:
            key = file.read()
        encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
        signed = encode(b'{"alg":"HS256"}') + b"." + encode(json.dumps(claims).encode())
        return (signed + b"." + encode(hmac.new(key, signed, hashlib.sha256).digest())).decode()

    def upgrade(self, user):
        """The bytes of a request for a socket of this user."""
        return (f"GET /ws HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                "Sec-WebSocket-Protocol: signalbox.v1\r\n"
                f"Authorization: Bearer {self.token(user)}\r\n\r\n").encode()

    def raw_socket(self, user):
        """A socket whose stream has caught up; what comes later stays in the kernel."""
        raw = socket.create_connection(self.host.split(":"), timeout=30)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        raw.sendall(self.upgrade(user))
        came = b""
        while b"caught_up" not in came:
            part = raw.recv(4096)
            assert part, came
            came += part
        return raw

    def connect(self, user, query="", protocols=("signalbox.v1",), token=None, **options):
        headers = {"Authorization": "Bearer " + (token or self.token(user))}
        return websockets.connect(
            f"ws://{self.host}/ws{query}", subprotocols=list(protocols), extra_headers=headers,
            compression=None, **({"max_queue": None, "max_size": None} | options))


def masked(text):
    """A client's text frame of at most 125 bytes, masked with zeros."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


async def receive(ws, seconds=60):
    return json.loads(await asyncio.wait_for(ws.recv(), seconds))


async def receive_until(ws, kind, seconds=60):
    frames = []
    while not frames or frames[-1]["type"] != kind:
        frames.append(await receive(ws, seconds))
    return frames


async def come_and_go(server, *users):
    """From now on the gateway reads their partitions, for as long as it keeps a window of them."""
    for user in users:
        ws = await server.connect(user)
        await receive_until(ws, "caught_up")
        await ws.close()


async def closed(ws, seconds=60):
    """The close code, once whatever else came is read."""
    try:
        while True:
            await asyncio.wait_for(ws.recv(), seconds)
    except websockets.ConnectionClosed as end:
        return end.code


def message(number, thread="t", content="hello", **more):
    return json.dumps({"type": "user_message", "message_id": f"m{number}", "thread_id": thread,
                       "content": content, **more})


def run(story, seconds_max=240):
    return asyncio.run(asyncio.wait_for(story, seconds_max))


def wait_for(holds, seconds=120):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)


class WithServer(unittest.TestCase):
    limits = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.limits)

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        cls.server.data.cleanup()
        assert status == 0, f"the server ended with {status}"

    def resident_kib(self):
        with open(f"/proc/{self.server.process.pid}/status") as status:
            return int(next(l for l in status if l.startswith("VmRSS")).split()[1])


class APathOfAMessage(WithServer):
    limits = ("messages_burst=1000",)

    def test_a_message_is_acked_and_its_events_reach_every_socket_of_the_user(self):
        async def story():
            async with self.server.connect("ann") as one, self.server.connect("ann") as two, \
                    self.server.connect("bob") as other:
                for ws in (one, two, other):
                    ready, caught_up = await receive(ws), await receive(ws)
                    self.assertEqual(ready["type"], "connection_ready")
                    self.assertEqual(caught_up["type"], "caught_up")
                    self.assertEqual(ready["cursor"], caught_up["cursor"])
                    self.assertRegex(ready["websocket_client_id"], "^ws_[0-9A-Z]{26}$")
                    self.assertEqual(ready["frame_bytes_max"], 262144)
                await one.send(message(1, id="a"))
                got = [await receive(one), await receive(one)]
                ack = next(f for f in got if f["type"] == "ack")
                event = next(f for f in got if f["type"] != "ack")
                self.assertEqual((ack["id"], ack["message_id"]), ("a", "m1"))
                self.assertRegex(ack["run_id"], "^[0-9a-f-]{36}$")
                self.assertEqual((event["seq"], event["data"]["content"]), (1, "hello"))
                self.assertEqual(await receive(two), event)
                await other.send(json.dumps({"type": "ping", "nonce": "n"}))
                self.assertEqual(await receive(other), {"type": "pong", "nonce": "n"})
        run(story())

    def test_the_seed_s_user_and_client_go_the_whole_way(self):
        async def story():
            async with self.server.connect(SEED_USER, f"?client={SEED_CLIENT}") as ws:
                ready = await receive(ws)
                self.assertEqual(ready["websocket_client_id"], SEED_CLIENT)
                self.assertEqual(ready["user_id"], SEED_USER)
                await receive_until(ws, "caught_up")
                await ws.send(message(1))
                frames = [await receive(ws), await receive(ws)]
                event = next(f for f in frames if f["type"] != "ack")
                self.assertEqual(event["user_id"], SEED_USER)
                # The same id is not free while this socket lives.
                async with self.server.connect(SEED_USER, f"?client={SEED_CLIENT}") as second:
                    self.assertNotEqual((await receive(second))["websocket_client_id"], SEED_CLIENT)
        run(story())

    def test_websocket_connection_id_is_refused_with_its_whole_name_and_the_right_one(self):
        async def story():
            async with self.server.connect("cy") as ws:
                await receive_until(ws, "caught_up")
                await ws.send(message(1, websocket_connection_id="x"))
                error = await receive(ws)
                self.assertEqual(error["type"], "error")
                self.assertEqual(error["code"], "deprecated_field")
                self.assertEqual(error["field"], "websocket_connection_id")
                self.assertEqual(error["hint"], "use websocket_client_id")
        run(story())

    def test_the_legacy_alias_is_there_only_where_it_was_negotiated(self):
        async def story():
            async with self.server.connect("dot") as new, \
                    self.server.connect("dot", protocols=["signalbox.v1+legacy"]) as old:
                self.assertEqual(new.subprotocol, "signalbox.v1")
                self.assertEqual(old.subprotocol, "signalbox.v1+legacy")
                new_ready, old_ready = await receive(new), await receive(old)
                self.assertNotIn("websocket_connection_id", new_ready)
                self.assertEqual(old_ready["websocket_connection_id"],
                                 old_ready["websocket_client_id"])
        run(story())

    def test_pipelined_sends_get_one_ack_each_in_order(self):
        async def story():
            async with self.server.connect("eve") as ws:
                for i in range(200):
                    await ws.send(message(i, content=str(i)))
                acks, contents = [], []
                await receive_until(ws, "connection_ready")
                while len(acks) < 200 or len(contents) < 200:
                    frame = await receive(ws)
                    if frame["type"] == "ack":
                        acks.append(frame["message_id"])
                    elif frame["type"] == "agent_thinking":
                        contents.append(frame["data"]["content"])
                    else:
                        self.assertEqual(frame["type"], "caught_up")
                self.assertEqual(acks, [f"m{i}" for i in range(200)])
                self.assertEqual(contents, [str(i) for i in range(200)])
        run(story())

    def test_bad_frames_get_one_error_each_and_the_socket_lives(self):
        cases = [
            ("{", "bad_json", None),
            ("[]", "bad_json", None),
            ('{"type":"nonsense"}', "unknown_type", "type"),
            ('{"type":"user_message","thread_id":"t","content":"x"}', "missing_field", "message_id"),
            ('{"type":"cancel_run","run_id":"not-a-uuid"}', "bad_field", "run_id"),
            (message(1, agent="nobody"), "unknown_agent", "agent"),
            (message(1, content="x" * 32769), "too_large", "content"),
        ]

        async def story():
            async with self.server.connect("fay") as ws:
                await receive_until(ws, "caught_up")
                for text, code, field in cases:
                    await ws.send(text)
                    error = await receive(ws)
                    self.assertEqual((error["type"], error["code"]), ("error", code), text[:60])
                    if field:
                        self.assertEqual(error["field"], field)
                await ws.send(message(2))
                self.assertEqual({(await receive(ws))["type"], (await receive(ws))["type"]},
                                 {"ack", "agent_thinking"})
        run(story())

    def test_cancel_and_input_are_acked_with_their_run(self):
        async def story():
            run_id = "0f8fad5b-d9cb-469f-a165-70867728950e"
            async with self.server.connect("gus") as ws:
                await receive_until(ws, "caught_up")
                await ws.send(json.dumps({"type": "cancel_run", "run_id": run_id, "id": "1"}))
                self.assertEqual(await receive(ws), {"type": "ack", "id": "1", "run_id": run_id})
                await ws.send(json.dumps({"type": "run_input", "run_id": run_id,
                                          "request_id": "r", "data": {"x": 1}}))
                self.assertEqual(await receive(ws), {"type": "ack", "run_id": run_id})
        run(story())


class Resuming(WithServer):
    def test_a_client_that_was_away_gets_what_it_missed_once_and_in_order(self):
        async def story():
            async with self.server.connect("hal") as ws:
                cursor = (await receive(ws))["cursor"]
            for round_number in range(5):
                self.server.tell("state hal 7 100")
                async with self.server.connect("hal", f"?cursor={cursor}") as ws:
                    ready = await receive(ws)
                    self.assertEqual(ready["cursor"], cursor)
                    frames = []
                    while not frames or frames[-1].get("seq") != 7 * (round_number + 1):
                        frame = await receive(ws)
                        if frame["type"] != "caught_up":
                            frames.append(frame)
                    self.assertEqual([f["seq"] for f in frames],
                                     list(range(7 * round_number + 1, 7 * round_number + 8)))
                    cursor = frames[-1]["cursor"]
        run(story())

    def test_from_start_and_resume_give_the_whole_history_again(self):
        async def story():
            self.server.tell("state ida 3000 200")
            async with self.server.connect("ida", "?from=start") as ws:
                await receive(ws)
                # Some of them may still be on their way into the log when the stream catches up.
                seqs, caught_up = [], False
                while len(seqs) < 3000 or not caught_up:
                    frame = await receive(ws)
                    caught_up = caught_up or frame["type"] == "caught_up"
                    if frame["type"] == "agent_thinking":
                        seqs.append(frame["seq"])
                        if frame["seq"] == 1500:
                            middle = frame["cursor"]
                self.assertEqual(seqs, list(range(1, 3001)))
                await ws.send(json.dumps({"type": "resume", "cursor": middle, "id": "r"}))
                frames = await receive_until(ws, "caught_up")
                again = [f["seq"] for f in frames if f["type"] == "agent_thinking"]
                self.assertEqual(again, list(range(1501, 3001)))
                self.server.tell("state ida 1 10")
                self.assertEqual((await receive(ws))["seq"], 3001)
        run(story())

    def test_cursors_that_cannot_be_used_are_refused_with_the_reason(self):
        async def story():
            self.server.tell("state jo 3 10")
            async with self.server.connect("jo", "?from=start") as ws:
                frames = []
                while not frames or frames[-1].get("seq") != 3:
                    frames.append(await receive(ws))
                cursor = frames[-1]["cursor"]
            for text, user, reason in [("nonsense", "jo", "damaged"), (cursor, "kim", None),
                                       (cursor[:-4] + "AAAA", "jo", None)]:
                async with self.server.connect(user, f"?cursor={text}") as ws:
                    ready, error = await receive(ws), await receive(ws)
                    self.assertEqual(ready["type"], "connection_ready")
                    self.assertNotIn("cursor", ready)
                    self.assertEqual(error["code"], "cursor_invalid")
                    if reason:
                        self.assertEqual(error["reason"], reason)
                    await ws.send(json.dumps({"type": "resume", "cursor": error["oldest_cursor"]}))
                    seen = [f["seq"] for f in await receive_until(ws, "caught_up") if "seq" in f]
                    self.assertEqual(seen, [1, 2, 3] if user == "jo" else [])
        run(story())

    def test_pieces_of_an_open_run_come_again_on_connect(self):
        async def story():
            async with self.server.connect("lou") as ws:
                await receive_until(ws, "caught_up")
                self.server.tell("progress lou m1 0")
                live = await receive(ws)
                self.assertEqual(live["type"], "agent_responding")
                self.assertNotIn("seq", live)
                self.assertNotIn("cursor", live)
                async with self.server.connect("lou") as late:
                    frames = await receive_until(late, "caught_up")
                    self.assertEqual([f for f in frames if f["type"] == "agent_responding"], [live])
        run(story())

    def test_a_broken_history_is_told_to_its_user_and_nobody_else(self):
        async def story():
            async with self.server.connect("max") as broken, self.server.connect("ned") as whole:
                await receive_until(broken, "caught_up")
                await receive_until(whole, "caught_up")
                self.server.tell("state max 1 5")
                self.assertEqual((await receive(broken))["seq"], 1)
                self.server.tell("break max")
                self.server.tell("state max 1 5")
                frames = [await receive(broken), await receive(broken)]
                self.assertEqual({f.get("code", f["type"]) for f in frames},
                                 {"history_damaged", "agent_thinking"})
                self.server.tell("state ned 1 5")
                self.assertEqual((await receive(whole))["seq"], 1)
        run(story())


class OlderThanTheWindow(WithServer):
    limits = ("window_bytes_max=20000",)

    def test_the_log_itself_is_read_without_gap_or_repeat(self):
        async def story():
            for user in ("oda", "pia", "oda"):
                self.server.tell(f"state {user} 500 100")
            async with self.server.connect("oda", "?from=start") as ws:
                self.server.tell("state oda 500 100")
                seqs = []
                while len(seqs) < 1500:
                    frame = await receive(ws)
                    self.assertNotEqual(frame["type"], "error", frame)
                    if "seq" in frame:
                        self.assertEqual(frame["user_id"], "oda")
                        seqs.append(frame["seq"])
                self.assertEqual(seqs, list(range(1, 1501)))
        run(story())


class SigningIn(WithServer):
    limits = ("authentication=8000", "sockets_per_user_max=3")

    def test_a_token_as_second_subprotocol_is_taken_and_never_echoed(self):
        async def story():
            token = self.server.token("quin")
            async with websockets.connect(
                    f"ws://{self.server.host}/ws",
                    subprotocols=["signalbox.v1", "bearer." + token]) as ws:
                self.assertEqual(ws.subprotocol, "signalbox.v1")
                self.assertEqual((await receive(ws))["user_id"], "quin")
                self.assertNotIn("bearer", str(ws.response_headers))
        run(story())

    def test_a_token_in_the_first_frame_is_taken(self):
        async def story():
            token = self.server.token("rex")
            async with websockets.connect(f"ws://{self.server.host}/ws",
                                          subprotocols=["signalbox.v1"]) as ws:
                await ws.send(json.dumps({"type": "authenticate", "token": token}))
                self.assertEqual((await receive(ws))["user_id"], "rex")
        run(story())

    def test_no_token_in_time_is_4408_and_a_bad_one_4401(self):
        async def story():
            url = f"ws://{self.server.host}/ws"
            async with websockets.connect(url, subprotocols=["signalbox.v1"]) as silent, \
                    websockets.connect(url, subprotocols=["signalbox.v1"]) as forged, \
                    websockets.connect(url, subprotocols=["signalbox.v1"]) as hasty:
                await forged.send(json.dumps({"type": "authenticate", "token": "a.b.c"}))
                self.assertEqual((await receive(forged))["code"], "token_invalid")
                self.assertEqual(await closed(forged), 4401)
                await hasty.send(message(1))
                error = await receive(hasty)
                self.assertEqual((error["code"], error["hint"]),
                                 ("token_invalid", "send authenticate first"))
                self.assertEqual(await closed(hasty), 4401)
                self.assertEqual(await closed(silent), 4408)
        run(story())

    def test_a_first_frame_with_an_old_name_is_told_the_new_one(self):
        async def story():
            async with websockets.connect(f"ws://{self.server.host}/ws",
                                          subprotocols=["signalbox.v1"]) as ws:
                await ws.send(json.dumps({"type": "authenticate", "token": "a.b.c",
                                          "websocket_connection_id": "ws_1"}))
                error = await receive(ws)
                self.assertEqual((error["code"], error["hint"]),
                                 ("deprecated_field", "use websocket_client_id"))
                self.assertEqual(await closed(ws), 4401)
        run(story())

    def test_a_first_frame_that_is_none_of_ours_is_4400(self):
        async def story():
            for text, code in (("hello", "bad_json"), ("{}", "missing_field"),
                               ('{"type":"subscribe"}', "unknown_type")):
                async with websockets.connect(f"ws://{self.server.host}/ws",
                                              subprotocols=["signalbox.v1"]) as ws:
                    await ws.send(text)
                    self.assertEqual((await receive(ws))["code"], code)
                    self.assertEqual(await closed(ws), 4400)
        run(story())

    def test_a_refused_token_in_the_handshake_is_http_401(self):
        async def story():
            expired = self.server.forge({"sub": "sam", "aud": "signalbox",
                                         "exp": int(time.time()) - 60})
            for token in (expired, "nonsense"):
                with self.assertRaises(websockets.InvalidStatusCode) as refused:
                    async with self.server.connect("sam", token=token):
                        pass
                self.assertEqual(refused.exception.status_code, 401)
        run(story())

    def test_a_socket_ends_when_its_token_does_unless_it_was_refreshed(self):
        async def story():
            claims = {"sub": "tim", "aud": "signalbox", "exp": time.time() - 15}  # the leeway is 30 s
            first, second = self.server.forge(claims), self.server.forge(claims)
            async with self.server.connect("tim", token=first) as ends, \
                    self.server.connect("tim", token=second) as stays:
                await receive_until(ends, "caught_up")
                await receive_until(stays, "caught_up")
                await stays.send(json.dumps({"type": "refresh_token", "id": "r",
                                             "token": self.server.token("una")}))
                self.assertEqual((await receive(stays))["code"], "token_invalid")
                await stays.send(json.dumps({"type": "refresh_token", "id": "r",
                                             "token": self.server.token("tim")}))
                self.assertEqual(await receive(stays), {"type": "ack", "id": "r"})
                self.assertEqual(await closed(ends), 4401)
                await stays.send(json.dumps({"type": "ping"}))
                self.assertEqual((await receive(stays))["type"], "pong")
        run(story())

    def test_the_fourth_socket_of_a_user_is_4409(self):
        async def story():
            held = [await self.server.connect("val") for _ in range(3)]
            for ws in held:
                await receive_until(ws, "caught_up")
            async with self.server.connect("val") as fourth:
                self.assertEqual(await closed(fourth), 4409)
            for ws in held:
                await ws.close()
            async with self.server.connect("val") as again:
                self.assertEqual((await receive(again))["type"], "connection_ready")
        run(story())

    def test_handshakes_that_are_not_ours_are_refused(self):
        def upgrade(path="/ws", **headers):
            sent = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
                    "Sec-WebSocket-Protocol": "signalbox.v1",
                    "Authorization": "Bearer " + self.server.token("wes")}
            sent.update({name.replace("_", "-"): value for name, value in headers.items()})
            response, _ = self.server.request(
                "GET", path, headers={k: v for k, v in sent.items() if v is not None})
            return response.status

        self.assertEqual(upgrade(), 101)
        self.assertEqual(upgrade(Origin=f"http://{self.server.host}"), 101)
        self.assertEqual(upgrade(Origin="http://evil.example"), 403)
        self.assertEqual(upgrade(Origin="null"), 403)
        self.assertEqual(upgrade(Sec_WebSocket_Protocol=None), 400)
        self.assertEqual(upgrade(Sec_WebSocket_Protocol="signalbox.v2"), 400)
        self.assertEqual(upgrade(Sec_WebSocket_Version="8"), 426)
        self.assertEqual(upgrade(Sec_WebSocket_Version="7"), 426)
        self.assertEqual(upgrade(Authorization="Basic eDp5"), 401)
        self.assertEqual(upgrade(path="/other"), 404)
        self.assertEqual(upgrade(path="/ws?from=middle"), 400)


class Wire(WithServer):
    limits = ("heartbeat=1000", "heartbeat_lost=3000")

    def test_too_big_binary_and_invalid_text_are_closed_as_the_rfc_says(self):
        async def story():
            async with self.server.connect("xia") as ws:
                await ws.send("x" * (256 * 1024 + 1))
                self.assertEqual(await closed(ws), 1009)
            async with self.server.connect("xia") as ws:
                await ws.send(b"binary")
                self.assertEqual(await closed(ws), 1003)
        run(story())

    def test_a_peer_that_answers_no_ping_is_given_up(self):
        async def story():
            reader, writer = await asyncio.open_connection(*self.server.host.split(":"))
            writer.write(self.server.upgrade("yan"))
            received = await asyncio.wait_for(reader.read(), 20)  # ends when the gateway ends it
            self.assertIn(b"connection_ready", received)
            self.assertIn(b"\x89\x00", received)  # a ping
            writer.close()
        run(story())

    def test_frames_that_come_with_the_upgrade_and_in_pieces_are_each_socket_s_own(self):
        pings = [b"\x89\x84\0\0\0\0n%03d" % i for i in range(50)]
        sockets = [socket.create_connection(self.server.host.split(":"), timeout=20)
                   for _ in pings]
        upgrades = [self.server.upgrade(f"early-{i}") for i in range(len(pings))]
        self.server.process.send_signal(signal.SIGSTOP)  # so that all of it is there at once
        for i, ping in enumerate(pings):  # one whole, and the begin of another
            sockets[i].sendall(upgrades[i] + ping + ping[:i % len(ping)])
        self.server.process.send_signal(signal.SIGCONT)
        for i, ping in enumerate(pings):
            sockets[i].sendall(ping[i % len(ping):])
        for i, sock in enumerate(sockets):
            received = b""
            while received.count(b"\x8a\x04") < 2:
                self.assertTrue(part := sock.recv(65536), received)
                received += part
            self.assertEqual(received.count(b"\x8a\x04n%03d" % i), 2)
            sock.close()


class SlowSockets(WithServer):
    limits = ("outbox_bytes_max=300000",)

    def test_a_slow_socket_turns_to_pull_mode_and_a_fast_one_of_the_same_user_stays_live(self):
        async def story():
            fast = await self.server.connect("zoe")
            await receive_until(fast, "caught_up")
            slow = await self.server.connect("zoe", max_queue=1, read_limit=1024)
            await receive_until(slow, "caught_up")
            expected = 0
            for _ in range(200):  # 20 MB, more than the kernel holds for a socket
                self.server.tell("state zoe 10 10000")
                for _ in range(10):
                    expected += 1
                    self.assertEqual((await receive(fast))["seq"], expected)
            self.assertEqual(self.metric("sockets_fell_behind_total"), 1)
            self.assertEqual(self.metric("sockets_pulling"), 1)
            self.assertEqual(self.metric("slow_consumers_total"), 0)

            await slow.send(json.dumps({"type": "ping", "nonce": "n"}))
            pongs = 0
            for seq in range(1, expected + 1):
                frame = await receive(slow)
                if frame["type"] == "pong":  # an answer is never dropped
                    pongs += 1
                    frame = await receive(slow)
                self.assertEqual(frame.get("seq"), seq, frame)
            self.assertEqual(pongs, 1)
            wait_for(lambda: self.metric("sockets_pulling") == 0)
            self.server.tell("state zoe 1 100")
            self.assertEqual((await receive(slow))["seq"], expected + 1)
            self.assertEqual((await receive(fast))["seq"], expected + 1)
            await slow.close()
            await fast.close()
        run(story())

    def test_a_hundred_thousand_events_from_the_start_come_at_the_pace_of_the_reader(self):
        async def story():
            await come_and_go(self.server, "hal")
            read = self.metric("events_read_total")
            self.server.tell("state hal 100000 100")
            # Once they are read all of them are in the window.
            wait_for(lambda: self.metric("events_read_total") == read + 100_000)
            before = self.resident_kib()
            ws = await self.server.connect("hal", "?from=start", max_queue=1, read_limit=1024)
            # Nobody reads: frames are made for what the kernel takes, some 10 MiB of the 70; more lie
            # in memory under AddressSanitizer, which pads each of them, but never half.
            await asyncio.sleep(1)
            self.assertLess(self.resident_kib() - before, 35 * 1024)
            await receive(ws)
            for seq in range(1, 100_001):
                frame = json.loads(await ws.recv())
                self.assertEqual(frame.get("seq"), seq, frame)
            self.assertEqual((await receive(ws))["type"], "caught_up")
            self.server.tell("state hal 1 100")
            self.assertEqual((await receive(ws))["seq"], 100_001)
            await ws.close()
        run(story(), 240)

    def metric(self, name):
        return self.server.metric(name)


class PingFlood(WithServer):
    limits = ("frames_burst=1000000", "frames_per_second=1000000")  # else its pings stay in the kernel

    def test_a_ping_flood_from_a_client_that_never_reads_takes_no_memory(self):
        async def story():
            flood = socket.create_connection(self.server.host.split(":"), timeout=60)
            flood.sendall(self.server.upgrade("amy"))
            before = self.resident_kib()
            ping = b"\x89\xfd\x00\x00\x00\x00" + b"p" * 125
            for _ in range(200):
                flood.sendall(ping * 1000)  # 26 MB in all; answers held would be 80 MB
            self.assertLess(self.resident_kib() - before, 32 * 1024)
            flood.close()
        run(story())


class StalledSockets(WithServer):
    limits = ("stall=3000", "answers_bytes_max=4096", "frames_burst=1000000", "frames_per_second=1000000")

    def test_a_socket_that_takes_no_byte_is_cut_and_what_it_sends_meanwhile_is_not_kept(self):
        async def story():
            before = self.resident_kib()
            stuck = self.server.raw_socket("amy")
            frame = masked(b'{"type":"nothing"}')
            stuck.settimeout(30)
            with self.assertRaises(OSError):  # each is answered by an error of ten times its size
                deadline = time.monotonic() + 30
                while time.monotonic() < deadline:
                    stuck.sendall(frame * 100)
            self.assertLess(self.resident_kib() - before, 64 * 1024)
            self.assertIn(b'closes_total{code="4001"} 1',
                          self.server.request("GET", "/metrics")[1])
            stuck.close()
        run(story())


class FramesOfOneSocket(WithServer):
    limits = ("frames_burst=50", "frames_per_second=50")

    # 100 sockets that asked without end made everybody wait: p99 235 ms (gateway_bench hostile).
    def test_who_asks_without_end_waits_and_gets_every_answer_in_order(self):
        async def story():
            async with self.server.connect("amy") as ws:
                await receive_until(ws, "caught_up")
                began = time.monotonic()
                for nonce in range(250):
                    await ws.send(json.dumps({"type": "ping", "nonce": str(nonce)}))
                    pong = await receive(ws)
                    self.assertEqual((pong["type"], pong["nonce"]), ("pong", str(nonce)))
                self.assertGreater(time.monotonic() - began, 1.5)  # 50 at once, 50 each second
            async with self.server.connect("amy") as other:
                await receive_until(other, "caught_up")
        run(story())

    def test_pings_of_the_protocol_count_too(self):
        async def story():
            async with self.server.connect("amy") as ws:
                await receive_until(ws, "caught_up")
                began = time.monotonic()
                for _ in range(250):
                    await (await ws.ping())
                self.assertGreater(time.monotonic() - began, 1.5)
        run(story())


class SilentClient(websockets.WebSocketClientProtocol):
    """Reads everything and answers no ping."""

    async def pong(self, data=b""):
        pass


async def end_of(ws):
    """(frames, close code, reason) of a client that reads to the end."""
    frames = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            frames.append(await receive(ws, 40))
    return frames, ws.close_code, ws.close_reason


class CloseCodes(unittest.TestCase):
    """Whoever reads, however slowly, sees the code and the reason; never 1006."""

    def serve(self, *limits):
        server = Server(*limits)
        self.addCleanup(server.data.cleanup)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0))
        return server

    @staticmethod
    async def connect_slowly(server, user):
        """A socket with little room, whose client library reads only as its application does."""
        host, port = server.host.split(":")
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        small.connect((host, int(port)))
        return await websockets.connect(
            f"ws://{server.host}/ws", subprotocols=["signalbox.v1"], sock=small, compression=None,
            extra_headers={"Authorization": "Bearer " + server.token(user)}, max_queue=2,
            read_limit=8192, max_size=None, ping_interval=None, close_timeout=40)

    async def read_slowly(self, ws):
        """Takes longer than a socket is kept whose peer takes nothing, and keeps sending."""
        frames = []
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                frames.append(await receive(ws))
                await asyncio.sleep(0.02)
                if len(frames) % 50 == 25:  # its library may know of the close before it does
                    with contextlib.suppress(websockets.ConnectionClosed):
                        await ws.send(json.dumps({"type": "ping"}))
        seqs = [f["seq"] for f in frames if "seq" in f]
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))
        return frames, ws.close_code, ws.close_reason

    def test_a_slow_reader_gets_everything_before_4000(self):
        server = self.serve("outbox_bytes_max=100000000", "close_stalled=6000", "close_linger=60000")

        async def story():
            ws = await self.connect_slowly(server, "ben")
            await receive_until(ws, "caught_up")
            fast = await server.connect("ben")
            await receive_until(fast, "caught_up")
            server.tell("state ben 500 10000")
            while (await receive(fast)).get("seq") != 500:
                pass
            asyncio.get_running_loop().run_in_executor(None, server.tell, "drain 40")
            frames, code, reason = await self.read_slowly(ws)
            self.assertEqual(await closed(fast), 4000)
            draining = next(f for f in frames if f["type"] == "draining")
            events = [f for f in frames if "seq" in f]
            self.assertEqual(len(events), 500)
            self.assertEqual(draining["cursor"], events[-1]["cursor"])
            self.assertEqual((code, reason), (4000, "the gateway stops"))
        run(story())

    def test_a_client_that_reads_and_answers_no_ping_sees_4002(self):
        server = self.serve("heartbeat=1000", "heartbeat_lost=2000")

        async def story():
            ws = await server.connect("cid", create_protocol=SilentClient, ping_interval=None)
            frames, code, reason = await end_of(ws)
            self.assertEqual([f["type"] for f in frames], ["connection_ready", "caught_up"])
            self.assertEqual((code, reason), (4002, "no pong"))
        run(story())

    def test_where_too_many_wait_for_the_log_it_is_4003(self):
        server = self.serve("window_bytes_max=20000", "log_scans_max=1", "log_scans_waiting_max=1")

        async def story():
            await come_and_go(server, "dee")
            read = server.metric("events_read_total")
            server.tell("state dee 3000 500")
            wait_for(lambda: server.metric("events_read_total") == read + 3000)
            sockets = await asyncio.gather(
                *[server.connect("dee", "?from=start") for _ in range(12)])
            refused = 0
            for ws in sockets:
                frames = [await receive(ws)]
                while frames[-1]["type"] not in ("caught_up", "error"):
                    frames.append(await receive(ws))
                if frames[-1]["type"] == "error":
                    refused += 1
                    self.assertEqual(frames[-1]["code"], "overloaded")
                    _, code, reason = await end_of(ws)
                    self.assertEqual((code, reason), (4003, "too many streams wait for the log"))
            self.assertGreater(refused, 0)
            await asyncio.gather(*[ws.close() for ws in sockets])
        run(story())

    def test_where_the_log_cannot_be_read_any_further_it_is_4004_for_its_users_alone(self):
        server = self.serve()

        async def story():
            ann, idle, bob = [await server.connect(user) for user in ("ann", "ann", "bob")]
            for ws in (ann, idle, bob):
                await receive_until(ws, "caught_up")
            server.tell("state ann 1 10")
            for ws in (ann, idle):
                cursor = (await receive(ws))["cursor"]
            server.tell("unclaimed ann")
            ends = [await end_of(ws) for ws in (ann, idle)]
            ends.append(await end_of(await server.connect("ann", f"?cursor={cursor}")))
            for frames, code, reason in ends:
                self.assertEqual([f.get("code") for f in frames], ["log_unavailable"])
                self.assertEqual((code, reason), (4004, "events cannot be read"))
            # Everybody else goes on, and /readyz says why not everybody does.
            server.tell("state bob 1 10")
            self.assertEqual((await receive(bob))["seq"], 1)
            wait_for(lambda: server.request("GET", "/readyz")[0].status == 503)
            reasons = json.loads(server.request("GET", "/readyz")[1])["reasons"]
            self.assertRegex(reasons[0], r"^partition \d+: .*nobody has claimed")
            await bob.close()
        run(story())

    def test_who_sends_on_and_on_after_rate_limited_sees_4429(self):
        server = self.serve("messages_burst=1", "rate_limited_max=500")

        async def story():
            ws = await server.connect("ann")
            await receive_until(ws, "caught_up")
            with contextlib.suppress(websockets.ConnectionClosed):
                for number in range(1000):
                    await ws.send(message(number))
                    await asyncio.sleep(0.01)
            frames, code, reason = await end_of(ws)
            self.assertEqual((code, reason), (4429, "sent too much for too long"))
            refused = [f for f in frames if f["type"] == "error"]
            self.assertEqual({f["code"] for f in refused}, {"rate_limited"})
            self.assertTrue(all(f["retry_after_ms"] > 0 and f["message_id"] for f in refused))
        run(story())

    def test_what_breaks_the_protocol_is_told_with_the_code_of_the_rfc(self):
        server = self.serve()
        cases = [(b"\xc1\x80\x00\x00\x00\x00", 1002),          # a reserved bit
                 (b"\x81\x01x", 1002),                          # not masked
                 (b"\x81\x82\x00\x00\x00\x00\xc3\x28", 1007),  # no UTF-8
                 # in two frames, which end within a code point
                 (b"\x01\x81\x00\x00\x00\x00a\x80\x81\x00\x00\x00\x00\xc3", 1007),
                 (b"\x88\x83\x00\x00\x00\x00\x03\xe8\xff", 1002),  # a close reason that is none
                 (b"\x82\x81\x00\x00\x00\x00x", 1003),         # binary
                 (b"\x81\xff" + (2**40).to_bytes(8, "big") + b"\0" * 4, 1009)]

        async def break_it(sent, expected):
            ws = await server.connect("eli")
            await receive_until(ws, "caught_up")
            ws.transport.write(sent)
            _, code, reason = await end_of(ws)
            self.assertEqual(code, expected, sent)
            self.assertNotEqual(reason, "")

        async def story():
            await asyncio.gather(*[break_it(*case) for case in cases])
        run(story())

    def test_a_client_in_the_middle_of_a_send_that_is_too_big_sees_1009(self):
        server = self.serve()
        big = socket.create_connection(server.host.split(":"), timeout=30)
        big.sendall(server.upgrade("flo"))
        # It reads nothing until it has sent everything: more than any kernel keeps for it.
        big.sendall(b"\x81\xff" + (40 << 20).to_bytes(8, "big") + b"\0" * 4 + b"x" * (40 << 20))
        received = b""
        while part := big.recv(65536):
            received += part
        big.close()
        self.assertIn(b"\x88", received)
        code = received[received.rindex(b"\x88") + 2:][:2]
        self.assertEqual(int.from_bytes(code, "big"), 1009)

    def test_who_is_connected_when_the_gateway_stops_sees_1001(self):
        server = self.serve()

        async def story():
            ws = await server.connect("gil")
            await receive_until(ws, "caught_up")
            server.process.stdin.close()
            _, code, reason = await end_of(ws)
            self.assertEqual((code, reason), (1001, "the gateway stops"))
        run(story())


class TheTestServerItself(unittest.TestCase):
    def test_states_all_it_is_told_to_no_faster_than_the_log_takes_it(self):
        server = Server("log_queue_records_max=200")
        self.addCleanup(server.data.cleanup)
        run(come_and_go(server, *(f"ann{number}" for number in range(7))))
        server.tell("spread ann 7 300 10")
        wait_for(lambda: server.metric("events_read_total") == 2100)
        self.assertEqual(server.stop(), 0)

    def test_an_event_that_the_log_does_not_take_ends_it(self):
        server = Server()
        self.addCleanup(server.data.cleanup)
        # Told without waiting for the answer: it may end before it has answered.
        server.process.stdin.write(f"state ann 1 {5 << 20}\n")
        server.process.stdin.flush()
        self.assertEqual(server.process.wait(timeout=30), 3)
        server.stop()


class Http(WithServer):
    def test_paths_and_methods(self):
        cases = [("GET", "/healthz", 200), ("HEAD", "/healthz", 200), ("POST", "/healthz", 405),
                 ("GET", "/readyz", 200), ("GET", "/metrics", 200), ("GET", "/nothing", 404),
                 ("GET", "/healthz?x=1", 200), ("GET", "/healthz/", 404), ("GET", "/dev/token", 405),
                 ("GET", "/ws", 426), ("HEAD", "/ws", 426), ("POST", "/ws", 405)]
        for method, path, status in cases:
            response, body = self.server.request(method, path)
            self.assertEqual(response.status, status, (method, path, body))
            self.assertEqual(response.getheader("Connection"),
                             "close, Upgrade" if status == 426 else "close")
            if method == "HEAD":
                self.assertEqual(body, b"")
                self.assertEqual(response.getheader("Content-Length"),
                                 str(len(self.server.request("GET", path)[1])))
        self.assertEqual(self.server.request("POST", "/healthz")[0].getheader("Allow"), "GET, HEAD")

    def test_ws_without_an_upgrade_says_what_it_takes(self):
        """As a proxy passes it on that drops one of the headers, or both."""
        for left in {}, {"Upgrade": "websocket"}, {"Connection": "Upgrade"}:
            response, text = self.server.request("GET", "/ws", headers={
                **left, "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="})
            error = json.loads(text)["error"]
            self.assertEqual((response.status, error["code"], error["field"]),
                             (426, "protocol", "Upgrade"), left)
            self.assertIn("a proxy in between dropped them", error["message"])
            self.assertEqual(response.getheader("Upgrade"), "websocket")
            self.assertEqual(response.getheader("Connection"), "close, Upgrade")

    def test_a_body_without_a_length_is_told_what_it_lacks(self):
        """One that http.client would give a length."""
        head = f"POST /dev/token HTTP/1.1\r\nHost: {self.server.host}\r\n\r\n"
        with socket.create_connection(self.server.host.split(":"), timeout=10) as s:
            s.sendall(head.encode())
            with s.makefile("rb") as answer:
                status, _, text = answer.read().partition(b"\r\n\r\n")
        self.assertTrue(status.startswith(b"HTTP/1.1 411 "), status)
        self.assertEqual(json.loads(text), {"error": {
            "code": "bad_request", "message": "send the body with a Content-Length",
            "hint": "send `Content-Length`"}})

    def test_bodies_that_websocketpp_would_misread_are_refused(self):
        for headers, status in [({"Transfer-Encoding": "chunked"}, b"411"),
                                ({"Transfer-Encoding": "gzip"}, b"501"),
                                ({"Content-Length": "abc"}, b"400")]:
            with socket.create_connection(self.server.host.split(":"), timeout=10) as s:
                lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
                s.sendall(f"POST /dev/token HTTP/1.1\r\nHost: {self.server.host}\r\n{lines}\r\n"
                          .encode())
                self.assertIn(status, s.recv(64))

    def test_dev_tokens_are_checked_and_what_is_wrong_is_named_whole(self):
        for body, code, field in [
                ("", "bad_json", None), ("[]", "bad_json", None), ("{}", "missing_field", "user_id"),
                ('{"user_id":1}', "bad_field", "user_id"), ('{"user_id":""}', "bad_field", "user_id"),
                ('{"user_id":"a\\u0007"}', "bad_field", "user_id"),
                ('{"user_id":"a","roles":"auditor"}', "bad_field", "roles"),
                ('{"user_id":"a","roles":["auditor",1]}', "bad_field", "roles[1]")]:
            response, text = self.server.request("POST", "/dev/token", body)
            error = json.loads(text)["error"]
            self.assertEqual((response.status, error["code"], error.get("field")),
                             (400, code, field), body)
            self.assertIn(field or "user_id", error["message"])

    def test_what_is_wrong_with_an_upgrade_is_named(self):
        good = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
                "Sec-WebSocket-Protocol": "signalbox.v1"}
        for query, header, value, status, code, field in [
                ("?from=end", "X", "x", 400, "bad_field", "from"),
                ("", "Sec-WebSocket-Key", "x", 400, "protocol", "Sec-WebSocket-Key"),
                ("", "Sec-WebSocket-Protocol", "chat", 400, "protocol", "Sec-WebSocket-Protocol"),
                ("", "Origin", "http://evil.example", 403, "forbidden", "Origin"),
                ("", "Host", "evil.example", 403, "forbidden", "Host"),
                ("", "Authorization", "Basic eA==", 401, "token_invalid", "Authorization")]:
            response, text = self.server.request("GET", "/ws" + query, headers=good | {header: value})
            error = json.loads(text)["error"]
            self.assertEqual((response.status, error["code"], error["field"]),
                             (status, code, field), text)

    def test_a_gateway_without_an_event_store_reads_history_from_the_log(self):
        run(come_and_go(self.server, "ann", "bob"))
        for user, count in ("ann", 5), ("bob", 3), ("ann", 4):
            self.server.tell(f"state {user} {count} 10")
        wait_for(lambda: self.server.metric("events_read_total") == 12)
        token = self.server.token("ann")

        def pages(path):
            while path:
                response, body = self.server.request(
                    "GET", path, headers={"Authorization": f"Bearer {token}"})
                self.assertEqual(response.status, 200, body)
                page = json.loads(body)
                self.assertTrue(all(event["user_id"] == "ann" for event in page["events"]))
                yield [event["seq"] for event in page["events"]]
                path = page.get("next")
        self.assertEqual(list(pages("/v1/history?limit=4")),
                         [[9, 8, 7, 6], [5, 4, 3, 2], [1]])
        self.assertEqual(list(pages("/v1/history?after=2&limit=4")), [[3, 4, 5, 6], [7, 8, 9]])
        response, body = self.server.request(
            "GET", "/v1/threads", headers={"Authorization": f"Bearer {token}"})
        self.assertEqual((response.status, json.loads(body)), (200, {"threads": []}))
        # Who asks is judged first.
        for path in ("/v1/history", "/v1/threads"):
            self.assertEqual(self.server.request("GET", path)[0].status, 401)

    def test_metrics_count_what_happens(self):
        async def story():
            async with self.server.connect("bea") as ws:
                await receive_until(ws, "caught_up")
                await ws.send(message(1))
                await receive_until(ws, "ack")
                text = self.server.request("GET", "/metrics")[1].decode()
                self.assertIn("signalbox_gateway_connections 1\n", text)
                self.assertIn("signalbox_gateway_acks_total 1\n", text)
        run(story())


class Descriptors(unittest.TestCase):
    def test_when_they_run_out_newcomers_are_dropped_and_it_goes_on_afterwards(self):
        log = tempfile.TemporaryFile("w+")
        self.addCleanup(log.close)
        began = time.monotonic()
        server = Server(descriptors=80, log=log)
        held = [socket.create_connection(server.host.split(":"), timeout=60) for _ in range(100)]
        # What was accepted stays open until its handshake is late; the newest were dropped at once.
        self.assertTrue(all(self.is_dropped(s) for s in held[-10:]))
        for s in held:
            s.close()
        for _ in range(100):
            try:
                failures = server.metric("accept_failures_total")
                break
            except OSError:
                time.sleep(0.1)  # the gateway is still closing what we closed
        self.assertGreater(failures, 0)
        # One that did not pause for 100 ms after each would have more.
        self.assertLessEqual(failures, (time.monotonic() - began) / 0.1 + 1)
        self.assertEqual(server.stop(), 0)
        server.data.cleanup()
        log.seek(0)
        told = [line for line in log if "a connection was not accepted: Too many open files" in line]
        self.assertGreaterEqual(len(told), failures)

    @staticmethod
    def is_dropped(connection):
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


class ConnectsPerAddress(WithServer):
    limits = ("connects_burst=5", "connects_per_second=1")

    def test_the_sixth_is_told_when_to_come_back(self):
        async def story():
            came = await asyncio.gather(*(self.server.connect("amy") for _ in range(20)),
                                        return_exceptions=True)
            refused = [one for one in came if isinstance(one, websockets.InvalidStatusCode)]
            sockets = [one for one in came if one not in refused]
            self.assertGreaterEqual(len(sockets), 5)
            self.assertTrue(refused)
            self.assertEqual({(one.status_code, one.headers["Retry-After"]) for one in refused},
                             {(429, "1")})
            self.assertIn(b'refused_handshakes_total{status="429"} %d' % len(refused),
                          self.server.request("GET", "/metrics")[1])
            await asyncio.sleep(1.1)
            sockets.append(await self.server.connect("amy"))
            for ws in sockets:
                await ws.close()
        run(story())


class AcceptsPerSecond(WithServer):
    limits = ("accepts_per_second=2",)

    # Burst and rate are one setting: a bucket of 5,000 had stayed whatever the rate was.
    def test_who_comes_faster_waits_and_is_served(self):
        async def story():
            began = time.monotonic()
            sockets = await asyncio.gather(*(self.server.connect("amy") for _ in range(8)))
            # Two at once, two each second after.
            self.assertGreater(time.monotonic() - began, 2.9)
            for ws in sockets:
                self.assertEqual((await receive(ws))["type"], "connection_ready")
                await ws.close()
        run(story())


class RoutersBehind(WithServer):
    limits = ("inbound_lag_records=10", "messages_burst=1000")

    def test_messages_are_refused_until_the_router_is_below_half_and_readyz_names_the_partition(self):
        async def story():
            async with self.server.connect("amy") as ws:
                await receive_until(ws, "caught_up")
                self.server.tell("hold")
                for i in range(10):
                    await ws.send(message(i))
                    self.assertEqual((await receive(ws))["type"], "ack")
                await ws.send(message(10))
                refused = await receive(ws)
                self.assertEqual((refused["code"], refused["message_id"]), ("overloaded", "m10"))
                self.assertGreaterEqual(refused["retry_after_ms"], 1000)
                response, body = self.server.request("GET", "/readyz")
                self.assertEqual(response.status, 503)
                self.assertRegex(json.loads(body)["reasons"][0],
                                 r"^partition \d+: overloaded, the router is 10 records and ")
                self.server.tell("decide")
                for seq in range(1, 11):
                    self.assertEqual((await receive(ws))["seq"], seq)
                await ws.send(message(10))
                self.assertEqual({(await receive(ws))["type"] for _ in range(2)},
                                 {"ack", "agent_thinking"})
                self.assertEqual(self.server.request("GET", "/readyz")[0].status, 200)
        run(story())


class Draining(unittest.TestCase):
    def test_each_client_has_a_slot_of_its_own(self):
        server = Server("reconnects_per_second=10")

        async def story():
            sockets = [await server.connect(f"user-{i}") for i in range(12)]
            for ws in sockets:
                await receive_until(ws, "caught_up")
            drained = asyncio.get_running_loop().run_in_executor(None, server.tell, "drain")
            slots = [(await receive_until(ws, "draining"))[-1]["reconnect_after_ms"]
                     for ws in sockets]
            self.assertEqual(sorted(slots), [100 * i for i in range(12)])
            for ws in sockets:
                self.assertEqual(await closed(ws), 4000)
            await drained
        run(story())
        self.assertEqual(server.stop(), 0)
        server.data.cleanup()

    def test_connections_that_never_asked_for_anything_do_not_hold_it_up(self):
        server = Server()
        silent = [socket.create_connection(server.host.split(":"), timeout=10) for _ in range(20)]
        self.assertEqual(server.request("GET", "/healthz")[0].status, 200)
        self.assertEqual(server.stop(), 0)
        for s in silent:
            self.assertEqual(s.recv(1), b"")
            s.close()
        server.data.cleanup()

    def test_every_client_is_told_when_to_come_back_and_finds_everything_again(self):
        server = Server()

        async def story():
            async with server.connect("cal") as ws:
                await receive_until(ws, "caught_up")
                for i in range(50):
                    await ws.send(message(i))
                await ws.send(json.dumps({"type": "ping"}))
                # The pong tells that all of them were taken; those without an ack wait for the log.
                before = await receive_until(ws, "pong")
                asyncio.get_running_loop().run_in_executor(None, server.tell, "drain")
                answers, draining = [f["type"] for f in before].count("ack"), None
                try:
                    while True:
                        frame = await receive(ws)
                        if frame["type"] in ("ack", "error"):
                            answers += 1
                        if frame["type"] == "draining":
                            draining = frame
                except websockets.ConnectionClosed as end:
                    self.assertEqual(end.code, 4000)
                self.assertEqual(answers, 50)
                self.assertGreaterEqual(draining["reconnect_after_ms"], 0)
                self.assertIn("cursor", draining)
            with self.assertRaises(OSError):
                async with server.connect("cal", token="x"):
                    pass
        run(story())
        self.assertEqual(server.stop(), 0)
        again = Server(data=server.data)

        async def resume():
            async with again.connect("cal", "?from=start") as ws:
                seqs = [f["seq"] for f in await receive_until(ws, "caught_up") if "seq" in f]
                self.assertEqual(seqs, list(range(1, len(seqs) + 1)))
        run(resume())
        self.assertEqual(again.stop(), 0)
        server.data.cleanup()


if __name__ == "__main__":
    unittest.main()
