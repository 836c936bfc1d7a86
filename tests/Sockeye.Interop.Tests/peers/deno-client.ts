// Client session on Deno: deno run --allow-all --no-lock deno-client.ts URL [--ca FILE] [--plain]

import { client, print } from "./command.mjs";
import { runSession } from "./session.mjs";

await client((url: string, caFile?: string, plain?: boolean) => {
  const trust = caFile && { client: Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(caFile)] }) };
  return runSession((protocols: string[]) => new WebSocket(url, { protocols, ...trust }), print, plain);
});
