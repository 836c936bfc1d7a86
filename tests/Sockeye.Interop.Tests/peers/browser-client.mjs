// Client session in a page in headless Chromium: node browser-client.mjs URL [--ca FILE] [--plain]
// The page is served from http://127.0.0.1:<any port>, which is the Origin that the WebSocket server sees.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright-core";
import { client, print } from "./command.mjs";

const home = mkdtempSync(join(tmpdir(), "sockeye-browser-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true }));

await client(async (url, caFile, plain) => {
  if (caFile) trust(caFile);
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
    env: { ...process.env, HOME: home },
  });
  try {
    const page = await browser.newPage();
    await page.exposeFunction("report", print);
    await page.goto(await servePage());
    return await page.evaluate(async ([url, plain]) => {
      const { runSession } = await import("/session.mjs");
      return await runSession((protocols) => new WebSocket(url, protocols), globalThis.report, plain);
    }, [url, plain]);
  } finally {
    await browser.close();
  }
});

/** A blank page and the session's script. */
async function servePage() {
  const script = readFileSync(new URL("session.mjs", import.meta.url));
  const server = createServer((request, response) => {
    if (request.url === "/session.mjs") response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    else response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Sockeye</title>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}/`;
}

/** Puts the authority into the certificate database of this run's home: Chromium then judges certificates as ever. */
function trust(caFile) {
  const database = join(home, ".pki", "nssdb");
  mkdirSync(database, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${database}`, "-N", "--empty-password"]);
  execFileSync("certutil", ["-d", `sql:${database}`, "-A", "-t", "C,,", "-n", "Sockeye test CA", "-i", caFile]);
}
