// Echo server on Deno: deno run --allow-all --no-lock deno-server.ts --port N [--cert FILE --key FILE]

import { listening, serverOptions } from "./command.mjs";
import { failed, serve, subprotocol } from "./echo.mjs";

Deno.serve({
  ...serverOptions(),
  hostname: "127.0.0.1",
  onListen: ({ port }) => listening(port),
}, (request) => {
  try {
    const offered = request.headers.get("sec-websocket-protocol") ?? "";
    const chosen = offered.split(",").some((name) => name.trim() === subprotocol) ? subprotocol : "";
    // Deno 2.9 finds the choice only in a list joined by ", ", and npm ws joins by ",": then the header is set by hand.
    const found = offered.split(", ").includes(chosen);
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: found ? chosen : undefined });
    if (chosen && !found) response.headers.set("sec-websocket-protocol", chosen);
    serve(socket, chosen);
    return response;
  } catch (error) {
    failed(error);
    return new Response("not a WebSocket handshake\n", { status: 426 });
  }
});
