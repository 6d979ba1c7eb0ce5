"""Tokens that must not be taken, over real sockets: in the header, as a subprotocol, in the first
frame and as refresh_token. Signatures are made by hand, with a library that shares no code with the
service."""
import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import re
import time

import pytest
import websockets
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from harness import WAIT_SECONDS, Client, Service
from test_tokens import ALGORITHMS, Key, write_set

ISSUER = "https://login.example"
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def encode(data):
    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def hs256(secret):
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def sign(key, text):
    """The signature of a key of test_tokens, as JWS has it."""
    if key.algorithm == "HS256":
        return hs256(key.private)(text)
    if key.algorithm == "RS256":
        return key.private.sign(text, padding.PKCS1v15(), hashes.SHA256())
    if key.algorithm == "EdDSA":
        return key.private.sign(text)
    r, s = utils.decode_dss_signature(key.private.sign(text, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def claims_of(**changes):
    claims = {"sub": "ann", "aud": "signalbox", "exp": int(time.time()) + 600, "iss": ISSUER}
    claims |= changes
    return {name: value for name, value in claims.items() if value is not None}


def token(key, header=None, claims=None, signer=None, **changes):
    """A token of this key; header and claims may be texts, signer makes another signature."""
    if not isinstance(header, str):
        header = {"alg": key.algorithm, "typ": "JWT", "kid": key.kid} | (header or {})
        header = json.dumps({name: value for name, value in header.items() if value is not None})
    if claims is None:
        claims = json.dumps(claims_of(**changes))
    text = f"{encode(header)}.{encode(claims)}"
    signature = (signer or (lambda signed: sign(key, signed)))(text.encode("ascii"))
    return f"{text}.{encode(signature)}"


def public_texts(key):
    """What an attacker may take for the secret of an HMAC: all forms of a public key."""
    public = key.private.public_key()
    info, encoding = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding
    forms = {"pem": public.public_bytes(encoding.PEM, info),
             "der": public.public_bytes(encoding.DER, info),
             "jwk": json.dumps(key.jwk).encode()}
    forms["pem_without_new_line"] = forms["pem"].rstrip()
    number = {"RS256": "n", "ES256": "x", "EdDSA": "x"}[key.algorithm]
    forms["number"] = base64.urlsafe_b64decode(key.jwk[number] + "==")
    if key.algorithm == "ES256":
        forms["point"] = public.public_bytes(encoding.X962,
                                             serialization.PublicFormat.UncompressedPoint)
    return forms


def confused(key):
    for form, secret in public_texts(key).items():
        for kid in (key.kid, None):
            yield (f"HS256 signed with the {form} of {key.algorithm}, kid {kid}",
                   token(key, {"alg": "HS256", "kid": kid}, signer=hs256(secret)))


def forged(keys):
    """Nothing that was signed with a key of the set for what the header says."""
    hs, rs, es, ed = (keys[name] for name in ALGORITHMS)
    for name in ("none", "None", "NONE", "nOnE", "none ", "", "HS256none"):
        for signature in (b"", b"x"):
            yield (f"alg {name!r}, signature {signature}",
                   token(hs, {"alg": name}, signer=lambda _, s=signature: s))
    yield "no alg", token(hs, {"alg": None})
    for key in (rs, es, ed):
        yield from confused(key)
    for key in keys.values():
        yield f"{key.kid}: no signature", token(key, signer=lambda _: b"")
        yield f"{key.kid}: cut", token(key, signer=lambda t, k=key: sign(k, t)[:-1])
        yield f"{key.kid}: longer", token(key, signer=lambda t, k=key: sign(k, t) + b"\0")
        yield f"{key.kid}: zeros", token(key, signer=lambda t, k=key: bytes(len(sign(k, t))))
        yield f"{key.kid}: a stranger's", token(Key(key.algorithm, key.kid))
        yield f"{key.kid}: no kid, of several keys", token(key, {"kid": None})
        yield f"{key.kid}: unknown kid", token(key, {"kid": "unknown"})
        for other in keys.values():
            if other is not key:
                yield f"{key.kid} with the kid of {other.kid}", token(key, {"kid": other.kid})
                yield f"{key.kid} as alg {other.kid}", token(key, {"alg": other.algorithm})
    for kid in (["rs256"], 7, {"kid": "rs256"}, "", "../../dev.key", "rs256\0", "RS256"):
        yield f"kid {kid!r}", token(rs, {"kid": kid})
    for name in ("RS384", "RS512", "PS256"):
        yield name, token(rs, {"alg": name})
    yield "ES384", token(es, {"alg": "ES384"})
    yield "lower case alg", token(rs, {"alg": "rs256"})
    yield "alg is a list", token(rs, {"alg": ["RS256"]})
    stranger = Key("RS256", "rs256")
    for header in ({"jwk": stranger.jwk}, {"jku": "https://evil.example/keys"},
                   {"x5u": "https://evil.example/chain"}, {"x5c": ["MIIB"]}):
        for kid in ("rs256", "evil", None):
            yield f"a stranger's with {header.keys()}, {kid}", token(stranger, header | {"kid": kid})
    yield "DER instead of r and s", token(
        es, signer=lambda t: es.private.sign(t, ec.ECDSA(hashes.SHA256())))
    for r, s in ((0, 0), (0, 1), (1, 0), (CURVE_ORDER, CURVE_ORDER), (CURVE_ORDER, 1),
                 (2**256 - 1, 2**256 - 1)):  # CVE-2022-21449 and its relatives
        yield f"r and s {r:x} {s:x}", token(
            es, signer=lambda _, r=r, s=s: r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    for size in (0, 32, 63, 65, 128):
        yield f"Ed25519, {size} bytes", token(
            ed, signer=lambda t, size=size: (sign(ed, t) * 2)[:size])
    yield "the claims of another token", ".".join(
        (token(rs).rpartition(".")[0], token(rs, sub="bob").rpartition(".")[2]))


def misshapen(keys):
    """Signed with a key of the set, but not in the form of a token."""
    hs = keys["HS256"]
    good = token(hs)
    head, body, signature = good.split(".")
    texts = {"empty": "", "a word": "nonsense", "dots": "..", "two parts": f"{head}.{body}",
             "four parts": good + ".", "five parts": good + ".a.b", "a dot before": "." + good,
             "padding": good + "=", "padding inside": f"{head}=.{body}.{signature}",
             "plain base64": f"{head}.{body}.{signature[:-1]}+", "slash": f"{head}/.{body}.{signature}",
             "white space": f"{head}. {body}.{signature}", "bits that say nothing":
             good[:-1] + {"A": "B", "E": "F", "I": "J", "M": "N", "Q": "R", "U": "V", "Y": "Z",
                          "c": "d", "g": "h", "k": "l", "o": "p", "s": "t", "w": "x", "0": "1",
                          "4": "5", "8": "9"}[good[-1]],
             "as JSON": json.dumps({"payload": body, "signature": signature}),
             "too long": token(hs, more="x" * 8192), "much too long": "a" * 12_000}
    yield from texts.items()
    claims = json.dumps(claims_of())
    for header in ("", "[]", "null", "{", '"HS256"', "\ufeff{}", '{"alg":"HS256"}x',
                   '{"alg":"none","alg":"HS256","kid":"hs256"}',
                   '{"alg":"HS256","alg":"none","kid":"hs256"}',
                   '{"alg":"HS256","kid":"rs256","kid":"hs256"}',
                   '{"alg":"HS256","kid":"hs256","k\\u0069d":"rs256"}',
                   '{"alg":"HS256","kid":"hs256","a":{"b":1,"b":2}}',
                   '{"alg":"HS256","kid":"hs256","a":' + "[" * 100 + "]" * 100 + "}"):
        yield f"header {header[:60]}", token(hs, header, claims)
    for more in ({"crit": ["b64"], "b64": False}, {"crit": []}, {"crit": ["exp"], "exp": 1},
                 {"b64": False}, {"b64": True}, {"typ": "logout+jwt"}, {"typ": "dpop+jwt"},
                 {"typ": "JWE"}, {"typ": 7}, {"typ": ""}, {"typ": ["JWT"]}):
        yield f"header with {more}", token(hs, more)


def misstated(keys):
    """Signed as it should be; the claims are not for us."""
    rs = keys["RS256"]
    now = int(time.time())
    changes = [
        {"aud": None}, {"aud": ""}, {"aud": "other"}, {"aud": "Signalbox"}, {"aud": "signalbox "},
        {"aud": []}, {"aud": ["other"]}, {"aud": ["other", 7]}, {"aud": {"signalbox": 1}},
        {"aud": [["signalbox"]]}, {"aud": 7}, {"aud": True},
        {"iss": None}, {"iss": ""}, {"iss": ISSUER + "/"}, {"iss": "http://login.example"},
        {"iss": [ISSUER]}, {"iss": 7},
        {"exp": None}, {"exp": now - 60}, {"exp": now - 31}, {"exp": 0}, {"exp": -1},
        {"exp": str(now + 600)}, {"exp": 1e300}, {"exp": 2**63}, {"exp": now * 1000 * 1000},
        {"exp": True}, {"exp": [now + 600]}, {"exp": {}},
        {"nbf": now + 600}, {"nbf": now + 300.5}, {"nbf": str(now)}, {"nbf": -1}, {"nbf": 1e300},
        {"nbf": False},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": 105945141827451681156}, {"sub": ["ann"]},
        {"sub": {"id": "ann"}}, {"sub": True}, {"sub": "a" * 129}, {"sub": "\u00e4" * 65},
        {"sub": "a\0b"}, {"sub": "\n"}, {"sub": "a\x7f"}, {"sub": "a\u0085"},
        {"roles": "auditor"}, {"roles": {"auditor": True}}, {"roles": 7}, {"roles": [7]},
        {"roles": ["auditor", None]}, {"jti": 7}, {"jti": []},
    ]
    for change in changes:
        yield f"claims with {change}", token(rs, **change)
    good = json.dumps(claims_of())[1:-1]
    for claims in ("", "[]", "null", '"ann"', "{", "{" + good + "}x", "\ufeff{" + good + "}",
                   "{" + good + ',"sub":"ann"}', '{"sub":"bob",' + good + "}",
                   '{"s\\u0075b":"bob",' + good + "}", '{"exp":1,' + good + "}",
                   '{"aud":"other",' + good + "}", "{" + good + ',"a":[{"b":1,"b":2}]}',
                   "{" + good + ',"exp":NaN}', "{" + good + ',"nbf":1e999}',
                   "{" + good + ',"a":"\\ud800"}'):
        yield f"claims {claims[:60]}", token(rs, None, claims)
    yield "claims in Latin-1", token(rs, None, ("{" + good + ',"a":"\u00e4"}').encode("latin-1"))


def good_ones(keys):
    for key in keys.values():
        yield f"{key.kid}", token(key)
        yield f"{key.kid} without typ", token(key, {"typ": None})
    rs = keys["RS256"]
    now = int(time.time())
    for change in ({"aud": ["other", "signalbox"]}, {"exp": now + 0.5}, {"exp": now - 5},
                   {"exp": 253402300799}, {"nbf": now + 20}, {"nbf": now - 0.5}, {"roles": []},
                   {"roles": ["auditor"]}, {"jti": "1"}, {"more": {"a": [1e300, None]}},
                   {"more": "x" * 5_000}):
        yield f"claims with {change}", token(rs, **change)
    for header in ({"typ": "at+jwt"}, {"typ": "application/at+jwt"}, {"typ": "jwt"},
                   {"jku": "https://evil.example/keys"}, {"cty": "x"}):
        yield f"header with {header}", token(rs, header)


@pytest.fixture(scope="module")
def keys():
    return {name: Key(name, name.lower()) for name in ALGORITHMS}


@pytest.fixture(scope="module")
def strict(request, tmp_path_factory, keys):
    """One service for the whole table."""
    folder = tmp_path_factory.mktemp("bad_tokens")
    write_set(folder / "keys.json", *keys.values())
    service = Service(request.config.getoption("--program"), folder / "data", dev=False,
                      auth_jwks=str(folder / "keys.json"), auth_issuer=ISSUER,
                      limits_sockets_per_user_max="1000").start()
    yield service
    assert service.stop() == 0


def upgrade(service, headers=(), protocol="signalbox.v1"):
    """(status, what the body says) of an upgrade with these headers."""
    connection = http.client.HTTPConnection(service.address, timeout=WAIT_SECONDS)
    with contextlib.closing(connection):
        connection.putrequest("GET", "/ws")
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                            ("Sec-WebSocket-Version", "13"),
                            ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg=="),
                            ("Sec-WebSocket-Protocol", protocol), *headers):
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        if response.status == 101:
            return 101, None
        assert response.getheader("WWW-Authenticate") == "Bearer"
        return response.status, json.loads(response.read())["error"]


def is_protocol_name(text):
    return re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*", text) is not None


async def tell_first(service, text):
    """The answer and the close code of a socket whose first frame has this token."""
    client = Client(service, "ann", token=text or "-", way="none")
    await client.connect()
    await client.send({"type": "authenticate", "id": "1", "token": text})
    with contextlib.suppress(AssertionError):
        await client.wait_for(type="connection_ready")
        await client.close()
        return None, None
    return client.frames, await client.wait_closed()


@pytest.fixture(scope="module")
def tables(keys):
    """(name, token) of every bad token."""
    return {table.__name__: list(table(keys)) for table in (forged, misshapen, misstated)}


@pytest.fixture(scope="module")
def all_bad(tables):
    return [case for table in tables.values() for case in table]


def judge_words(keys, said):
    """Nothing in a refusal may help to find a key."""
    for hint in ("kty", "PRIVATE", "PUBLIC", *ALGORITHMS, *(key.kid for key in keys.values())):
        assert hint not in said, said


def test_there_are_enough_cases(keys, tables, all_bad):
    assert len(tables["forged"]) >= 60
    assert len(all_bad) >= 150
    assert len(list(good_ones(keys))) >= 20


def test_a_bad_token_in_the_handshake_is_401_and_tells_nothing_about_keys(strict, keys, tables):
    told = {table: set() for table in tables}
    for table, cases in tables.items():
        for name, text in cases:
            ways = [((("Authorization", "Bearer " + text),), "signalbox.v1")]
            if is_protocol_name(text):
                ways.append(((), f"signalbox.v1, bearer.{text}"))
            for headers, protocol in ways:
                status, error = upgrade(strict, headers, protocol)
                assert (status, error and error["code"]) == (401, "token_invalid"), (name, text)
                judge_words(keys, error["message"])
                told[table].add(error["message"])
    # Who has no key learns neither which there are nor how near he came.
    assert len(told["forged"]) <= 3, told["forged"]  # or it names no algorithm, or a kid of no kind
    assert strict.get("/healthz")[0] == 200


def test_a_good_token_of_the_same_kind_is_taken_each_way(strict, keys):
    for name, text in good_ones(keys):
        assert upgrade(strict, (("Authorization", "Bearer " + text),))[0] == 101, name
        assert upgrade(strict, (("authorization", "bEARER " + text),))[0] == 101, name
        assert upgrade(strict, (), f"signalbox.v1, bearer.{text}")[0] == 101, name

    async def play():
        for name, text in good_ones(keys):
            assert await tell_first(strict, text) == (None, None), name
    asyncio.run(play())


def test_a_bad_token_in_the_first_frame_is_one_error_and_4401(strict, keys, all_bad):
    async def play():
        for name, text in all_bad:
            frames, code = await tell_first(strict, text)
            assert code == 4401, name
            assert len(frames) == 1, (name, frames)
            error = frames[0]
            assert (error["type"], error["code"], error["field"], error["id"]) == \
                ("error", "token_invalid", "token", "1"), name
            judge_words(keys, error["message"])
    asyncio.run(play())


def test_a_bad_token_as_refresh_is_one_error_and_the_socket_goes_on(strict, keys, all_bad):
    async def play():
        async with Client(strict, "ann", token(keys["EdDSA"])) as client:
            await client.wait_for(type="caught_up")
            cases = all_bad + [("another user's", token(keys["RS256"], sub="bob"))]
            for number, (name, text) in enumerate(cases):
                await client.send({"type": "refresh_token", "id": f"{number}", "token": text})
                error = await client.wait_for(id=f"{number}")
                assert (error["type"], error["code"], error["field"]) == \
                    ("error", "token_invalid", "token"), name
                judge_words(keys, error["message"])
            for number, (name, text) in enumerate(good_ones(keys)):
                await client.send({"type": "refresh_token", "id": f"good {number}", "token": text})
                assert (await client.wait_for(id=f"good {number}"))["type"] == "ack", name
            # Beside them there may be the last events of a run of the test before.
            answers = [frame for frame in client.frames if "id" in frame]
            assert len(answers) == len(cases) + len(list(good_ones(keys)))
            await client.say("m", "1+1")
    asyncio.run(play())


@pytest.mark.parametrize("header", [
    "", "Bearer", "Bearer ", "Basic YW5uOmFubg==", "Digest x", "{good}", "Token {good}",
    "Bearer{good}", "Bearer  {good}", "Bearer {good} {good}", "Bearer {good},", "Bearer\u00a0{good}",
    "Bearer \"{good}\"", "bearer.{good}"])
def test_another_scheme_or_form_of_authorization_is_401(strict, keys, header):
    value = header.format(good=token(keys["ES256"])).encode("latin-1")
    status, error = upgrade(strict, (("Authorization", value),))
    assert (status, error and error["code"]) == (401, "token_invalid")


def test_two_tokens_are_401_even_if_both_are_good(strict, keys):
    one, two = token(keys["ES256"]), token(keys["RS256"], sub="bob")
    header = ("Authorization", f"Bearer {one}")
    for headers, protocol in (((header,), f"signalbox.v1, bearer.{two}"),
                              ((header,), f"signalbox.v1, bearer.{one}"),
                              ((header,), "signalbox.v1, bearer."),
                              ((), f"bearer.{one}, signalbox.v1, bearer.{two}")):
        status, error = upgrade(strict, headers, protocol)
        assert (status, error and error["code"]) == (401, "token_invalid"), (headers, protocol)
    assert upgrade(strict, (header,))[0] == 101


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_where_the_only_key_has_no_kid_it_is_not_a_secret_either(make_service, tmp_path, algorithm):
    key = Key(algorithm, None)
    del key.jwk["kid"]
    write_set(tmp_path / "keys.json", key)
    service = make_service(dev=False, auth_jwks=str(tmp_path / "keys.json")).start()
    for name, text in confused(key):
        assert upgrade(service, (("Authorization", "Bearer " + text),))[0] == 401, name
    for changed in ({"alg": "none"}, {"alg": "HS256"}, {"kid": "other"}):
        bad = token(key, changed)
        assert upgrade(service, (("Authorization", "Bearer " + bad),))[0] == 401, changed
    good = token(key)
    assert upgrade(service, (("Authorization", "Bearer " + good),))[0] == 101
    assert service.stop() == 0
