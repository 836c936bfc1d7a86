// What the Node and Deno peers share on the command line: arguments, JSON lines, the ways in which they end.

import process from "node:process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** One JSON line on standard output. */
export const print = (line) => console.log(JSON.stringify(line));

/** The options of a server: --port N [--cert FILE --key FILE] [--deflate JSON], the files read. */
export function serverOptions() {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "0" }, cert: { type: "string" }, key: { type: "string" },
      deflate: { type: "string" } },
  });
  return {
    port: Number(values.port),
    deflate: values.deflate,
    ...(values.cert && { cert: readFileSync(values.cert, "utf8"), key: readFileSync(values.key, "utf8") }),
  };
}

/** Announces a server, and ends it on SIGTERM and when standard input closes: no orphan outlives its parent. */
export function listening(port) {
  console.log(`LISTENING ${port}`);
  process.on("SIGTERM", () => process.exit(0));
  process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
}

/** Runs a client: URL [--ca FILE] [--plain] [--version N] [--deflate JSON] [--page URL]. `session` gets the URL, the file's name, whether
 * the server only echoes, what npm ws alone can choose (the version of the protocol and how it compresses), and for a browser the page
 * that it opens first. It gives whether all steps passed. */
export async function client(session) {
  const { values, positionals } = parseArgs({
    options: { ca: { type: "string" }, plain: { type: "boolean", default: false }, version: { type: "string" },
      deflate: { type: "string" }, page: { type: "string" } },
    allowPositionals: true,
  });
  if (positionals.length !== 1) {
    console.error("usage: URL [--ca FILE.pem] [--plain] [--version N] [--deflate JSON] [--page URL]");
    process.exit(64);
  }
  setTimeout(() => {
    print({ step: "time limit", ok: false, detail: "60 s have passed" });
    process.exit(2);
  }, 60_000);
  try {
    process.exit((await session(positionals[0], values.ca, values.plain, values.version, values.deflate, values.page)) ? 0 : 1);
  } catch (error) {
    print({ step: "session", ok: false, detail: String(error?.stack ?? error) });
    process.exit(1);
  }
}
