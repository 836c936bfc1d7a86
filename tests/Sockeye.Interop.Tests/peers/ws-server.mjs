// Echo server on npm ws: node ws-server.mjs --port N [--cert FILE --key FILE] [--deflate JSON]

import { createServer as createPlain } from "node:http";
import { createServer as createSecure } from "node:https";
import { WebSocketServer } from "ws";
import { listening, serverOptions } from "./command.mjs";
import { failed, serve, subprotocol } from "./echo.mjs";

const options = serverOptions();
const server = (options.cert ? createSecure : createPlain)(options, (_, response) => response.writeHead(426).end());
server.on("tlsClientError", failed);

new WebSocketServer({
  server,
  maxPayload: 256 * 1024 * 1024,
  perMessageDeflate: options.deflate ? JSON.parse(options.deflate) : true,
  handleProtocols: (offered) => offered.has(subprotocol) && subprotocol,
}).on("connection", (socket) => serve(socket, socket.protocol)).on("wsClientError", (error, socket) => {
  failed(error);
  socket.destroy();
});

server.listen(options.port, "127.0.0.1", () => listening(server.address().port));
