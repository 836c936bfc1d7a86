// Client session in a page in headless Chromium: node browser-client.mjs URL [--ca FILE] [--plain] [--page URL]
// The page is served from http://127.0.0.1:<any port>, which is the Origin that the WebSocket server sees, unless another is given; that
// one has session.mjs beside it.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { client, print } from "./command.mjs";
import { launch } from "./browser.mjs";

await client(async (url, caFile, plain, _version, _deflate, pageUrl) => {
  const browser = await launch(caFile);
  try {
    const page = await browser.newPage();
    await page.exposeFunction("report", print);
    await page.goto(pageUrl ?? (await servePage()));
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
