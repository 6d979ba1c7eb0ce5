"""The public port over HTTP: history and threads of the caller; requests that nobody should send."""
import asyncio
import http.client
import json
import socket
import time
import urllib.parse

from harness import Client

WAIT_SECONDS = 60


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
                await client.wait_for_end(await client.say(f"m{number}", "x" * 32000))

    asyncio.run(fill())
    events, count = pages(service, "/v1/history?after=0&limit=1000", service.token("ann"),
                          "events")
    assert count > 1
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def begun_answer(service, path, token):
    """A connection on which an answer has begun that its client is slow to take; its first bytes."""
    host, port = service.address.rsplit(":", 1)
    client = socket.socket()
    client.settimeout(WAIT_SECONDS)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    client.connect((host, int(port)))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {service.address}\r\n"
                   f"Authorization: Bearer {token}\r\n\r\n".encode())
    return client, client.recv(1024)


def test_who_takes_history_slowly_holds_places_of_his_own_alone(make_service):
    limit_seconds = 6
    service = make_service(limits_history_requests_per_user_max="2",
                           limits_handshake=f"{limit_seconds}s").start()

    async def fill():
        async with Client(service, "ann") as client:
            for number in range(40):
                await client.wait_for_end(await client.say(f"m{number}", "x" * 32000))

    asyncio.run(fill())
    path, token = "/v1/history?after=0&limit=1000", service.token("ann")
    slow, begin = begun_answer(service, path, token)
    gone, _ = begun_answer(service, path, token)
    refused, body = ask(service, path, token)
    assert (refused.status, json.loads(body)["error"]["code"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 0
    assert ask(service, path, service.token("bob"))[0].status == 200
    # Who goes away gives his place back; who is slow, and slower than a request may be, gets it all.
    gone.close()
    until_taken(service, path, token)
    head, _, body = begin.partition(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    started = time.monotonic()
    with slow:
        while len(body) < size and (part := slow.recv(1 << 15)):
            body += part
            time.sleep(1.2 * limit_seconds * len(part) / size)
    assert time.monotonic() - started > limit_seconds, "then this shows nothing"
    assert len(body) == size and json.loads(body)["events"][0]["seq"] == 1
    assert service.stop() == 0


def until_taken(service, path, token):
    """Asks until there is a place for the request."""
    deadline = time.monotonic() + WAIT_SECONDS
    while ask(service, path, token)[0].status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# What is sent, and the status of the answer. `{host}` stands for the address.
GET = "GET /healthz HTTP/1.1\r\nHost: {host}\r\n"
POST = "POST /dev/token HTTP/1.1\r\nHost: {host}\r\n"
BODY = '{{"user_id":"ann"}}'  # 17 bytes
UPGRADE = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: signalbox.v1\r\n"
           "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n")
REQUESTS = {
    "as it should be": (GET + "\r\n", 200),
    "HTTP/1.0": (GET.replace("1.1", "1.0") + "\r\n", 200),
    "HTTP/1.0 without Host": ("GET /healthz HTTP/1.0\r\n\r\n", 400),
    "no Host": ("GET /healthz HTTP/1.1\r\n\r\n", 400),
    "an empty Host": ("GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "two Hosts": (GET + "Host: {host}\r\n\r\n", 400),
    "two Hosts of different case": (GET + "hOST: evil.example\r\n\r\n", 400),
    "a Host with a path": ("GET /healthz HTTP/1.1\r\nHost: {host}/x\r\n\r\n", 400),
    "a Host with a user": ("GET /healthz HTTP/1.1\r\nHost: a@{host}\r\n\r\n", 400),
    "a foreign Host": ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    "HTTP/2.0": (GET.replace("1.1", "2.0") + "\r\n", 505),
    "the preface of HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/1": (GET.replace("1.1", "1") + "\r\n", 400),
    "no version": ("GET /healthz\r\nHost: {host}\r\n\r\n", 400),
    "two blanks": (GET.replace(" /", "  /", 1) + "\r\n", 400),
    "a whole address": (GET.replace("/healthz", "http://{host}/healthz") + "\r\n", 400),
    "CONNECT": ("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
    "no method": (" /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
    "a method that is no token": (GET.replace("GET", "G{{T") + "\r\n", 400),
    "an unknown method": (GET.replace("GET", "BREW") + "\r\n", 405),
    "DELETE": (GET.replace("GET", "DELETE") + "\r\n", 405),
    "GET where only POST is": (POST.replace("POST", "GET") + "\r\n", 405),
    "an unknown path": (GET.replace("healthz", "health") + "\r\n", 404),
    "an empty first line": ("\r\n" + GET + "\r\n", 400),
    "a long target": ("GET /" + "a" * 8200 + " HTTP/1.1\r\nHost: {host}\r\n\r\n", 414),
    "a long header": (GET + "X: " + "a" * 17000 + "\r\n\r\n", 431),
    "many headers": (GET + "X: a\r\n" * 4000 + "\r\n", 431),
    "bare LF": (GET.replace("\r\n", "\n") + "\n", 400),
    "bare LF after the first line": (GET.replace("\r\n", "\n", 1) + "\r\n", 400),
    "a bare CR": (GET + "X: a\rb\r\n\r\n", 400),
    "CR CR LF": (GET + "X: a\r\r\n\r\n", 400),
    "NUL": (GET + "X: a\0b\r\n\r\n", 400),
    "a folded line": (GET + "X: a\r\n b\r\n\r\n", 400),
    "a folded line first": ("GET /healthz HTTP/1.1\r\n Host: {host}\r\n\r\n", 400),
    "a blank before the colon": (GET + "X : a\r\n\r\n", 400),
    "a blank before the colon of a length": (POST + "Content-Length : 17\r\n\r\n" + BODY, 400),
    "a header without a colon": (GET + "X\r\n\r\n", 400),
    "a header without a name": (GET + ": x\r\n\r\n", 400),
    "a name that is no token": (GET + "X(y: x\r\n\r\n", 400),
    "two Authorizations": (GET + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400),
    "a body": (POST + "Content-Length: 17\r\n\r\n" + BODY, 200),
    "a body and what follows it": (POST + "Content-Length: 17\r\n\r\n" + BODY + GET + "\r\n", 200),
    "no body": (POST + "Content-Length: 0\r\n\r\n", 400),
    "no length": (POST + "\r\n", 411),
    "a body with GET": (GET + "Content-Length: 17\r\n\r\n" + BODY, 400),
    "a length of 0 with GET": (GET + "Content-Length: 0\r\n\r\n", 200),
    "a body with HEAD": (GET.replace("GET", "HEAD") + "Content-Length: 1\r\n\r\nx", 400),
    "a body with an upgrade": (GET.replace("healthz", "ws") + UPGRADE + "Sec-WebSocket-Version: 13\r\n"
                               "Content-Length: 5\r\n\r\nhello", 400),
    "two lengths": (POST + "Content-Length: 17\r\nContent-Length: 5\r\n\r\n" + BODY, 400),
    "the same length twice": (POST + "Content-Length: 17\r\nContent-Length: 17\r\n\r\n" + BODY, 400),
    "a list of lengths": (POST + "Content-Length: 17, 17\r\n\r\n" + BODY, 400),
    "a signed length": (POST + "Content-Length: +17\r\n\r\n" + BODY, 400),
    "a negative length": (POST + "Content-Length: -1\r\n\r\n" + BODY, 400),
    "a hexadecimal length": (POST + "Content-Length: 0x11\r\n\r\n" + BODY, 400),
    "an empty length": (POST + "Content-Length:\r\n\r\n" + BODY, 400),
    "a length beyond 64 bits": (POST + "Content-Length: 18446744073709551633\r\n\r\n" + BODY, 400),
    "a length beyond the limit": (POST + "Content-Length: 65537\r\n\r\n", 413),
    "chunks": (POST + "Transfer-Encoding: chunked\r\n\r\n11\r\n" + BODY + "\r\n0\r\n\r\n", 411),
    "chunks with GET": (GET + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "length, then chunks": (POST + "Content-Length: 17\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "0\r\n\r\n", 400),
    "chunks, then length": (POST + "Transfer-Encoding: chunked\r\nContent-Length: 17\r\n\r\n"
                            "0\r\n\r\n", 400),
    "a blank before the colon of chunks": (POST + "Content-Length: 17\r\nTransfer-Encoding : chunked"
                                           "\r\n\r\n0\r\n\r\n", 400),
    "folded chunks": (POST + "Content-Length: 17\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", 400),
    "gzip": (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunks twice": (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    "chunks with a vertical tab": (POST + "Transfer-Encoding: \vchunked\r\n\r\n", 400),
    "chunks in HTTP/1.0": (POST.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n", 400),
    "an upgrade of no version": (GET.replace("healthz", "ws") + UPGRADE + "\r\n", 426),
    "an upgrade of an old version": (GET.replace("healthz", "ws") + UPGRADE +
                                     "Sec-WebSocket-Version: 8\r\n\r\n", 426),
    "an upgrade of two versions": (GET.replace("healthz", "ws") + UPGRADE + "Sec-WebSocket-Version: 13"
                                   "\r\nSec-WebSocket-Version: 8\r\n\r\n", 400),
    "an upgrade by POST": (POST.replace("dev/token", "ws") + UPGRADE + "Sec-WebSocket-Version: 13\r\n"
                           "Content-Length: 0\r\n\r\n", 400),
    "an upgrade in HTTP/1.0": (GET.replace("healthz", "ws").replace("1.1", "1.0") + UPGRADE +
                               "Sec-WebSocket-Version: 13\r\n\r\n", 400),
    "an upgrade of another path": (GET + UPGRADE + "Sec-WebSocket-Version: 13\r\n\r\n", 404),
    "an upgrade without a key": ((GET.replace("healthz", "ws") + UPGRADE).replace("-Key", "-Kex") +
                                 "Sec-WebSocket-Version: 13\r\n\r\n", 400),
}
STRICT = {"connection": "close", "cache-control": "no-store", "x-content-type-options": "nosniff",
          "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
          "referrer-policy": "no-referrer", "x-frame-options": "DENY",
          "cross-origin-opener-policy": "same-origin",
          "cross-origin-resource-policy": "same-origin"}


def raw_answer(service, text, size=1 << 16):
    """All that comes back for these bytes, sent in pieces of that size, until the end."""
    host, port = service.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), WAIT_SECONDS) as raw:
        came = b""
        try:
            for at in range(0, len(text), size):
                raw.sendall(text[at:at + size])
            while part := raw.recv(4096):
                came += part
        except ConnectionError:
            pass  # it had bytes of ours left to read when it closed
        return came


def check_answer(name, came, status):
    head, _, body = came.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    assert lines[0].startswith(f"HTTP/1.1 {status} "), (name, came)
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert len(headers) == len(lines) - 1, (name, lines)
    for header, value in STRICT.items():
        assert headers[header].startswith(value.lower()), (name, header, headers)
    assert int(headers["content-length"]) == len(body), (name, came)
    if status == 426:
        assert headers["sec-websocket-version"] == "13"
    if status >= 400:
        error = json.loads(body)["error"]
        assert error["code"] and error["message"], (name, body)


def test_each_wrong_request_gets_its_status_and_the_end_of_the_connection(service):
    for name, (text, status) in REQUESTS.items():
        text = text.format(host=service.address).encode("latin-1")
        for size in (1 << 16, 7) if len(text) < 1000 else (1 << 16,):
            check_answer(name, raw_answer(service, text, size), status)
    # One request is answered, whatever follows it on the same connection.
    twice = (GET + "\r\n").format(host=service.address).encode() * 2
    assert raw_answer(service, twice).count(b"HTTP/1.1 ") == 1
    assert service.get("/healthz")[0] == 200
    assert service.stop() == 0


def test_a_wrong_line_that_comes_in_a_crumb_is_refused_with_a_reason(service):
    """A head that comes in crumbs is judged when it has doubled; what the library under it refused before
    that was refused without a word."""
    host, port = service.address.rsplit(":", 1)
    for crumb in (b"X\r\n", b"X y: x\r\n"):
        with socket.create_connection((host, int(port)), WAIT_SECONDS) as raw:
            raw.sendall(GET.format(host=service.address).encode())
            time.sleep(0.3)  # so that it is read by itself
            raw.sendall(crumb)
            came = b""
            while part := raw.recv(4096):
                came += part
        check_answer(crumb, came, 400)


def upgrade_status(service, token, forwarded_for):
    """The status of an upgrade that says it was passed on for these addresses."""
    response, _ = ask(service, "/ws", token, headers={
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Protocol": "signalbox.v1",
        "X-Forwarded-For": forwarded_for})
    return response.status


def test_behind_a_trusted_proxy_connects_count_for_the_client(make_service):
    # Loopback itself is exempt, so 429 is the forwarded address's.
    service = make_service(gateway_trusted_proxies="127.0.0.1,10.0.0.0/8",
                           limits_connects_per_second="1", limits_connects_burst="2").start()
    token = service.token("ann")
    answers = [upgrade_status(service, token, f"203.0.113.{n}, 198.51.100.1, 10.0.0.2")
               for n in range(6)]
    assert answers[:2] == [101, 101] and 429 in answers[2:]
    assert upgrade_status(service, token, "198.51.100.2") == 101
    assert upgrade_status(service, token, "198.51.100.1, 198.51.100.3") == 101
    assert service.stop() == 0
    service = make_service(data="other", gateway_trusted_proxies="10.0.0.0/8",
                           limits_connects_per_second="1", limits_connects_burst="2").start()
    token = service.token("ann")
    assert {upgrade_status(service, token, "198.51.100.1") for _ in range(6)} == {101}
    assert service.stop() == 0
