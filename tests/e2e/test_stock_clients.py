"""What a client written by somebody else does: connect, talk, lose the network, resume.

--client names one of stock_client.CLIENTS; where its tool chain is not on the machine, all of it is
skipped by name. What it needs from a package registry is made once in --client-build.
"""
import asyncio
import pathlib

import pytest

from harness import Client, assert_gapless
from stock_client import CLIENTS, Driver, Missing, Network, StockClient

USER = "105945141827451681156"


def pytest_generate_tests(metafunc):
    if "way" in metafunc.fixturenames:
        metafunc.parametrize("way", CLIENTS[metafunc.config.getoption("--client")][1])


@pytest.fixture(scope="session")
def command(request):
    """How the driver is started."""
    make, _ = CLIENTS[request.config.getoption("--client")]
    try:
        return make(pathlib.Path(request.config.getoption("--client-build")).absolute())
    except Missing as missing:
        pytest.skip(str(missing))


async def talk(client, message_id, numbers):
    """A question and its whole answer; the run id."""
    run = await client.say(message_id, f"what is {numbers[0]} * {numbers[1]}?")
    end = (await client.wait_for_end(run))[-1]
    assert end["type"] == "agent_completed", end
    assert str(numbers[0] * numbers[1]) in end["data"]["content"], end
    return run


def test_connects_talks_loses_the_network_and_resumes(service, command, way):
    async def story():
        token = service.token(USER)
        async with Driver(command) as driver, Network(service) as network, \
                Client(service, USER, from_="start") as other:
            async with StockClient(driver, network, USER, token, way, from_="start") as client:
                assert client.subprotocol == "signalbox.v1"
                await client.wait_for(type="caught_up")
                await talk(client, "m-1", (17, 23))
                cut_off = await client.say("m-2", "what is 19 * 29?")
                network.lose()
                assert await client.wait_closed() != 1000
            seen = client.events()

            # A lost network cancels nothing, and another device goes on.
            await other.wait_for_end(cut_off)
            await talk(other, "m-3", (31, 37))

            async with StockClient(driver, network, USER, token, way,
                                   cursor=client.last_cursor()) as client:
                await client.wait_for(type="caught_up")
                seen_while_away = len(client.events())
                assert seen_while_away > 0
                run = await talk(client, "m-4", (41, 43))
                await other.wait_for_end(run)
                assert await client.close() == 1000
            seen += client.events()
            assert_gapless(seen)
            assert seen == other.events()

    asyncio.run(story())
