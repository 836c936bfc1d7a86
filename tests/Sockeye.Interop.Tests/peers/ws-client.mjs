// Client session on npm ws: node ws-client.mjs URL [--ca FILE] [--plain]

import { readFileSync } from "node:fs";
import { WebSocket } from "ws";
import { client, print } from "./command.mjs";
import { runSession } from "./session.mjs";

await client((url, caFile, plain) => {
  const options = { maxPayload: 256 * 1024 * 1024, ...(caFile && { ca: readFileSync(caFile) }) };
  return runSession((protocols) => new WebSocket(url, protocols, options), print, plain);
});
