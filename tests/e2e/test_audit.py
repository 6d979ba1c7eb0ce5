"""The audit API of a running service: what an auditor sees of a user, that each look is written
down, and that nobody else sees anything."""
import asyncio
import json
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

import pytest

from harness import WAIT_SECONDS, Client, Service, clean_environment
from test_tokens import Key, write_set

VERIFY_EXPORT = pathlib.Path(__file__).parents[1] / "audit" / "verify_export.py"
RUN = "00000000-0000-4000-8000-000000000000"
STRANGE = "ünï/ö%c?d & +1"  # as a user's id


class Auditor:
    """Whoever has a token with the role, and what it is told."""

    def __init__(self, service, name="boss", address=None):
        self.address = address or service.address
        self.token = service.token(name, ["auditor"]) if address is None else None
        self.name = name

    def ask(self, path, method="GET", token=None, headers=None):
        """(status, headers, body)"""
        token = self.token if token is None else token
        headers = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(f"http://{self.address}{path}", method=method,
                                         headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def get(self, path):
        status, _, body = self.ask(path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def of(self, user, what):
        return self.get(f"/v1/audit/users/{urllib.parse.quote(user, safe='')}/{what}")

    def pages(self, path, name):
        """The items of all pages, and how many pages there were."""
        items, count = [], 0
        while path:
            page = self.get(path)
            items.append(page[name])
            path = page.get("next")
            count += 1
            assert count < 1000
        return items, count

    def verify(self, user):
        """The verdict of a verification from begin to end."""
        path = f"/v1/audit/users/{user}/verify"
        status, headers, body = self.ask(path, "POST")
        assert status == 202, body
        assert headers["Location"] == f"{path}/{json.loads(body)['job']}"
        return self.wait_for(headers["Location"])

    def wait_for(self, job):
        deadline = time.monotonic() + WAIT_SECONDS
        while (answer := self.get(job))["state"] == "running":
            assert answer["done"] <= answer["total"]
            assert time.monotonic() < deadline, answer
            time.sleep(0.01)
        return answer


def wait_until(ask, holds):
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer


def talk(service, user, *contents, thread="thread-1"):
    async def talk_now():
        async with Client(service, user) as client:
            runs = []
            for number, content in enumerate(contents):
                run = await client.say(f"{thread}-{number}", content, thread)
                await client.wait_for_end(run)
                runs.append(run)
            return runs, client.events()
    return asyncio.run(talk_now())


@pytest.fixture(scope="module")
def story(request, tmp_path_factory):
    """A service with a user of three runs in two threads, and an auditor."""
    service = Service(request.config.getoption("--program"),
                      tmp_path_factory.mktemp("audit") / "data",
                      audit_anchor_interval="300ms").start()
    runs, events = talk(service, "anna", "hello", "what is 17 * 23?")
    more, further = talk(service, "anna", "what is 1 + 1?", thread="other")
    talk(service, STRANGE, "my secret is a canary")
    yield service, Auditor(service), runs + more, events + further
    if service.is_running():
        assert service.stop() == 0


def test_the_newest_page_comes_first_and_paging_shows_every_event_once(story):
    _, auditor, _, events = story
    pages, count = auditor.pages("/v1/audit/users/anna/events?limit=4", "events")
    assert count == (len(events) + 3) // 4
    assert [event["seq"] for event in pages[0]] == [event["seq"] for event in events[-4:]]
    shown = [event for page in reversed(pages) for event in page]
    for event, frame in zip(shown, events, strict=True):
        for name in ("seq", "type", "time", "thread_id", "run_id", "websocket_client_id"):
            assert event.get(name) == frame.get(name)
        assert len(event["chain"]) == 64 and event["causation_id"] and event["offset"] > 0
        assert frame["data"].items() <= event["data"].items()
    pages, _ = auditor.pages("/v1/audit/users/anna/events?after_seq=3&limit=5", "events")
    assert [e["seq"] for page in pages for e in page] == list(range(4, len(events) + 1))


@pytest.mark.parametrize("chosen, holds", [
    ("type=tool_completed", lambda e, _: e["type"] == "tool_completed"),
    ("thread_id=other", lambda e, _: e.get("thread_id") == "other"),
    ("run_id={1}", lambda e, runs: e.get("run_id") == runs[1]),
    ("run_id={1}&type=agent_completed",
     lambda e, runs: e.get("run_id") == runs[1] and e["type"] == "agent_completed"),
    ("from={time}", lambda e, _: e["seq"] >= 6),
    ("to={time}", lambda e, _: e["seq"] < 6)])
def test_filters_show_what_they_name_and_nothing_else(story, chosen, holds):
    _, auditor, runs, events = story
    time_of_6 = urllib.parse.quote(next(e["time"] for e in events if e["seq"] == 6))
    chosen = chosen.format(*runs, time=time_of_6)
    pages, _ = auditor.pages(f"/v1/audit/users/anna/events?limit=2&{chosen}", "events")
    shown = sorted(e["seq"] for page in pages for e in page)
    assert shown == [e["seq"] for e in events if holds(e, runs)] and shown


def test_states_of_two_instants_differ_where_something_happened(story):
    service, auditor, runs, events = story
    started = next(e for e in events if e.get("run_id") == runs[1])["seq"]
    answer = auditor.of("anna", f"state?at={started}&to={len(events)}")
    said = subprocess.run([service.command[0], "replay", "state", "--json", "--data",
                           str(service.data), "--user", "anna", "--at", str(started)],
                          capture_output=True, text=True, timeout=60, check=True,
                          env=clean_environment())
    assert answer["at"] == json.loads(said.stdout)
    differences = {d["path"]: d for d in answer["differences"]}
    assert differences[f"runs.{runs[1]}.status"] == {
        "path": f"runs.{runs[1]}.status", "before": "queued", "after": "completed"}
    assert differences[f"runs.{runs[2]}"]["before"] is None
    assert differences[f"runs.{runs[2]}"]["after"]["status"] == "completed"
    assert differences["seq"]["after"] == len(events)
    assert not [path for path in differences if runs[0] in path], "it had ended before"
    assert auditor.of("anna", f"state?at={started}&to={started}")["differences"] == []
    assert auditor.of("anna", "state")["at"] == answer["to"]
    steps = auditor.of("anna", f"state?at={started + 3}&to={len(events)}")["differences"]
    assert any(d["path"].startswith(f"runs.{runs[1]}.steps.") for d in steps), steps


def test_runs_newest_first_and_one_of_them_as_a_tree(story):
    _, auditor, runs, events = story
    pages, count = auditor.pages("/v1/audit/users/anna/runs?limit=2", "runs")
    assert count == 2
    shown = [run for page in pages for run in page]
    assert [run["run_id"] for run in shown] == runs[::-1]
    assert auditor.of("anna", "runs?thread_id=other")["runs"] == [shown[0]]
    run = shown[1]
    of_run = [e for e in events if e.get("run_id") == runs[1]]
    assert run["status"] == "completed" and run["agent"] == "assistant"
    assert (run["first_seq"], run["last_seq"], run["events"]) == (
        of_run[0]["seq"], of_run[-1]["seq"], len(of_run))
    assert run["started"] == of_run[1]["time"] and run["ended"] == of_run[-1]["time"]
    tree = auditor.of("anna", f"runs/{runs[1]}")
    assert {name: tree[name] for name in run} == run
    root = tree["tree"]
    assert root["type"] == "message_received" and root["data"]["content"] == "what is 17 * 23?"
    agent, = root["children"]
    assert agent["type"] == "agent_started" and agent["duration_ms"] == run["duration_ms"]
    assert [child["type"] for child in agent["children"]] == [
        "agent_thinking", "tool_executing", "agent_completed"]
    tool = agent["children"][1]
    assert tool["duration_ms"] >= 0 and [c["type"] for c in tool["children"]] == ["tool_completed"]

    def count_of(node):
        return 1 + sum(count_of(child) for child in node["children"])
    assert count_of(root) == len(of_run)
    assert auditor.ask(f"/v1/audit/users/anna/runs/{RUN}")[0] == 404
    assert auditor.ask(f"/v1/audit/users/{urllib.parse.quote(STRANGE, safe='')}/runs/{runs[1]}")[0] == 404


def test_every_look_is_an_event_of_the_auditor_and_shown_to_those_who_ask_who_looked(story):
    service, _, runs, _ = story
    looker, other = Auditor(service, "looker"), Auditor(service, "other-looker")
    user = urllib.parse.quote(STRANGE, safe="")
    looker.of(STRANGE, "events?limit=3")
    other.of(STRANGE, "state")
    looker.of(STRANGE, "runs")
    looker.ask(f"/v1/audit/users/{user}/runs/{runs[0]}")
    looker.ask(f"/v1/audit/users/{user}/export")
    looker.verify(user)
    path = f"/v1/audit/users/{user}/"

    def looks():
        """All but those at the list itself, which come on top of a page as they are written."""
        pages, _ = looker.pages(path + "views?limit=2", "views")
        return [view for page in pages for view in page
                if view["auditor"] != "boss" and not view["query"]["path"].endswith("/views")]

    # A look is durable as a command before it is answered; its event follows by a moment.
    views = wait_until(looks, lambda views: len(views) >= 6)
    assert [(v["auditor"], v["query"]) for v in views] == [
        ("looker", {"path": path + "verify", "parameters": {}}),
        ("looker", {"path": path + "export", "parameters": {}}),
        ("looker", {"path": path + f"runs/{runs[0]}", "parameters": {}}),
        ("looker", {"path": path + "runs", "parameters": {}}),
        ("other-looker", {"path": path + "state", "parameters": {}}),
        ("looker", {"path": path + "events", "parameters": {"limit": "3"}})]
    assert len({(v["auditor"], v["seq"]) for v in views}) == len(views)
    own = [event for event in looker.of("looker", "events?type=history_viewed&limit=1000")["events"]
           if event["data"]["subject"] != "looker"]
    assert all(event["data"]["subject"] == STRANGE for event in own)
    assert {v["seq"] for v in views if v["auditor"] == "looker"} <= {e["seq"] for e in own}
    frames = []

    async def follow():
        async with Client(service, "looker", from_="start") as client:
            await client.wait_for(type="caught_up")
            frames.extend(client.events())
    asyncio.run(follow())
    assert frames and {frame["type"] for frame in frames} == {"history_viewed"}
    assert {frame["user_id"] for frame in frames} == {"looker"}


def test_users_are_found_by_the_beginning_of_their_id(story):
    service, auditor, _, events = story
    for name in ("zoe-1", "zoe-2", "zoë", "zo"):
        talk(service, name, "hello")
    searcher = Auditor(service, "searcher")
    found, _ = searcher.pages("/v1/audit/users?prefix=zo&limit=2", "users")
    assert [u["user_id"] for page in found for u in page] == ["zo", "zoe-1", "zoe-2", "zoë"]
    anna, = auditor.get("/v1/audit/users?prefix=anna")["users"]
    assert anna["newest_seq"] == anna["events"] == len(events)
    assert anna["newest_time"] == events[-1]["time"]
    assert auditor.get("/v1/audit/users?prefix=nobody") == {"users": []}
    looks = wait_until(lambda: auditor.of("searcher", "events")["events"],
                       lambda events: len(events) == 2)
    assert {(e["type"], e["data"]["subject"], e["data"]["query"]["path"]) for e in looks} == {
        ("history_viewed", "zo", "/v1/audit/users")}
    # A search by what is somebody's id is no look at him.
    assert not [v for v in auditor.of("zo", "views")["views"] if v["auditor"] == "searcher"]
    quoted = urllib.parse.quote(STRANGE[:4], safe="")
    assert [u["user_id"] for u in auditor.get(f"/v1/audit/users?prefix={quoted}")["users"]] == [
        STRANGE]


def test_pages_of_two_users_never_mix(story):
    _, auditor, _, _ = story
    for what in ("events?limit=1000", "state", "runs", "export"):
        _, _, body = auditor.ask(f"/v1/audit/users/anna/{what}")
        assert b"canary" not in body and STRANGE.encode() not in body
    body = json.dumps(auditor.of(STRANGE, "events"), ensure_ascii=False)
    assert "canary" in body and "17 * 23" not in body
    assert {e["data"].get("content") for e in auditor.of(STRANGE, "events?type=message_received")
            ["events"]} == {"my secret is a canary"}


def test_a_verdict_is_not_made_of_what_befell_others_of_the_partition(make_service):
    service = make_service(log_partitions="1").start()
    talk(service, "anna", "hello")
    talk(service, "bob", "hello")
    with sqlite3.connect(service.data / "log.db") as log:
        assert log.execute(
            "UPDATE records SET value = CAST(replace(CAST(value AS TEXT), 'Hello!', 'HELLO!') AS BLOB)"
            " WHERE CAST(key AS TEXT) = 'bob' AND instr(value, CAST('Hello!' AS BLOB))").rowcount == 1
    log.close()
    auditor = Auditor(service)
    of_bob = auditor.verify("bob")["verdict"]
    assert of_bob["whole"] is False and of_bob["findings"]
    of_anna = auditor.verify("anna")["verdict"]
    assert of_anna["whole"] is True and of_anna["findings"] == [], of_anna
    assert re.search(r"\d findings? of others in his partition", of_anna["words"]), of_anna["words"]
    assert "bob" not in json.dumps(of_anna)


def test_verify_says_whole_and_after_damage_where(story, make_service):
    _, auditor, _, _ = story
    verdict = auditor.verify("anna")
    assert verdict["state"] == "done" and verdict["done"] == verdict["total"]
    assert verdict["verdict"]["whole"] is True and verdict["verdict"]["findings"] == []
    assert "whole: no damage was found" in verdict["verdict"]["words"]
    assert verdict["verdict"]["cannot_show"]
    job = verdict["job"]
    assert auditor.ask(f"/v1/audit/users/{urllib.parse.quote(STRANGE, safe='')}/verify/{job}")[0] == 404
    assert auditor.ask(f"/v1/audit/users/anna/verify/{RUN}")[0] == 404

    service = make_service().start()
    talk(service, "anna", "hello", "what is 2 + 2?")
    auditor = Auditor(service)
    assert auditor.verify("anna")["verdict"]["whole"] is True
    with sqlite3.connect(service.data / "log.db") as log:
        changed = log.execute(
            "UPDATE records SET value = CAST(replace(CAST(value AS TEXT), 'Hello!', 'HELLO!') AS BLOB)"
            " WHERE instr(value, CAST('Hello!' AS BLOB))")
        assert changed.rowcount == 1
    log.close()
    verdict = auditor.verify("anna")["verdict"]
    assert verdict["whole"] is False and "DAMAGED" in verdict["words"]
    kinds = {finding["kind"] for finding in verdict["findings"]}
    assert "row_changed" in kinds, verdict
    assert any(f.get("offset") is not None for f in verdict["findings"]), verdict


def judged_by_both(service, part, tmp_path):
    file = tmp_path / "part.jsonl"
    file.write_bytes(part)
    key = str(service.data / "anchors" / "anchor.pub")
    for command in ([service.command[0], "replay", "verify", "--export", str(file), "--key", key],
                    [sys.executable, "-B", str(VERIFY_EXPORT), str(file), "--key", key]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                              env=clean_environment())
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    return [json.loads(line) for line in part.decode("utf-8").splitlines()]


def test_an_export_comes_in_parts_that_two_verifiers_find_whole(make_service, tmp_path):
    service = make_service(limits_messages_burst="100000", audit_anchor_interval="300ms").start()

    async def fill():
        async with Client(service, "anna") as client:
            for number in range(420):
                await client.wait_for_end(await client.say(f"m-{number}", f"{number} " + "x" * 32000))
    asyncio.run(fill())
    auditor = Auditor(service)
    newest = auditor.of("anna", "events?limit=1")["events"][0]["seq"]
    deadline = time.monotonic() + WAIT_SECONDS
    while not list((service.data / "anchors").glob("*/*.note")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    seqs, parts, path = [], 0, "/v1/audit/users/anna/export"
    while path:
        status, headers, body = auditor.ask(path)
        assert status == 200 and headers["Content-Type"] == "application/x-ndjson", body[:300]
        assert headers["Content-Disposition"].startswith("attachment; filename=")
        manifest, *records = judged_by_both(service, body, tmp_path)
        assert len(body) <= (16 << 20) + (1 << 20)
        assert (manifest["user_id"], manifest["first_seq"]) == ("anna", len(seqs) + 1)
        seqs += [int(record["headers"]["ce_userseq"]) for record in records]
        parts += 1
        link = headers["Link"]
        path = link[1:link.index(">")] if link else None
    assert parts == 2 and seqs == list(range(1, newest + 1))
    assert auditor.ask(f"/v1/audit/users/anna/export?first_seq={newest + 1}")[0] == 404
    assert auditor.ask("/v1/audit/users/nobody/export")[0] == 404


def test_an_answer_that_is_taken_slowly_is_not_cut(make_service):
    service = make_service(limits_messages_burst="100000", limits_handshake="6s").start()

    async def fill():
        async with Client(service, "anna") as client:
            for number in range(250):
                await client.wait_for_end(await client.say(f"m-{number}", f"{number} " + "x" * 32000))
    asyncio.run(fill())
    host, port = service.address.rsplit(":", 1)
    token = Auditor(service).token
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.connect((host, int(port)))
        client.sendall(f"GET /v1/audit/users/anna/export HTTP/1.1\r\nHost: {service.address}\r\n"
                       f"Authorization: Bearer {token}\r\n\r\n".encode())
        head, _, body = client.recv(65536).partition(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        parts = [body]
        begun = time.monotonic()
        while sum(map(len, parts)) < size and (part := client.recv(1 << 20)):
            parts.append(part)
            time.sleep(0.1)
    assert sum(map(len, parts)) == size > 8 << 20
    assert time.monotonic() - begun > 6, "then this shows nothing"


GETS = ["/v1/audit/users", "/v1/audit/users/anna/events", "/v1/audit/users/anna/state",
        "/v1/audit/users/anna/runs", f"/v1/audit/users/anna/runs/{RUN}",
        "/v1/audit/users/anna/views", "/v1/audit/users/anna/export",
        f"/v1/audit/users/anna/verify/{RUN}"]
ROUTES = [("GET", path) for path in GETS] + [("POST", "/v1/audit/users/anna/verify")]


@pytest.fixture(scope="module")
def closed(request, tmp_path_factory):
    """A service that signs no tokens, with an admin port of its own: its keys and addresses."""
    folder = tmp_path_factory.mktemp("closed")
    keys = Key("ES256", "right"), Key("ES256", "wrong")
    write_set(folder / "keys.json", keys[0])
    service = Service(request.config.getoption("--program"), folder / "data", dev=False,
                      auth_jwks=folder / "keys.json")
    with socket.create_server(("127.0.0.1", 0)) as free:
        admin = f"127.0.0.1:{free.getsockname()[1]}"
    service.command[service.command.index("--admin-listen") + 1] = admin
    service.start()

    async def talk_now():
        async with Client(service, "anna", keys[0].token("anna")) as client:
            await client.wait_for_end(await client.say("m-1", "hello, canary"))
    asyncio.run(talk_now())
    yield service, admin, keys
    if service.is_running():
        assert service.stop() == 0


@pytest.mark.parametrize("method, path", ROUTES)
def test_only_an_auditors_token_opens_a_path(closed, method, path):
    service, admin, (key, wrong) = closed
    auditor = Auditor(service, address=admin)
    roles = {"roles": ["auditor"]}
    cases = [("", 401), ("garbage", 403), (key.token("boss", -100, **roles), 403),
             (key.token("anna"), 403), (key.token("boss", roles=["operator", "AUDITOR"]), 403),
             (key.token("boss", **roles, aud="other"), 403), (wrong.token("boss", **roles), 403)]
    for token, status in cases:
        answer = auditor.ask(path, method, token)
        assert answer[0] == status, (token, answer)
        assert set(json.loads(answer[2])) == {"error"} and b"canary" not in answer[2]
    basic = auditor.ask(path, method, "", {"Authorization": "Basic Ym9zczpib3Nz"})
    assert basic[0] == 401 and basic[1]["WWW-Authenticate"] == "Bearer"
    opened = auditor.ask(path, method, key.token("boss", **roles))
    assert opened[0] in ({"GET": (200, 404), "POST": (202,)}[method]), opened
    assert RUN in path or opened[0] != 404


@pytest.mark.parametrize("method, path", ROUTES)
def test_no_path_is_there_on_the_public_port(closed, method, path):
    service, _, (key, _) = closed
    outside = Auditor(service, address=service.address)
    assert outside.ask(path, method, key.token("boss", roles=["auditor"]))[0] == 404


@pytest.mark.parametrize("path", GETS)
def test_another_method_is_refused_by_what_the_path_allows(closed, path):
    service, admin, (key, _) = closed
    auditor = Auditor(service, address=admin)
    token = key.token("boss", roles=["auditor"])
    for method in ("POST", "PUT", "DELETE"):
        status, headers, _ = auditor.ask(path, method, token)
        assert (status, headers["Allow"]) == (405, "GET, HEAD"), (method, path)
    status, headers, _ = auditor.ask("/v1/audit/users/anna/verify", "GET", token)
    assert (status, headers["Allow"]) == (405, "POST")


def test_an_auditors_token_on_a_socket_and_on_history_shows_his_own(closed):
    service, admin, (key, _) = closed
    token = key.token("boss", roles=["auditor"])
    assert json.loads(Auditor(service, address=admin).ask(
        "/v1/audit/users/anna/events", token=token)[2])["events"]

    async def follow():
        async with Client(service, "boss", token, from_="start") as client:
            await client.wait_for(type="caught_up")
            assert {frame["user_id"] for frame in client.events()} <= {"boss"}
            assert "canary" not in "".join(client.bytes)
            async with Client(service, "anna", key.token("anna"), from_="start") as anna:
                await anna.wait_for(type="caught_up")
                cursor = anna.last_cursor()
                await anna.send({"type": "refresh_token", "id": "r", "token": token})
                refused = await anna.wait_for(id="r")
                assert (refused["type"], refused["code"], refused["field"]) == (
                    "error", "token_invalid", "token")
                assert refused["message"] == "the token is for another user"
                await anna.wait_for_end(await anna.say("m-2", "hello, second canary"))
                assert {frame["user_id"] for frame in anna.events()} == {"anna"}
            await client.send({"type": "resume", "id": "c", "cursor": cursor})
            refused = await client.wait_for(id="c")
            assert (refused["code"], refused["reason"]) == ("cursor_invalid", "other_user")
            assert {frame["user_id"] for frame in client.events()} <= {"boss"}
            assert "canary" not in "".join(client.bytes)
    asyncio.run(follow())
    status, body = service.get("/v1/history", token)
    assert status == 200 and "canary" not in body
    assert {event["user_id"] for event in json.loads(body)["events"]} <= {"boss"}


@pytest.mark.parametrize("path, field", [
    ("/v1/audit/users?limit=0", "limit"), ("/v1/audit/users?limit=1001", "limit"),
    ("/v1/audit/users?prefix=%00", "prefix"), ("/v1/audit/users?prefix=%zz", "prefix"),
    ("/v1/audit/users?page=2", "page"), ("/v1/audit/users?prefix=a&prefix=b", "prefix"),
    ("/v1/audit/users/%00/events", "id"), ("/v1/audit/users/%C3/events", "id"),
    ("/v1/audit/users/" + 129 * "a" + "/events", "id"), ("/v1/audit/users/%4/events", "id"),
    ("/v1/audit/users/anna/events?after_seq=x", "after_seq"),
    ("/v1/audit/users/anna/events?before_seq=-1", "before_seq"),
    ("/v1/audit/users/anna/events?before_seq=1&after_seq=1", "after_seq"),
    ("/v1/audit/users/anna/events?run_id=7", "run_id"),
    ("/v1/audit/users/anna/events?type=nothing", "type"),
    ("/v1/audit/users/anna/events?from=yesterday", "from"),
    ("/v1/audit/users/anna/events?to=2026", "to"),
    ("/v1/audit/users/anna/events?thread_id=%07", "thread_id"),
    ("/v1/audit/users/anna/state?at=-1", "at"), ("/v1/audit/users/anna/state?at=", "at"),
    ("/v1/audit/users/anna/state?to=soon", "to"),
    ("/v1/audit/users/anna/runs?before_seq=a", "before_seq"),
    ("/v1/audit/users/anna/runs/7", "run_id"),
    ("/v1/audit/users/anna/views?before=7", "before"),
    ("/v1/audit/users/anna/views?before=1.2.3x", "before"),
    ("/v1/audit/users/anna/export?first_seq=0", "first_seq")])
def test_a_bad_parameter_is_named_and_nothing_is_written_down(story, path, field):
    service, boss, _, _ = story
    auditor = Auditor(service, f"clumsy-{zlib.crc32(path.encode())}")
    status, _, body = auditor.ask(path)
    assert (status, json.loads(body)["error"]["field"]) == (400, field), body
    assert json.loads(body)["error"]["code"] == "bad_field"
    # What it did before it is in its history before this good look.
    auditor.of("anna", "runs?limit=1")
    looks = wait_until(lambda: boss.of(auditor.name, "events")["events"], bool)
    assert [look["data"]["query"] for look in looks] == [
        {"path": "/v1/audit/users/anna/runs", "parameters": {"limit": "1"}}]


def test_a_stopping_service_ends_what_runs(make_service):
    service = make_service().start()
    talk(service, "anna", "hello")
    auditor = Auditor(service)
    for _ in range(2):
        assert auditor.ask("/v1/audit/users/anna/verify", "POST")[0] in (202, 503)
    assert service.stop() == 0
