"""Client session on websockets (Debian's python3-websockets): python3 python_client.py URL [--ca FILE] [--plain]

The twin of session.mjs: the same steps, the same lines.
"""

import argparse
import asyncio
import json
import os
import ssl
import sys

import websockets

SIZES = [0, 125, 126, 65535, 65536, 1048576]
PROTOCOLS = ["nope.v9", "echo.v1"]


async def step(name, body):
    try:
        report(name, True, await body() or "")
    except Exception as error:
        report(name, False, f"{type(error).__name__}: {error}")
        raise


def report(name, ok, detail):
    print(json.dumps({"step": name, "ok": ok, "detail": detail}, ensure_ascii=False, separators=(",", ":")), flush=True)


async def echoes(connect, plain):
    peer = None

    async def open_with_subprotocols():
        nonlocal peer
        peer = await connect(None if plain else PROTOCOLS)
        expect(peer.subprotocol, None if plain else "echo.v1", "subprotocol")

    async def echo(message):
        await peer.send(message)
        expect_same(await peer.recv(), message)

    async def fragmented():
        message = text(3000)
        await peer.send(message[start:start + 701] for start in range(0, len(message), 701))
        expect_same(await peer.recv(), message)

    async def ask(command, expected):
        if plain:
            return "not asked of a plain echo server"
        await peer.send(command)
        answer = await peer.recv()
        if answer == "unsupported":
            return "unsupported by peer"
        expect_same(answer, expected)

    async def ping():
        await (await peer.ping("are you there? 🐟"))

    async def close():
        await peer.close(4001, "bye from client")
        expect_end(peer, 4001)
        return f"reason echoed: {json.dumps(peer.close_reason)}"

    await step("connect with subprotocols", open_with_subprotocols)
    for size in SIZES:
        await step(f"text {size}", lambda: echo(text(size)))
    for size in SIZES:
        await step(f"binary {size}", lambda: echo(binary(size)))
    await step("fragmented message", fragmented)
    await step("fragments from the server", lambda: ask("!fragments 3 hello fragments", "hello fragments"))
    await step("ping", ping)
    await step("ping from the server", lambda: ask("!ping hello", "pong hello"))
    await step("close by the client", close)


async def closed_by_the_server(connect, _):
    peer = None

    async def open_again():
        nonlocal peer
        peer = await connect(PROTOCOLS)

    async def close():
        await peer.send("!close 4002 bye from server")
        await peer.wait_closed()
        expect_end(peer, 4002)
        expect(peer.close_reason, "bye from server", "close reason")

    await step("connect again", open_again)
    await step("close by the server", close)


async def without_subprotocol(connect, _):
    async def open_and_close():
        peer = await connect(None)
        expect(peer.subprotocol, None, "subprotocol")
        await peer.close(1000)
        expect_end(peer, 1000)

    await step("connect without subprotocols", open_and_close)


def text(size):
    """Text of that many UTF-8 bytes, numbered so that no two stretches are alike, one to four bytes a character."""
    pieces, length, number = [], 0, 0
    while length < size:
        piece = f"{number} κόσμε 🐟 "
        count = len(piece.encode())
        pieces.append(piece if length + count <= size else "." * (size - length))
        length += count
        number += 1
    return "".join(pieces)


def binary(size):
    """That many bytes of a linear congruential generator."""
    state, result = size, bytearray(size)
    for i in range(size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        result[i] = state >> 24
    return bytes(result)


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def expect_same(actual, expected):
    expect(type(actual).__name__, type(expected).__name__, "type")
    expect(len(actual), len(expected), "length")
    if actual != expected:
        at = next(i for i in range(len(expected)) if actual[i] != expected[i])
        raise AssertionError(f"differs at {at} of {len(expected)}")


def expect_end(peer, code):
    expect(peer.close_code, code, "close code")
    expect(peer.close_rcvd is not None and peer.close_sent is not None, True, "clean close")


async def session(url, tls, plain):
    def connect(protocols):
        return websockets.connect(url, ssl=tls, subprotocols=protocols, max_size=256 * 1024 * 1024, ping_interval=None)

    passed = True
    for part in (echoes, without_subprotocol) if plain else (echoes, closed_by_the_server, without_subprotocol):
        try:
            await part(connect, plain)
        except Exception:
            passed = False  # reported; the next part starts afresh
    return passed


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("--ca")
    arguments.add_argument("--plain", action="store_true")
    options = arguments.parse_args()
    sys.stdout.reconfigure(encoding="utf-8")
    tls = ssl.create_default_context(cafile=options.ca) if options.url.startswith("wss:") else None
    try:
        code = 0 if asyncio.run(asyncio.wait_for(session(options.url, tls, options.plain), 60)) else 1
    except asyncio.TimeoutError:
        report("time limit", False, "60 s have passed")
        code = 2
    os._exit(code)


main()
