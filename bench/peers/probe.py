"""Asks a server which compression it agrees to, and how small its echoes are: its speed is to be read with that."""

import base64
import json
import os
import random
import socket
import struct
import zlib

TAIL = b"\x00\x00\xff\xff"


def json_text(size, seed=1):
    """A text of exactly that many characters that looks like what services send: records of a few kinds of fields."""
    dice = random.Random(seed)
    words = "amber birch cedar delta ember fjord grove haven inlet jetty knoll ledge meadow north orchard prairie".split()
    records = []
    while True:
        records.append({
            "id": dice.randrange(10**9), "name": " ".join(dice.choices(words, k=2)), "active": dice.random() < 0.5,
            "balance": round(dice.uniform(0, 10**4), 2), "tags": dice.choices(words, k=3),
            "seen": f"2026-01-{dice.randrange(1, 29):02}T12:00:00Z"})
        text = json.dumps(records)
        if len(text) >= size:
            return text[:size]


def compression(port, messages=200, size=4096):
    """Has texts echoed and compressed: what was agreed on ("" where nothing was), and how many times smaller they came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        stream = connection.makefile("rb")
        agreed = handshake(connection, stream)
        if not agreed.startswith("permessage-deflate"):
            return "", None
        received = 0
        inflater = zlib.decompressobj(wbits=-15)
        deflater = zlib.compressobj(6, wbits=-15)
        for number in range(messages):
            if "client_no_context_takeover" in agreed:
                deflater = zlib.compressobj(6, wbits=-15)
            if "server_no_context_takeover" in agreed:
                inflater = zlib.decompressobj(wbits=-15)
            text = json_text(size, seed=number).encode()
            sent = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
            connection.sendall(masked_text(sent.removesuffix(TAIL)))
            is_compressed, payload = read_message(stream)
            received += len(payload)
            echo = inflater.decompress(payload + TAIL) if is_compressed else payload
            if echo != text:
                raise RuntimeError("the echo is not what was sent")
        return agreed, messages * size / received


def handshake(connection, stream):
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall((
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").encode())
    if b" 101 " not in stream.readline():
        raise RuntimeError("the server did not switch to WebSocket")
    agreed = ""
    while (line := stream.readline().decode().strip()):
        name, _, value = line.partition(":")
        if name.lower() == "sec-websocket-extensions":
            agreed = value.strip()
    return agreed


def masked_text(payload):
    """A compressed text message of a client, masked by zeros: this is no browser, and no proxy is between."""
    return struct.pack("!BBHI", 0xC1, 0x80 | 126, len(payload), 0) + payload


def read_message(stream):
    """The next message, its control frames passed over: whether it is compressed, and its payload as it came."""
    is_compressed, payload = False, b""
    while True:
        first, second = stream.read(2)
        length = second & 127
        if length == 126:
            length, = struct.unpack("!H", stream.read(2))
        elif length == 127:
            length, = struct.unpack("!Q", stream.read(8))
        body = stream.read(length)
        if first & 8:
            continue
        is_compressed = is_compressed or bool(first & 0x40)
        payload += body
        if first & 0x80:
            return is_compressed, payload
