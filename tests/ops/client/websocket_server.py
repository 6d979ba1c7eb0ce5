"""A WebSocket server that shares no code with the client under test. Prints its port, serves on
loopback until its standard input closes. What it does is chosen by the path."""
import asyncio
import http
import sys

import websockets


async def serve(socket, path):
    if path == "/echo":
        try:
            async for message in socket:
                await socket.send(message)
        except websockets.ConnectionClosedError:
            pass  # a client that lets go without a close frame
    elif path == "/ping":
        pong = await socket.ping(b"are you there")
        await asyncio.wait_for(pong, 10)
        await socket.send("pong came")
        await socket.wait_closed()
    elif path == "/fragments":
        await socket.send(part for part in ["one ", "two ", "thrée"])
        await socket.send("x" * 70000)
        await socket.wait_closed()
    elif path == "/close":
        await socket.close(4000, "draining")
    elif path == "/drop":
        socket.transport.abort()
    elif path == "/binary":
        await socket.send(b"bytes")
        await socket.wait_closed()
    elif path == "/header":
        await socket.send(socket.request_headers["Authorization"])
        await socket.wait_closed()
    elif path == "/closed-by-client":
        await socket.wait_closed()
        CLOSED.append(socket.close_code)
    elif path == "/last-close":
        await socket.send(str(CLOSED[-1]))
        await socket.wait_closed()
    elif path == "/silent":
        await socket.wait_closed()


CLOSED = []


async def refuse(path, headers):
    if path == "/refuse":
        return http.HTTPStatus.FORBIDDEN, [], b"no\n"
    return None


async def main():
    async with websockets.serve(serve, "127.0.0.1", 0, subprotocols=["signalbox.v1"],
                                process_request=refuse, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
