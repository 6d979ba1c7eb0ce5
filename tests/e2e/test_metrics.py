"""/metrics as Prometheus judges it, by its own promtool; skipped where that is not on the machine
(Debian has it in the package prometheus)."""
import asyncio
import shutil
import subprocess

import pytest
import websockets

from harness import Client


def check(text):
    """What promtool has to say; nothing where all is well."""
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not on the machine")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 0 or done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_has_nothing_to_say_about_metrics(service):
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
