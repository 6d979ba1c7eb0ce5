"""1,000 users connect, chat and drop at once; each gets their own events and no byte of another's."""
import asyncio
import re
import resource
import secrets

import log_check

from harness import Client, assert_gapless

USERS = 1000
# Every place where 32 hex digits begin, so that a canary is found whatever stands around it.
CANARY = re.compile(r"(?=([0-9a-f]{32}))")


async def chat(service, user, token, canary, dropped_early):
    """One user: connects, says something, loses the network, comes back; all bytes they received."""
    client = Client(service, user, token)
    async with client:
        run = await client.say("m-1", f"what is 6 * 7? {canary}")
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
    assert {event["user_id"] for event in events + again.events()} == {user}
    received = client.bytes + again.bytes
    assert any(canary in text for text in received), f"{user} did not get what they said"
    return received


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

    scanned = 0
    for user, received in zip(canaries, asyncio.run(story()), strict=True):
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
