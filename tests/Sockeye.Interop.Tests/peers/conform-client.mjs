// Client for suites that judge clients, on npm ws: node conform-client.mjs URL --agent NAME [--spoil N --reason TEXT]
// Echoes in every case; with --spoil it closes case N at once, with code 4000 and the reason.

import { parseArgs } from "node:util";
import process from "node:process";
import { WebSocket } from "ws";

const { values, positionals: [url] } = parseArgs({
  options: { agent: { type: "string" }, spoil: { type: "string" }, reason: { type: "string" } },
  allowPositionals: true,
});
const agent = encodeURIComponent(values.agent);

/** Connects, and resolves with the first message once the connection has ended. */
const visit = (path, onOpen, echoes = false) => new Promise((resolve, reject) => {
  let first;
  const socket = new WebSocket(url + path, { maxPayload: 64 * 1024 * 1024 });
  socket.on("open", () => onOpen?.(socket));
  socket.on("message", (data, isBinary) => {
    first ??= String(data);
    if (echoes) socket.send(data, { binary: isBinary });
  });
  socket.on("error", (error) => echoes || reject(error)); // violations are what the cases are about
  socket.on("close", () => resolve(first));
});

const count = Number(await visit("/getCaseCount"));
for (let number = 1; number <= count; number++) {
  const path = `/runCase?case=${number}&agent=${agent}`;
  if (number === Number(values.spoil)) await visit(path, (socket) => socket.close(4000, values.reason));
  else await visit(path, undefined, true);
}
await visit(`/updateReports?agent=${agent}`);
console.log(`${count} cases played`);
process.exit(0);
