// npm ws with bufferutil, as its documentation has it; fan-out is the loop that it shows. With --deflate its contexts are kept,
// as they are by default.

import "bufferutil"; // ws takes it where it is there: here it must be
import { WebSocket, WebSocketServer } from "ws";
import { deflate, hostname, listening, port } from "./server.mjs";

const subscribers = new Set();

const server = new WebSocketServer({ host: hostname, port, perMessageDeflate: deflate }, () => listening(server.address().port));
server.on("connection", (socket, request) => {
  socket.on("error", () => {}); // a client that broke off
  switch (request.url) {
    case "/subscribe":
      subscribers.add(socket);
      socket.on("close", () => subscribers.delete(socket));
      break;
    case "/publish":
      socket.on("message", (data, isBinary) => {
        for (const subscriber of subscribers) {
          if (subscriber.readyState === WebSocket.OPEN) subscriber.send(data, { binary: isBinary });
        }
      });
      break;
    default:
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  }
});
