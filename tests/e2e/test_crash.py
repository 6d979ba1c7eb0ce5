"""kill -9 while users chat: no acknowledged message is lost or doubled, each run ends exactly once."""
import asyncio
import collections
import contextlib
import json
import random
import subprocess
import time

import log_check
import pytest
import websockets

from harness import PLAYBOOK, TERMINAL, WAIT_SECONDS, Client, assert_gapless

USERS = 8
QUESTIONS = [("one Chai Latte please", "playbook"), ("what is 17 * 23?", "assistant"),
             ("how many words are in: the box is red", "assistant")]


class Chatter:
    """One user who sends one message after another, whatever the network does, and keeps an account.

    A message is sent again with its id until it is acknowledged; every new socket goes on with the
    cursor of the last one.
    """

    def __init__(self, user):
        self.user = user
        self.cursor = None
        self.acked = {}  # message id -> run id
        self.sent = 0
        self.events = []

    async def run(self, service, finish):
        """Chats over sockets of `service` until it is killed, or `finish` and all runs have ended."""
        client = Client(service, self.user, cursor=self.cursor,
                        from_=None if self.cursor else "start")
        try:
            async with client:
                while not finish.is_set():
                    await self.say_next(client)
                await client.wait_until(lambda: self.open_runs(client) == set(), "end of all runs")
        except (AssertionError, OSError, websockets.WebSocketException, asyncio.TimeoutError):
            if service.is_running():
                raise
        finally:
            self.events += client.events()
            with contextlib.suppress(StopIteration):
                self.cursor = client.last_cursor()

    async def say_next(self, client):
        message_id = f"m-{len(self.acked)}"
        content, agent = QUESTIONS[len(self.acked) % len(QUESTIONS)]
        run = await client.say(message_id, content, f"thread-{len(self.acked) % 2}", agent)
        self.acked[message_id] = run
        if len(self.acked) % 3 == 0:
            await client.wait_for_end(run)

    def open_runs(self, client):
        ended = {event["run_id"] for event in self.events + client.events()
                 if event["type"] in TERMINAL}
        return set(self.acked.values()) - ended


def acked_by(chatters):
    return sum(len(chatter.acked) for chatter in chatters)


async def wait_for_acks(chatters, more):
    """Waits, at most WAIT_SECONDS, until so many more messages are acknowledged."""
    due = acked_by(chatters) + more
    give_up = time.monotonic() + WAIT_SECONDS
    while acked_by(chatters) < due:
        assert time.monotonic() < give_up, f"{acked_by(chatters)} of {due} acks in time"
        await asyncio.sleep(0.005)


async def chat_until_killed(service, chatters, chance):
    """All chat; the service is killed at a random moment of that."""
    never = asyncio.Event()
    tasks = [asyncio.create_task(chatter.run(service, never)) for chatter in chatters]
    await wait_for_acks(chatters, chance.randint(1, 60))
    await asyncio.sleep(chance.uniform(0, 0.05))
    service.kill()
    await asyncio.gather(*tasks)


async def chat_to_the_end(service, chatters):
    finish = asyncio.Event()
    tasks = [asyncio.create_task(chatter.run(service, finish)) for chatter in chatters]
    await wait_for_acks(chatters, 2 * USERS)
    finish.set()
    await asyncio.gather(*tasks)


@pytest.fixture
def rounds(request):
    return request.config.getoption("--rounds")


@pytest.fixture
def chance(rounds):
    """When the service is killed; the seed is printed."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, {rounds} kills")
    return random.Random(seed)


def test_kill_loses_no_acked_message_doubles_none_and_ends_each_run_once(
        make_service, rounds, chance):
    chatters = [Chatter(f"user-{number}") for number in range(USERS)]
    service = make_service(playbook_latency_scale="10")
    for _ in range(rounds):
        asyncio.run(chat_until_killed(service.start(), chatters, chance))
        assert log_check.check(service.data).faults == []
    asyncio.run(chat_to_the_end(service.start(), chatters))
    assert service.stop() == 0

    report = log_check.check(service.data, complete=True)
    assert report.faults == []
    for chatter in chatters:
        assert_gapless(chatter.events)
        for message_id, run in chatter.acked.items():
            assert report.messages.get((chatter.user, message_id)) == run, "an acked message is lost"
            ends = [event["type"] for event in chatter.events
                    if event.get("run_id") == run and event["type"] in TERMINAL]
            assert len(ends) == 1, f"run {run} of {chatter.user} ended with {ends}"
    print(f"{acked_by(chatters)} acknowledged messages, {report.verdicts}")
    assert acked_by(chatters) >= rounds


def start_bench(service, history, number):
    """`bench chat` with users of its own, and the file it records everything in."""
    path = history / f"bench-{number}.jsonl"
    command = [service.command[0], "bench", "chat", "--url", f"ws://{service.address}/ws",
               "--conversations", PLAYBOOK, "--users", "30", "--limit", "600", "--pause", "20ms",
               "--seed", str(number), "--history", path]
    with open(path.with_suffix(".out"), "wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT), path


def wait_for_progress(bench, path):
    """Waits until the bench has recorded something more, or has ended."""
    size = path.stat().st_size if path.exists() else 0
    give_up = time.monotonic() + WAIT_SECONDS
    while bench.poll() is None and (not path.exists() or path.stat().st_size <= size):
        assert time.monotonic() < give_up, f"{path} does not grow"
        time.sleep(0.005)


def wait_for_bench(bench, path):
    try:
        code = bench.wait(4 * WAIT_SECONDS)
    finally:
        bench.kill()
        bench.wait()
    assert code == 0, path.with_suffix(".out").read_text("utf-8")[-2000:]


def acks(path):
    """(user, message id, run id) of every acknowledged message of a bench."""
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["kind"] == "ok" and line["op"] == "user_message":
                yield line["user"], line["message_id"], line["run_id"]


def test_kill_during_bench_chat_loses_and_doubles_nothing(make_service, tmp_path, rounds, chance):
    service = make_service(playbook_latency_scale="10").start()
    benches = []
    for _ in range(rounds):
        if not benches or benches[-1][0].poll() is not None:
            benches.append(start_bench(service, tmp_path, len(benches) + 1))
        wait_for_progress(*benches[-1])
        time.sleep(chance.uniform(0, 0.7))
        service.kill()
        service.start()
    for bench in benches:
        wait_for_bench(*bench)
    assert service.stop() == 0

    report = log_check.check(service.data, complete=True)
    assert report.faults == []
    counts = collections.Counter()
    for _, path in benches:
        for user, message_id, run in acks(path):
            assert report.messages.get((user, message_id)) == run, "an acked message is lost"
            counts["acks"] += 1
    print(f"{counts['acks']} acknowledged messages, {len(benches)} benches, {report.verdicts}")
    assert counts["acks"] >= rounds
