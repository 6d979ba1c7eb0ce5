"""Anchors and exports of a running service, judged by the product and by second verifiers that were
written from the contract alone (tests/audit/verify_export.py, verify_log.py)."""
import asyncio
import pathlib
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time

import pytest

from harness import WAIT_SECONDS, Client, Service, clean_environment

sys.path.append(str(pathlib.Path(__file__).parents[1] / "audit"))
import verify_export  # noqa: E402
from export_damage import DAMAGES, Export  # noqa: E402
from verify_log import verify_log  # noqa: E402

SETTINGS = {"audit_anchor_interval": "300ms", "log_partitions": "1"}


def talk(service, user, *contents):
    async def talk_now():
        async with Client(service, user) as client:
            for number, content in enumerate(contents):
                await client.wait_for_end(await client.say(f"{time.time_ns()}-{number}", content))
    asyncio.run(talk_now())


def notes(data, partition=0):
    return sorted((data / "anchors" / str(partition)).glob("*.note"))


def wait_for_a_note(folder, service):
    deadline = time.monotonic() + WAIT_SECONDS
    while not list(folder.glob("*.note")):
        assert time.monotonic() < deadline, service.log_tail()
        time.sleep(0.05)


class Replay:
    def __init__(self, program):
        self.program = program

    def __call__(self, verb, *words):
        return subprocess.run([self.program, "replay", verb, *map(str, words)],
                              capture_output=True, text=True, timeout=120, check=False,
                              env=clean_environment())

    def export(self, data, user, out, *words):
        return self("export", "--data", data, "--user", user, "--out", out, *words)

    def judge(self, out, key):
        """Whether the product finds the export whole, and what it says."""
        done = self("verify", "--export", out, "--key", key)
        assert done.returncode in (0, 3), done
        return done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def replay(request):
    return Replay(request.config.getoption("--program"))


@pytest.fixture(scope="module")
def good(request, replay, tmp_path_factory):
    """A stopped service's data, and the export of one of its users."""
    folder = tmp_path_factory.mktemp("anchored")
    service = Service(request.config.getoption("--program"), folder / "data", **SETTINGS).start()
    try:
        talk(service, "anna", "what is 17 * 23?")
        wait_for_a_note(service.data / "anchors" / "0", service)
        talk(service, "берта", "what is 1 + 1?")
        talk(service, "anna", "what is 2 + 2?")
    finally:
        assert service.stop() == 0
    made = replay.export(service.data, "anna", folder / "anna.jsonl")
    assert made.returncode == 0, made.stderr
    return folder


def both_judge(replay, out, key):
    """The verdict of both verifiers, which must be the same."""
    is_whole, said = replay.judge(out, key)
    second = verify_export.verify_export(out, key)
    assert is_whole == (not second.faults), (said, second.faults)
    return is_whole, said, second


def test_an_export_is_whole_and_anchored_to_its_end(good, replay):
    key = good / "data" / "anchors" / "anchor.pub"
    is_whole, said, second = both_judge(replay, good / "anna.jsonl", key)
    assert is_whole, said
    assert second.anchored == second.last == second.events > 6
    assert f"anchored up to seq {second.last}," in said
    assert "unanchored" not in said
    export = Export.read(good / "anna.jsonl", key)
    assert len(export.manifest["anchors"]) >= 2
    assert (good / "anna.jsonl").stat().st_mode & 0o077 == 0
    printed = replay("export", "--data", good / "data", "--user", "anna")
    assert printed.stdout == (good / "anna.jsonl").read_text("utf-8")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_export_is_refused_by_both_which_say_why(good, replay, tmp_path, damage):
    export = Export.read(good / "anna.jsonl", good / "data" / "anchors" / "anchor.pub").copy()
    DAMAGES[damage].change(export)
    export.write(tmp_path / "damaged.jsonl", tmp_path / "anchor.pub")
    is_whole, said, second = both_judge(replay, tmp_path / "damaged.jsonl", tmp_path / "anchor.pub")
    assert not is_whole
    assert "NOT WHOLE" in said
    assert [line for line in said.splitlines()
            if line.startswith("line ") and DAMAGES[damage].product in line], said
    assert [fault for fault in second.faults
            if DAMAGES[damage].second in fault], second.faults


def test_without_anchors_a_removed_tail_cannot_be_seen_and_that_is_said(good, replay, tmp_path):
    key = good / "data" / "anchors" / "anchor.pub"
    export = Export.read(good / "anna.jsonl", key)
    export.manifest["anchors"] = []
    del export.lines[-1]
    export.manifest["last_seq"] -= 1
    export.write(tmp_path / "short.jsonl", tmp_path / "anchor.pub")
    is_whole, said, second = both_judge(replay, tmp_path / "short.jsonl", key)
    assert is_whole and second.anchored == 0
    assert "unanchored: a removed tail cannot be seen" in said


def test_the_log_agrees_with_its_anchors(good, replay):
    second = verify_log(good / "data", good / "data" / "anchors")
    assert second.findings == []
    assert second.covered == [int(notes(good / "data")[-1].stem)]
    done = replay("verify", "--data", good / "data")
    assert done.returncode == 0, done.stdout
    assert f"cover {second.covered[0]} of {second.events} events" in done.stdout
    assert "unanchored" not in done.stdout


def test_the_golden_export_is_whole_for_both(replay):
    golden = pathlib.Path(__file__).parents[1] / "replay" / "golden"
    is_whole, said, second = both_judge(replay, golden / "export.jsonl", golden / "anchor.pub")
    assert is_whole, said
    assert (second.events, second.anchored) == (3, 3)


def test_what_cannot_be_done_is_said(good, replay, tmp_path):
    out = tmp_path / "out.jsonl"
    nobody = replay.export(good / "data", "nobody", out)
    assert nobody.returncode == 2 and "there is no event of 'nobody'" in nobody.stderr
    assert not any(tmp_path.iterdir())
    no_key = replay("verify", "--export", good / "anna.jsonl", "--key", good / "anna.jsonl")
    assert no_key.returncode == 2 and "--key" in no_key.stderr
    nowhere = replay("verify", "--export", tmp_path / "none", "--key",
                     good / "data" / "anchors" / "anchor.pub")
    assert nowhere.returncode == 2 and "--export" in nowhere.stderr


def test_anchors_are_written_while_it_runs_and_by_the_same_tree_after_a_restart(make_service,
                                                                              replay, tmp_path):
    service = make_service(**SETTINGS, audit_anchor_dir=str(tmp_path / "elsewhere")).start()
    talk(service, "anna", "what is 17 * 23?")
    folder = tmp_path / "elsewhere" / "0"
    wait_for_a_note(folder, service)
    live = replay.export(service.data, "anna", tmp_path / "live.jsonl", "--anchor-dir",
                         tmp_path / "elsewhere")
    assert live.returncode == 0, live.stderr
    key = tmp_path / "elsewhere" / "anchor.pub"
    assert both_judge(replay, tmp_path / "live.jsonl", key)[0]
    service.kill()
    service.start()
    talk(service, "anna", "what is 2 + 2?")
    status, metrics = service.get("/metrics")
    assert status == 200 and "signalbox_anchors_contradicting_partitions 0" in metrics
    assert service.stop() == 0
    second = verify_log(service.data, tmp_path / "elsewhere")
    assert second.findings == []
    assert second.covered == [int(max(folder.glob("*.note")).stem)]
    assert "contradicts" not in service.log_tail()


def remove_tail_of(data, user):
    """Takes the user's newest event and all behind it out of the log, with every counter and
    witness made to fit."""
    database = sqlite3.connect(data / "log.db")
    place = 1 << 24
    (offset,) = database.execute('SELECT max("offset") FROM records WHERE place = ? AND key = ?',
                                 (place, user.encode("utf-8"))).fetchone()
    removed = database.execute('DELETE FROM records WHERE place = ? AND "offset" >= ?',
                               (place, offset)).rowcount
    database.execute("UPDATE counters SET next = ? WHERE place = ?", (offset, place))
    database.commit()
    database.close()
    head = bytearray((data / "head").read_bytes())
    rows = struct.unpack_from("=Q", head, 24)[0]
    struct.pack_into("=Q", head, 24, rows - removed)
    (data / "head").write_bytes(head)
    shutil.rmtree(data / "archive")
    (data / "snapshots.db").unlink()
    return removed


def test_a_removed_tail_is_shown_by_the_anchors(good, replay, tmp_path, request):
    data = tmp_path / "data"
    shutil.copytree(good / "data", data)
    assert remove_tail_of(data, "anna") >= 1
    second = verify_log(data, data / "anchors")
    assert any("the log has but" in finding.what for finding in second.findings), second.findings
    verdict = replay("verify", "--data", data)
    assert verdict.returncode == 3, verdict.stdout
    assert "anchor_disagrees" in verdict.stdout and "the newest were removed" in verdict.stdout
    without = replay("verify", "--data", data, "--anchor-dir", tmp_path / "nowhere")
    assert without.returncode == 0, without.stdout
    assert "unanchored: a removed tail cannot be seen" in without.stdout
    made = replay.export(data, "anna", tmp_path / "short.jsonl")
    assert made.returncode == 3 and "contradicts the log" in made.stderr
    assert not both_judge(replay, tmp_path / "short.jsonl", data / "anchors" / "anchor.pub")[0]

    before = notes(data)
    service = Service(request.config.getoption("--program"), data, **SETTINGS).start()
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while "contradicting_partitions 1" not in service.get("/metrics")[1]:
            assert time.monotonic() < deadline, service.log_tail()
            time.sleep(0.1)
        # People can still talk; nothing is signed that contradicts what was signed before.
        talk(service, "anna", "what is 2 + 2?", "what is 3 + 3?")
        assert service.get("/readyz")[0] == 200
    finally:
        assert service.stop() == 0
    assert "its tail was removed" in service.log_tail()
    assert notes(data) == before


def test_a_verification_of_what_is_piped_ends_by_ctrl_c(good, replay):
    """It had taken the signal and gone on waiting for a file that does not end."""
    command = [replay.program, "replay", "verify", "--export", "-", "--key",
               good / "data" / "anchors" / "anchor.pub"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=clean_environment()) as verify:
        verify.stdin.write((good / "anna.jsonl").read_bytes().splitlines(keepends=True)[0])
        verify.stdin.flush()
        status = pathlib.Path(f"/proc/{verify.pid}/status")
        while not int(re.search(r"SigBlk:\s*(\w+)", status.read_text())[1], 16) & 2:
            time.sleep(0.01)  # the signal would end a program that has not begun
        verify.send_signal(signal.SIGINT)
        verify.wait(timeout=30)
        said = verify.stderr.read().decode()
    assert verify.returncode == 1 and said == "signalbox replay verify: interrupted\n", said
    whole = subprocess.run(command, input=(good / "anna.jsonl").read_bytes(), capture_output=True,
                           timeout=120, check=False, env=clean_environment())
    assert whole.returncode == 0 and whole.stdout.startswith(b"whole: "), whole
