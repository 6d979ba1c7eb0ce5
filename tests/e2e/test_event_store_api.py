"""The event store's read API for gateways: whole pages of stored bytes, for services alone."""
import asyncio
import base64
import json
import time
import urllib.parse

import pytest

import contract
import log_reader
from harness import WAIT_SECONDS, Client, Service

PARTITIONS = 12
STRANGE = "ünï/ö%c?d & +1"  # as a user's id


def talk(service, user, *contents, thread="thread-1"):
    async def talk_now():
        async with Client(service, user) as client:
            for number, content in enumerate(contents):
                await client.wait_for_end(
                    await client.say(f"{thread}-{number}", content, thread))
            return client.events()
    return asyncio.run(talk_now())


@pytest.fixture(scope="module")
def story(request, tmp_path_factory):
    """A service with three users, and the token of another service."""
    service = Service(request.config.getoption("--program"),
                      tmp_path_factory.mktemp("store") / "data").start()
    anna = talk(service, "anna", "hello", "what is 17 * 23?")
    anna += talk(service, "anna", "what is 1 + 1?", thread="other")
    strange = talk(service, STRANGE, "hello", "what is 17 * 23?")
    yield service, service.token("svc_gateway", ["service"]), anna, strange
    if service.is_running():
        assert service.stop() == 0


def path_of(user, what="events"):
    return f"/internal/v1/users/{urllib.parse.quote(user, safe='')}/{what}"


def get(service, path, token):
    status, body = service.get(path, token)
    assert status == 200, (status, body)
    return json.loads(body)


def events_of(service, token, user, newest, query="?after_seq=0"):
    """All pages, asked again until the archive has come to the newest event."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        path, pages = path_of(user) + query, []
        while path:
            pages.append(get(service, path, token))
            path = pages[-1].get("next")
        if any(newest in page["seqs"] for page in pages):
            return pages
        assert time.monotonic() < deadline, pages
        time.sleep(0.05)


def stored(service, user):
    """The user's records of events as the log holds them, by seq."""
    partition = contract.partition_of(user, PARTITIONS)
    with log_reader.LogReader(service.data) as log:
        return {int(record.headers["ce_userseq"]): record
                for record in log.records("events", partition) if record.key == user}


@pytest.mark.parametrize("query", ["?after_seq=0", "?after_seq=0&limit=3",
                                   "?after_seq=0&bytes_max=1", "?after_seq=4&limit=1000",
                                   "?before_seq=9&limit=2", ""])
@pytest.mark.parametrize("user", ["anna", STRANGE])
def test_every_event_is_there_once_as_its_bytes_are_stored(story, user, query):
    service, token, anna, strange = story
    count = len(anna if user == "anna" else strange)
    newest = 8 if "before" in query else count
    pages = events_of(service, token, user, newest, query)
    seqs = [seq for page in pages for seq in page["seqs"]]
    first = 5 if "seq=4" in query else 1
    wanted = list(range(first, newest + 1))
    assert seqs == (wanted[::-1] if "after" not in query else wanted)
    records = stored(service, user)
    for seq, event in zip(seqs, [e for page in pages for e in page["events"]], strict=True):
        record = records[seq]
        assert event["offset"] == record.offset and event["key"] == user
        assert list(event["headers"].items()) == list(record.headers.items())
        assert base64.b64decode(event["value"], validate=True) == bytes(record.value)
    for page in pages:
        assert page["partition"] == contract.partition_of(user, PARTITIONS)
        assert page["more"] == ("next" in page)
        assert page["complete_to"]["offset"] > max(e["offset"] for e in page["events"])
        assert page["complete_to"]["epoch"] >= 1 and page["complete_to"]["ownerseq"] >= newest
    if "bytes_max" in query:
        assert len(pages) == count


def test_a_reader_can_verify_the_chain_of_what_it_is_given(story):
    service, token, anna, _ = story
    pages = events_of(service, token, "anna", len(anna))
    chain = contract.chain_start(pages[0]["log_id"], "anna")
    for event in (event for page in pages for event in page["events"]):
        chain = contract.chain_next(chain, event["headers"], base64.b64decode(event["value"]))
        assert event["headers"]["ce_chainhash"] == chain.hex()


def test_it_says_the_same_as_the_users_own_history(story):
    service, token, anna, _ = story
    pages = events_of(service, token, "anna", len(anna))
    history = get(service, "/v1/history?after=0&limit=1000", service.token("anna"))["events"]
    for record, frame in zip([e for page in pages for e in page["events"]], history, strict=True):
        assert int(record["headers"]["ce_userseq"]) == frame["seq"]
        assert record["headers"]["ce_type"] == "dev.signalbox." + frame["type"]
        data = json.loads(base64.b64decode(record["value"]))
        assert frame["data"].items() <= data.items()


def test_threads_and_one_thread_alone(story):
    service, token, anna, _ = story
    events_of(service, token, "anna", len(anna))
    page = get(service, path_of("anna", "threads"), token)
    own = get(service, "/v1/threads", service.token("anna"))
    assert page["threads"] == own["threads"] and not page["more"]
    first = get(service, path_of("anna", "threads") + "?limit=1", token)
    assert first["more"] and first["threads"] == own["threads"][:1]
    assert get(service, first["next"], token)["threads"] == own["threads"][1:]
    other = get(service, path_of("anna") + "?after_seq=0&thread_id=other", token)
    assert {event["headers"]["ce_threadid"] for event in other["events"]} == {"other"}
    assert other["seqs"] == [event["seq"] for event in anna if event["thread_id"] == "other"]


def test_of_a_user_without_events_it_is_an_empty_page_that_says_so(story):
    service, token, _, _ = story
    page = get(service, path_of("nobody"), token)
    assert (page["events"], page["seqs"], page["more"]) == ([], [], False)
    assert "next" not in page


@pytest.mark.parametrize("what", ["events", "threads"])
def test_nobody_but_a_service_gets_anything(story, what):
    service, token, _, _ = story
    path = path_of("anna", what)
    for wrong, status, code in ((None, 401, "token_invalid"), ("", 401, "token_invalid"),
                                ("nonsense", 403, "token_invalid"),
                                (token[:-4] + "AAAA", 403, "token_invalid"),
                                (service.token("anna"), 403, "forbidden"),
                                (service.token("anna", ["auditor"]), 403, "forbidden"),
                                (service.token("anna", ["Service", "services"]), 403, "forbidden")):
        got, body = service.get(path, wrong)
        assert (got, json.loads(body)["error"]["code"]) == (status, code), wrong
        assert json.loads(body)["error"]["field"] == "Authorization"
        assert "anna" not in body


@pytest.mark.parametrize("query, field", [
    ("after_seq=x", "after_seq"), ("after_seq=-1", "after_seq"), ("after_seq=", "after_seq"),
    ("before_seq=1e3", "before_seq"), ("before_seq=9223372036854775808", "before_seq"),
    ("after_seq=1&before_seq=2", "after_seq"), ("limit=0", "limit"), ("limit=1001", "limit"),
    ("limit=10&limit=11", "limit"), ("bytes_max=0", "bytes_max"),
    ("bytes_max=1048577", "bytes_max"), ("thread_id=", "thread_id"),
    ("thread_id=%00", "thread_id"), ("thread_id=" + "x" * 129, "thread_id"),
    ("cursor=1", "cursor"), ("after=1", "after")])
def test_a_bad_parameter_is_named(story, query, field):
    service, token, _, _ = story
    status, body = service.get(path_of("anna") + "?" + query, token)
    error = json.loads(body)["error"]
    assert (status, error["code"], error["field"]) == (400, "bad_field", field), body


@pytest.mark.parametrize("user", ["%00", "%zz", "%ff", "x" * 129, "%0a", "a%7fb", "%"])
@pytest.mark.parametrize("what", ["events", "threads"])
def test_a_bad_id_is_named(story, user, what):
    service, token, _, _ = story
    status, body = service.get(f"/internal/v1/users/{user}/{what}", token)
    error = json.loads(body)["error"]
    assert (status, error["code"], error["field"]) == (400, "bad_field", "id"), body


@pytest.mark.parametrize("path", ["/internal/v1/users//events", "/internal/v1/users/anna",
                                  "/internal/v1/users/anna/events/x", "/internal/v1/users/a/b/events",
                                  "/internal/v1/users/anna/state", "/internal/v1/users"])
def test_there_is_nothing_beside_it(story, path):
    service, token, _, _ = story
    assert service.get(path, token)[0] == 404
