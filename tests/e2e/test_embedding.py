"""dice_box (ops/examples): a program that embeds signalbox with an agent and a tool of its own."""
import asyncio
import pathlib
import re
import subprocess

import pytest

from harness import Client, Service


@pytest.fixture
def dice_box(request):
    return pathlib.Path(request.config.getoption("--program")).parent / "ops/examples/dice_box"


@pytest.fixture
def service(dice_box, tmp_path):
    made = Service(dice_box, tmp_path / "data").start()
    yield made
    if made.is_running():
        made.kill()


def check_answer(events):
    """The answer is of the faces that were recorded, and of no other throw."""
    thrown = [event["data"] for event in events if event["type"] == "tool_completed"]
    assert [data["name"] for data in thrown] == ["throw_dice"]
    faces = thrown[0]["result"]["faces"]
    answer = events[-1]["data"]["content"]
    assert answer.startswith(f"{' + '.join(map(str, faces))} = {sum(faces)}"), (faces, answer)
    return faces


def test_the_agent_stands_beside_the_default_ones(service):
    async def scenario():
        async with Client(service, "alice") as alice:
            own = await alice.wait_for_end(await alice.say("m-1", "throw 3 dice", agent="dice"))
            assert len(check_answer(own)) == 3
            assert own[0]["type"] == "message_received" and own[-1]["type"] == "agent_completed"
            again = await alice.wait_for_end(await alice.say("m-2", "throw 101!", agent="dice"))
            assert again[-1]["data"]["content"].startswith("I cannot throw them: there are 1 to 100")
            other = await alice.wait_for_end(await alice.say("m-3", "what is 2 + 3?"))
            assert "5" in other[-1]["data"]["content"]

    asyncio.run(scenario())


def test_after_a_kill_its_runs_go_on_from_what_was_recorded(service, request, dice_box):
    threads = range(6)

    async def before():
        async with Client(service, "alice") as alice:
            runs = [await alice.say(f"m-{thread}-{i}", f"throw {i + 1} dice", f"t-{thread}", "dice")
                    for i in range(4) for thread in threads]
            await alice.wait_for(type="agent_completed")
            service.kill()
            return runs

    async def after(runs):
        async with Client(service, "alice", from_="start") as alice:
            for number, run in enumerate(runs):
                events = await alice.wait_for_end(run)
                assert len(check_answer(events)) == number // len(threads) + 1

    def rerun(program, run):
        return subprocess.run([program, "replay", "rerun", "--data", service.data,
                               "--user", "alice", "--run", run], capture_output=True, text=True,
                              timeout=60, check=False, env=service.environment)

    runs = asyncio.run(before())
    service.start()
    asyncio.run(after(runs))
    for run in (runs[0], runs[-1]):
        done = rerun(dice_box, run)
        assert done.returncode == 0, done.stdout + done.stderr
    done = rerun(request.config.getoption("--program"), runs[0])
    assert done.returncode == 1 and "there is no agent 'dice' today" in done.stderr


def test_a_client_of_the_plain_program_cannot_name_it(make_service):
    async def scenario():
        service = make_service().start()
        async with Client(service, "alice") as alice:
            await alice.send({"type": "user_message", "message_id": "m-1", "thread_id": "t-1",
                              "content": "throw 3 dice", "agent": "dice"})
            error = await alice.wait_for(type="error")
            assert error["code"] == "unknown_agent"

    asyncio.run(scenario())


def test_its_settings_name_it(dice_box, service):
    printed = subprocess.run([dice_box, "serve", "--dev", "--print-config"], capture_output=True,
                             text=True, check=True, timeout=60, env=service.environment).stdout
    assert re.search(r'^gateway.agents = \["assistant", "playbook", "dice"\]', printed, re.MULTILINE)
