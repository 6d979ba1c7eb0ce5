"""Tokens of a service that signs none itself: key sets in files and at https addresses, rotation,
revocation, expiry. Keys and tokens are made by PyJWT and cryptography, which share no code with it."""
import asyncio
import base64
import datetime
import http.server
import json
import os
import signal
import ssl
import subprocess
import threading
import time

import jwt
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from harness import Client, assert_gapless, clean_environment

WAIT_SECONDS = 60
ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"]


class Key:
    """A key pair, or a secret, with its JWK."""

    def __init__(self, algorithm, kid):
        self.algorithm, self.kid = algorithm, kid
        if algorithm == "HS256":
            self.private = os.urandom(32)
            text = base64.urlsafe_b64encode(self.private).rstrip(b"=").decode()
            self.jwk = {"kty": "oct", "k": text}
            self.private_jwk = dict(self.jwk)
        else:
            self.private = {"RS256": lambda: rsa.generate_private_key(65537, 2048),
                            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                            "EdDSA": ed25519.Ed25519PrivateKey.generate}[algorithm]()
            to_jwk = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm,
                      "EdDSA": jwt.algorithms.OKPAlgorithm}[algorithm].to_jwk
            # PyJWT has no to_jwk for elliptic curves before 2.7.
            self.private_jwk = (json.loads(to_jwk(self.private)) if algorithm != "ES256"
                                else self.ec_jwk())
            self.jwk = {name: value for name, value in self.private_jwk.items()
                        if name in ("kty", "crv", "n", "e", "x", "y")}
        self.jwk |= {"kid": kid, "alg": algorithm, "use": "sig"}
        self.private_jwk["kid"] = kid

    def ec_jwk(self):
        numbers = self.private.private_numbers()
        def text(number):
            return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
        return {"kty": "EC", "crv": "P-256", "x": text(numbers.public_numbers.x),
                "y": text(numbers.public_numbers.y), "d": text(numbers.private_value)}

    def token(self, user, seconds=600, **claims):
        now = int(time.time())
        return jwt.encode({"sub": user, "aud": "signalbox", "iat": now, "exp": now + seconds}
                          | claims, self.private, self.algorithm, {"kid": self.kid})


def write_set(path, *keys):
    """As an operator should: a new file that takes the old one's place."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"keys": [key.jwk for key in keys]}))
    part.replace(path)


async def is_refused(service, token):
    try:
        async with Client(service, "ann", token):
            return False
    except websockets.InvalidStatusCode as refusal:
        assert refusal.status_code == 401
        return True


async def until(condition, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def keys():
    return {name: Key(name, name.lower()) for name in ALGORITHMS}


@pytest.fixture
def key_file(tmp_path, keys):
    path = tmp_path / "keys.json"
    write_set(path, *keys.values())
    return path


@pytest.fixture
def make_strict(make_service, key_file):
    def make(**settings):
        return make_service(dev=False, auth_jwks=str(key_file), **settings)
    return make


def test_every_algorithm_lets_a_user_in_and_others_out(make_strict, keys):
    service = make_strict(auth_issuer="https://login.example").start()

    async def play():
        for key in keys.values():
            token = key.token("ann", iss="https://login.example")
            for way in ("header", "subprotocol", "frame"):
                async with Client(service, "ann", token, way=way) as client:
                    run = await client.say(f"m-{key.kid}-{way}", "1+1", thread_id=f"t-{key.kid}")
                    await client.wait_for_end(run)
            stranger = Key(key.algorithm, key.kid)
            for bad in (stranger.token("ann", iss="https://login.example"),
                        key.token("ann"), key.token("ann", iss="https://other.example"),
                        key.token("ann", -60, iss="https://login.example"),
                        key.token("ann", iss="https://login.example", aud="other")):
                assert await is_refused(service, bad)
        none = jwt.encode({"sub": "ann", "aud": "signalbox", "exp": int(time.time()) + 600,
                           "iss": "https://login.example"}, None, "none", {"kid": "rs256"})
        assert await is_refused(service, none)

    asyncio.run(play())
    assert service.get("/dev/token")[0] == 404
    assert service.get("/metrics")[0] == 404, "admin paths are on their own port"
    assert service.stop() == 0


def test_a_new_key_counts_and_an_old_one_ends_when_the_file_changes(make_strict, keys, key_file):
    service = make_strict().start()
    fresh = Key("ES256", "fresh")

    async def play():
        assert await is_refused(service, fresh.token("ann"))
        async with Client(service, "ann", keys["RS256"].token("ann")) as client:
            write_set(key_file, fresh)

            async def is_in():
                return not await is_refused(service, fresh.token("ann"))
            await until(is_in, "the new key")
            assert await is_refused(service, keys["RS256"].token("ann"))
            await client.say("m1", "1+1")  # who is in stays in
            # What is no key set changes nothing, and is told.
            key_file.write_text('{"keys": "none"}')
            service.process.send_signal(signal.SIGHUP)

            async def is_told():
                return "what was read before stays in force" in service.log_tail()
            await until(is_told, "a warning")
            assert not await is_refused(service, fresh.token("ann"))

    asyncio.run(play())
    assert service.stop() == 0


def test_a_revoked_token_closes_its_socket_and_is_refused(make_strict, keys, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("# nobody yet\n")
    service = make_strict(auth_revoked_file=str(revoked)).start()
    key = keys["EdDSA"]

    async def play():
        first, second = key.token("ann", jti="t-1"), key.token("ann", jti="t-2")
        async with Client(service, "ann", first) as leaves, \
                Client(service, "ann", second) as stays, \
                Client(service, "bob", key.token("bob")) as also_leaves:
            revoked.write_text("jti t-1\nsub bob\n")
            assert await leaves.wait_closed() == 4401
            assert leaves.find(type="error", code="token_invalid")
            assert await also_leaves.wait_closed() == 4401
            await stays.say("m1", "1+1")
            assert await is_refused(service, first)
            assert await is_refused(service, key.token("bob"))

    asyncio.run(play())
    assert service.stop() == 0


def test_a_revocation_list_that_goes_bad_changes_nothing_and_is_told(make_strict, keys, tmp_path):
    revoked = tmp_path / "revoked"

    def write(text):
        """At once: half a list would be a list too."""
        part = tmp_path / "revoked.part"
        part.write_text(text)
        part.replace(revoked)

    write("sub bob\n")
    service = make_strict(auth_revoked_file=str(revoked)).start()
    key = keys["EdDSA"]

    async def play():
        async with Client(service, "ann", key.token("ann")) as stays:
            async def is_told(why):
                return any(str(revoked) in line and why in line
                           and "what was read before stays in force" in line
                           for line in service.log_tail().splitlines())

            async def assert_in_force():
                assert await is_refused(service, key.token("bob"))
                assert not await is_refused(service, key.token("cid"))

            write("sub cid\nbob is out\n")
            await until(lambda: is_told("line 2: must begin with jti or sub"), "a warning")
            await assert_in_force()
            revoked.unlink()
            await until(lambda: is_told("cannot be read"), "a warning of a list that is gone")
            await assert_in_force()
            await stays.say("m1", "1+1")
            # A list that is sound again counts.
            write("sub cid\n")

            async def is_in():
                return not await is_refused(service, key.token("bob"))
            await until(is_in, "the new list")
            assert await is_refused(service, key.token("cid"))

    asyncio.run(play())
    assert service.stop() == 0


def test_an_expiring_token_is_warned_of_refreshed_and_else_ends_the_socket(make_strict, keys):
    service = make_strict(auth_leeway="0s", auth_expiry_warning="13s").start()
    key = keys["RS256"]

    async def play():
        async with Client(service, "ann", key.token("ann", 15)) as ends, \
                Client(service, "ann", key.token("ann", 15)) as goes_on:
            warning = await goes_on.wait_for(type="error", code="token_invalid")
            assert warning["hint"] == "send refresh_token"
            await goes_on.send({"type": "refresh_token", "id": "r0", "token": key.token("bob")})
            assert (await goes_on.wait_for(id="r0"))["code"] == "token_invalid"
            await goes_on.send({"type": "refresh_token", "id": "r1", "token": key.token("ann")})
            assert (await goes_on.wait_for(id="r1"))["type"] == "ack"
            assert await ends.wait_closed() == 4401
            run = await goes_on.say("m1", "1+1")
            assert_gapless(await goes_on.wait_for_end(run))

    asyncio.run(play())
    assert service.stop() == 0


class KeyServer(http.server.BaseHTTPRequestHandler):
    """Answers with server.body and counts; with the ETag of what it has, 304."""

    def do_GET(self):
        self.server.asked += 1
        self.server.answers.wait(60)
        etag = f'"{hash(self.server.body)}"'
        known = self.headers.get("If-None-Match") == etag
        self.send_response(304 if known else self.server.status)
        body = b"" if known else self.server.body
        self.server.unchanged += known
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def key_server(tmp_path, keys):
    """An https server on loopback with a certificate of its own."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
                   .public_key(private.public_key()).serial_number(1)
                   .not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(hours=1))
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
                   .add_extension(x509.BasicConstraints(True, None), True)
                   .sign(private, hashes.SHA256()))
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "server.pem").write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), KeyServer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.asked = server.unchanged = 0
    server.answers = threading.Event()  # as long as it is not set, nobody gets an answer
    server.answers.set()
    server.status = 200
    server.body = json.dumps({"keys": [keys["EdDSA"].jwk]}).encode()
    server.url = f"https://localhost:{server.server_port}/jwks.json"
    server.ca = str(tmp_path / "ca.pem")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_of_an_https_address_are_asked_again_and_outlive_its_failures(make_service, keys,
                                                                          key_server):
    service = make_service(dev=False, auth_jwks=key_server.url, auth_ca_file=key_server.ca,
                           auth_refetch="1s").start()

    async def play():
        async with Client(service, "ann", keys["EdDSA"].token("ann")):
            pass

        async def is_unchanged():
            return key_server.unchanged > 0
        await until(is_unchanged, "a question with an ETag")
        key_server.status, key_server.body = 500, b"broken"

        async def is_told():
            return "answers with HTTP status 500" in service.log_tail()
        await until(is_told, "a warning")
        assert not await is_refused(service, keys["EdDSA"].token("ann"))
        key_server.body = json.dumps({"keys": [keys["RS256"].jwk]}).encode()
        key_server.status = 200

        async def is_in():
            return not await is_refused(service, keys["RS256"].token("ann"))
        await until(is_in, "the new key")
        assert await is_refused(service, keys["EdDSA"].token("ann"))

    asyncio.run(play())
    assert service.stop() == 0


def test_keys_of_an_https_address_are_asked_for_at_once_on_sighup(make_service, keys, key_server):
    service = make_service(dev=False, auth_jwks=key_server.url, auth_ca_file=key_server.ca,
                           auth_refetch="1h").start()
    asked = key_server.asked

    async def play():
        key_server.body = json.dumps({"keys": [keys["RS256"].jwk]}).encode()
        assert await is_refused(service, keys["RS256"].token("ann"))
        assert not await is_refused(service, keys["EdDSA"].token("ann"))
        assert key_server.asked == asked, "the next question is an hour off"
        service.process.send_signal(signal.SIGHUP)

        async def is_in():
            return not await is_refused(service, keys["RS256"].token("ann"))
        await until(is_in, "the new key")
        assert await is_refused(service, keys["EdDSA"].token("ann"))
        assert key_server.asked == asked + 1

    asyncio.run(play())
    assert service.stop() == 0


def test_a_revocation_does_not_wait_for_an_address_of_keys_that_does_not_answer(
        make_service, keys, key_server, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("")
    service = make_service(dev=False, auth_jwks=key_server.url, auth_ca_file=key_server.ca,
                           auth_refetch="1s", auth_revoked_file=str(revoked)).start()

    async def play():
        async with Client(service, "ann", keys["EdDSA"].token("ann", jti="t-1")) as leaves:
            key_server.answers.clear()
            asked = key_server.asked

            async def is_asked():
                return key_server.asked > asked
            await until(is_asked, "a question for keys")
            revoked.write_text("jti t-1\n")
            assert await leaves.wait_closed() == 4401
            # That question was still open: it had neither an answer nor an end.
            assert "what was read before stays in force" not in service.log_tail()

    asyncio.run(play())
    key_server.answers.set()
    assert service.stop() == 0


def start_and_fail(service):
    with pytest.raises(AssertionError):
        service.start()
    return service.log_tail()


def test_a_service_without_sound_keys_does_not_start_and_says_why(make_service, tmp_path, keys,
                                                                 key_server):
    assert "auth.jwks" in start_and_fail(make_service(dev=False))
    assert "auth.jwks" in start_and_fail(make_service(auth_jwks="keys.json"))
    assert "cannot be read" in start_and_fail(make_service(dev=False, auth_jwks="/no/such/file"))
    assert "https" in start_and_fail(make_service(dev=False, auth_jwks="http://localhost/keys"))
    assert "cannot be read" in start_and_fail(make_service(dev=False, auth_jwks=key_server.url)), \
        "a certificate nobody vouches for"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"keys": [keys["RS256"].private_jwk]}))
    said = start_and_fail(make_service(dev=False, auth_jwks=str(bad)))
    assert "keys[0].d is private" in said
    write_set(bad, keys["RS256"])
    lines = tmp_path / "revoked"
    lines.write_text("ann\n")
    said = start_and_fail(make_service(dev=False, auth_jwks=str(bad),
                                       auth_revoked_file=str(lines)))
    assert "line 1" in said


def test_signalbox_token_signs_with_a_private_jwk(request, make_strict, keys, tmp_path):
    program = request.config.getoption("--program")
    service = make_strict(auth_issuer="https://login.example").start()
    for key in keys.values():
        file = tmp_path / f"{key.kid}.jwk"
        file.write_text(json.dumps(key.private_jwk))
        token = subprocess.run(
            [program, "token", "--user", "ann", "--key", str(file), "--issuer",
             "https://login.example", "--role", "auditor"],
            check=True, capture_output=True, text=True, timeout=WAIT_SECONDS,
            env=clean_environment()).stdout.strip()
        public = key.private if key.algorithm == "HS256" else key.private.public_key()
        claims = jwt.decode(token, public, [key.algorithm], audience="signalbox")
        assert claims["sub"] == "ann" and claims["roles"] == ["auditor"]
        assert not asyncio.run(is_refused(service, token))
    missing = subprocess.run([program, "token", "--user", "ann", "--key", "/no/such/file"],
                             check=False, capture_output=True, text=True, timeout=WAIT_SECONDS,
                             env=clean_environment())
    assert missing.returncode == 1 and "/no/such/file: cannot be read: No such" in missing.stderr
    assert service.stop() == 0
