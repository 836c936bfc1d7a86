// The echo server's side of one connection, for npm ws and Deno (python_server.py is its twin). Text that starts with
// `!` is a command: `!close CODE REASON`, `!ping DATA`, `!fragments N TEXT`. npm ws can ping and send fragments;
// a socket that cannot answers `unsupported`.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { print } from "./command.mjs";

export const subprotocol = "echo.v1";

/** Serves a socket, already open or about to be, on which that subprotocol was chosen. */
export function serve(socket, protocol) {
  socket.binaryType = "arraybuffer";
  const opened = () => print({ event: "open", protocol });
  if (socket.readyState === 1) opened();
  else socket.addEventListener("open", opened);

  socket.addEventListener("message", ({ data }) => {
    const bytes = Buffer.from(data);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    print({ event: "message", type: typeof data === "string" ? "text" : "binary", length: bytes.length, sha256 });
    if (typeof data !== "string" || !command(socket, data)) socket.send(data);
  });
  socket.addEventListener("close", ({ code, reason, wasClean }) =>
    print({ event: "close", code, reason, clean: wasClean }));
  socket.addEventListener("error", (e) => failed(e.error ?? e));

  socket.on?.("ping", (data) => print({ event: "ping", data: data.toString() }));
  socket.on?.("pong", (data) => print({ event: "pong", data: data.toString() }));
}

/** An error of the server or of a connection, as an event. */
export const failed = (error) => print({ event: "error", message: error?.message || String(error) });

function command(socket, message) {
  const [, name, rest] = /^!(close|ping|fragments) ?(.*)$/s.exec(message) ?? [];
  const [, number, remainder] = /^(\d+) ?(.*)$/s.exec(rest) ?? [];
  if (name === "close") socket.close(Number(number), remainder);
  else if (name && !socket.ping) socket.send("unsupported");
  else if (name === "ping") ping(socket, rest);
  else if (name === "fragments") sendInFragments(socket, Number(number), Buffer.from(remainder));
  return name !== undefined;
}

function ping(socket, data) {
  const answered = (pong) => {
    if (pong.toString() !== data) return; // an unsolicited one
    socket.off("pong", answered);
    socket.send(`pong ${data}`);
  };
  socket.on("pong", answered);
  socket.ping(data);
}

function sendInFragments(socket, count, bytes) {
  const cut = (i) => Math.floor((bytes.length * i) / count);
  for (let i = 0; i < count; i++) {
    socket.send(bytes.subarray(cut(i), cut(i + 1)), { binary: false, fin: i === count - 1 });
  }
}
