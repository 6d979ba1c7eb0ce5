"""kill -9 while users chat: no acknowledged message is lost or doubled, each run ends exactly once."""
import asyncio
import contextlib
import random

import log_check
import websockets

from harness import TERMINAL, Client, assert_gapless

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


async def chat_until_killed(service, chatters, chance):
    """All chat; the service is killed at a random moment."""
    never = asyncio.Event()
    tasks = [asyncio.create_task(chatter.run(service, never)) for chatter in chatters]
    await asyncio.sleep(chance.uniform(0.05, 0.8))
    service.kill()
    await asyncio.gather(*tasks)


async def chat_to_the_end(service, chatters):
    finish = asyncio.Event()
    tasks = [asyncio.create_task(chatter.run(service, finish)) for chatter in chatters]
    await asyncio.sleep(0.5)
    finish.set()
    await asyncio.gather(*tasks)


def test_kill_loses_no_acked_message_doubles_none_and_ends_each_run_once(make_service, request):
    rounds = request.config.getoption("--rounds")
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, {rounds} kills")
    chance = random.Random(seed)
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
    acked = sum(len(chatter.acked) for chatter in chatters)
    print(f"{acked} acknowledged messages, {report.verdicts}")
    assert acked >= rounds
