"""`signalbox doctor`: a healthy folder, a running service, and each kind of breakage made for real:
found by its name, and mended by the command that is told where one can be run."""
import asyncio
import contextlib
import fcntl
import hashlib
import http.server
import json
import os
import pathlib
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import log_check
import pytest

from contract import partition_of
from harness import Client, Service, assert_gapless
from tls_files import write_certificate

CHECKS_OF_DATA = {
    "config", "data-folder", "file-system", "data-files", "fdatasync", "log-file", "log-length",
    "log-chain", "write-ahead-log", "archive", "snapshots", "anchor-key", "anchors", "disk-space",
    "dev-key", "listen", "service", "clock", "clock-sync", "open-files", "cores", "memory"}
# Depends on the machine the tests run on, not on what they do.
OF_THE_MACHINE = {"clock-sync", "cores", "memory", "open-files", "fdatasync", "file-system",
                  "disk-space"}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")


class Doctor:
    """The subcommand over one data folder."""

    def __init__(self, program, data):
        self.program = pathlib.Path(program).resolve()
        self.data = data
        self.before = []  # words before its own
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("SIGNALBOX_")}
        self.environment["PATH"] = f"{self.program.parent}:{self.environment['PATH']}"

    def run(self, *arguments, dev=True, **popen):
        command = [*self.before, self.program, "doctor", *(["--dev"] if dev else []), *arguments]
        for name, value in {"--data": str(self.data), "--listen": "127.0.0.1:0"}.items():
            command += [] if name in arguments else [name, value]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                              env=self.environment, **popen)

    def findings(self, *arguments, **options):
        """(exit code, check -> its worst finding)."""
        done = self.run("--json", *arguments, **options)
        assert done.stderr == ""
        said = json.loads(done.stdout)
        assert said["version"] == 1 and said["healthy"] == (done.returncode == 0)
        order = ["ok", "warning", "fault"]
        worst = {}
        for finding in said["checks"]:
            assert set(finding) == {"check", "result", "what", "why", "mend"}
            assert finding["what"]
            assert (finding["result"] == "ok") == (finding["why"] == "") == (finding["mend"] == "")
            known = worst.get(finding["check"])
            if known is None or order.index(finding["result"]) > order.index(known["result"]):
                worst[finding["check"]] = finding
        return done.returncode, worst

    def found(self, check, *arguments, **options):
        return self.findings(*arguments, **options)[1][check]

    def mend(self, finding, **placeholders):
        command = finding["mend"].replace("sudo ", "" if os.geteuid() == 0 else "sudo ")
        for name, value in placeholders.items():
            assert name in command, command
            command = command.replace(name, str(value))
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60,
                              check=False, env=self.environment)
        assert done.returncode == 0, (command, done.stderr)


async def chat(service, user, messages):
    async with Client(service, user) as client:
        for number in range(messages):
            await client.wait_for_end(await client.say(f"m-{number}", "what is 17 * 23?"))
            await asyncio.sleep(0.06)  # a user may say 20 things in a second
        return client.events()


@pytest.fixture(scope="module")
def whole_data(request, tmp_path_factory):
    """The folder of a service that talked, anchored what it wrote, and was stopped."""
    service = Service(request.config.getoption("--program"), tmp_path_factory.mktemp("whole") / "data",
                      audit_anchor_interval="100ms").start()
    try:
        asyncio.run(chat(service, "ann", 3))
        deadline = time.monotonic() + 30
        while not list(service.data.glob("anchors/*/*.note")):
            assert time.monotonic() < deadline, "no anchor was written"
            time.sleep(0.05)
    finally:
        assert service.stop() == 0
    return service.data


@pytest.fixture
def doctor(request, whole_data, tmp_path):
    shutil.copytree(whole_data, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return Doctor(request.config.getoption("--program"), tmp_path / "data")


def contents(folder):
    """path -> SHA-256; what SQLite keeps beside a database for whoever looks at it is left out."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))}


def test_a_folder_that_is_not_there_is_healthy_and_stays_away(request, tmp_path):
    doctor = Doctor(request.config.getoption("--program"), tmp_path / "none")
    code, found = doctor.findings()
    assert code == 0
    assert found["data-folder"]["result"] == "warning"
    assert "signalbox serve --dev --data" in found["data-folder"]["mend"]
    assert not doctor.data.exists()


def test_a_whole_folder_is_healthy_and_is_not_touched(doctor):
    before = contents(doctor.data)
    code, found = doctor.findings()
    assert code == 0
    assert set(found) == CHECKS_OF_DATA
    wrong = {name for name, finding in found.items() if finding["result"] != "ok"}
    assert wrong <= OF_THE_MACHINE, [found[name] for name in wrong]
    assert contents(doctor.data) == before
    done = doctor.run()
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.rstrip().endswith("ok: healthy")
    assert "\033" not in done.stdout
    starts = {len(line) - len(line[9:].split(maxsplit=1)[1])
              for line in done.stdout.splitlines() if line.startswith("ok ")}
    assert len(starts) == 1, "columns are aligned"


def test_a_running_service_is_recognised_and_found_ready(service, request):
    doctor = Doctor(request.config.getoption("--program"), service.data)
    code, found = doctor.findings("--listen", service.address)
    assert code == 0, found
    assert f"pid {service.process.pid}" in found["listen"]["what"]
    assert found["service"]["what"].endswith("is ready")
    anywhere = doctor.found("service")  # --listen ...:0
    assert anywhere["result"] == "ok" and "not known" in anywhere["what"]
    elsewhere = doctor.found("listen", "--listen", "127.0.0.1:9")
    assert elsewhere["result"] == "warning"
    assert "does not listen on 127.0.0.1:9" in elsewhere["what"]


def test_a_service_that_gives_no_answer_is_a_warning_and_no_fault(make_service, doctor):
    service = make_service().start()
    os.kill(service.process.pid, 19)  # SIGSTOP: it holds its data and answers nobody
    try:
        code, found = doctor.findings("--data", str(service.data), "--listen", service.address)
        assert found["service"]["result"] == "warning"
        assert "gives no answer" in found["service"]["what"]
        assert "either it listens elsewhere or it hangs" in found["service"]["why"]
        assert found["listen"]["result"] == "ok"
        assert code == 0, found
    finally:
        os.kill(service.process.pid, 18)


def change_byte(path, near):
    data = bytearray(path.read_bytes())
    at = data.rindex(near)
    data[at] ^= 1
    path.write_bytes(bytes(data))


def garbage(path):
    path.write_bytes(b"x" * 8192)


def cut_tail(data):
    with contextlib.closing(sqlite3.connect(data / "log.db")) as log, log:
        place = log.execute("SELECT place FROM records ORDER BY id DESC LIMIT 1").fetchone()[0]
        newest = log.execute("SELECT max(id) FROM records").fetchone()[0]
        log.execute("DELETE FROM records WHERE id = ?", (newest,))
        log.execute("UPDATE counters SET next = next - 1 WHERE place IN (?, -1)", (place,))


def cut_events(data, *lost):
    """From ann's newest event on, with what the log itself says of it; these files, too."""
    with contextlib.closing(sqlite3.connect(data / "log.db")) as log, log:
        place, offset = log.execute('SELECT place, max("offset") FROM records WHERE place >> 24 = 1'
                                    " AND key = CAST('ann' AS BLOB)").fetchone()
        log.execute('DELETE FROM records WHERE place = ? AND "offset" >= ?', (place, offset))
        log.execute("UPDATE counters SET next = ? WHERE place = ?", (offset, place))
        log.execute("UPDATE counters SET next = (SELECT max(id) FROM records) WHERE place = -1")
    for name in ("head", *lost):
        for path in data.glob(name):
            path.unlink()


def write_from_the_future(data):
    with contextlib.closing(sqlite3.connect(data / "log.db")) as log, log:
        log.execute("UPDATE records SET appended_at = appended_at + 86400000000"
                    " WHERE id = (SELECT max(id) FROM records)")


def newest_note(data):
    return max(data.glob("anchors/*/*.note"), key=lambda note: note.name)


def archive_with_events(data):
    return max(data.glob("archive/*.db"), key=lambda path: path.stat().st_size)


BACKUP = {"BACKUP": "BACKUP"}
BREAKAGES = {
    "a folder all may write to": (lambda d: d.chmod(0o777), "data-folder", "fault", {}),
    "a folder all may look into": (lambda d: d.chmod(0o755), "data-folder", "warning", {}),
    "a log all may read": (lambda d: (d / "log.db").chmod(0o644), "data-files", "warning", {}),
    "a byte of a message": (lambda d: change_byte(d / "log.db", b"what is 17"), "log-chain", "fault",
                            BACKUP),
    "no log any more": (lambda d: (d / "log.db").unlink(), "log-file", "fault", BACKUP),
    "a log that is no database": (lambda d: garbage(d / "log.db"), "log-file", "fault", BACKUP),
    "a tail that is lost": (cut_tail, "log-length", "fault", BACKUP),
    "a tail that the archive knows of": (cut_events, "archive", "fault", BACKUP),
    "a tail that anchors know of": (lambda d: cut_events(d, "archive/*", "snapshots.db*"), "anchors",
                                    "fault", BACKUP),
    "a clock behind the log": (write_from_the_future, "clock", "fault", None),
    "an archive that is none": (lambda d: garbage(archive_with_events(d)), "archive", "fault", {}),
    "snapshots that are none": (lambda d: garbage(d / "snapshots.db"), "snapshots", "fault", {}),
    "a dev key all may read": (lambda d: (d / "dev.key").chmod(0o644), "dev-key", "fault", {}),
    "a dev key that is cut": (lambda d: (d / "dev.key").write_bytes(b"short"), "dev-key", "fault", {}),
    "an anchor key all may read": (lambda d: (d / "anchor.key").chmod(0o644), "anchor-key", "fault",
                                   {}),
    "no anchor key": (lambda d: (d / "anchor.key").unlink(), "anchor-key", "fault", BACKUP),
    "an anchor key that is none": (lambda d: garbage(d / "anchor.key"), "anchor-key", "fault",
                                   BACKUP),
    "a note that is changed": (lambda d: change_byte(newest_note(d), b"\n\n"), "anchors", "fault", {}),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_damage_is_found_by_name_and_mended_by_the_command(doctor, whole_data, breakage):
    damage, check, result, placeholders = BREAKAGES[breakage]
    damage(doctor.data)
    code, found = doctor.findings()
    assert found[check]["result"] == result, found[check]
    assert code == (1 if result == "fault" else 0)
    if placeholders is None:
        return  # its command changes the machine's own clock
    doctor.mend(found[check], **{name: whole_data for name in placeholders})
    code, found = doctor.findings()
    assert code == 0 and found[check]["result"] == "ok", found[check]


def test_a_head_that_is_missing_is_told_and_made_again(doctor, make_service):
    """Audit of issue 5: it was said to agree with the log."""
    (doctor.data / "head").unlink()
    found = doctor.found("log-length")
    assert found["result"] == "warning" and "is missing" in found["what"], found
    assert make_service().start().stop() == 0
    assert doctor.found("log-length")["result"] == "ok"


def test_a_head_that_is_damaged_is_put_aside(doctor, make_service):
    """A service does not start with it, and said so; the doctor said that one makes it again."""
    change_byte(doctor.data / "head", (doctor.data / "head").read_bytes()[:8])
    found = doctor.found("log-length")
    assert found["result"] == "fault" and "a service does not start" in found["why"], found
    doctor.mend(found)
    assert doctor.found("log-length")["result"] == "warning"
    assert make_service().start().stop() == 0
    assert doctor.found("log-length")["result"] == "ok"


def test_what_an_archive_and_snapshots_lost_a_service_makes_again(doctor, make_service):
    garbage(archive_with_events(doctor.data))
    garbage(doctor.data / "snapshots.db")
    for check in ("archive", "snapshots"):
        doctor.mend(doctor.found(check))
    service = make_service().start()
    assert service.stop() == 0
    code, found = doctor.findings()
    assert code == 0, found
    assert "12 of 12 partitions" in found["archive"]["what"]


def test_a_running_service_ends_before_its_log_is_replaced(doctor, whole_data, make_service):
    change_byte(doctor.data / "log.db", b"what is 17")
    service = make_service().start()
    found = doctor.found("log-chain", "--listen", service.address)
    assert found["result"] == "fault"
    doctor.mend(found, BACKUP=whole_data)
    assert service.process.wait(30) == 0
    code, _ = doctor.findings()
    assert code == 0
    assert (doctor.data.parent / "data.damaged" / "lock").exists()


def test_a_partition_that_cannot_be_read_is_named_and_stops_alone(doctor, make_service):
    with contextlib.closing(sqlite3.connect(doctor.data / "log.db")) as log, log:
        row, place = log.execute("SELECT max(id), place FROM records"
                                 " WHERE place >> 24 = 1 AND key = CAST('ann' AS BLOB)").fetchone()
        log.execute("UPDATE records SET value = CAST(value || ' ' AS BLOB) WHERE id = ?", (row,))
    partition = place & 0xffffff
    (doctor.data / "snapshots.db").unlink()  # so that her events are read again
    service = make_service().start(may_wait=True)
    reason = f"partition {partition}: stopped: "
    deadline = time.monotonic() + 30
    while reason not in (answer := service.get("/readyz"))[1]:
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
    assert answer[0] == 503
    code, found = doctor.findings("--listen", service.address)
    assert code == 1
    assert found["service"]["result"] == found["log-chain"]["result"] == "fault"
    assert "is not ready: " in found["service"]["what"] and reason in found["service"]["what"]
    assert f"events partition {partition} offset " in found["log-chain"]["what"]
    other = next(name for name in ("bob", "carla", "dora") if partition_of(name, 12) != partition)
    assert_gapless(asyncio.run(chat(service, other, 1)))
    assert service.stop() == 0


@AS_ROOT
def test_another_user_is_told_to_look_as_the_owner(doctor):
    for folder in doctor.data.parents:
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o011)
    before = contents(doctor.data)
    code, found = doctor.findings(user=12345, group=12345, extra_groups=[])
    assert code == 1
    assert found["log-file"]["result"] == "fault" and "denied" in found["log-file"]["what"]
    assert 'sudo -u "$(stat -c %U ' in found["log-file"]["mend"]
    assert contents(doctor.data) == before


@AS_ROOT
def test_a_file_of_another_user_is_a_fault(doctor):
    os.chown(doctor.data / "archive" / "0.db", 12345, 12345)
    found = doctor.found("data-files")
    assert found["result"] == "fault" and "archive/0.db" in found["what"]
    doctor.mend(found)
    assert doctor.found("data-files")["result"] == "ok"


def test_whoever_holds_the_port_is_named_and_can_be_ended(doctor):
    script = ("import socket, time; s = socket.create_server(('127.0.0.1', 0));"
              "print(s.getsockname()[1], flush=True); time.sleep(600)")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        address = f"127.0.0.1:{holder.stdout.readline().strip()}"
        found = doctor.found("listen", "--listen", address)
        assert found["result"] == "fault"
        assert f"(pid {holder.pid}), which is no signalbox that answers" in found["what"]
        doctor.mend(found)
        holder.wait(30)
    assert doctor.found("listen", "--listen", address)["what"] == f"{address} is free"


def test_a_signalbox_with_other_data_is_told_from_ours(doctor, make_service):
    other = make_service("other").start()
    found = doctor.found("listen", "--listen", other.address)
    assert found["result"] == "fault"
    assert f"a signalbox with other data, signalbox (pid {other.process.pid})" in found["what"]
    doctor.mend(found)
    assert other.process.wait(30) == 0
    assert doctor.found("listen", "--listen", other.address)["result"] == "ok"


def test_an_address_that_is_none_of_this_machine_is_a_fault(doctor, tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps({"keys": []}))
    found = doctor.found("listen", "--listen", "192.0.2.1:8080", dev=False)
    assert found["result"] == "fault" and found["mend"] == "ip -brief address"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no tmpfs at /dev/shm")
def test_memory_is_no_disk(doctor, whole_data, tmp_path, request):
    here = pathlib.Path(f"/dev/shm/signalbox-doctor-{os.getpid()}")
    shutil.copytree(whole_data, here)
    here.chmod(0o700)
    try:
        _, found = Doctor(request.config.getoption("--program"), here).findings()
        assert found["file-system"]["result"] == "warning"
        assert found["fdatasync"]["result"] == "warning"
        for check in ("file-system", "fdatasync"):
            assert "tmpfs mounted at /dev/shm" in found[check]["what"]
        doctor.mend(found["file-system"], FOLDER_ON_A_LOCAL_DISK=tmp_path / "disk")
    finally:
        shutil.rmtree(here)
    doctor.data = tmp_path / "disk"
    code, found = doctor.findings()
    assert code == 0 and found["log-chain"]["result"] == "ok"


@AS_ROOT
def test_a_full_disk_is_a_fault_and_its_command_shows_what_takes_the_room(doctor, whole_data, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount], check=False,
                      capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        doctor.data = mount / "data"
        shutil.copytree(whole_data, doctor.data)
        doctor.data.chmod(0o700)
        with contextlib.suppress(OSError), open(mount / "filler", "wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass
        code, found = doctor.findings()
        assert code == 1
        assert found["disk-space"]["result"] == found["fdatasync"]["result"] == "fault"
        doctor.mend(found["fdatasync"])
        (mount / "filler").unlink()
        assert doctor.found("fdatasync")["result"] == "warning"  # still memory, but with room
    finally:
        subprocess.run(["umount", mount], check=True)


@AS_ROOT
def test_the_service_of_another_file_system_is_not_taken_for_ours(doctor, tmp_path):
    """The numbers of their files are the same ones, as on two disks made alike."""
    mounts = [tmp_path / "one", tmp_path / "two"]
    with contextlib.ExitStack() as mounted:
        for mount in mounts:
            mount.mkdir()
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", mount], check=False,
                              capture_output=True).returncode != 0:
                pytest.skip("no file system can be mounted here")
            mounted.callback(subprocess.run, ["umount", "-l", mount], check=True)
            (mount / "lock").touch(0o600)
        assert len({(mount / "lock").stat().st_ino for mount in mounts}) == 1
        with open(mounts[0] / "lock", "r", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ours, other = (doctor.found("service", "--data", str(mount))["what"] for mount in mounts)
        assert f"(pid {os.getpid()})" in ours
        assert other == f"none is running on {mounts[1]}"


def test_a_service_in_another_pid_namespace_is_neither_missed_nor_taken_for_another(service, request):
    """As where one of both is in a container; its port was once to be taken from it by force."""
    apart = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no pid namespace can be made here")
    doctor = Doctor(request.config.getoption("--program"), service.data)
    doctor.before = apart
    _, found = doctor.findings("--listen", service.address)
    assert found["listen"]["result"] == "ok", found["listen"]
    assert "is taken by the service of this data" in found["listen"]["what"]
    assert found["service"]["what"] == "the service (a process that cannot be seen from here) is ready"
    elsewhere = doctor.run("--json", "--listen", "127.0.0.1:9")
    assert "does not listen on 127.0.0.1:9" in elsewhere.stdout and "kill" not in elsewhere.stdout


def test_too_few_open_files_are_a_fault(doctor):
    found = doctor.found("open-files", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (100, 100)))
    assert found["result"] == "fault" and "100 files open" in found["what"]
    assert doctor.found("open-files", "--sockets", "10")["result"] == "ok"


@pytest.fixture
def production(doctor, tmp_path):
    """Settings without --dev, in a file: certificate, keys of tokens, revocations."""
    write_certificate(tmp_path, days=90)
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "one", "alg": "EdDSA",
         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}))
    (tmp_path / "revoked").write_text("sub mallory\n")
    file = tmp_path / "box.toml"
    file.write_text(f'''data = "{doctor.data}"
[tls]
certificate = "{tmp_path}/tls.pem"
key = "{tmp_path}/tls.key"
[auth]
jwks = "{tmp_path}/keys.json"
revoked_file = "{tmp_path}/revoked"
[gateway]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
''')

    def findings(*arguments):
        return doctor.findings("--config", str(file), *arguments, dev=False)

    return findings


def test_settings_of_a_file_are_what_is_checked(production, doctor):
    code, found = production()
    assert code == 0, found
    assert {"tls", "jwks", "revoked-file"} <= set(found) and "dev-key" not in found
    assert "EdDSA one" in found["jwks"]["what"]
    assert "revokes 1 token or user" in found["revoked-file"]["what"]
    assert found["anchors"]["result"] == "warning" and "same disk" in found["anchors"]["what"]


def test_each_setting_that_was_given_is_named_with_its_origin(production, doctor, tmp_path):
    doctor.environment["SIGNALBOX_AUTH_CA_FILE"] = str(tmp_path / "tls.pem")
    said = production()[1]["config"]["what"]
    assert f"auth.revoked_file from {tmp_path}/box.toml:7, " in said
    assert "auth.ca_file from environment SIGNALBOX_AUTH_CA_FILE, " in said
    assert "data from flag --data, " in said
    assert "from their defaults" in said and "gateway.ping" not in said
    assert said.count(str(tmp_path)) == said.count("box.toml"), "values are not shown"


def test_a_service_that_says_it_is_not_ready_is_a_fault_with_its_reasons(doctor):
    class NotReady(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"ready":false,"reasons":["the disk is full","partition 3 starts"]}'
            self.send_response(200 if self.path == "/healthz" else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with open(doctor.data / "lock", "r", encoding="utf-8") as lock, \
            http.server.ThreadingHTTPServer(("127.0.0.1", 0), NotReady) as server:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            code, found = doctor.findings("--listen", f"127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert found["listen"]["result"] == "ok"
    assert (code, found["service"]["result"]) == (1, "fault")
    assert found["service"]["what"].endswith("is not ready: the disk is full; partition 3 starts")


@AS_ROOT
def test_the_disk_of_the_anchors_is_looked_at_too(doctor, tmp_path):
    mount = tmp_path / "anchors"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount], check=False,
                      capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        doctor.environment["SIGNALBOX_AUDIT_ANCHOR_DIR"] = str(mount)
        found = doctor.found("disk-space")
    finally:
        subprocess.run(["umount", mount], check=True)
    assert found["result"] == "fault" and f"tmpfs mounted at {mount}" in found["what"]
    assert found["why"] == "when it is full no further anchor is written"


def test_certificates_and_keys_that_do_not_do_are_named_and_replaced(production, doctor, tmp_path):
    good = tmp_path / "good"
    good.mkdir()
    write_certificate(good, days=90)
    for days, result in ((-1, "fault"), (10, "warning")):
        write_certificate(tmp_path, days=days)
        code, found = production()
        assert found["tls"]["result"] == result, found["tls"]
        assert code == (1 if result == "fault" else 0)
        doctor.mend(found["tls"], **{"RENEWED.pem": good / "tls.pem"})
        mixed = production()[1]["tls"]  # the certificate is new, the key is that of the old one
        assert mixed["result"] == "fault" and "no key of the certificate" in mixed["what"]
        doctor.mend(mixed, **{"ITS_KEY.pem": good / "tls.key"})
        assert production()[1]["tls"]["result"] == "ok"


def test_keys_of_tokens_that_do_not_do_are_named(production, doctor, tmp_path):
    good = (tmp_path / "keys.json").read_text()
    (tmp_path / "good.json").write_text(good)
    (tmp_path / "keys.json").write_text("{")
    found = production()[1]["jwks"]
    assert found["result"] == "fault"
    doctor.mend(found, JWK_SET=tmp_path / "good.json")
    assert production()[1]["jwks"]["result"] == "ok"
    (tmp_path / "keys.json").chmod(0o666)
    doctor.mend(production()[1]["jwks"])
    assert production()[1]["jwks"]["result"] == "ok"
    (tmp_path / "revoked").unlink()
    doctor.mend(production()[1]["revoked-file"])
    assert production()[1]["revoked-file"]["result"] == "ok"


def test_every_bad_value_is_named_with_its_line_and_taken_out(doctor, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text('[limits]\ncontent_bytes_max = -1\nno_such_key = 7\nstep = "7 weeks"\n'
                    '[gateway]\nagents = [\n  7,\n]\n')
    done = doctor.run("--json", "--config", str(file))
    config = [found for found in json.loads(done.stdout)["checks"] if found["check"] == "config"]
    assert done.returncode == 1
    for line, key in ((2, "limits.content_bytes_max"), (3, "limits.no_such_key"), (4, "limits.step"),
                      (6, "gateway.agents")):
        assert any(found["what"].startswith(f"{file}:{line}: ") and key in found["what"]
                   for found in config), (line, config)
    assert len(config) == 4
    for found in config:
        doctor.mend(found)
    assert doctor.found("config", "--config", str(file))["result"] == "ok"


def test_settings_that_do_not_go_together_and_unknown_variables_are_all_named(doctor):
    doctor.environment |= {"SIGNALBOX_NO_SUCH": "1", "SIGNALBOX_LIMITS_HEARTBEAT": "5m"}
    done = doctor.run("--json", dev=False)
    config = [found for found in json.loads(done.stdout)["checks"] if found["check"] == "config"]
    assert [found["result"] for found in config] == ["fault"] * 3
    assert any(found["mend"] == "unset SIGNALBOX_NO_SUCH" for found in config)
    assert any("heartbeat_lost must be longer" in found["what"] for found in config)
    assert any("nobody could sign in" in found["what"] and found["mend"].startswith(
        "signalbox doctor --dev") for found in config)


def test_another_number_of_partitions_is_a_fault(doctor):
    doctor.environment["SIGNALBOX_LOG_PARTITIONS"] = "7"
    found = doctor.found("log-file")
    assert found["result"] == "fault" and "has 12 partitions" in found["what"]


def test_a_live_service_under_load_is_not_disturbed(service, request):
    """The same talk with and without the doctor beside it: every message is answered, nothing is
    said in the service's log, and the record is whole."""
    doctor = Doctor(request.config.getoption("--program"), service.data)
    codes = []

    async def examine(stop):
        while not stop.is_set() or len(codes) < 3:
            done = await asyncio.to_thread(doctor.run, "--listen", service.address, "--json")
            codes.append(done.returncode)

    async def talk(users):
        return await asyncio.gather(*(chat(service, user, 20) for user in users))

    async def story():
        alone = await talk(["ann", "bea", "cem"])
        stop = asyncio.Event()
        examination = asyncio.create_task(examine(stop))
        beside = await talk(["dan", "eva", "fin"])
        stop.set()
        await examination
        return alone, beside

    said_before = service.log.read_text("utf-8").count("\n")
    alone, beside = asyncio.run(story())
    assert len(codes) >= 3 and set(codes) == {0}
    for one, other in zip(alone, beside):
        assert_gapless(other)
        assert [event["type"] for event in one] == [event["type"] for event in other]
    lines = service.log.read_text("utf-8").splitlines()[said_before:]
    assert [line for line in lines if json.loads(line)["level"] != "info"] == []
    assert service.stop() == 0
    assert log_check.check(service.data, complete=True).faults == []


def test_a_port_can_be_taken_right_after_it_was_found_free(doctor):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    assert doctor.found("listen", "--listen", f"127.0.0.1:{port}")["result"] == "ok"
    socket.create_server(("127.0.0.1", port)).close()


def test_help_teaches_with_examples_that_work(doctor):
    said = doctor.run("--help").stdout
    for word in ("signalbox doctor --dev", "--json", "--config", "mends", "-shm and -wal"):
        assert word in said
    assert doctor.run("--records", "0").returncode == 2
