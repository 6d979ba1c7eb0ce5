"""A small correct run, both sides of it, for tests that break it: two users of one partition, two
messages each, one sent twice, a router lost in the middle, a socket cut off."""
import base64
import hashlib
import json

import contract
import log_index

LOG = "0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"
PARTITIONS = 4
ANN, BEN = "user-1", "user-2"  # of one partition
PARTITION = contract.partition_of(ANN, PARTITIONS)
SECOND = 1_000_000_000


def thread_of(user):
    return f"thread of {user}"


def socket_of(user, number):
    return f"ws_{user.replace('-', '_')}_{number}"


def cursor(user, next_offset, epoch, ord_, seq, partition=PARTITION, log=LOG):
    packed = log_index.CURSOR.pack(1, bytes.fromhex(log.replace("-", "")), partition, next_offset, epoch,
                                   ord_, seq)
    check = hashlib.sha256(packed + user.encode("utf-8")).digest()[:8]
    return base64.urlsafe_b64encode(packed + check).decode("ascii").rstrip("=")


class SmallRun:
    """`inbound` and `events` of PARTITION, each a dict of key, headers and data, and `history`, the lines.
    Tests change them and then write() both files."""

    def __init__(self):
        self.inbound, self.events, self.history = [], [], []
        self.seqs, self.ords, self.epoch = {ANN: 0, BEN: 0}, 0, 0
        self.time = 0
        self.frames = {ANN: [], BEN: []}
        self._play()
        self._record_chains()

    # ---- the log

    def control(self, name, **data):
        self.events.append({"key": None, "headers": {
            "ce_type": f"dev.signalbox.control.{name}", "ce_id": f"control-{len(self.events)}"}, "data": data})

    def claim(self, inbound_next):
        self.epoch, self.ords = self.epoch + 1, 0
        self.control("partition_owned", epoch=self.epoch, claim_id=f"claim-{self.epoch}",
                     inbound_next=inbound_next)

    def command(self, user, number):
        self.inbound.append({"key": user, "headers": {
            "ce_type": "dev.signalbox.command.user_message", "ce_subject": user,
            "ce_id": f"command-{len(self.inbound)}", "ce_wsclientid": socket_of(user, 1)},
            "data": {"message_id": f"m{number}", "thread_id": thread_of(user),
                     "content": f"{user} says {number}", "agent": "playbook"}})
        return len(self.inbound) - 1

    def event(self, user, name, offset, number, attempt=None, /, **data):
        self.seqs[user] += 1
        self.ords += 1
        headers = {"ce_type": f"dev.signalbox.{name}", "ce_subject": user, "ce_partitionkey": user,
                   "ce_ownerepoch": str(self.epoch), "ce_ownerseq": str(self.ords),
                   "ce_userseq": str(self.seqs[user]), "ce_inboundoffset": str(offset),
                   "ce_threadid": thread_of(user), "ce_wsclientid": socket_of(user, 1),
                   "ce_time": f"2026-11-20T09:30:{len(self.events):02}.000000Z",
                   "ce_id": contract.uuid5("event", LOG, PARTITION, self.epoch, user, self.seqs[user]),
                   "ce_runid": contract.run_id_of(user, f"m{number}")}
        if name == "message_duplicate":
            del headers["ce_runid"]
        if attempt:
            headers["ce_attempt"] = str(attempt)
        self.events.append({"key": user, "headers": headers, "data": data})
        self.frames[user].append(self.frame(user, name, len(self.events), headers, data))

    def frame(self, user, name, next_offset, headers, data):
        shown = {k: v for k, v in data.items() if k != "memory"}
        frame = {"kind": "frame", "type": name, "seq": self.seqs[user], "user_id": user,
                 "cursor": cursor(user, next_offset, self.epoch, self.ords, self.seqs[user]),
                 "time": headers["ce_time"], "thread_id": headers["ce_threadid"],
                 "websocket_client_id": headers["ce_wsclientid"],
                 "data_sha256": log_index.sha256_hex(log_index.canonical(shown))}
        if "ce_runid" in headers:
            frame["run_id"] = headers["ce_runid"]
        if "ce_attempt" in headers:
            frame["attempt"] = int(headers["ce_attempt"])
        return frame

    def _record_chains(self):
        chains = {user: contract.chain_start(LOG, user) for user in self.seqs}
        for each in self.events:
            if each["key"]:
                chains[each["key"]] = contract.chain_next(chains[each["key"]], each["headers"],
                                                          json.dumps(each["data"]).encode())
                each["headers"]["ce_chainhash"] = chains[each["key"]].hex()

    # ---- the clients

    def line(self, user, kind, **fields):
        self.time += SECOND
        self.history.append({"t": self.time, "user": user, "kind": kind, **fields})

    def connect(self, user, number, at=""):
        self.line(user, "socket", state="open", cursor=at, address="127.0.0.1:1")
        ready = at or cursor(user, 0, 0, 0, 0)
        client_id = socket_of(user, number)
        self.line(user, "frame", type="connection_ready", user_id=user, websocket_client_id=client_id,
                  cursor=ready)
        self.line(user, "socket", state="ready", client_id=client_id, cursor=ready)

    def invoke(self, user, number, n=1):
        self.line(user, "invoke", op="user_message", message_id=f"m{number}", thread_id=thread_of(user), n=n,
                  content_sha256=log_index.sha256_hex(f"{user} says {number}"))

    def acked(self, user, number):
        self.line(user, "ok", op="user_message", message_id=f"m{number}",
                  run_id=contract.run_id_of(user, f"m{number}"))

    def show(self, user, first=1, last=None):
        for frame in self.frames[user][first - 1:last]:
            self.time += SECOND
            self.history.append({"t": self.time, "user": user, **frame})

    def read_again(self, user):
        self.line(user, "invoke", op="resume", **{"from": "start"})
        self.show(user)
        end = cursor(user, len(self.events), self.epoch, self.ords, self.seqs[user])
        self.line(user, "frame", type="caught_up", cursor=end)
        self.line(user, "ok", op="resume", cursor=end)
        self.line(user, "socket", state="ended", code=1000, why="")

    # ---- what happens

    def _run(self, user, number, offset):
        self.event(user, "message_received", offset, number, message_id=f"m{number}",
                   content=f"{user} says {number}", agent="playbook")
        self.event(user, "agent_started", offset, number, 1, agent="playbook", message_id=f"m{number}")

    def _tool(self, user, number, offset, name, attempt, **result):
        run = contract.run_id_of(user, f"m{number}")
        self.event(user, name, offset, number, attempt, step=1, call_id=contract.uuid5("call", run, 1),
                   name="order", **result)

    def _play(self):
        self.control("log_genesis", log_id=LOG, partitions=PARTITIONS, partitioner="murmur2-java")
        self.claim(0)
        for user in (ANN, BEN):
            offset = self.command(user, 1)
            self._run(user, 1, offset)
            self._tool(user, 1, offset, "tool_executing", 1, arguments={})
            self._tool(user, 1, offset, "tool_completed", 1, result={"price": 2.5})
            self.event(user, "agent_completed", offset, 1, 1, content="done", memory="kept")
        again = self.command(ANN, 2)
        self._run(ANN, 2, again)
        self.claim(again + 1)
        self.event(ANN, "run_resumed", again, 2, 2, reason="owner_lost")
        duplicate = self.command(ANN, 2)
        self.event(ANN, "message_duplicate", duplicate, 2, message_id="m2",
                   run_id=contract.run_id_of(ANN, "m2"))
        self.event(ANN, "agent_completed", again, 2, 2, content="done")
        offset = self.command(BEN, 2)
        self._run(BEN, 2, offset)
        self.event(BEN, "agent_completed", offset, 2, 1, content="done")
        for user in (ANN, BEN):
            self.connect(user, 1)
            self.line(user, "frame", type="caught_up", cursor=cursor(user, 0, 0, 0, 0))
            self.invoke(user, 1)
            self.acked(user, 1)
            self.show(user, 1, 5)
        self.invoke(ANN, 2)
        self.line(ANN, "unknown", op="user_message", message_id="m2", why="cut off")
        self.line(ANN, "socket", state="ended", code=0, why="cut off")
        self.connect(ANN, 2, self.frames[ANN][4]["cursor"])
        self.show(ANN, 6, 8)
        self.line(ANN, "frame", type="caught_up", cursor=self.frames[ANN][7]["cursor"])
        self.invoke(ANN, 2, n=2)
        self.acked(ANN, 2)
        self.show(ANN, 9)
        self.invoke(BEN, 2)
        self.acked(BEN, 2)
        self.show(BEN, 6)
        self.read_again(ANN)
        self.read_again(BEN)

    # ---- files

    def write(self, folder):
        """(path of the history, path of the dump)."""
        history, dump = folder / "history.jsonl", folder / "log.jsonl"
        history.write_text("".join(json.dumps(line) + "\n" for line in self.history), "utf-8")
        with open(dump, "w", encoding="utf-8") as out:
            out.write(json.dumps({"log_id": LOG, "partitions": PARTITIONS}) + "\n")
            for topic, records in (("inbound", self.inbound), ("events", self.events)):
                for offset, each in enumerate(records):
                    out.write(json.dumps({"topic": topic, "partition": PARTITION, "offset": offset,
                                          "key": each["key"], "headers": each["headers"],
                                          "value": json.dumps(each["data"])}) + "\n")
        return history, dump
