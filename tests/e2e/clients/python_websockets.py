"""Driver of Python's `websockets`; what drivers are told and say: tests/e2e/stock_client.py."""
import asyncio
import sys

import websockets


def say(*words):
    print(*words, sep="\t", flush=True)


async def read(socket):
    try:
        async for text in socket:
            say("text", text)
    except websockets.ConnectionClosed:
        pass
    say("closed", socket.close_code)


async def connect(url, way, token):
    protocols, headers = ["signalbox.v1"], {}
    if way == "header":
        headers["Authorization"] = f"Bearer {token}"
    elif way == "subprotocol":
        protocols.append(f"bearer.{token}")
    socket = await websockets.connect(url, subprotocols=protocols, extra_headers=headers)
    say("open", socket.subprotocol)
    return socket, asyncio.create_task(read(socket))


async def main():
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    socket = reader = None
    while line := await lines.readline():
        verb, *words = line.decode("utf-8").rstrip("\n").split("\t")
        if verb == "connect":
            socket, reader = await connect(*words)
        elif verb == "send":
            await socket.send(words[0])
        elif verb == "close":
            await socket.close()
            await reader


asyncio.run(main())
