// Bun's own server, as its documentation has it: one set of handlers for all connections, and topics for fan-out.

import { certificates, deflate, hostname, listening, port } from "./server.mjs";

const server = Bun.serve<{ path: string }>({
  hostname,
  port,
  tls: certificates && { cert: Bun.file(`${certificates}/server.pem`), key: Bun.file(`${certificates}/server.key`) },
  fetch(request, server) {
    const path = request.url.slice(request.url.indexOf("/", "http://".length));
    if (!server.upgrade(request, { data: { path } })) return new Response("not a WebSocket handshake\n", { status: 426 });
  },
  websocket: {
    // "dedicated" keeps the context from message to message; `true` would not.
    perMessageDeflate: deflate && { compress: "dedicated", decompress: "dedicated" },
    open(socket) {
      if (socket.data.path === "/subscribe") socket.subscribe("all");
    },
    message(socket, message) {
      if (socket.data.path === "/publish") server.publish("all", message);
      else socket.send(message, deflate);
    },
  },
});

listening(server.port);
