"""Search in one's own history, on the real archive, which follows the log by some time."""
import asyncio
import shutil

from harness import Client


def search_result(client, run):
    return next(event["data"]["result"] for event in client.run_events(run)
                if event["type"] == "tool_completed")


async def search(client, message_id):
    run = await client.say(message_id, "search for bicycle")
    await client.wait_for_end(run)
    return search_result(client, run)


def test_a_search_finds_what_was_said_just_before(make_service):
    """It answered that there was nothing, as complete, before the archive had the message."""
    service = make_service().start()

    async def story():
        async with Client(service, "ann") as ann:
            for number in range(5):
                said = await ann.say(f"m-{number}", f"my bicycle number {number} is red")
                await ann.wait_for_end(said)
                found = await search(ann, f"s-{number}")
                assert [match["content"] for match in found["matches"]] == [
                    f"my bicycle number {earlier} is red" if not asked else "search for bicycle"
                    for earlier, asked in newest_first(number)], found

    asyncio.run(story())
    assert service.stop() == 0


def newest_first(number):
    """What was said and asked before the search of that number, at most five of them."""
    before = [(number, False)]
    for earlier in reversed(range(number)):
        before += [(earlier, True), (earlier, False)]
    return before[:5]


def test_a_search_in_an_archive_that_was_lost_finds_all_of_it(make_service):
    service = make_service().start()

    async def say():
        async with Client(service, "ann") as ann:
            await ann.wait_for_end(await ann.say("m-1", "my bicycle is red"))

    asyncio.run(say())
    assert service.stop() == 0
    shutil.rmtree(service.data / "archive")
    service.start()

    async def ask():
        async with Client(service, "ann") as ann:
            found = await search(ann, "s-1")
            assert [match["content"] for match in found["matches"]] == ["my bicycle is red"]
            assert found["complete"] is True

    asyncio.run(ask())
    assert service.stop() == 0
