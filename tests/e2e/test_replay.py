"""`signalbox replay` on the data directory of a running service and on a copy of it."""
import contextlib
import json
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid

import pytest

from harness import PLAYBOOK, Client, Service, clean_environment

sys.path.append(str(pathlib.Path(__file__).parents[1] / "audit"))
from attacked_log import Attacker  # noqa: E402
from log_damage import add_a_space  # noqa: E402


@pytest.fixture
def replay(request):
    """Runs a verb; the finished process."""
    program = request.config.getoption("--program")

    def run(verb, data, *words):
        return subprocess.run([program, "replay", verb, "--data", str(data), *words],
                              capture_output=True, text=True, timeout=60, check=False,
                              env=clean_environment())

    return run


@pytest.fixture(scope="module")
def stopped(request, tmp_path_factory):
    """The data directory of a service that has stopped, with a run of anna's."""
    service = Service(request.config.getoption("--program"), tmp_path_factory.mktemp("data") / "data")
    service.start()
    try:
        run_async(talk(service, "anna", "what is 17 * 23?"))
    finally:
        assert service.stop() == 0
    return service.data


async def talk(service, user, *contents):
    """One message after the other; all events of the user as his socket had them."""
    async with Client(service, user) as client:
        for number, content in enumerate(contents):
            await client.wait_for_end(await client.say(f"m-{number}", content))
        return client.events()


def objects(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_async(coroutine):
    import asyncio
    return asyncio.run(coroutine)


def test_timeline_of_a_running_service_and_of_a_copy(service, replay, tmp_path):
    seen = run_async(talk(service, "anna", "what is 17 * 23?", "what is 2 + 2?"))
    run_async(talk(service, "berta", "what is 1 + 1?"))
    live = replay("timeline", service.data, "--user", "anna", "--json")
    assert [(e["seq"], e["type"], e["data"]) for e in objects(live)
            ][:len(seen)] == [(e["seq"], e["type"], e["data"]) for e in seen]
    assert service.is_running()
    service.stop()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(service.data / "log.db", copy)
    assert replay("timeline", copy, "--user", "anna", "--json").stdout == live.stdout
    everything = objects(replay("timeline", copy, "--json"))
    assert {e["user_id"] for e in everything} == {"anna", "berta"}
    tools = replay("timeline", copy, "--user", "anna", "--type", "tool_executing")
    assert "calculator" in tools.stdout and "\n" in tools.stdout, tools.stdout
    # Since is inclusive, until is not.
    times = [event["time"] for event in everything]
    assert times[0] < times[-1]
    for at in (times[0], times[len(times) // 2], times[-1]):
        since, until = (objects(replay("timeline", copy, word, at, "--json")) for word in ("--since", "--until"))
        assert [event["time"] for event in since] == [time for time in times if time >= at]
        assert [event["time"] for event in until] == [time for time in times if time < at]
    run = seen[0]["run_id"]
    of_run = objects(replay("timeline", copy, "--user", "anna", "--run", run, "--json"))
    assert of_run and {e["run_id"] for e in of_run} == {run}


def test_verify_while_it_runs_and_after_a_byte_was_changed(service, replay, tmp_path):
    run_async(talk(service, "anna", "what is 17 * 23?"))
    for words in ((), ("--user", "anna")):
        whole = replay("verify", service.data, *words)
        assert whole.returncode == 0, whole.stdout + whole.stderr
        assert "whole: no damage was found" in whole.stdout
        assert "unanchored: a removed tail cannot be seen" in whole.stdout
    assert service.stop() == 0
    copy = tmp_path / "copy"
    shutil.copytree(service.data, copy)
    log = copy / "log.db"
    stored = log.read_bytes()
    assert b"17 * 23" in stored
    at = stored.rindex(b"17 * 23")
    log.write_bytes(stored[:at] + b"18" + stored[at + 2:])
    for words in ((), ("--user", "anna")):
        damaged = replay("verify", copy, "--json", *words)
        assert damaged.returncode == 3, damaged.stdout + damaged.stderr
        verdict = json.loads(damaged.stdout)
        assert not verdict["whole"]
        first = verdict["findings"][0]
        assert first["kind"] == "row_changed", first
        assert first["user_id"] == "anna" and first["topic"] in ("events", "inbound"), first
    log.write_bytes(b"x" * 9000)
    assert replay("verify", copy).returncode == 3
    assert replay("verify", service.data).returncode == 0


def test_state_at_each_instant(service, replay):
    seen = run_async(talk(service, "anna", "what is 17 * 23?", "what is 2 + 2?"))
    answers = [e["data"]["content"] for e in seen if e["type"] == "agent_completed"]

    def state(*words):
        (known,) = objects(replay("state", service.data, "--user", "anna", "--json", *words))
        return known

    (thread,) = state()["threads"]
    assert [run["answer"] for run in thread["runs"]] == answers
    assert {run["status"] for run in thread["runs"]} == {"completed"}
    for event in seen:
        known = state("--at", str(event["seq"]))
        assert known["seq"] == event["seq"]
        runs = {run["run_id"]: run for thread in known["threads"] for run in thread["runs"]}
        if "run_id" in event:
            status = runs[event["run_id"]]["status"]
            assert (status == "completed") == (event["type"] == "agent_completed"), event
    assert state("--at", seen[0]["time"])["seq"] >= 1
    assert state("--at", "2020-01-01T00:00:00Z")["threads"] == []
    open_now = state("--open")
    assert (open_now["seq"], open_now["chain_hash"]) == (state()["seq"], state()["chain_hash"])
    assert [run for thread in open_now["threads"] for run in thread["runs"]] == []
    begun = state("--open", "--at", str(seen[1]["seq"]))
    assert [run["status"] for thread in begun["threads"] for run in thread["runs"]] == ["running"]
    readable = replay("state", service.data, "--user", "anna")
    assert "what is 17 * 23?" in readable.stdout and "completed" in readable.stdout
    assert replay("state", service.data).returncode == 2
    refused = replay("state", service.data, "--user", "anna", "--at", "noon")
    assert refused.returncode == 2 and "--at" in refused.stderr


def test_a_long_state_names_the_folder_that_is_not_there(make_service, request):
    """Its file was made in the root folder then. A short one needs no file."""
    service = make_service(limits_messages_burst="100000").start()
    run_async(talk(service, "anna", "what is 17 * 23?"))
    run_async(talk(service, "berta", *["x" * 32_000] * 150))

    def state(user):
        return subprocess.run(
            [request.config.getoption("--program"), "replay", "state", "--data", str(service.data),
             "--user", user, "--json"], capture_output=True, text=True, timeout=60, check=False,
            env=clean_environment() | {"TMPDIR": "/nowhere/at/all"})

    assert state("anna").returncode == 0
    refused = state("berta")
    assert refused.returncode == 1 and not refused.stdout
    assert "a temporary file in /nowhere/at/all cannot be made" in refused.stderr, refused.stderr


def test_play_gives_the_frames_the_client_got(service, replay, request):
    seen = run_async(talk(service, "anna", "what is 17 * 23?"))
    assert objects(replay("play", service.data, "--user", "anna", "--speed", "max")) == seen
    assert objects(replay("play", service.data, "--user", "anna", "--from", "3", "--speed",
                          "100000")) == seen[2:]
    refused = replay("play", service.data, "--user", "anna", "--speed", "fast")
    assert refused.returncode == 2 and "--speed" in refused.stderr
    # A pause of seconds between two messages, played a thousand times slower, ends by Ctrl-C.
    program = request.config.getoption("--program")
    with subprocess.Popen([program, "replay", "play", "--data", service.data, "--user", "anna",
                           "--speed", "0.001"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as slow:
        assert json.loads(slow.stdout.readline()) == seen[0]
        slow.send_signal(signal.SIGINT)
        _, said = slow.communicate(timeout=30)
    assert slow.returncode == 1 and said == "signalbox replay play: interrupted\n", said


def test_a_running_service_is_not_disturbed(service, replay, request):
    """The same talk alone and beside every verb; and one that plays slowly keeps SQLite from nothing."""
    questions = ["what is 17 * 23?"] * 10
    alone = run_async(talk(service, "anna", *questions))
    said_before = len(service.log.read_text("utf-8").splitlines())
    program = request.config.getoption("--program")
    slow = subprocess.Popen([program, "replay", "play", "--data", service.data, "--user", "anna",
                             "--speed", "0.001"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert json.loads(slow.stdout.readline()) == alone[0]

        async def both():
            import asyncio
            talking = asyncio.create_task(talk(service, "berta", *questions))
            for verb in ("timeline", "verify", "state", "export", "verify"):
                done = await asyncio.to_thread(replay, verb, service.data, "--user", "anna")
                assert done.returncode == 0, done
            return await talking

        beside = run_async(both())
        # One reader in the way keeps pages from being moved for as long as it is there.
        deadline = time.monotonic() + 30
        with contextlib.closing(sqlite3.connect(service.data / "log.db")) as log:
            busy, pages, moved = 1, 0, 0
            while busy or pages <= 0 or moved < pages:
                assert time.monotonic() < deadline, (busy, pages, moved)
                busy, pages, moved = log.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert slow.poll() is None
    finally:
        slow.kill()
        slow.communicate()
    assert [event["type"] for event in beside] == [event["type"] for event in alone]
    assert service.log.read_text("utf-8").splitlines()[said_before:] == []


def test_rerun_of_every_run(service, replay):
    async def talks():
        seen = await talk(service, "anna", "what is 17 * 23?", "what is 2 + 2?")
        async with Client(service, "anna") as client:
            run = await client.say("m-play", "hello", "thread-2", "playbook")
            await client.wait_for_end(run)
        return {e["run_id"] for e in seen if "run_id" in e} | {run}

    for run in run_async(talks()):
        done = replay("rerun", service.data, "--user", "anna", "--run", run, "--playbook",
                      str(PLAYBOOK))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "same: today's code takes the same steps to the same end" in done.stdout
    unknown = replay("rerun", service.data, "--user", "anna", "--run",
                     "00000000-0000-4000-8000-000000000000")
    assert unknown.returncode == 1 and "has no run" in unknown.stderr


def test_a_run_that_was_recorded_otherwise_is_named_down_to_the_field(stopped, replay, tmp_path):
    shutil.copytree(stopped, tmp_path / "data")
    attacker = Attacker(tmp_path / "data", stopped)
    end = next(row for row in attacker.rows_of("anna") if row.headers["ce_type"].endswith("agent_completed"))
    assert b"391" in end.value

    def answer_otherwise(row):
        row.value = row.value.replace(b"391", b"392")

    attacker.edit(end, answer_otherwise)
    attacker.chain_again("anna")
    attacker.forget("archive", "snapshots.db")
    done = replay("rerun", tmp_path / "data", "--user", "anna", "--run", end.headers["ce_runid"])
    assert done.returncode == 3, done
    assert re.search(r"DIFFERS at .*content\n  recorded: .*392.*\n  now:      .*391", done.stdout), done.stdout


@pytest.mark.parametrize("words", [
    ["timeline"], ["timeline", "--type", "agent_failed"], ["verify"], ["state"], ["state", "--open"],
    ["state", "--at", "1"], ["play"], ["export"]], ids=" ".join)
def test_of_a_user_without_events_it_says_so(stopped, replay, words):
    """It used to be `whole, 0 events` of a name that nobody has."""
    verb, *options = words
    nobody = replay(verb, stopped, "--user", "anne", *options)
    assert nobody.returncode == 2 and not nobody.stdout, nobody.stdout
    assert f"signalbox replay {verb}: --user: there is no event of 'anne' in the log: look whether" \
        in nobody.stderr
    # What is asked for of somebody, and is not there, is another thing.
    anna = replay(verb, stopped, "--user", "anna", *options)
    assert anna.returncode == 0, anna.stderr
    before = replay("state", stopped, "--user", "anna", "--at", "0")
    assert before.returncode == 0 and before.stdout == "nothing was known of anna\n"


@pytest.mark.parametrize("verb", ["timeline", "play --speed max"])
def test_a_changed_history_of_a_user_is_not_shown_without_a_word(stopped, replay, tmp_path, verb):
    """Review of issue 5: a value that was changed with its row checksum was shown as if it were his."""
    verb, *options = verb.split()
    words = [verb, tmp_path / "data", "--user", "anna", *options]
    shutil.copytree(stopped, tmp_path / "data")
    whole = replay(*words)
    assert whole.returncode == 0 and not whole.stderr, whole
    attacker = Attacker(tmp_path / "data", stopped)
    attacker.edit_event("anna", 2, add_a_space)
    changed = replay(*words)
    assert changed.returncode == 3, changed
    assert len(changed.stdout.splitlines()) == len(whole.stdout.splitlines())
    assert f"at offset {attacker.offset('anna', 2)} " in changed.stderr
    assert "`signalbox replay verify` names all that is damaged" in changed.stderr


def test_of_all_users_a_timeline_checks_no_chain_and_its_help_says_so(stopped, replay, tmp_path):
    shutil.copytree(stopped, tmp_path / "data")
    Attacker(tmp_path / "data", stopped).edit_event("anna", 2, add_a_space)
    assert replay("timeline", tmp_path / "data").returncode == 0
    assert "of all users no chain is checked" in " ".join(
        replay("timeline", stopped, "--help").stdout.split())


@pytest.mark.parametrize("words", [["--thread", "nope"], ["--run", str(uuid.UUID(int=0))],
                                   ["--user", "anna", "--until", "2001-01-01T00:00:00Z"]])
def test_that_nothing_matched_is_said(stopped, replay, words):
    """Review of issue 5: a timeline of a thread that is not there was empty, without a word."""
    done = replay("timeline", stopped, *words)
    assert done.returncode == 0 and not done.stdout
    assert "nothing matched: of " in done.stderr


@pytest.mark.parametrize("verb, flag", [
    ("timeline", "--user"), ("timeline", "--thread"), ("timeline", "--run"), ("timeline", "--since"),
    ("verify", "--user"), ("verify", "--key"), ("verify", "--anchor-dir"), ("state", "--at"),
    ("play", "--from"), ("export", "--out")])
def test_an_empty_value_is_refused(stopped, replay, verb, flag):
    """Review of issue 5: with a shell's variable that was not set, everybody was shown."""
    user = [] if flag == "--user" or verb in ("timeline", "verify") else ["--user", "anna"]
    done = replay(verb, stopped, *user, flag, "")
    assert done.returncode == 2 and not done.stdout, done
    assert f"signalbox replay {verb}: {flag}" in done.stderr and "cannot be empty" in done.stderr


def test_what_cannot_be_done_is_said(replay, tmp_path):
    nothing = replay("timeline", tmp_path / "nowhere")
    assert nothing.returncode == 1 and "there is no log in" in nothing.stderr
    assert "name a service's data directory with --data" in nothing.stderr
    folder = replay("verify", tmp_path, "--export", str(tmp_path), "--key", str(PLAYBOOK))
    assert folder.returncode == 2, folder.stderr
    for words, named in ((["--type", "agent_stared"], "--type"), (["--since", "noon"], "--since"),
                         (["--run", "7"], "--run"), (["--user", "\t"], "--user"),
                         (["--thread", "\n"], "--thread")):
        refused = replay("timeline", tmp_path, *words)
        assert refused.returncode == 2, refused.stderr
        assert named in refused.stderr


def test_what_does_not_arrive_is_no_success(stopped, request):
    """An evidence file on a full disk was cut off, and the exit code said that it was whole."""
    program = request.config.getoption("--program")
    data = ["--data", str(stopped)]
    for words in (["replay", "export", *data, "--user", "anna"], ["replay", "timeline", *data],
                  ["replay", "play", *data, "--user", "anna", "--speed", "max"],
                  ["replay", "state", *data, "--user", "anna"], ["replay", "verify", *data],
                  ["contract", "errors"], ["doctor", *data, "--listen", "127.0.0.1:0"], ["--help"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([program, *words], stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=60, check=False, env=clean_environment())
        assert done.returncode == 1, words
        assert done.stderr.count("standard output cannot be written") == 1, words
