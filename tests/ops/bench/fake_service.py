"""A service that keeps the contract well enough for the chat bench, or breaks it in one chosen way,
in memory, sharing no code with the product. Prints its port, ends when its standard input closes.

  fake_service.py CONVERSATIONS [--fault NAME] [--drop PROBABILITY] [--late on_its_way|behind]

--drop: after any frame the connection may be cut, as by a service that is killed and started again;
what was received stays, acks and frames on the way are lost. --late: the connection is cut at each
user's first message, and that it comes twice is found when the client asks for all of its history again, or behind that.
"""
import argparse
import asyncio
import json
import random
import struct
import sys
import urllib.parse
import uuid
from hashlib import sha1

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerConnection

NAMESPACE = uuid.UUID("5f0c7a52-93d1-4b7e-8a64-1d2e9c3b7f08").bytes


def uuid5(*parts):
    data = NAMESPACE + b"".join(struct.pack(">I", len(p.encode())) + p.encode() for p in parts)
    digest = bytearray(sha1(data).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


class User:
    def __init__(self, name):
        self.name = name
        self.events = []
        self.sockets = []
        self.messages = {}
        self.late = []  # what to add when all is read again

    def add(self, socket_id, kind, thread, run, data):
        seq = len(self.events) + 1
        event = {"type": kind, "seq": seq, "cursor": f"{self.name}.{seq}",
                 "time": f"2026-11-20T09:30:00.{seq:06d}Z", "user_id": self.name,
                 "thread_id": thread, "run_id": run, "websocket_client_id": socket_id,
                 "attempt": 1, "data": data}
        self.events.append(self.service.spoil(event))
        for socket in self.sockets:
            socket.deliver()


class Socket:
    """One WebSocket; `sent` counts the user's events it has been given."""

    def __init__(self, service, reader, writer):
        self.service, self.reader, self.writer = service, reader, writer
        self.connection = ServerConnection(subprotocols=["signalbox.v1"])
        self.id = "ws_" + uuid.uuid4().hex[:20]
        self.user = None
        self.sent = 0
        self.live = False

    def flush(self):
        for data in self.connection.data_to_send():
            if data:
                self.writer.write(data)

    def send(self, frame):
        if self.writer.is_closing():
            return
        self.connection.send_text(json.dumps(frame).encode())
        self.flush()
        if random.random() < self.service.drop:
            self.leave()
            self.writer.transport.abort()

    def deliver(self):
        while self.live and self.sent < len(self.user.events):
            self.sent += 1
            for frame in self.service.on_the_wire(self.user.events[self.sent - 1]):
                self.send(frame)

    def leave(self):
        self.live = False
        if self.user and self in self.user.sockets:
            self.user.sockets.remove(self)

    def catch_up(self, after):
        self.sent, self.live = after, True
        self.deliver()
        self.send({"type": "caught_up", "cursor": f"{self.user.name}.{self.sent}"})

    def on_request(self, request):
        self.connection.send_response(self.connection.accept(request))
        self.flush()
        self.user = self.service.user(request.headers["Authorization"].split(" ")[1])
        query = urllib.parse.parse_qs(urllib.parse.urlparse(request.path).query)
        after = int(query["cursor"][0].rsplit(".", 1)[1]) if "cursor" in query else 0
        self.send({"type": "connection_ready", "websocket_client_id": self.id,
                   "user_id": self.user.name, "cursor": f"{self.user.name}.{after}",
                   "heartbeat_seconds": 25, "frame_bytes_max": 262144, "shard": 0})
        self.user.sockets.append(self)
        self.catch_up(after)

    def read_again(self):
        late, self.user.late = self.user.late, []
        if self.service.late == "on_its_way":
            for event in late:
                self.user.add(*event)
        self.sent = 0
        self.deliver()
        if self.service.late == "behind":
            for event in late:
                self.user.add(*event)
        self.catch_up(self.sent)

    def on_frame(self, frame):
        if frame["type"] == "resume":
            return self.read_again()
        run = uuid5("run", self.user.name, frame["message_id"])
        if self.service.late and not self.user.late and not self.user.messages:
            self.user.late.append((self.id, "message_duplicate", frame["thread_id"], run,
                                   {"message_id": frame["message_id"], "run_id": run}))
            self.leave()
            return self.writer.transport.abort()
        known = frame["message_id"] in self.user.messages
        self.user.messages[frame["message_id"]] = run
        if self.service.fault != "lost_message":
            asyncio.get_running_loop().create_task(
                self.service.act(self.user, self.id, frame, run, known))
        self.send({"type": "ack", "id": frame["id"], "message_id": frame["message_id"],
                   "run_id": run if self.service.fault != "wrong_run_id" else str(uuid.uuid4())})

    async def serve(self, head):
        self.connection.receive_data(head)
        while True:
            for event in self.connection.events_received():
                if isinstance(event, Request):
                    self.on_request(event)
                elif event.opcode is Opcode.TEXT:
                    self.on_frame(json.loads(event.data))
            self.flush()
            data = await self.reader.read(65536)
            if not data:
                break
            self.connection.receive_data(data)
        self.leave()
        self.writer.close()


class Service:
    def __init__(self, options):
        self.fault, self.drop, self.late = options.fault, options.drop, options.late
        self.users = {}
        self.turns = {}
        for line in open(options.conversations, encoding="utf-8"):
            conversation = json.loads(line)
            for number, turn in enumerate(conversation["turns"], 1):
                self.turns[f"{conversation['conversation_id']}/{number}"] = turn

    def user(self, name):
        user = self.users.setdefault(name, User(name))
        user.service = self
        return user

    def spoil(self, event):
        """Faults of what happened, seen by everybody always."""
        if self.fault == "wrong_answer" and event["type"] == "agent_completed":
            event["data"] = {"content": "something else"}
        if self.fault == "wrong_result" and event["type"] == "tool_completed":
            event["data"]["result"] = {"order_id": "0"}
        return event

    def on_the_wire(self, event):
        """Faults of a single delivery."""
        if event["seq"] == 5 and self.fault == "gap":
            return []
        if event["seq"] == 5 and self.fault == "repeat":
            return [event, event]
        if event["seq"] == 5 and self.fault == "changed_history":
            return [dict(event, extra=random.random())]
        return [event]

    async def act(self, user, socket_id, frame, run, known):
        thread = frame["thread_id"]
        add = lambda kind, data: user.add(socket_id, kind, thread, run, data)
        if known:
            return add("message_duplicate", {"message_id": frame["message_id"], "run_id": run})
        turn = self.turns[frame["message_id"]]
        add("message_received", {"message_id": frame["message_id"], "content": frame["content"],
                                 "agent": frame["agent"]})
        add("agent_started", {"agent": frame["agent"], "agent_version": "1",
                              "message_id": frame["message_id"]})
        for step, call in enumerate(turn["tools"], 1):
            base = {"step": step, "call_id": uuid5("call", run, str(step)), "name": call["name"]}
            add("tool_executing", dict(base, arguments=call["arguments"]))
            await asyncio.sleep(0.001)
            add("tool_completed", dict(base, result=call["result"]))
        add("agent_completed", {"content": turn["assistant"]})
        if self.fault == "second_terminal":
            add("agent_completed", {"content": turn["assistant"]})

    async def connect(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST /dev/token"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                name = json.loads(await reader.readexactly(length))["user_id"]
                body = json.dumps({"token": name}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
                writer.close()
            else:
                await Socket(self, reader, writer).serve(head)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("conversations")
    parser.add_argument("--fault", default="")
    parser.add_argument("--drop", type=float, default=0.0)
    parser.add_argument("--late", choices=("on_its_way", "behind"))
    service = Service(parser.parse_args())
    server = await asyncio.start_server(service.connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


random.seed(7)
asyncio.run(main())
