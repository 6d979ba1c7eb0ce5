"""TLS on the public port: certificates of a CA of the test, replaced while sockets are open."""
import asyncio
import contextlib
import datetime
import http.client
import json
import signal
import socket
import ssl
import time

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

WAIT_SECONDS = 60


class Authority:
    """A CA that signs certificates of `localhost`."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign(f"{name} of the test", self.key.public_key(), is_ca=True)
        (folder / f"{name}.pem").write_bytes(
            self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, name, public_key, is_ca=False):
        now = datetime.datetime.utcnow()
        common = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
        issuer = x509.Name(common) if is_ca else self.certificate.subject
        return (x509.CertificateBuilder().subject_name(x509.Name(common)).issuer_name(issuer)
                .public_key(public_key).serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(hours=1))
                .not_valid_after(now + datetime.timedelta(hours=1))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
                .add_extension(x509.BasicConstraints(is_ca, None), True)
                .sign(self.key, hashes.SHA256()))

    def give(self, key):
        """Writes a certificate and its key where the service finds them; its serial number."""
        certificate = self.sign("localhost", key.public_key())
        (self.folder / "tls.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        (self.folder / "tls.pem").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM))
        return certificate.serial_number

    def context(self, **versions):
        made = ssl.create_default_context(cafile=self.folder / f"{self.name}.pem")
        for name, version in versions.items():
            setattr(made, name, version)
        return made


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def service(make_service, authority, tmp_path):
    authority.give(ec.generate_private_key(ec.SECP256R1()))
    return make_service(tls_certificate=str(tmp_path / "tls.pem"),
                        tls_key=str(tmp_path / "tls.key"))


def port(service):
    return int(service.address.rsplit(":", 1)[1])


def ask(service, context, method, path, body=None):
    connection = http.client.HTTPSConnection("localhost", port(service), timeout=WAIT_SECONDS,
                                             context=context)
    connection.request(method, path, body)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response, text


def token(service, context, user):
    response, text = ask(service, context, "POST", "/dev/token", json.dumps({"user_id": user}))
    assert response.status == 200, text
    return json.loads(text)["token"]


def connect(service, context, bearer):
    return websockets.connect(f"wss://localhost:{port(service)}/ws", ssl=context,
                              subprotocols=["signalbox.v1"], compression=None,
                              extra_headers={"Authorization": f"Bearer {bearer}"})


async def until(socket_, kind):
    """The frame of that type, and what came before it."""
    frames = []
    while not frames or frames[-1]["type"] != kind:
        frames.append(json.loads(await asyncio.wait_for(socket_.recv(), WAIT_SECONDS)))
    return frames


async def talk(socket_, number, content="1+1"):
    await socket_.send(json.dumps({"type": "user_message", "message_id": f"m{number}",
                                   "thread_id": "t", "content": content}))
    return await until(socket_, "agent_completed")


def serial_seen(service, context):
    with socket.create_connection(("localhost", port(service)), WAIT_SECONDS) as raw, \
            context.wrap_socket(raw, server_hostname="localhost") as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(True)).serial_number


def test_sockets_and_requests_over_tls(service, authority):
    service.start()
    context = authority.context()
    response, _ = ask(service, context, "GET", "/healthz")
    assert response.status == 200
    assert response.getheader("Strict-Transport-Security") == "max-age=31536000"
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    document = ask(service, context, "GET", "/contract/asyncapi.json")[1]
    assert len(json.loads(document)["components"]["messages"]) > 20, "larger than one TLS record"

    async def play():
        async with connect(service, context, token(service, context, "ann")) as one, \
                connect(service, context, token(service, context, "ann")) as two:
            await until(two, "caught_up")
            await talk(one, 1)
            large = await talk(one, 2, "x" * 30_000)
            assert any(len(f["data"].get("content", "")) == 30_000 for f in large if "data" in f)
            assert (await until(two, "agent_completed"))[-1]["seq"] < large[-1]["seq"]
            await one.close()
            assert one.close_code == 1000

    asyncio.run(play())
    assert service.stop() == 0


def test_only_tls_1_2_and_later_and_only_with_the_right_ca(service, authority, tmp_path):
    service.start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = authority.context(minimum_version=version, maximum_version=version)
        assert ask(service, context, "GET", "/healthz")[0].status == 200
    old = authority.context(minimum_version=ssl.TLSVersion.TLSv1,
                            maximum_version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        ask(service, old, "GET", "/healthz")
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(service, Authority(tmp_path, "other").context(), "GET", "/healthz")

    async def connect_with_another_ca():
        async with connect(service, Authority(tmp_path, "third").context(), "x"):
            pass
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(connect_with_another_ca())
    static = authority.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    static.set_ciphers("kRSA")
    with pytest.raises(ssl.SSLError):
        ask(service, static, "GET", "/healthz")
    assert ask(service, authority.context(), "GET", "/healthz")[0].status == 200
    assert service.stop() == 0


def test_what_is_no_tls_ends_cleanly(service, authority):
    service.start()
    host, number = service.address.rsplit(":", 1)
    for said in (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x00\x05hello",
                 b"\0" * 3000, b"x"):
        with socket.create_connection((host, int(number)), WAIT_SECONDS) as raw:
            raw.sendall(said)
            raw.shutdown(socket.SHUT_WR)
            came = b""
            with contextlib.suppress(ConnectionError):
                while part := raw.recv(4096):
                    came += part
            assert b"HTTP" not in came
    assert ask(service, authority.context(), "GET", "/healthz")[0].status == 200
    assert service.stop() == 0


def make_hello(context):
    """The first bytes a client sends."""
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


def test_who_does_not_come_through_both_handshakes_in_time_is_closed(make_service, authority,
                                                                     tmp_path):
    authority.give(ec.generate_private_key(ec.SECP256R1()))
    service = make_service(tls_certificate=str(tmp_path / "tls.pem"),
                           tls_key=str(tmp_path / "tls.key"), limits_handshake="6s").start()
    context = authority.context()
    hello = make_hello(context)
    plain = []
    for said in (b"", hello[:1], hello[:-1], hello):  # nothing, parts, and no answer to ours
        raw = socket.create_connection(("localhost", port(service)), WAIT_SECONDS)
        raw.sendall(said)
        plain.append(raw)
    secure = [context.wrap_socket(socket.create_connection(("localhost", port(service)), WAIT_SECONDS),
                                  server_hostname="localhost") for _ in range(2)]
    secure[1].sendall(b"GET /ws HTTP/1.1\r\nHost: loc")
    for sock in plain + secure:
        came = b""
        with contextlib.suppress(ConnectionError):
            while part := sock.recv(4096):  # what stays open is a timeout
                came += part
        assert b"HTTP" not in came
        sock.close()
    assert ask(service, context, "GET", "/healthz")[0].status == 200
    assert service.stop() == 0


def test_the_end_of_an_answer_is_told_apart_from_a_cut(service, authority):
    service.start()
    with socket.create_connection(("localhost", port(service)), WAIT_SECONDS) as raw, \
            authority.context().wrap_socket(raw, server_hostname="localhost",
                                            suppress_ragged_eofs=False) as secure:
        secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        came = b""
        while part := secure.recv(4096):  # an end without close_notify raises
            came += part
    assert came.endswith(b'{"status":"ok"}\n')
    assert service.stop() == 0


def test_a_new_certificate_counts_for_new_connections(service, authority, tmp_path):
    service.start()
    context = authority.context()
    bearer = token(service, context, "ann")

    async def play():
        async with connect(service, context, bearer) as before:
            await talk(before, 1)
            serial = authority.give(rsa.generate_private_key(65537, 2048))
            assert serial_seen(service, context) != serial
            service.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + WAIT_SECONDS
            while serial_seen(service, context) != serial:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            await talk(before, 2)  # who is in stays in
            async with connect(service, context, bearer) as after:
                await talk(after, 3)
            # What does not fit together changes nothing, and is told.
            (tmp_path / "tls.key").write_text("no key")
            service.process.send_signal(signal.SIGHUP)
            while "the certificate that was read before stays in force" not in service.log_tail():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert serial_seen(service, context) == serial

    asyncio.run(play())
    assert service.stop() == 0


def test_a_service_whose_certificate_is_not_sound_does_not_start_and_says_why(make_service,
                                                                              authority, tmp_path):
    def refusal(**settings):
        service = make_service(**settings)
        with pytest.raises(AssertionError):
            service.start()
        return service.log_tail()

    authority.give(ec.generate_private_key(ec.SECP256R1()))
    pem, key = str(tmp_path / "tls.pem"), str(tmp_path / "tls.key")
    assert "tls.certificate and tls.key belong together" in refusal(tls_certificate=pem)
    assert "tls.certificate and tls.key belong together" in refusal(tls_key=key)
    assert "/no/such/file: no certificate" in refusal(tls_certificate="/no/such/file", tls_key=key)
    assert f"{pem}: no key" in refusal(tls_certificate=pem, tls_key=pem)
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "tls.key").write_bytes(other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    assert f"{key}: no key of the certificate" in refusal(tls_certificate=pem, tls_key=key)
