// Client session on npm ws: node ws-client.mjs URL [--ca FILE] [--plain] [--version 8|13] [--deflate JSON]
// With a version it also names the server's own origin, as a page of that server would.

import { readFileSync } from "node:fs";
import { WebSocket } from "ws";
import { client, print } from "./command.mjs";
import { runSession } from "./session.mjs";

await client((url, caFile, plain, version, deflate) => {
  const options = {
    maxPayload: 256 * 1024 * 1024,
    ...(caFile && { ca: readFileSync(caFile) }),
    ...(deflate && { perMessageDeflate: JSON.parse(deflate) }),
    ...(version && { protocolVersion: Number(version), origin: `http://${new URL(url).host}` }),
  };
  return runSession((protocols) => new WebSocket(url, protocols, options), print, plain);
});
