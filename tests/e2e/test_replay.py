"""`signalbox replay` on the data directory of a running service and on a copy of it."""
import json
import shutil
import subprocess

import pytest

from harness import Client


@pytest.fixture
def replay(request):
    """Runs a verb; the finished process."""
    program = request.config.getoption("--program")

    def run(verb, data, *words):
        return subprocess.run([program, "replay", verb, "--data", str(data), *words],
                              capture_output=True, text=True, timeout=60, check=False)

    return run


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
    run = seen[0]["run_id"]
    of_run = objects(replay("timeline", copy, "--user", "anna", "--run", run, "--json"))
    assert of_run and {e["run_id"] for e in of_run} == {run}


def test_what_cannot_be_done_is_said(replay, tmp_path):
    nothing = replay("timeline", tmp_path / "nowhere")
    assert nothing.returncode == 1 and "there is no log in" in nothing.stderr
    for words, named in ((["--type", "agent_stared"], "--type"), (["--since", "noon"], "--since"),
                         (["--run", "7"], "--run"), (["--user", "\t"], "--user"),
                         (["--thread", "\n"], "--thread")):
        refused = replay("timeline", tmp_path, *words)
        assert refused.returncode == 2, refused.stderr
        assert named in refused.stderr
