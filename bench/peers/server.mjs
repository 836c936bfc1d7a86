// What the servers on Node, Bun and Deno share: the arguments [--port N] [--deflate] [--tls FOLDER], the line that says where they listen,
// and how they end.

import process from "node:process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, deflate: { type: "boolean", default: false }, tls: { type: "string" } },
});

export const hostname = "127.0.0.1";
export const port = Number(values.port);
export const deflate = values.deflate;
export const certificates = values.tls;

/** Says where the server listens, and ends it when standard input closes: no orphan outlives its parent. */
export function listening(port) {
  console.log(`LISTENING ${port}`);
  process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
}
