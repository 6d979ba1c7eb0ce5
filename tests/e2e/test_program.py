"""The program as an operator meets it: usage, settings, exit codes, signals."""
import asyncio
import base64
import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import time

import log_check
import log_reader
import pytest
import websockets

from harness import PLAYBOOK, ROOT, WAIT_SECONDS, Client


@pytest.fixture
def signalbox(request, tmp_path):
    """Runs the program to its end: (exit code, standard output, standard error)."""
    program = request.config.getoption("--program")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}

    def run(*arguments, **settings):
        done = subprocess.run(
            [program, *map(str, arguments)], capture_output=True, text=True, timeout=60,
            cwd=tmp_path, check=False,
            env=clean | {f"SIGNALBOX_{name.upper()}": value for name, value in settings.items()})
        return done.returncode, done.stdout, done.stderr

    return run


def test_wrong_usage_is_exit_code_2(signalbox):
    assert signalbox()[0] == 2
    assert signalbox("no-such-subcommand")[0] == 2
    assert signalbox("serve", "--no-such-flag")[0] == 2
    assert signalbox("token")[0] == 2
    assert signalbox("--help")[0] == 0


@pytest.mark.parametrize("words", [
    ["serve", "--config"], ["gateway", "--config"], ["topics", "check", "--config"],
    ["token", "--user", "anna", "--config"], ["watch", "--config"], ["doctor", "--config"],
    ["quarantine", "list", "--config"], ["quarantine", "list", "--data"],
    ["backup", "--to", "copy", "--data"], ["backup", "--to"]])
def test_an_empty_file_or_folder_is_refused(signalbox, words):
    """Review of issue 5: with a shell's variable that was not set, the defaults were taken."""
    code, printed, said = signalbox(*words, "")
    assert code == 2 and not printed, (code, printed, said)
    assert f"{words[-1]}: cannot be empty: leave the flag out, or name something" in said, said


def test_an_unknown_subcommand_is_named_with_those_there_are(signalbox):
    for words in (["routers"], ["gatway", "--help"]):
        code, _, said = signalbox(*words)
        assert code == 2
        assert f"no subcommand '{words[0]}'" in said and "serve" in said, said
    code, _, said = signalbox("bench", "bogus")
    assert code == 2
    assert "signalbox bench: there is no subcommand 'bogus'; there are: chat latency" in said
    code, printed, _ = signalbox("--version")
    assert code == 0 and re.fullmatch(r"signalbox \d+\.\d+\.\d+\n", printed)


def test_every_verb_of_contract_helps(signalbox):
    for verb in ("list", "show", "check", "map"):
        code, printed, _ = signalbox("contract", verb, "--help")
        assert code == 0 and "show [KIND/]NAME" in printed


def test_libcurl_is_missed_by_those_alone_who_ask_over_http(request, tmp_path, make_service):
    """Decision 0030: loaded when it is needed; where it is missing, a line names it."""
    (tmp_path / "libcurl.so.4").write_bytes(b"no library")
    missing = {"LD_LIBRARY_PATH": str(tmp_path)}
    program = request.config.getoption("--program")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60,
                          check=True, env=dict(os.environ) | missing)
    assert done.stdout.startswith("signalbox ") and not done.stderr
    service = make_service(dev=False, auth_jwks="https://localhost:1/keys")
    done = subprocess.run(service.command, capture_output=True, text=True, timeout=60,
                          check=False, env=service.environment | missing)
    assert done.returncode == 127, done
    assert "libcurl cannot be used:" in done.stderr and str(tmp_path / "libcurl.so.4") in done.stderr
    assert done.stderr.endswith("Debian has it as libcurl4\n")
    # The doctor has more to tell.
    service = make_service("other").start()
    done = subprocess.run([program, "doctor", "--json", "--dev", "--data", str(service.data), "--listen",
                           service.address], capture_output=True, text=True, timeout=60, check=False,
                          env=service.environment | missing)
    found = [check for check in json.loads(done.stdout)["checks"] if check["check"] == "service"]
    assert [check["result"] for check in found] == ["warning"], found
    assert "libcurl cannot be used:" in found[0]["what"], found
    assert found[0]["mend"] == "apt-get install libcurl4"


def test_a_token_is_not_signed_with_a_key_of_no_service(signalbox, tmp_path):
    code, _, said = signalbox("token", "--user", "alice", "--data", "nowhere")
    assert code != 0 and "no service's data in nowhere" in said
    assert not (tmp_path / "nowhere").exists()


def test_a_bench_of_a_service_that_is_not_there_says_so_at_once(request):
    bench = subprocess.Popen(
        [request.config.getoption("--program"), "bench", "chat", "--url", "ws://127.0.0.1:9/ws",
         "--conversations", PLAYBOOK, "--users", "2"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        ready, _, _ = select.select([bench.stderr], [], [], WAIT_SECONDS)
        assert ready and "it is tried for another" in bench.stderr.readline()
    finally:
        bench.kill()
        bench.wait()
        bench.stderr.close()


def test_bench_chat_draws_its_progress_on_a_terminal_and_only_there(service, request):
    command = [request.config.getoption("--program"), "bench", "chat",
               "--url", f"ws://{service.address}/ws", "--conversations", PLAYBOOK, "--users", "20",
               "--limit", "1500"]
    ours, theirs = os.openpty()
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL) as bench:
        os.close(theirs)
        drawn = b""
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while piece := os.read(ours, 4096):
                drawn += piece
        os.close(ours)
        assert bench.wait(WAIT_SECONDS) == 0
    bars = re.findall(r"\r\[(#*) *\] (\d+)/(\d+) messages ", drawn.decode())
    assert bars, drawn
    assert [int(done) for _, done, _ in bars] == sorted(int(done) for _, done, _ in bars)
    assert all(int(done) <= int(total) for _, done, total in bars)
    silent = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "messages " in silent.stdout and silent.stderr == ""


def test_print_config_shows_each_value_and_where_it_came_from(signalbox, tmp_path):
    (tmp_path / "box.toml").write_text('dev = true\n[gateway]\nlisten = "127.0.0.1:1"\n')
    code, printed, _ = signalbox("serve", "--config", "box.toml", "--listen", "127.0.0.1:2",
                                 "--print-config", data="from-environment")
    lines = printed.splitlines()
    assert code == 0
    assert "dev = true  # box.toml:1" in lines
    assert 'gateway.listen = "127.0.0.1:2"  # flag --listen' in lines
    assert 'data = "from-environment"  # environment SIGNALBOX_DATA' in lines
    assert "limits.content_bytes_max = 32768  # default" in lines
    assert not (tmp_path / "from-environment").exists()


def test_every_limit_of_the_gateway_has_a_key(signalbox):
    header = (ROOT / "gateway" / "limits.hpp").read_text("utf-8")
    fields = re.findall(r"^  std::(?:size_t|chrono::\w+) (\w+)\s*[={]", header, re.MULTILINE)
    _, printed, _ = signalbox("serve", "--print-config")
    keys = {line.split(" = ")[0] for line in printed.splitlines()}
    assert len(fields) >= 18
    assert [field for field in fields if f"limits.{field}" not in keys] == []


# The contract's table of limits: what stands there for a key of ours, seconds for times. "Runs per
# thread" has none: it is always one.
CONTRACT_LIMITS = {
    "content_bytes_max": 32768, "frame_bytes_max": 256 * 1024, "depth_max": 64,
    "event_value_bytes_max": 512 * 1024, "sockets_per_user_max": 20, "sends_without_ack_max": 256,
    "messages_per_second": 20, "messages_burst": 100, "rate_limited_max": 10,
    "connects_per_second": 64, "connects_burst": 256, "handshake": 10, "authentication": 5,
    "heartbeat": 25, "heartbeat_lost": 60, "queue_per_thread": 16, "runs_per_user": 8, "step": 60,
    "run": 15 * 60, "inbound_lag_records": 5000, "inbound_lag_age": 30, "frames_per_second": 200, "frames_burst": 500,
    "started_runs_max": 256,
    "waiting_per_user": 128, "outbox_bytes_max": 256 * 1024, "stall": 60,
    "window_bytes_max": 64 << 20, "window_age_max": 600, "log_scans_max": 2}


def test_every_limit_has_a_gauge_and_those_of_the_contract_its_value(make_service, signalbox):
    service = make_service(limits_heartbeat_lost="61s").start()
    gauges = {name: float(value) for name, value in re.findall(
        r'^signalbox_limit\{limit="(\w+)"\} (\S+)$', service.get("/metrics")[1], re.MULTILINE)}
    assert service.stop() == 0
    assert {name: gauges.get(name) for name in CONTRACT_LIMITS} == \
        CONTRACT_LIMITS | {"heartbeat_lost": 61}
    _, printed, _ = signalbox("serve", "--print-config")
    keys = re.findall(r"^limits\.(\w+) = [^\[]", printed, re.MULTILINE)  # connects_exempt is a list
    assert set(keys) == set(gauges)
    assert 'limits.connects_exempt = ["127.0.0.0/8", "::1"]' in printed


@pytest.mark.parametrize("text, said", [
    ("[gateway]\n\nlisten = 8080\n", "box.toml:3: gateway.listen must be HOST:PORT"),
    ("[gatway]\nlisten = 1\n", "box.toml:2: unknown key gatway.listen; allowed: "),
    ("[limits]\nqueue_per_thread = -1\n",
     "box.toml:2: limits.queue_per_thread must be an integer from "),
    ("[limits\n", "box.toml:1: "),
    ("[contract]\nwrite = 3\n", "box.toml:2: contract.write must be an integer from 1 to 2"),
])
def test_a_bad_file_is_refused_with_file_line_and_what_is_allowed(signalbox, tmp_path, text, said):
    (tmp_path / "box.toml").write_text(text)
    code, _, complaint = signalbox("serve", "--dev", "--config", "box.toml")
    assert code == 2
    assert said in complaint


def test_unknown_variables_and_bad_flags_are_refused(signalbox):
    code, _, complaint = signalbox("serve", "--dev", gateway_lisen="127.0.0.1:0")
    assert code == 2 and "SIGNALBOX_GATEWAY_LISEN" in complaint
    code, _, complaint = signalbox("serve", "--dev", "--listen", "8080")
    assert code == 2 and "flag --listen: gateway.listen must be HOST:PORT" in complaint


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_dev_is_refused_on_any_address_but_loopback(signalbox, address):
    code, printed, complaint = signalbox("serve", "--dev", "--listen", address)
    assert code == 2
    assert printed == ""
    assert "loopback" in complaint


def test_a_second_process_on_the_same_data_is_refused_with_a_clear_message(service, signalbox):
    code, printed, complaint = signalbox("serve", "--dev", "--listen", "127.0.0.1:0",
                                         "--data", service.data)
    assert code == 1
    assert printed == ""
    assert str(service.data) in complaint and str(service.process.pid) in complaint
    assert service.stop() == 0


def test_a_port_in_use_is_exit_code_1(service, signalbox):
    code, _, complaint = signalbox("serve", "--dev", "--listen", service.address)
    assert code == 1
    assert service.address.rsplit(":", 1)[1] in complaint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_with_0(service, number):
    service.process.send_signal(number)
    assert service.process.wait(30) == 0


def test_a_gateway_that_stops_gives_each_client_a_slot_and_acks_what_it_accepted(make_service):
    service = make_service(limits_reconnects_per_second="2", limits_messages_burst="100000").start()
    users = [f"user-{number}" for number in range(5)]

    async def send_until_closed(client):
        for number in itertools.count():
            try:
                await client.send({"type": "user_message", "message_id": f"m-{number}",
                                   "thread_id": "thread-1", "content": "1+1"})
            except websockets.ConnectionClosed:
                return
            if number % 20 == 19:  # so that many are under way at any time
                await asyncio.sleep(0.001)

    async def play():
        clients = [Client(service, user) for user in users]
        async with contextlib.AsyncExitStack() as open_clients:
            for client in clients:
                await open_clients.enter_async_context(client)
            senders = [asyncio.create_task(send_until_closed(client)) for client in clients]
            for client in clients:
                await client.wait_for(type="ack", message_id="m-9")
            service.process.send_signal(signal.SIGTERM)
            for client in clients:
                assert await client.wait_closed() == 4000
            await asyncio.gather(*senders)
        return clients

    clients = asyncio.run(play())
    assert service.process.wait(WAIT_SECONDS) == 0
    told = [frame for client in clients for frame in client.frames if frame["type"] == "draining"]
    assert sorted(frame["reconnect_after_ms"] for frame in told) == [0, 500, 1000, 1500, 2000]
    accepted = {user: [] for user in users}
    with log_reader.LogReader(service.data) as log:
        for partition in range(log.partitions):
            for record in log.records("inbound", partition):
                accepted[record.key].append(json.loads(record.value)["message_id"])
    for client in clients:
        assert client.find(type="draining"), client.user
        acked = [frame["message_id"] for frame in client.frames if frame["type"] == "ack"]
        assert acked == accepted[client.user]
        # Those that came too late were told so, and are not in the log.
        assert {frame["code"] for frame in client.frames if frame["type"] == "error"} <= {"overloaded"}


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "files anybody can read"])
def test_no_file_of_the_service_is_readable_by_others_whatever_the_folder_is(make_service, there):
    service = make_service()
    mask = os.umask(0)  # what the service inherits
    try:
        if there != "nothing":
            service.data.mkdir(mode=0o755)
        service.start()
        if there == "files anybody can read":
            service.kill()  # which leaves the side files
            for path in service.data.rglob("*.db*"):
                path.chmod(0o644)
            (service.data / "archive").chmod(0o755)
            service.start()
    finally:
        os.umask(mask)
    made = {path.relative_to(service.data): path.stat() for path in service.data.rglob("*")}
    names = {str(path) for path in made}
    assert {"log.db", "log.db-wal", "head", "lock", "dev.key", "snapshots.db", "snapshots.db-wal",
            "archive", "archive/0.db", "archive/0.db-wal", "anchor.key", "anchors",
            "anchors/anchor.pub"} <= names
    assert {str(path): oct(status.st_mode) for path, status in made.items()
            if status.st_mode & 0o077} == {}
    assert service.data.stat().st_mode & 0o777 == (0o700 if there == "nothing" else 0o755)
    assert service.stop() == 0


def test_the_development_key_is_secret_and_signs_tokens(service, signalbox):
    key = service.data / "dev.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    code, printed, _ = signalbox("token", "--user", "alice", "--role", "auditor", "--ttl", "15m",
                                 "--data", service.data)
    assert code == 0
    payload = printed.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["sub"] == "alice"
    assert claims["roles"] == ["auditor"]
    assert claims["aud"] in ("signalbox", ["signalbox"])


def test_health_readiness_and_metrics_answer(service):
    assert service.get("/healthz")[0] == 200
    status, body = service.get("/readyz")
    assert status == 200, body
    parts = json.loads(body)
    assert parts["ready"] and not parts["reasons"]
    assert all(one["owned"] for one in parts["router"]["partitions"].values())
    assert set(parts["event_store"]["partitions"]) == set(parts["router"]["partitions"])
    assert all(one["trouble"] is None for one in parts["event_store"]["partitions"].values())
    status, metrics = service.get("/metrics")
    assert status == 200
    assert "# TYPE signalbox_" in metrics
    assert "signalbox_archive_partitions_stopped 0" in metrics
    # Every role says how its fold judged what it read; each has read that partitions were claimed.
    for role in ("router", "gateway", "archive"):
        counted = re.search(rf"^signalbox_{role}_records_control_total (\d+)$", metrics, re.MULTILINE)
        assert counted, role
        assert f"signalbox_{role}_records_corrupt_total 0" in metrics
    assert service.get("/no/such/page")[0] == 404


def test_a_service_that_is_not_ready_says_so_with_its_address_and_what_it_waits_for(service):
    partition = 3
    service.kill()
    with contextlib.closing(sqlite3.connect(service.data / "log.db")) as database, database:
        # A command that the router cannot read; the gateway does not read commands.
        place = log_reader.TOPICS["inbound"] << 24 | partition
        database.execute(
            'INSERT INTO records (id, place, "offset", appended_at, key, headers, value, sha256)'
            " VALUES (1000000, ?, 0, 0, x'75', x'', x'', zeroblob(32))", [place])
        database.execute("INSERT OR REPLACE INTO counters VALUES (?, 1)", [place])
    service.start(may_wait=True)
    assert re.fullmatch(rf"(?s).*listening on http://\S+, not ready: .*partition {partition}\b.*\n",
                        service.said), service.said
    status, body = service.get("/readyz")
    assert status == 503 and f"partition {partition}" in body


def hold_until_slow(service, path):
    """Keeps the file locked until the service has waited for it for longer than a line is due."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        deadline = time.monotonic() + WAIT_SECONDS
        while not has_open(service.process, path):
            assert time.monotonic() < deadline, f"{path} was never opened"
            time.sleep(0.01)
        time.sleep(1.5)
        held.execute("ROLLBACK")


def has_open(process, path):
    if process is None:
        return False
    with contextlib.suppress(OSError):
        return any(os.path.realpath(link) == str(path)
                   for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def test_a_rebuild_of_the_archive_that_takes_long_says_how_far_it_is(service):
    async def talk():
        async with Client(service, "ann") as client:
            for number in range(60):
                run = await client.say(f"m-{number}", f"what is {number} * 7?")
                await client.wait_for_end(run)
            return len(client.events())

    assert asyncio.run(talk()) > 200
    assert service.stop() == 0
    with log_reader.LogReader(service.data) as log:
        total = sum(len(log.records("events", number)) for number in range(log.partitions))
    before = len(service.log.read_text("utf-8").splitlines())
    shutil.rmtree(service.data / "archive")
    (service.data / "archive").mkdir()
    service.process = None
    with concurrent.futures.ThreadPoolExecutor() as threads:
        held = threads.submit(hold_until_slow, service, service.data / "archive" / "0.db")
        service.start()
        held.result()
    lines = []
    deadline = time.monotonic() + WAIT_SECONDS
    while not any(f"{total} of {total}" in line["message"] for line in lines):
        assert time.monotonic() < deadline, f"whoever is told of a rebuild is told its end: {lines}"
        said = [json.loads(line) for line in service.log.read_text("utf-8").splitlines()[before:]]
        lines = [line for line in said if re.match("archive: .* records read", line["message"])]
        time.sleep(0.01)
    assert {line["level"] for line in lines} == {"info"}
    counted = [re.fullmatch(r"archive: (\d+) of (\d+) records read", line["message"]).groups()
               for line in lines]
    assert counted[0] == ("0", str(total)), "when the wait was over, before anything was read"
    assert counted[-1] == (str(total), str(total))
    assert service.stop() == 0
    assert log_check.check(service.data, complete=True).faults == []


def test_contracts_are_listed_shown_and_checked(signalbox):
    code, listed, _ = signalbox("contract", "list")
    assert code == 0
    for name in ("agent_started", "user_message", "partition_owned", "connection_ready"):
        assert name in listed
    code, schema, _ = signalbox("contract", "show", "agent_started:1")
    assert code == 0
    assert "websocket_connection_id" in json.dumps(json.loads(schema))
    assert signalbox("contract", "check")[0] == 0
    code, fields, _ = signalbox("contract", "map")
    assert code == 0 and "websocket_client_id" in fields
    assert signalbox("contract", "no-such-word")[0] == 2
    assert signalbox("contract")[0] == 2


def test_logs_are_json_lines_on_standard_error(service):
    assert service.stop() == 0
    lines = service.log.read_text("utf-8").splitlines()
    assert lines
    for line in lines:
        assert {"time", "level", "message"} <= json.loads(line).keys()


def test_the_two_commands_of_the_readme_are_there():
    for name in ("run", "test", "lib.sh", "kill_test"):
        assert subprocess.run(["bash", "-n", ROOT / "ops" / name], check=False).returncode == 0
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0
