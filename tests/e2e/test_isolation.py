"""1,000 users connect, chat and drop at once; each gets their own events and no byte of another's.
The canary of a user is in what they say, in the arguments and the result of the tool that it takes,
in the pieces of the answer and in the answer."""
import asyncio
import json
import re
import resource
import secrets

import log_check

from harness import Client, assert_gapless

USERS = 1000
# Every place where 32 hex digits begin, so that a canary is found whatever stands around it.
CANARY = re.compile(r"(?=([0-9a-f]{32}))")
CARRIERS = {"message_received", "tool_executing", "tool_completed", "agent_completed"}


async def chat(service, user, token, canary, dropped_early):
    """One user: connects, says something, loses the network, comes back; all bytes they received."""
    client = Client(service, user, token)
    async with client:
        run = await client.say("m-1", f"convert {canary} to lowercase")
        if not dropped_early:
            await client.wait_for_end(run)
        await client.drop()
    events = client.events()
    again = Client(service, user, token, cursor=client.last_cursor())
    async with again:
        await again.wait_until(
            lambda: any(frame["type"] == "agent_completed" for frame in events + again.frames),
            "agent_completed")
    assert_gapless(events + again.events())
    frames = client.frames + again.frames
    assert {frame["user_id"] for frame in frames if "user_id" in frame} == {user}
    carried = {frame["type"] for frame in frames if canary in json.dumps(frame)}
    assert carried >= CARRIERS, f"{user} did not get what they said in every event: {carried}"
    return client.bytes + again.bytes, "agent_responding" in carried


def test_a_thousand_users_at_once_get_only_their_own_events(service):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * USERS)), hard))
    canaries = {f"user-{number:04}": secrets.token_hex(16) for number in range(USERS)}
    tokens = {user: service.token(user) for user in canaries}
    owners = {canary: user for user, canary in canaries.items()}

    async def story():
        return await asyncio.gather(*[
            chat(service, user, tokens[user], canary, dropped_early=number % 2 == 0)
            for number, (user, canary) in enumerate(canaries.items())])

    told = asyncio.run(story())
    # A piece of an answer may be overtaken by the answer, and is not told again to who was away.
    assert any(in_piece for _, in_piece in told), "no piece of an answer carried a canary"
    scanned = 0
    for user, (received, _) in zip(canaries, told, strict=True):
        for text in received:
            scanned += len(text)
            for found in CANARY.findall(text):
                assert owners.get(found, user) == user, \
                    f"{user} received a byte of {owners[found]}: {text[:300]}"
    print(f"{scanned} characters scanned for {USERS} canaries")
    for path in ("/metrics", "/healthz", "/readyz"):
        status, body = service.get(path)
        assert status == 200 and body, path
        assert not any(found in owners for found in CANARY.findall(body)), \
            f"{path} holds what a user wrote"
    assert service.stop() == 0
    report = log_check.check(service.data, complete=True)
    assert report.faults == []
    assert len(report.messages) == USERS
    log = service.log.read_text("utf-8")
    assert log, "the service logged nothing"
    assert not any(found in owners for found in CANARY.findall(log + service.said)), \
        "the service wrote what a user wrote"
    assert [line for line in log.splitlines() if "user-" in line or "thread-1" in line] == []
    assert not any(token in log for token in tokens.values()), "a token stands in the log"
