"""Echo server on websockets (Debian's python3-websockets): python3 python_server.py --port N [--cert FILE --key FILE]

The twin of echo.mjs: the same commands, the same events.
"""

import argparse
import asyncio
import hashlib
import json
import logging
import os
import re
import signal
import ssl
import sys
import threading

import websockets
from websockets.server import WebSocketServerProtocol

SUBPROTOCOL = "echo.v1"


def emit(event, **details):
    print(json.dumps({"event": event, **details}, ensure_ascii=False, separators=(",", ":")), flush=True)


class Connection(WebSocketServerProtocol):
    """Shows the pings that the library answers by itself."""

    async def pong(self, data=b""):
        emit("ping", data=bytes(data).decode("utf-8", "replace"))
        await super().pong(data)


class ErrorEvents(logging.Handler):
    """What the library would log (failed handshakes, handlers that raise) as error events."""

    def emit(self, record):
        error = record.exc_info[1] if record.exc_info else None
        emit("error", message=record.getMessage() + (f": {error}" if error else ""))


async def serve(socket):
    emit("open", protocol=socket.subprotocol or "")
    try:
        async for message in socket:
            data = message.encode() if isinstance(message, str) else message
            kind = "text" if isinstance(message, str) else "binary"
            emit("message", type=kind, length=len(data), sha256=hashlib.sha256(data).hexdigest())
            if kind == "binary" or not await command(socket, message):
                await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    await socket.wait_closed()
    clean = socket.close_rcvd is not None and socket.close_sent is not None
    emit("close", code=socket.close_code, reason=socket.close_reason, clean=clean)


async def command(socket, message):
    if match := re.fullmatch(r"!close (\d+) ?(.*)", message, re.DOTALL):
        await socket.close(int(match[1]), match[2])
    elif match := re.fullmatch(r"!ping ?(.*)", message, re.DOTALL):
        await (await socket.ping(match[1]))
        emit("pong", data=match[1])
        await socket.send(f"pong {match[1]}")
    elif match := re.fullmatch(r"!fragments (\d+) ?(.*)", message, re.DOTALL):
        pieces, text = max(int(match[1]) - 1, 1), match[2]  # the library adds an empty last fragment of its own
        cuts = [len(text) * i // pieces for i in range(pieces + 1)]
        await socket.send(text[start:end] for start, end in zip(cuts, cuts[1:]))
    return match is not None


def exit_when_stdin_closes():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


async def run():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--cert")
    arguments.add_argument("--key")
    options = arguments.parse_args()

    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    server = await websockets.serve(
        serve, "127.0.0.1", options.port, ssl=tls, create_protocol=Connection,
        subprotocols=[SUBPROTOCOL], max_size=256 * 1024 * 1024, ping_interval=None)
    print(f"LISTENING {server.sockets[0].getsockname()[1]}", flush=True)
    threading.Thread(target=exit_when_stdin_closes, daemon=True).start()
    await asyncio.Future()


sys.stdout.reconfigure(encoding="utf-8")
logger = logging.getLogger("websockets.server")
logger.addHandler(ErrorEvents(logging.ERROR))
logger.propagate = False
asyncio.run(run())
