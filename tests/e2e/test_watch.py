"""`signalbox watch`: probes of a real service, each stage's failure in words, figures, and a broken
release that is rolled back."""
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from harness import WAIT_SECONDS, Client
from test_tls import Authority

STAGES = ["connect", "token", "ready", "ack", "message_received", "agent_started",
          "agent_completed"]


class Watch:
    """Runs the program; what it prints is kept in files, since a rollback may start others."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("SIGNALBOX_")}

    def start(self, *arguments, **settings):
        environment = self.environment | {f"SIGNALBOX_WATCH_{name.upper()}": value
                                          for name, value in settings.items()}
        with open(self.folder / "said", "w") as said, open(self.folder / "log", "w") as log:
            return subprocess.Popen([self.program, "watch", *map(str, arguments)], stdout=said,
                                    stderr=log, env=environment, cwd=self.folder)

    def run(self, *arguments, **settings):
        """(exit code, standard output, standard error)."""
        code = self.start(*arguments, **settings).wait(WAIT_SECONDS)
        return code, self.said(), self.log()

    def said(self):
        return (self.folder / "said").read_text("utf-8")

    def log(self):
        return (self.folder / "log").read_text("utf-8")

    def reports(self):
        """What was told of each probe; a line that is not whole yet is left out."""
        lines = self.log().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def wait_for(self, found, what):
        deadline = time.monotonic() + WAIT_SECONDS
        while not found():
            assert time.monotonic() < deadline, f"no {what}: {self.said()} {self.log()[-3000:]}"
            time.sleep(0.02)


@pytest.fixture
def watch(request, tmp_path):
    folder = tmp_path / "watch"
    folder.mkdir()
    return Watch(request.config.getoption("--program"), folder)


def of(service):
    return ["--dev", "--data", service.data, "--url", f"ws://{service.address}/ws"]


def test_one_probe_passes_every_stage_and_is_told_from_peoples_messages(watch, service):
    code, _, _ = watch.run("--once", *of(service))
    (report,) = watch.reports()
    assert code == 0, report
    assert report["level"] == "info" and report["message"] == "probe succeeded"
    assert [stage for stage in STAGES if stage not in report["stages_us"]] == []
    assert report["message_id"].startswith("signalbox-watch-")
    told = subprocess.run([watch.program, "replay", "timeline", "--data", service.data, "--json"],
                          capture_output=True, text=True, check=True, timeout=WAIT_SECONDS,
                          env=watch.environment).stdout
    events = [json.loads(line) for line in told.splitlines()]
    assert len(events) >= 5
    assert "signalbox-watch-" in told
    users = {event.get("user_id") or event.get("user") for event in events}
    assert users == {"signalbox-watch"}, users


def test_a_person_is_not_disturbed(watch, service):
    async def scenario():
        async with Client(service, "alice") as alice:
            running = watch.start(*of(service), interval="100ms", deadline="5s", window="60s")
            await alice.wait_for_end(await alice.say("m-1", "what is 2 + 3?"))
            watch.wait_for(lambda: len(watch.reports()) >= 5, "fifth probe")
            running.send_signal(signal.SIGTERM)
            assert running.wait(WAIT_SECONDS) == 0
            assert {event["user_id"] for event in alice.events()} == {"alice"}
            assert not any("signalbox-watch" in text for text in alice.bytes)

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_figures_are_exported_and_a_signal_ends_it_with_0(watch, service, number):
    running = watch.start(*of(service), "--metrics-listen", "127.0.0.1:0", interval="100ms",
                          window="60s")
    watch.wait_for(lambda: len(watch.reports()) >= 3, "third probe")
    (address,) = re.findall(r"^listening on (http://\S+)$", watch.said(), re.MULTILINE)
    with urllib.request.urlopen(address + "/metrics", timeout=WAIT_SECONDS) as response:
        figures = response.read().decode("utf-8")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address + "/other", timeout=WAIT_SECONDS)
    running.send_signal(number)
    assert running.wait(WAIT_SECONDS) == 0
    assert "signalbox_watch_success_ratio 1\n" in figures
    assert int(re.search(r"_probes_succeeded_total (\d+)", figures)[1]) >= 3
    for stage in STAGES:
        assert f'signalbox_watch_probes_failed_total{{stage="{stage}"}} 0' in figures
        seen = re.search(rf'stage_seconds_count{{stage="{stage}"}} (\d+)', figures)
        assert int(seen[1]) >= 3, stage


def test_silent_connections_do_not_keep_the_figures_from_others_for_long(watch, service):
    running = watch.start(*of(service), "--metrics-listen", "127.0.0.1:0", window="60s")
    watch.wait_for(watch.said, "address")
    (port,) = re.findall(r"^listening on http://127.0.0.1:(\d+)$", watch.said(), re.MULTILINE)
    with contextlib.ExitStack() as silent:
        for _ in range(16):
            silent.enter_context(socket.create_connection(("127.0.0.1", int(port))))
        with socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT_SECONDS) as further:
            assert further.recv(1) == b""
    address = f"http://127.0.0.1:{port}/metrics"
    watch.wait_for(lambda: answers(address), "answer once they are gone")
    running.send_signal(signal.SIGTERM)
    assert running.wait(WAIT_SECONDS) == 0


def answers(address):
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(address, timeout=WAIT_SECONDS) as response:
            return response.status == 200


def test_a_terminal_gets_a_line_a_probe(watch, service):
    ours, theirs = os.openpty()
    with subprocess.Popen([watch.program, "watch", "--once", *map(str, of(service))],
                          stdout=theirs, stderr=subprocess.PIPE, env=watch.environment) as running:
        os.close(theirs)
        drawn = b""
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while piece := os.read(ours, 4096):
                drawn += piece
        os.close(ours)
        assert running.wait(WAIT_SECONDS) == 0
        assert running.stderr.read() == b""
    assert re.fullmatch(r"\d\d:\d\d:\d\d  ok  \d+\.\d ms: connect \d+\.\d token \d+\.\d .*"
                        r"agent_completed \d+\.\d; 1 of 1 in the window, too early to judge\r\n",
                        drawn.decode())


# ---- what is wrong, in words

def failed(watch, *arguments, **settings):
    """(stage, words) of the one probe, which fails."""
    code, _, log = watch.run("--once", *arguments, **settings)
    assert code == 1, log
    (report,) = watch.reports()
    assert report["level"] == "warning"
    return report["failed_stage"], report["message"]


def token_of(expires, user="signalbox-watch"):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    return ".".join([part({"alg": "HS256", "typ": "JWT"}),
                     part({"sub": user, "aud": "signalbox", "exp": int(expires)}), "c2lnbmVk"])


def test_a_service_that_is_down(watch, service):
    assert service.stop() == 0
    stage, words = failed(watch, *of(service))
    assert stage == "connect"
    assert f"{service.address} cannot be reached: Connection refused" in words


def test_a_service_that_accepts_and_never_answers(watch, tmp_path):
    (tmp_path / "token").write_text(token_of(time.time() + 600))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stage, words = failed(watch, "--token-file", tmp_path / "token", "--url",
                              f"ws://127.0.0.1:{silent.getsockname()[1]}/ws",
                              stage_deadline="200ms")
    assert stage == "token"
    assert "the connection stands, but nobody answered the upgrade within 200 ms" in words


def test_a_service_that_does_nothing_but_ping_is_judged_in_the_shortest_window(watch, tmp_path):
    (tmp_path / "token").write_text(token_of(time.time() + 600))
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as open_ones:
        running = watch.start("--token-file", tmp_path / "token", "--url",
                              f"ws://127.0.0.1:{server.getsockname()[1]}/ws",
                              **QUICK | {"deadline": "1s", "window": "6300ms"})  # the shortest again
        server.settimeout(0.02)
        taken = []
        deadline = time.monotonic() + WAIT_SECONDS
        while running.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                taken.append(open_ones.enter_context(server.accept()[0]))
                upgrade(taken[-1])
            for one in taken:
                with contextlib.suppress(OSError):  # the watch has left
                    one.sendall(b"\x89\0")
        assert running.wait(0) == 1, watch.log()
    assert "ready" in {report.get("failed_stage") for report in watch.reports()}
    assert re.search(r"only 0 of the [34] probes of the last 6300ms succeeded", watch.log())


def upgrade(taken):
    taken.settimeout(WAIT_SECONDS)
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        asked += taken.recv(4096)
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", asked)[1]
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    taken.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
                  b"\r\nSec-WebSocket-Protocol: signalbox.v1\r\nSec-WebSocket-Accept: "
                  + base64.b64encode(digest) + b"\r\n\r\n")


def test_a_service_that_hangs_up(watch, tmp_path):
    (tmp_path / "token").write_text(token_of(time.time() + 600))
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = watch.start("--once", "--token-file", tmp_path / "token", "--url",
                              f"ws://127.0.0.1:{server.getsockname()[1]}/ws")
        server.settimeout(WAIT_SECONDS)
        taken, _ = server.accept()
        taken.recv(4096)
        taken.close()
        assert running.wait(WAIT_SECONDS) == 1
    (report,) = watch.reports()
    assert report["failed_stage"] == "token"
    assert "ended the connection instead of answering the upgrade" in report["message"]


def test_a_token_that_is_not_accepted(watch, service, tmp_path):
    (tmp_path / "token").write_text(token_of(time.time() + 600))
    stage, words = failed(watch, "--token-file", tmp_path / "token",
                          "--url", f"ws://{service.address}/ws")
    assert stage == "token"
    assert "the service refused the token: HTTP/1.1 401" in words
    assert token_of(0).split(".")[2] not in watch.log()


def test_a_token_that_has_ended_or_is_not_there(watch, service, tmp_path):
    (tmp_path / "token").write_text(token_of(1000))
    url = f"ws://{service.address}/ws"
    stage, words = failed(watch, "--token-file", tmp_path / "token", "--url", url)
    assert stage == "token"
    assert f"{tmp_path}/token ended at 1970-01-01T00:16:40.000000Z; write a new one" in words
    stage, words = failed(watch, "--token-file", tmp_path / "none", "--url", url)
    assert stage == "token" and "none cannot be read, or is empty" in words


def test_a_token_file_is_read_again_before_every_probe(watch, service, tmp_path):
    (tmp_path / "token").write_text(token_of(1000))
    running = watch.start("--token-file", tmp_path / "token", "--url", f"ws://{service.address}/ws",
                          interval="100ms", window="60s")
    watch.wait_for(watch.reports, "first probe")
    (tmp_path / "new").write_text(service.token("signalbox-watch") + "\n")
    (tmp_path / "new").rename(tmp_path / "token")
    watch.wait_for(lambda: any(r["level"] == "info" for r in watch.reports()), "good probe")
    running.send_signal(signal.SIGTERM)
    assert running.wait(WAIT_SECONDS) == 0


def test_another_path_than_the_services(watch, service):
    stage, words = failed(watch, "--dev", "--data", service.data,
                          "--url", f"ws://{service.address}/other")
    assert stage == "token"
    assert "the upgrade of /other was answered by HTTP/1.1 404" in words


def test_an_agent_that_is_not_served(watch, make_service):
    service = make_service(gateway_agents="playbook").start()
    stage, words = failed(watch, *of(service))
    assert stage == "ack" and "unknown_agent" in words


def test_an_answer_that_is_wrong(watch, service):
    stage, words = failed(watch, *of(service), expected="392")
    assert stage == "agent_completed"
    assert 'the answer lacks "392": ' in words and "391" in words


def test_a_slow_agent_is_named_and_its_run_cancelled(watch, make_service):
    # Its tools take 1 to 8 ms times 10,000.
    service = make_service(playbook_latency_scale="10000").start()
    stage, words = failed(watch, *of(service), agent="playbook", content="one Chai Latte please",
                          stage_deadline="4s")
    assert stage == "agent_completed"
    assert "started, but the run did not complete within 4000 ms" in words

    async def scenario():
        token = service.token("signalbox-watch")
        async with Client(service, "signalbox-watch", token=token, from_="start") as client:
            await client.wait_for(type="agent_cancelled")

    asyncio.run(scenario())


@pytest.fixture
def secure_service(make_service, tmp_path):
    authority = Authority(tmp_path)
    authority.give(ec.generate_private_key(ec.SECP256R1()))
    return make_service(tls_certificate=str(tmp_path / "tls.pem"),
                        tls_key=str(tmp_path / "tls.key")).start()


def test_tls_is_spoken_and_a_certificate_checked(watch, secure_service, tmp_path):
    port = secure_service.address.rsplit(":", 1)[1]
    dev = ["--dev", "--data", secure_service.data]
    assert watch.run("--once", *dev, "--url", f"wss://localhost:{port}/ws",
                     "--ca-file", tmp_path / "ca.pem")[0] == 0, watch.log()
    stage, words = failed(watch, *dev, "--url", f"wss://localhost:{port}/ws")
    assert stage == "connect" and "TLS: the certificate is not accepted: " in words
    stage, words = failed(watch, *dev, "--url", f"wss://127.0.0.1:{port}/ws",
                          "--ca-file", tmp_path / "ca.pem")
    assert stage == "connect" and "TLS: the certificate is not accepted: " in words
    stage, words = failed(watch, *dev, "--url", f"ws://localhost:{port}/ws")
    assert stage == "token" and "where the port speaks TLS, the url begins with wss://" in words


def test_tls_to_a_port_without_it(watch, service):
    stage, words = failed(watch, "--dev", "--data", service.data,
                          "--url", f"wss://{service.address}/ws")
    assert stage == "connect" and "TLS: " in words


# ---- settings

QUICK = {"interval": "100ms", "window": "3600ms", "deadline": "100ms"}  # the window is the shortest


def test_one_file_serves_the_service_and_its_watch(watch, service, tmp_path):
    box = tmp_path / "box.toml"
    box.write_text(f'dev = true\ndata = "{service.data}"\n[gateway]\nlisten = "127.0.0.1:0"\n'
                   f'[watch]\nurl = "ws://{service.address}/ws"\ninterval = "7s"\n')
    code, said, _ = watch.run("--config", box, "--print-config")
    assert code == 0
    assert f'watch.interval = "7s"  # {box}:7' in said and "gateway.listen" not in said
    assert watch.run("--once", "--config", box)[0] == 0
    served = subprocess.run([watch.program, "serve", "--config", box, "--print-config"],
                            capture_output=True, text=True, check=True, env=watch.environment)
    assert 'gateway.listen = "127.0.0.1:0"' in served.stdout and "watch." not in served.stdout
    box.write_text("[watch]\nintervall = 7\n")
    code, _, said = watch.run("--config", box, "--dev")
    assert code == 2 and f"{box}:2: unknown key watch.intervall; allowed: watch.agent" in said
    served = subprocess.run([watch.program, "serve", "--config", box, "--print-config"],
                            capture_output=True, text=True, check=False, env=watch.environment)
    assert served.returncode == 2 and "unknown key watch.intervall" in served.stderr


@pytest.mark.parametrize("arguments, settings, said", [
    ([], {}, "name exactly one of --dev"),
    (["--dev", "--token-file", "t"], {}, "name exactly one of --dev"),
    (["--dev", "--url", "http://127.0.0.1:1/ws"], {}, "must be ws://HOST:PORT/ws"),
    (["--dev", "--data", "nowhere"], {}, "there is no service's data in nowhere"),
    (["--dev"], {"window": "20s"}, "watch.window must hold watch.probes_min probes"),
    (["--dev"], QUICK | {"window": "3500ms"}, "take watch.deadline and 1s each, here at least 3600ms"),
    (["--dev", "--metrics-listen", "9100"], {}, "watch.metrics_listen must be HOST:PORT"),
])
def test_bad_settings_are_refused_in_words(watch, arguments, settings, said):
    code, _, log = watch.run(*arguments, **settings)
    assert code == 2 and said in log, log


# ---- a broken release

class Releases:
    """A service as an operator has it: `current` is a link to a release, `start` runs what is there
    and writes its process id."""

    def __init__(self, program, folder):
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.release("41", f'exec "{program}" "$@"')
        os.symlink("releases/41", folder / "current")
        self.script("start", f"""cd "{folder}"
current/signalbox serve --dev --listen 127.0.0.1:{self.port} --data data </dev/null >>service.log 2>&1 &
echo $! >service.pid""")
        # A process that ended but was not waited for is no longer in the way.
        self.script("stop", f"""cd "{folder}"
pid=$(cat service.pid)
kill "$pid" 2>/dev/null
while grep -q '^State:[[:space:]]*[^Z]' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done""")
        self.script("rollback", f"""cd "{folder}"
echo "puts release 41 back"
ln -sfn releases/41 current
./stop
./start""")

    def script(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def release(self, name, text):
        (self.folder / "releases" / name).mkdir(parents=True)
        self.script(f"releases/{name}/signalbox", text)

    def deploy(self, name):
        (self.folder / "next").symlink_to(f"releases/{name}")
        (self.folder / "next").rename(self.folder / "current")
        self.run("stop")
        self.run("start")

    def run(self, script):
        subprocess.run([self.folder / script], check=True, timeout=WAIT_SECONDS,
                       stdin=subprocess.DEVNULL)


@pytest.fixture
def releases(request, tmp_path, watch):
    made = Releases(watch.program, tmp_path)
    # The service takes no settings of the watch for its own.
    assert not any(name.startswith("SIGNALBOX_") for name in watch.environment)
    made.run("start")
    yield made
    made.run("stop")


BROKEN = {
    "serves the agent no more": ('SIGNALBOX_GATEWAY_AGENTS=playbook exec "{program}" "$@"', "ack"),
    "ends at once": ("exit 1", "connect"),
    "accepts and never answers": (
        'exec "{python}" -c "import socket, time\n'
        's = socket.create_server((\\"127.0.0.1\\", {port}))\ntime.sleep(600)"', "token"),
}


def deploy_broken(watch, releases, how, said, wait_seconds, **settings):
    """A good release is watched with these settings, a broken one comes, and goes; `said`: the window."""
    script, stage = BROKEN[how]
    releases.release("42", script.format(program=watch.program, python=sys.executable,
                                         port=releases.port))
    path = ["--dev", "--data", releases.folder / "data",
            "--url", f"ws://127.0.0.1:{releases.port}/ws"]
    watch.wait_for(lambda: watch.run("--once", *path)[0] == 0, "good release")
    running = watch.start(*path, rollback_command=str(releases.folder / "rollback"), **settings)
    watch.wait_for(lambda: any(r["level"] == "info" for r in watch.reports()), "good probe")
    releases.deploy("42")
    began = time.monotonic()
    assert running.wait(wait_seconds) == 1, watch.log()
    print(f"put back {time.monotonic() - began:.0f} s after the broken release came")
    assert stage in {r.get("failed_stage") for r in watch.reports()}
    assert re.search(rf"only \d+ of the \d+ probes of the last {said} succeeded, fewer than 95 %",
                     watch.log())
    assert "the rollback command ended with 0" in watch.log()
    assert "puts release 41 back" in watch.said()
    assert os.readlink(releases.folder / "current") == "releases/41"
    watch.wait_for(lambda: watch.run("--once", *path)[0] == 0, "release that was put back")


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_release_is_seen_and_rolled_back(watch, releases, how):
    deploy_broken(watch, releases, how, "10s", WAIT_SECONDS, interval="200ms", window="10s",
                  deadline="2s", stage_deadline="2s")


@pytest.mark.parametrize("how", BROKEN)
def test_as_shipped_it_rolls_back_within_minutes(watch, releases, how):
    deploy_broken(watch, releases, how, "1m", 240)


def test_a_rollback_command_that_fails_or_hangs_is_told(watch, service):
    assert service.stop() == 0
    code, _, log = watch.run(*of(service), **QUICK, rollback_command="exit 7")
    assert code == 1 and "the rollback command ended with 7" in log
    code, _, log = watch.run(*of(service), **QUICK, rollback_command="sleep 1000",
                             rollback_deadline="1s")
    assert code == 1 and "the rollback command did not end within 1000 ms" in log
    code, _, log = watch.run(*of(service), **QUICK)
    assert code == 1 and "there is no watch.rollback_command to run" in log
