// The client session that the JavaScript peers run: npm ws, Deno and the page in the browser (python_client.py is its
// twin). `connect(protocols)` gives a WebSocket with the standard interface; `report` takes { step, ok, detail }.
// npm ws adds ping() and send(data, { fin }) to that interface; a socket without them skips the step and says so.
// This file runs in a page as well: it imports nothing.

const sizes = [0, 125, 126, 65535, 65536, 1048576];
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Runs the three connections; true when every step passed. A `plain` server only echoes: it chooses no subprotocol and obeys
 * no command. */
export async function runSession(connect, report, plain = false) {
  let passed = true;
  for (const part of plain ? [echoes, withoutSubprotocol] : [echoes, closedByTheServer, withoutSubprotocol]) {
    let connection;
    const step = async (name, body) => {
      try {
        report({ step: name, ok: true, detail: (await body()) ?? "" });
      } catch (error) {
        report({ step: name, ok: false, detail: String(error?.message ?? error) });
        throw error;
      }
    };
    try {
      await part(step, async (protocols) => (connection = await Connection.open(connect(protocols))), plain);
    } catch {
      passed = false; // what follows on this connection has lost its footing; the next part starts afresh
      connection?.socket.close();
    }
  }
  return passed;
}

async function echoes(step, open, plain) {
  let peer;
  await step("connect with subprotocols", async () => {
    peer = await open(plain ? [] : ["nope.v9", "echo.v1"]);
    expect(peer.socket.protocol, plain ? "" : "echo.v1", "subprotocol");
  });

  for (const size of sizes) {
    await step(`text ${size}`, async () => {
      peer.socket.send(text(size));
      expectSame(await peer.next(), text(size));
    });
  }
  for (const size of sizes) {
    await step(`binary ${size}`, async () => {
      peer.socket.send(binary(size));
      expectSame(await peer.next(), binary(size));
    });
  }

  await step("fragmented message", async () => {
    if (!peer.socket.ping) return "unsupported by API";
    const message = text(3000);
    const bytes = encoder.encode(message); // cut anywhere, through code points too
    for (let from = 0; from < bytes.length; from += 1001) {
      peer.socket.send(bytes.subarray(from, from + 1001), { binary: false, fin: from + 1001 >= bytes.length });
    }
    expectSame(await peer.next(), message);
  });

  await step("fragments from the server", async () => {
    if (plain) return "not asked of a plain echo server";
    peer.socket.send("!fragments 3 hello fragments");
    const answer = await peer.next();
    if (answer === "unsupported") return "unsupported by peer";
    expectSame(answer, "hello fragments");
  });

  await step("ping", async () => {
    if (!peer.socket.ping) return "unsupported by API";
    const pong = new Promise((resolve) => peer.socket.once("pong", (data) => resolve(decoder.decode(data))));
    peer.socket.ping("are you there? 🐟");
    expect(await Promise.race([pong, peer.closedEarly()]), "are you there? 🐟", "pong");
  });

  await step("ping from the server", async () => {
    if (plain) return "not asked of a plain echo server";
    peer.socket.send("!ping hello");
    const answer = await peer.next();
    if (answer === "unsupported") return "unsupported by peer";
    expectSame(answer, "pong hello");
  });

  await step("close by the client", async () => {
    peer.socket.close(4001, "bye from client");
    const { code, reason, clean } = await peer.closed;
    expect(code, 4001, "close code");
    expect(clean, true, "clean close");
    return `reason echoed: ${JSON.stringify(reason)}`;
  });
}

async function closedByTheServer(step, open) {
  let peer;
  await step("connect again", async () => {
    peer = await open(["nope.v9", "echo.v1"]);
  });
  await step("close by the server", async () => {
    peer.socket.send("!close 4002 bye from server");
    const { code, reason, clean } = await peer.closed;
    expect(code, 4002, "close code");
    expect(reason, "bye from server", "close reason");
    expect(clean, true, "clean close");
  });
}

async function withoutSubprotocol(step, open) {
  await step("connect without subprotocols", async () => {
    const peer = await open([]);
    expect(peer.socket.protocol, "", "subprotocol");
    peer.socket.close(1000);
    const { code, clean } = await peer.closed;
    expect(code, 1000, "close code");
    expect(clean, true, "clean close");
  });
}

/** A socket whose messages and end can be awaited. */
class Connection {
  #arrived = [];
  #wake = () => {};
  #error = "";

  constructor(socket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("error", (e) => (this.#error = e.message || e.error?.message || ""));
    socket.addEventListener("message", (e) => {
      this.#arrived.push(typeof e.data === "string" ? e.data : new Uint8Array(e.data));
      this.#wake();
    });
    this.closed = new Promise((resolve) =>
      socket.addEventListener("close", (e) => resolve({ code: e.code, reason: e.reason, clean: e.wasClean })));
  }

  static async open(socket) {
    const connection = new Connection(socket);
    const opened = new Promise((resolve) => socket.addEventListener("open", resolve));
    await Promise.race([opened, connection.closedEarly()]);
    return connection;
  }

  async closedEarly() {
    const { code, reason } = await this.closed;
    throw new Error(`closed with ${code} ${JSON.stringify(reason)} ${this.#error}`.trimEnd());
  }

  async next() {
    while (this.#arrived.length === 0) {
      await Promise.race([new Promise((resolve) => (this.#wake = resolve)), this.closedEarly()]);
    }
    return this.#arrived.shift();
  }
}

/** Text of that many UTF-8 bytes, numbered so that no two stretches are alike, one to four bytes a character. */
function text(size) {
  let result = "";
  for (let number = 0, length = 0; length < size; number++) {
    const piece = `${number} κόσμε 🐟 `;
    const bytes = encoder.encode(piece).length;
    result += length + bytes <= size ? piece : ".".repeat(size - length);
    length += bytes;
  }
  return result;
}

/** That many bytes of a linear congruential generator. */
function binary(size) {
  const bytes = new Uint8Array(size);
  for (let i = 0, state = size; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function expect(actual, expected, what) {
  if (actual !== expected) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
  }
}

function expectSame(actual, expected) {
  expect(typeof actual === "string" ? "text" : "binary", typeof expected === "string" ? "text" : "binary", "type");
  expect(actual.length, expected.length, "length");
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] !== expected[i]) throw new Error(`differs at ${i} of ${expected.length}`);
  }
}
