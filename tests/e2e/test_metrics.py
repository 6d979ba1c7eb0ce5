"""/metrics as Prometheus judges it, by its own promtool: that of the machine, or one unpacked into the
build tree; skipped by name where neither is to be had."""
import asyncio
import pathlib
import subprocess

import pytest
import websockets

from harness import Client

GET_PROMTOOL = pathlib.Path(__file__).parent / "get_promtool.sh"
SKIPPED = 77


@pytest.fixture(name="check", scope="session")
def fixture_check(request):
    """What promtool has to say about a text; nothing where all is well."""
    build = pathlib.Path(request.config.getoption("--program")).resolve().parent
    got = subprocess.run([GET_PROMTOOL, build / "promtool"], stdout=subprocess.PIPE, text=True,
                         timeout=240, check=False)
    if got.returncode == SKIPPED:
        pytest.skip(got.stdout.strip())
    assert got.returncode == 0, "get_promtool.sh failed"

    def check(text):
        done = subprocess.run([got.stdout.strip(), "check", "metrics"], input=text,
                              capture_output=True, text=True, timeout=30, check=False)
        told = done.stdout + done.stderr
        assert done.returncode == 0 or told
        return told

    return check


def test_promtool_has_nothing_to_say_about_metrics(service, check):
    async def live():
        """Something in every family: a run, an error, a refused handshake, a closed socket."""
        async with Client(service, "ann") as client:
            await client.wait_for_end(await client.say("m1", "1+1"))
            await client.send({"type": "nothing"})
            await client.wait_for(type="error")
            with pytest.raises(websockets.InvalidStatusCode):
                await Client(service, "ann", "wrong").connect()

    asyncio.run(live())
    status, text = service.get("/metrics")
    assert status == 200
    for family in ("errors", "closes", "refused_handshakes"):
        assert f"signalbox_gateway_{family}_total{{" in text
    assert check(text) == ""
    wrong = text.replace("# HELP signalbox_gateway_acks_total ", "# HELP signalbox_gateway_acks ")
    assert "signalbox_gateway_acks_total" in check(wrong), "what is wrong is told"
