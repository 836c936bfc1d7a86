"""Asks a server whether it compresses: some cannot, and some only without a context."""

import base64
import os
import socket


def agreed_extension(port):
    """The server's answer to an offer of permessage-deflate; empty where it declines."""
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall((
            "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").encode())
        with connection.makefile("rb") as answer:
            if b" 101 " not in answer.readline():
                raise RuntimeError("the server did not switch to WebSocket")
            while line := answer.readline().decode().strip():
                name, _, value = line.partition(":")
                if name.lower() == "sec-websocket-extensions":
                    return value.strip()
            return ""
