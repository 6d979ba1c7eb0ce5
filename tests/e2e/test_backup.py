"""`signalbox backup` of a running service, and the service that is started from the copy."""
import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import time

import children
import log_check
import pytest

from harness import Client, Service, assert_gapless, clean_environment


FOR_EVER = 1_000_000  # until it is cancelled


@pytest.fixture
def backup(request):
    """Runs the subcommand; the finished process."""
    program = request.config.getoption("--program")

    def run(data, to):
        return subprocess.run([program, "backup", "--data", str(data), "--to", str(to)],
                              capture_output=True, text=True, timeout=60, check=False)

    return run


async def chat(service, user, acked, count):
    """So many messages, one after the other; what was answered goes to `acked`."""
    async with Client(service, user) as client:
        for _ in range(count):
            message = f"m-{len(acked)}"
            await client.wait_for_end(await client.say(message, "what is 17 * 23?"))
            acked.append(message)
            await asyncio.sleep(0.06)  # a user may say 20 things in a second


async def say_and_wait(service, user, message):
    async with Client(service, user) as client:
        await client.wait_for_end(await client.say(message, "what is 17 * 23?"))


async def all_events(service, user):
    async with Client(service, user, from_="start") as client:
        await client.wait_for(type="caught_up")
        return client.events()


def test_a_copy_made_while_users_chat_is_a_service_that_goes_on(service, backup, request, tmp_path):
    to = tmp_path / "copy"
    acked = {"ann": [], "bea": []}

    async def story():
        chats = [asyncio.create_task(chat(service, user, acked[user], FOR_EVER)) for user in acked]
        while min(map(len, acked.values())) < 5:
            await asyncio.sleep(0.01)
        before = {user: len(messages) for user, messages in acked.items()}
        done = await asyncio.to_thread(backup, service.data, to)
        assert done.returncode == 0, done.stderr
        assert f"signalbox replay verify --data {to}" in done.stdout
        for user, count in before.items():
            while len(acked[user]) < count + 3:
                await asyncio.sleep(0.01)
        for one in chats:
            one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await one
        return before

    before = asyncio.run(story())
    assert log_check.check(to).faults == []
    program = request.config.getoption("--program")
    verified = subprocess.run([program, "replay", "verify", "--data", str(to)], capture_output=True,
                              text=True, timeout=60, check=False, env=clean_environment())
    assert verified.returncode == 0, verified.stdout
    restored = Service(program, to)
    restored.start()
    try:
        for user, count in before.items():
            events = asyncio.run(all_events(restored, user))
            assert_gapless(events)
            there = [e["data"]["message_id"] for e in events if e["type"] == "message_received"]
            assert there[:count] == acked[user][:count], "acknowledged before the copy was begun"
            assert there == acked[user][:len(there)]
        # Behind the answers to these nothing is left that was said before.
        for user in (*before, "cara"):
            asyncio.run(say_and_wait(restored, user, "anew"))
    finally:
        restored.stop()
    assert log_check.check(to, complete=True).faults == []


def test_only_its_owner_can_read_a_copy(service, backup, tmp_path):
    to = tmp_path / "copy"
    assert backup(service.data, to).returncode == 0
    for folder, _, files in os.walk(to):
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path
    assert {"log.db", "head", "dev.key", "archive"} <= set(os.listdir(to))
    assert "lock" not in os.listdir(to)
    assert not (tmp_path / "copy.partial").exists()


def test_anchors_come_along_but_not_one_that_is_being_written(make_service, backup, request,
                                                              tmp_path):
    service = make_service(audit_anchor_interval="300ms", log_partitions="1").start()
    notes = service.data / "anchors" / "0"

    async def until_anchored():
        async with Client(service, "ann") as client:
            await client.wait_for_end(await client.say("m-1", "what is 17 * 23?"))
        while not list(notes.glob("*.note")):
            await asyncio.sleep(0.02)

    asyncio.run(until_anchored())
    (notes / "00000000000000099999.note.new").write_text("half of")
    os.symlink("gone", notes / "00000000000000099998.note.new")
    to = tmp_path / "copy"
    done = backup(service.data, to)
    assert done.returncode == 0, done.stderr
    copied = sorted(os.listdir(to / "anchors" / "0"))
    assert copied and all(name.endswith(".note") for name in copied)
    verified = subprocess.run([request.config.getoption("--program"), "replay", "verify", "--data",
                               str(to), "--json"], capture_output=True, text=True, check=False,
                              env=clean_environment())
    assert verified.returncode == 0, verified.stdout
    assert json.loads(verified.stdout)["anchors"] >= 1


@pytest.mark.parametrize("target", ["a folder", "a file"])
def test_what_is_there_is_never_written_over(service, backup, tmp_path, target):
    to = tmp_path / "there"
    if target == "a folder":
        to.mkdir()
    else:
        to.write_text("mine")
    done = backup(service.data, to)
    assert done.returncode == 2
    assert done.stderr == f"signalbox backup: --to: {to} is there already; name a new folder\n"
    assert not to.is_file() or to.read_text() == "mine"


def test_a_copy_into_its_own_source_is_refused(service, backup):
    for to in (service.data / "copy", service.data / "anchors" / "copy"):
        done = backup(service.data, to)
        assert done.returncode == 2, done.stdout
        assert done.stderr.startswith(f"signalbox backup: --to: {to} lies inside the data directory")
        assert not to.exists() and not to.with_name("copy.partial").exists()


def test_thousands_of_anchors_are_copied_and_ctrl_c_ends_that(service, request, tmp_path):
    notes = service.data / "anchors" / "0"
    notes.mkdir(parents=True, exist_ok=True)
    (notes / "1.note").write_text("a note\n")
    for number in range(2, 30_000):
        os.link(notes / "1.note", notes / f"{number}.note")
    for attempt in range(5):  # it may have ended before the signal came
        to = tmp_path / f"copy-{attempt}"
        partial = to.with_name(to.name + ".partial")
        copying = children.start([request.config.getoption("--program"), "backup", "--data",
                                  str(service.data), "--to", str(to)], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, env=clean_environment())
        copied = partial / "anchors" / "0"
        while copying.poll() is None and not (copied.exists() and any(copied.iterdir())):
            time.sleep(0.001)
        copying.send_signal(signal.SIGINT)
        _, said = copying.communicate(timeout=60)
        if copying.returncode != 0:
            break
    assert (copying.returncode, said) == (1, "signalbox backup: stopped\n")
    assert not to.exists() and not partial.exists()


def test_a_folder_without_a_service_is_named(backup, tmp_path):
    done = backup(tmp_path, tmp_path / "copy")
    assert done.returncode == 2
    assert done.stderr == (f"signalbox backup: --data: there is no service's data in {tmp_path}: the "
                           "file log.db is missing; name the folder it was started with\n")
    assert not (tmp_path / "copy").exists()


def test_a_copy_that_cannot_be_finished_leaves_nothing(service, backup, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    if os.access(tmp_path / "closed", os.W_OK):  # root may write everywhere
        to = tmp_path / "file" / "copy"
        (tmp_path / "file").write_text("")
    else:
        to = tmp_path / "closed" / "copy"
    done = backup(service.data, to)
    assert done.returncode == 1, done.stdout
    assert str(to) in done.stderr
    assert not to.exists()
