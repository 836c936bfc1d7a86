// Deno's own server, as its documentation has it. It knows no compression, and no publishing: a loop over the subscribers.

import { hostname, listening, port } from "./server.mjs";

const subscribers = new Set<WebSocket>();

Deno.serve({ hostname, port, onListen: ({ port }) => listening(port) }, (request) => {
  if (request.headers.get("upgrade") !== "websocket") return new Response("not a WebSocket handshake\n", { status: 426 });
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  switch (request.url.slice(request.url.indexOf("/", "http://".length))) {
    case "/subscribe":
      socket.onopen = () => subscribers.add(socket);
      socket.onclose = () => subscribers.delete(socket);
      break;
    case "/publish":
      socket.onmessage = ({ data }) => {
        for (const subscriber of subscribers) {
          if (subscriber.readyState === WebSocket.OPEN) subscriber.send(data);
        }
      };
      break;
    default:
      socket.onmessage = ({ data }) => socket.send(data);
  }
  return response;
});
