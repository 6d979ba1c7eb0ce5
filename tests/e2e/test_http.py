"""The public port over HTTP: history and threads of the caller."""
import asyncio
import http.client
import json
import urllib.parse

from harness import Client

WAIT_SECONDS = 30


def ask(service, path, token=None, method="GET", headers=None):
    """The response and its body."""
    connection = http.client.HTTPConnection(service.address, timeout=WAIT_SECONDS)
    connection.request(method, path, headers=(headers or {})
                       | ({"Authorization": f"Bearer {token}"} if token else {}))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def page(service, path, token):
    response, body = ask(service, path, token)
    assert response.status == 200, body
    assert len(body) <= 1 << 20
    return json.loads(body)


def pages(service, path, token, name):
    """All items of a list and how many pages they took."""
    items, count = [], 0
    while path:
        one = page(service, path, token)
        items += one[name]
        path = one.get("next")
        count += 1
    return items, count


async def talk(service, user, thread_of):
    """Says one message in each of the threads; the events as the socket got them."""
    async with Client(service, user) as client:
        for number, thread in enumerate(thread_of):
            run = await client.say(f"m{number}", f"{number} + 1  in\n {thread}", thread)
            await client.wait_for_end(run)
        return client.events()


def test_history_is_what_the_sockets_got_in_pages_both_ways(service):
    events = asyncio.run(talk(service, "ann", ["one", "two", "one", "t/3 +\u00e9"]))
    asyncio.run(talk(service, "bob", ["one"]))
    token = service.token("ann")
    assert page(service, "/v1/history", token)["events"] == events[::-1]
    assert pages(service, "/v1/history?after=0&limit=1000", token, "events") == (events, 1)
    assert pages(service, "/v1/history?after=0&limit=5", token, "events")[0] == events
    forth, count = pages(service, "/v1/history?after=3&limit=3", token, "events")
    assert forth == events[3:] and count == -(-(len(events) - 3) // 3)
    back, count = pages(service, "/v1/history?limit=2", token, "events")
    assert back == events[::-1] and count == -(-len(events) // 2)
    for thread in ("one", "t/3 +\u00e9"):
        path = f"/v1/history?after=0&limit=2&thread_id={urllib.parse.quote_plus(thread)}"
        assert pages(service, path, token, "events")[0] == \
            [event for event in events if event["thread_id"] == thread]
    assert page(service, f"/v1/history?after={len(events)}", token) == {"events": []}
    assert page(service, "/v1/history?before=1", token) == {"events": []}
    assert page(service, "/v1/history", service.token("nobody")) == {"events": []}


def test_a_cursor_of_history_continues_on_a_socket(service):
    events = asyncio.run(talk(service, "ann", ["one", "two"]))
    newest = page(service, "/v1/history?limit=1", service.token("ann"))["events"][0]
    third = page(service, "/v1/history?after=2&limit=1", service.token("ann"))["events"][0]

    async def resume():
        async with Client(service, "ann", cursor=third["cursor"]) as client:
            await client.wait_for(type="caught_up")
            assert client.events() == events[3:]
        async with Client(service, "ann", cursor=newest["cursor"]) as client:
            await client.wait_for(type="caught_up")
            assert client.events() == []

    asyncio.run(resume())


def test_threads_come_newest_first_with_their_first_words(service):
    events = asyncio.run(talk(service, "ann", ["one", "two", "one", "three"]))
    token = service.token("ann")
    listed, count = pages(service, "/v1/threads?limit=1", token, "threads")
    assert count == 3
    assert listed == page(service, "/v1/threads", token)["threads"]

    def expected(thread, first_words, messages):
        newest = [event for event in events if event["thread_id"] == thread][-1]
        return {"thread_id": thread, "first_words": first_words, "time": newest["time"],
                "newest_seq": newest["seq"], "messages": messages}
    assert listed == [expected("three", "3 + 1 in three", 1), expected("one", "0 + 1 in one", 2),
                      expected("two", "1 + 1 in two", 1)]
    assert page(service, "/v1/threads", service.token("nobody")) == {"threads": []}


def test_lists_outlive_the_archive_and_a_restart(service):
    events = asyncio.run(talk(service, "ann", ["one", "two"]))
    before = page(service, "/v1/threads", service.token("ann"))
    assert service.stop() == 0
    for file in (service.data / "archive").iterdir():
        file.unlink()
    service.start()
    token = service.token("ann")
    assert page(service, "/v1/history", token)["events"] == events[::-1]
    assert page(service, "/v1/threads", token) == before


def test_a_list_is_for_its_user_alone_and_bad_parameters_are_named(service):
    for path in ("/v1/history", "/v1/threads"):
        response, body = ask(service, path)
        assert response.status == 401 and response.getheader("WWW-Authenticate") == "Bearer"
        assert json.loads(body)["error"]["code"] == "token_invalid"
        response, _ = ask(service, path, headers={"Authorization": "Basic YTpi"})
        assert response.status == 401
        for token in ("x", "a.b.c", service.token("ann")[:-4] + "AAAA"):
            response, body = ask(service, path, token)
            assert response.status == 403, body
            assert json.loads(body)["error"]["code"] == "token_invalid"
        response, _ = ask(service, path, service.token("ann"), "POST",
                          headers={"Content-Length": "0"})
        assert response.status == 405 and response.getheader("Allow") == "GET, HEAD"
        response, body = ask(service, path, service.token("ann"), "HEAD")
        assert response.status == 200 and body == b""
        assert int(response.getheader("Content-Length")) > 10
    for query, field in (("limit=0", "limit"), ("before=x", "before"), ("user_id=bob", "user_id"),
                         ("after=1&before=2", "after"), ("thread_id=", "thread_id")):
        response, body = ask(service, f"/v1/history?{query}", service.token("ann"))
        assert response.status == 400, query
        error = json.loads(body)["error"]
        assert error["code"] == "bad_field" and error["field"] == field


def test_a_page_is_at_most_1_mib(service):
    async def fill():
        async with Client(service, "ann") as client:
            for number in range(40):
                await client.say(f"m{number}", "x" * 32000)
            await client.wait_until(lambda: sum(e["type"] == "agent_completed"
                                                for e in client.events()) == 40, "the answers")

    asyncio.run(fill())
    events, count = pages(service, "/v1/history?after=0&limit=1000", service.token("ann"),
                          "events")
    assert count > 1
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
